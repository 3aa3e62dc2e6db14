"""`rtm dispatch`: changes of alerts come in, signed webhooks go out, and what became of each is put down.

    rtm.alerts.v1 ─▶ a lane an endpoint ─▶ HTTPS
                           └▶ rtm.deliveries.v1, then rtm.events.v1 (who was told), then the offset

An offset is committed when every delivery of its change, and of all before it, has ended and is put down. So a dispatcher that is killed
delivers again what it didn't put down, with the same webhook-id: at least once. Several share the partitions.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import OrderedDict
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError
from kafka.errors import KafkaError as ClientError

from schemas.instants import SECOND, parse_instant
from schemas.topics import ALERTS, DEAD_LETTERS, DELIVERIES, EVENTS
from streams.dispatch.lane import Delivery, Lane, Patience
from streams.dispatch.records import SENT, TELLS, Tried, delivery_record, notified_fact, notified_record, read_change
from streams.dispatch.recovery import Done, done_since
from streams.dispatch.webhooks import Sender
from streams.kafka.jars import KafkaError
from streams.kafka.outgoing import Outgoing, dead_letter_record
from streams.kafka.subscribing import subscribe
from streams.kafka.writing import Writer, topics_there

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from streams.dispatch.lane import Lane as LaneType
    from streams.dispatch.routes import Endpoint
    from streams.dispatch.webhooks import AlertChange
    from streams.settings import Settings

POLL_MS = 100
POLL_RECORDS = 500
LONGEST_STOP_S = 5.0
MOST_AT_ONCE = 1000
"""Changes that are read and not ended; beyond it reading is held."""


class DispatchError(Exception):
    """The dispatcher can't go on; what is not put down is delivered by the next one."""


class Track:
    """The offsets of one partition that are read and not committed. Changes may end in any order, from any thread."""

    def __init__(self) -> None:
        self.fresh = True
        self._open: OrderedDict[int, int] = OrderedDict()

        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, offset: int, deliveries: int) -> None:
        """A change was read; it ends when so many deliveries have ended."""
        with self._lock:
            self._open[offset] = deliveries

    def end_one(self, offset: int) -> None:
        """One delivery of it has ended."""
        with self._lock:
            self._open[offset] -= 1

    def take(self) -> int | None:
        """The offset to commit, when it has moved since it was last taken."""
        with self._lock:
            moved = None
            while self._open and next(iter(self._open.values())) == 0:
                moved = self._open.popitem(last=False)[0] + 1
            return moved


class Dispatcher:
    """One dispatcher, from its start to its end. `say` takes a line now and then: when it is ready, what could not be sent."""

    def __init__(self, settings: Settings, endpoints: Sequence[Endpoint], say: Callable[[str], None]) -> None:
        self._settings, self._endpoints, self._say = settings, endpoints, say
        self.group = f"{settings.group}-{settings.generation}-dispatch"
        self.counts: dict[str, int] = {"delivered": 0, "failed": 0, "given_up": 0, "expired": 0}
        self._lanes: dict[str, LaneType] = {}
        self._tracks: dict[int, Track] = {}
        self._done: Done = {}
        self._failures: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._ready = False
        self._assigned = False

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set; what is under way then ends, and is committed. Raises KafkaError, DispatchError."""
        settings = self._settings
        topics = topics_there(settings.kafka, (ALERTS.name, DELIVERIES.name, EVENTS.name, DEAD_LETTERS.name))
        self._partitions = {name: topic.partitions for name, topic in topics.items()}
        with ExitStack() as stack:
            self._writer = stack.enter_context(Writer(settings.kafka, "rtm-dispatch"))
            try:
                self._consumer = self._open_consumer()
                stack.callback(self._consumer.close, autocommit=False)
                self._open_lanes()
                try:
                    while not stop.is_set():
                        self._step()
                finally:
                    self._close_lanes()
                self._commit()
            except ClientError as error:
                raise KafkaError(f"Kafka at {settings.kafka} went away ({type(error).__name__}): start rtm dispatch again") from None

    # -- start and end ---------------------------------------------------------------------------------------------------------------

    def _open_consumer(self) -> Any:
        consumer = KafkaConsumer(
            bootstrap_servers=self._settings.kafka.split(","),
            client_id="rtm-dispatch",
            group_id=self.group,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            fetch_max_wait_ms=POLL_MS,
            max_poll_records=POLL_RECORDS,
            session_timeout_ms=max(6_000, self._settings.worker_timeout_s * 1000),
            heartbeat_interval_ms=1_000,
            metadata_max_age_ms=10_000,
            bootstrap_timeout_ms=5_000,
        )
        subscribe(consumer, [ALERTS.name], _Rebalance(self._gained, self._lost))
        return consumer

    def _open_lanes(self) -> None:
        settings = self._settings
        patience = Patience(settings.webhook_attempts, settings.webhook_backoff_s)
        for endpoint in self._endpoints:
            sender = Sender(endpoint, settings.webhook_timeout_s, connections=4)
            lane = self._lanes[endpoint.name] = Lane(endpoint.name, sender, patience, self._put_down, self._failures.put)
            lane.start()

    def _close_lanes(self) -> None:
        for lane in self._lanes.values():
            lane.stop()
        for lane in self._lanes.values():
            lane.join(min(self._settings.webhook_timeout_s, LONGEST_STOP_S))

    def _gained(self, partitions: Iterable[int]) -> None:
        self._assigned = True
        for partition in partitions:
            self._tracks[partition] = Track()

    def _lost(self, partitions: Iterable[int]) -> None:
        """Forget what was under way there: whoever has the partitions now reads it again, and sees what was put down as delivered.

        Nothing is committed here: the client calls this where a commit may not wait for an answer.
        """
        for partition in partitions:
            self._tracks.pop(partition, None)

    # -- a step ----------------------------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        """Read what has come, hand it to the lanes, commit what has ended."""
        held = sum(map(len, self._tracks.values())) >= MOST_AT_ONCE
        assignment = self._consumer.assignment()
        if held:
            self._consumer.pause(*assignment)
        elif paused := self._consumer.paused():
            self._consumer.resume(*paused)
        found = self._consumer.poll(timeout_ms=POLL_MS)
        if self._assigned and not self._ready:
            self._ready = True
            names = ", ".join(endpoint.name for endpoint in self._endpoints)
            self._say(f"dispatch ready: {len(self._endpoints)} endpoint{'s' * (len(self._endpoints) != 1)} ({names}), group {self.group}")
        self._recover(found)
        for place, records in found.items():
            for record in records:
                self._take(self._tracks[place.partition], record)
        self._commit()
        if not self._failures.empty():
            error = self._failures.get()
            if isinstance(error, KafkaError):
                raise error
            raise DispatchError(
                f"a delivery failed with {type(error).__name__}, which should not happen; RTM_DEBUG=1 shows where"
            ) from error

    def _recover(self, found: dict[TopicPartition, list[Any]]) -> None:
        """Read what an earlier dispatcher did, where the first changes of a gained partition have come."""
        since = []
        for place, records in found.items():
            track = self._tracks[place.partition]
            if track.fresh and records:
                track.fresh = False
                since.append(records[0].timestamp)
        if since:
            self._done |= done_since(self._settings.kafka, min(since))

    def _take(self, track: Track, record: Any) -> None:
        try:
            change = read_change(record.value, record.headers)
        except ValueError as error:
            self._bury(record, str(error))
            track.begin(record.offset, 0)
            return
        endpoints = [each for each in self._endpoints if each.wants(change.row["clinic_id"])] if change.transition in SENT else []
        if change.transition in SENT and not endpoints:
            self._say(f"no endpoint in the routes wants the change at {record.topic}, partition {record.partition}, offset {record.offset}")
        track.begin(record.offset, len(endpoints))
        for endpoint in endpoints:
            delivery = Delivery(change, record.offset, [lambda: track.end_one(record.offset)])
            self._deliver(endpoint.name, delivery, self._done.pop((change.webhook_id, endpoint.name), None))

    def _deliver(self, endpoint: str, delivery: Delivery, before: Tried | None) -> None:
        """Hand it to its lane, unless it has ended before, or is too old."""
        if before is not None and before.outcome != "failed":
            if before.outcome == "delivered":
                self._tell(endpoint, delivery.change, before)
            delivery.end()
        elif self._too_old(delivery.change):
            self._put_down(endpoint, delivery, Tried(0, "expired", time.time_ns()))
            delivery.end()
        else:
            delivery.attempts = before.attempt if before else 0
            self._lanes[endpoint].submit(delivery)

    def _too_old(self, change: AlertChange) -> bool:
        """Whether it happened too long ago to wake anybody; by the stream's time where the log is the clock."""
        now = parse_instant(change.row["issued_at"]) if self._settings.clock == "log" else time.time_ns()
        return now - change.at > self._settings.alert_max_age * SECOND

    # -- what is put down ------------------------------------------------------------------------------------------------------------

    def _put_down(self, endpoint: str, delivery: Delivery, tried: Tried) -> None:
        """The row of an attempt, and behind it, where somebody was told, the fact; both acknowledged. From any thread."""
        partitions = self._partitions[DELIVERIES.name]
        self._writer.write(delivery_record(delivery.change, endpoint, tried, self._settings.generation, delivery.offset, partitions))
        if tried.outcome == "delivered":
            self._tell(endpoint, delivery.change, tried)
        with self._lock:
            self.counts[tried.outcome] += 1

    def _tell(self, endpoint: str, change: AlertChange, tried: Tried) -> None:
        if change.transition not in TELLS:
            return
        stream = max(change.at, parse_instant(change.row["issued_at"]))
        fact = notified_fact(change, endpoint, stream if self._settings.clock == "log" else tried.sent_at)
        self._writer.write(notified_record(fact, self._partitions[EVENTS.name]))

    def _bury(self, record: Any, error: str) -> None:
        original = Outgoing(record.topic, record.partition, record.key, record.value, list(record.headers))
        partitions = self._partitions[DEAD_LETTERS.name]
        self._writer.write(dead_letter_record(original, record.offset, "invalid", error, "", time.time_ns(), partitions))

    def _commit(self) -> None:
        """Commit what has ended. After a rebalance it may be refused: then whoever has the partition now delivers it again."""
        moved = {TopicPartition(ALERTS.name, number): track.take() for number, track in self._tracks.items()}
        offsets = {place: OffsetAndMetadata(offset, "", -1) for place, offset in moved.items() if offset is not None}
        if offsets:
            try:
                self._consumer.commit(offsets)
            except CommitFailedError:
                return


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells which partitions of rtm.alerts.v1 come and go."""

    def __init__(self, gained: Callable[[Iterable[int]], None], lost: Callable[[Iterable[int]], None]) -> None:
        self._gained, self._lost = gained, lost

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin with them."""
        self._gained([place.partition for place in assigned])

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Commit, and let go."""
        self._lost([place.partition for place in revoked])
