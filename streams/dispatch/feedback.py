"""Feedback after a session: rows of rtm.metrics.v1 in, a webhook to the endpoint of each clinic that asks for it out, once a session.

The webhook names the session alone; what was done stands behind its signed link. Any dispatcher answers any link, so each reads the rows of
all patients of those clinics, as far back as a streak goes; it sends for the patients whose alerts are its own. That a session was told of
lies in rtm.deliveries.v1, in a header, without a row: after a restart it isn't told of again. A session older than a day is not told of.
"""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import orjson
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError as ClientError

from processors.session_feedback import KEPT_DAYS, TABLES, PatientRows
from schemas.instants import SECOND, parse_instant
from schemas.topics import DELIVERIES, METRICS
from streams.dispatch.lane import Delivery
from streams.dispatch.links import SessionLink
from streams.dispatch.messages import FEEDBACK_TYPE, NAMESPACE, Message
from streams.kafka.jars import KafkaError
from streams.kafka.outgoing import Outgoing
from streams.kafka.placement import partition_of
from streams.kafka.security import client_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from processors.session_feedback import Feedback
    from streams.dispatch.links import Links
    from streams.dispatch.records import Tried

DAY_NS = 86_400 * SECOND
POLL_MS = 250
TIDY_EVERY_S = 600.0
TOLD_HEADER = "rtm-feedback"


class Sessions:
    """What is known of sessions, and which of them are to be told of. `feedback` names the endpoint of each clinic that wants it.

    No Kafka, no clock: rows and instants come in.
    """

    def __init__(self, links: Links, feedback: Mapping[str, str]) -> None:
        self._links, self._feedback = links, feedback
        self._patients: dict[str, PatientRows] = {}
        self._references: dict[str, tuple[str, str]] = {}
        self._waiting: dict[str, tuple[str, str, Message, int]] = {}
        self._told: dict[str, int] = {}

    def take(self, table: str, row: dict[str, Any], now: int) -> None:
        """A row of rtm.metrics.v1, at an instant (ns)."""
        endpoint = self._feedback.get(row["clinic_id"])
        if endpoint is None or table not in TABLES:
            return
        patient = row["patient_id"]
        self._patients.setdefault(patient, PatientRows()).take(table, row)
        if table == "sessions" and not row.get("deleted"):
            ended = parse_instant(row["end_time"] or row["start_time"])
            self._wait(patient, row["session_id"], endpoint, ended, now)

    def _wait(self, patient: str, session_id: str, endpoint: str, ended: int, now: int) -> None:
        name = str(uuid.uuid5(NAMESPACE, f"session/{patient}/{session_id}"))
        if now - ended > DAY_NS:
            return
        reference = self._links.reference(patient, session_id)
        self._references[reference] = patient, session_id
        if name in self._told:
            return
        link = self._links.of_session(SessionLink(reference, (ended + DAY_NS) // SECOND))
        message = Message(name, ended, type=FEEDBACK_TYPE, said=(("session_id", session_id), ("link", link)))
        self._waiting[name] = patient, endpoint, message, ended

    def told(self, name: str, now: int) -> None:
        """This was told of already."""
        self._told[name] = now
        self._waiting.pop(name, None)

    def due(self, mine: Callable[[str], bool], now: int) -> list[tuple[str, Message]]:
        """What is to be told now, and to which endpoint; each once."""
        found = []
        for name, (patient, endpoint, message, ended) in list(self._waiting.items()):
            if now - ended > DAY_NS:
                del self._waiting[name]
            elif mine(patient):
                self.told(name, now)
                found.append((endpoint, message))
        return found

    def of(self, reference: str) -> Feedback | None:
        """What is known of a session by what stands for it in its link."""
        patient, session_id = self._references.get(reference, ("", ""))
        rows = self._patients.get(patient)
        return rows.of(session_id) if rows else None

    def tidy(self, now: int) -> None:
        """Forget what no page shows any more."""
        day = time.strftime("%Y-%m-%d", time.gmtime((now - 3 * DAY_NS) // SECOND))
        for rows in list(self._patients.values()):
            rows.forget_before(day)
        self._patients = {patient: rows for patient, rows in self._patients.items() if rows.days or rows.sessions}
        self._references = {
            reference: (patient, name)
            for reference, (patient, name) in self._references.items()
            if patient in self._patients and name in self._patients[patient].sessions
        }
        self._told = {name: at for name, at in self._told.items() if now - at < 3 * DAY_NS}


class SessionFeedback:
    """Reads rows and sends feedback between `start` and `stop`.

    `submit` hands a delivery to an endpoint's lane, `write` puts down that a session was told of, `mine` says whether a patient is this
    dispatcher's, `fail` is told what goes wrong.
    """

    def __init__(
        self,
        bootstrap: str,
        sessions: Sessions,
        submit: Callable[[str, Delivery], bool],
        write: Callable[[Outgoing], None],
        mine: Callable[[str], bool],
        fail: Callable[[BaseException], None],
    ) -> None:
        self.sessions = sessions
        self._bootstrap, self._submit, self._write, self._mine, self._fail = bootstrap, submit, write, mine, fail
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feedback", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        consumer = None
        try:
            consumer = KafkaConsumer(
                bootstrap_servers=self._bootstrap.split(","),
                client_id="rtm-feedback",
                isolation_level="read_committed",
                enable_auto_commit=False,
                max_poll_records=5000,
                **client_arguments(),
            )
            self._read(consumer)
        except ClientError as error:
            self._fail(KafkaError(f"Kafka at {self._bootstrap} went away ({type(error).__name__}): start rtm dispatch again"))
        except BaseException as error:
            self._fail(error)
        finally:
            if consumer is not None:
                consumer.close(autocommit=False)

    def _read(self, consumer: Any) -> None:
        names = (METRICS.name, DELIVERIES.name)
        places = [TopicPartition(name, number) for name in names for number in consumer.partitions_for_topic(name) or ()]
        self._deliveries = sum(place.topic == DELIVERIES.name for place in places)
        consumer.assign(places)
        since = {place: _ms_ago(KEPT_DAYS if place.topic == METRICS.name else 2) for place in places}
        starts, ends = consumer.offsets_for_times(since), consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, starts[place].offset if starts.get(place) else ends[place])
        behind, tidied = set(places), time.monotonic()
        while not self._stopping.is_set():
            for batch in consumer.poll(timeout_ms=POLL_MS).values():
                for record in batch:
                    self._take(record)
            behind = {place for place in behind if consumer.position(place) < ends[place]}
            if not behind:
                self._send()
            if time.monotonic() - tidied > TIDY_EVERY_S:
                self.sessions.tidy(time.time_ns())
                tidied = time.monotonic()

    def _take(self, record: Any) -> None:
        said = dict(record.headers)
        now = time.time_ns()
        if record.topic == DELIVERIES.name:
            if TOLD_HEADER in said:
                self.sessions.told(said[TOLD_HEADER].decode(), now)
            return
        table = (said.get("table") or b"").decode()
        if table in TABLES:
            for line in (record.value or b"").splitlines():
                self.sessions.take(table, orjson.loads(line), now)

    def _send(self) -> None:
        for endpoint, message in self.sessions.due(self._mine, time.time_ns()):
            self._submit(endpoint, Delivery(message, self._put_down))

    def _put_down(self, delivery: Delivery, tried: Tried) -> None:
        """Put down that it has ended, in the lane's thread."""
        if tried.outcome != "failed":
            key = delivery.message.webhook_id.encode()
            place = partition_of(key, self._deliveries)
            self._write(Outgoing(DELIVERIES.name, place, key, b"", [(TOLD_HEADER, key)]))


def _ms_ago(days: int) -> int:
    return time.time_ns() // 1_000_000 - days * 86_400_000
