"""`rtm dispatch`: changes of alerts come in, messages to whoever is on call go out, and what became of each is put down.

    rtm.alerts.v1 ─▶ desk ─▶ plan in rtm.deliveries.v1, then the offset ─▶ a lane an endpoint ─▶ HTTPS
                      ▲                                                         │
                      └── how it ended ─────────────────────────────────────────┴▶ rtm.deliveries.v1, then rtm.events.v1 (who was told)

A message is planned in Kafka before it is first sent, and an offset is committed behind the plans that follow from it. Whoever gets a
partition reads what lies in front of that offset, and all plans and their ends: so a dispatcher that is killed anywhere delivers again what
it didn't put down, with the same webhook-id, and its escalations go on. Several share the partitions.
"""

from __future__ import annotations

import queue
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError
from kafka.errors import KafkaError as ClientError

from schemas.instants import SECOND
from schemas.topics import ALERTS, DEAD_LETTERS, DELIVERIES, EVENTS
from streams.dispatch.book import Book
from streams.dispatch.deadlines import Deadlines
from streams.dispatch.desk import Desk
from streams.dispatch.kinds import ONE_ALERT_EACH
from streams.dispatch.lane import Delivery
from streams.dispatch.lanes import Lanes
from streams.dispatch.records import Part, Plan, Tried, read_change
from streams.dispatch.recovery import read_past
from streams.dispatch.routes import RoutesError
from streams.dispatch.services import Services
from streams.kafka.jars import KafkaError
from streams.kafka.security import client_arguments
from streams.kafka.subscribing import subscribe
from streams.kafka.writing import Writer, topics_there
from streams.telemetry import health

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streams.dispatch.desk import Unsent
    from streams.dispatch.links import Links
    from streams.dispatch.recovery import Past
    from streams.dispatch.routes import Directory
    from streams.dispatch.watching import RoutesWatch
    from streams.settings import Settings

POLL_MS = 100
POLL_RECORDS = 500
MOST_AT_ONCE = 50_000
"""Deliveries that have not ended; beyond it reading is held."""
TELL_AGAIN_S = 300
"""What was delivered this long before the newest delivery (s) may lack its fact: it is written once more, the same."""


class DispatchError(Exception):
    """The dispatcher can't go on; what is not put down is delivered by the next one."""


class Dispatcher:
    """One dispatcher, from its start to its end. `say` takes a line now and then: when it is ready, what could not be sent."""

    def __init__(
        self,
        settings: Settings,
        directory: Directory,
        say: Callable[[str], None],
        watch: RoutesWatch | None = None,
        links: Links | None = None,
    ) -> None:
        self._settings, self._directory, self._say, self._watch, self._links = settings, directory, say, watch, links
        self.group = f"{settings.group}-{settings.generation}-dispatch"
        self.counts: dict[str, int] = {"delivered": 0, "failed": 0, "given_up": 0, "expired": 0, "nobody": 0}
        self._desk = Desk(directory.routes, settings.alert_max_age, self._one_alert_each(), by_the_log=settings.clock == "log")
        self._ended: queue.SimpleQueue[tuple[Plan, Tried]] = queue.SimpleQueue()
        self._failures: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
        self._gained: set[int] = set()
        self._read_to: dict[int, int] = {}
        self._ready = False
        self._assigned = False
        self._mine: frozenset[int] = frozenset()

    def _one_alert_each(self) -> list[str]:
        return [name for name, endpoint in self._directory.endpoints.items() if endpoint.kind in ONE_ALERT_EACH]

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set; what is under way then ends. Raises KafkaError, DispatchError."""
        settings = self._settings
        topics = topics_there(settings.kafka, (ALERTS.name, DELIVERIES.name, EVENTS.name, DEAD_LETTERS.name))
        self._partitions = {name: topic.partitions for name, topic in topics.items()}
        with ExitStack() as stack:
            self._writer = stack.enter_context(Writer(settings.kafka, "rtm-dispatch"))
            self._book = Book(settings, self._writer, self._partitions, self.counts)
            deadlines = stack.enter_context(Deadlines())
            try:
                self._lanes = Lanes(settings, deadlines, self._failures.put, self._say)
                self._lanes.change(self._directory)
                self._consumer = self._open_consumer()
                stack.callback(self._consumer.close, autocommit=False)
                stack.callback(self._lanes.close)
                self._services = stack.enter_context(self._offer())
                self._services.change(self._directory)
                while not stop.is_set():
                    self._step()
            except ClientError as error:
                raise KafkaError(f"Kafka at {settings.kafka} went away ({type(error).__name__}): start rtm dispatch again") from None

    def _offer(self) -> Services:
        return Services(
            self._settings,
            self._links,
            self._writer,
            self._lanes,
            self._partitions,
            self._status,
            lambda partition: partition in self._mine,
            self._failures.put,
            self._say,
        )

    def _link(self, part: Part, plan: Plan) -> str | None:
        return self._links.of_alert(part, plan) if self._links else None

    def _status(self, alert_id: str) -> str | None:
        known = self._desk.known.get(alert_id)
        return known.course.status if known else None

    # -- partitions --------------------------------------------------------------------------------------------------------------------

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
            **client_arguments(),
        )
        subscribe(consumer, [ALERTS.name], _Rebalance(self._gain, self._lose))
        return consumer

    def _gain(self, partitions: Iterable[int]) -> None:
        self._assigned = True
        self._gained.update(partitions)
        self._mine |= self._gained

    def _lose(self, partitions: Iterable[int]) -> None:
        """Forget what was under way there: whoever has the partitions now reads it again, and sees what was put down as delivered.

        Nothing is committed here: the client calls this where a commit may not wait for an answer.
        """
        lost = frozenset(partitions)
        self._lanes.drop(lost)
        for partition in lost:
            self._gained.discard(partition)
            self._mine -= {partition}
            self._read_to.pop(partition, None)
            self._desk.forget(partition)

    def _recover(self) -> None:
        """Learn what lies in front of the first change that isn't read yet, in the partitions that were gained."""
        unread = {number: self._consumer.committed(TopicPartition(ALERTS.name, number)) or 0 for number in self._gained}
        self._gained.clear()
        past = read_past(self._settings.kafka, unread)
        for change in past.changes:
            self._desk.fold(change)
        newest = max((tried.sent_at for tried in past.rows.values()), default=0)
        for plan in past.plans.values():
            tried = past.of(plan)
            outcome: Any = tried.outcome if tried and tried.outcome != "failed" else "planned"
            self._desk.recall(plan, outcome, tried.attempt if tried else 0, unread)
            self._go_on(plan, tried, past, newest)

    def _go_on(self, plan: Plan, tried: Tried | None, past: Past, newest: int) -> None:
        """End what a former dispatcher began: put down what it did, or do it."""
        if tried is None or tried.outcome == "failed":
            self._submit(plan, tried.attempt if tried else 0)
            return
        missing = [part for part in plan.parts if _unfinished(past.rows.get((plan.webhook_id, plan.endpoint, part.alert_id)))]
        if missing:
            rest = Plan(plan.webhook_id, plan.endpoint, plan.planned_at, tuple(missing))
            self._book.rows(rest, tried)
        if tried.outcome == "delivered" and (missing or newest - tried.sent_at <= TELL_AGAIN_S * SECOND):
            self._book.told(plan, tried)

    # -- a step ------------------------------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        """Read what has come, see how deliveries ended, plan what is due, put the plans down, commit, and send."""
        health.beat()
        found = self._poll()
        if self._gained:
            self._recover()
        if self._assigned and not self._ready:
            self._ready = True
            health.ready()
            names = ", ".join(self._directory.endpoints)
            many = len(self._directory.endpoints)
            self._say(f"dispatch ready: {many} endpoint{'s' * (many != 1)} ({names}), group {self.group}")
        self._reload()
        now = time.time_ns()
        plans: list[Plan] = []
        for place, records in found.items():
            for record in records:
                plans += self._take(record, now)
            self._read_to[place.partition] = records[-1].offset + 1
        while not self._ended.empty():
            plan, tried = self._ended.get()
            self._desk.ended(plan, tried.outcome, tried.attempt)  # type: ignore[arg-type]
        plans += self._desk.plans(now)
        self._put_aside(self._desk.unsent())
        self._carry_out(plans)
        self._mind_the_time(found)
        self._raise_what_failed()

    def _poll(self) -> dict[TopicPartition, list[Any]]:
        held = self._lanes.pending() >= MOST_AT_ONCE
        if held:
            self._consumer.pause(*self._consumer.assignment())
        elif paused := self._consumer.paused():
            self._consumer.resume(*paused)
        found: dict[TopicPartition, list[Any]] = self._consumer.poll(timeout_ms=POLL_MS)
        return found

    def _reload(self) -> None:
        try:
            changed = self._watch.changed() if self._watch else None
        except RoutesError as error:
            self._lanes.tell_operations("routes_broken", f"the routes are not taken, the former ones stay: {error}")
            return
        if changed is not None:
            self._directory = changed
            self._lanes.change(changed)
            self._services.change(changed)
            self._desk.change_routes(changed.routes, self._one_alert_each())
            self._say(f"routes taken anew: {len(changed.endpoints)} endpoints")

    def _take(self, record: Any, now: int) -> list[Plan]:
        try:
            change = read_change(record.value, record.headers, record.partition, record.offset)
        except ValueError as error:
            self._book.bury(record, str(error))
            return []
        return self._desk.take(change, now)

    def _carry_out(self, plans: list[Plan]) -> None:
        """Put the plans down, then send, and commit what they follow from.

        Between plan and commit a kill may come: whoever goes on then finds the plan, so nothing waits for the commit.
        """
        if plans:
            self._book.plans(plans)
        for plan in plans:
            self._submit(plan, 0)
        self._commit()

    def _submit(self, plan: Plan, attempts: int) -> None:
        delivery = Delivery(plan.message(self._link), lambda _, tried: self._put_down(plan, tried), attempts)
        delivery.partitions = frozenset(part.partition for part in plan.parts)
        if not self._lanes.submit(plan.endpoint, delivery):
            self._put_down(plan, Tried(attempts, "given_up", time.time_ns()))

    def _mind_the_time(self, found: dict[TopicPartition, list[Any]]) -> None:
        """Tell operations when changes are read too long after they were written; show those who ask for it that all is well."""
        oldest = min((records[0].timestamp for records in found.values()), default=None)
        if oldest is not None and time.time() - oldest / 1000 > self._directory.lag_s:
            self._lanes.tell_operations("lag", f"alerts are read more than {self._directory.lag_s} s after they were written")
        else:
            self._lanes.beat()

    def _raise_what_failed(self) -> None:
        if not self._failures.empty():
            error = self._failures.get()
            if isinstance(error, KafkaError):
                raise error
            raise DispatchError(
                f"a delivery failed with {type(error).__name__}, which should not happen; RTM_DEBUG=1 shows where"
            ) from error

    # -- what is put down ----------------------------------------------------------------------------------------------------------------

    def _put_down(self, plan: Plan, tried: Tried) -> None:
        """What became of an attempt, for the log and for the desk. From any thread."""
        self._book.attempt(plan, tried)
        if tried.outcome != "failed":
            self._ended.put((plan, tried))

    def _put_aside(self, unsent: list[Unsent]) -> None:
        """What is not sent at all stands in alert_deliveries with the reason; of an alert that reaches nobody operations hear."""
        for each in unsent:
            self._book.attempt(each.plan, Tried(0, each.outcome, each.plan.planned_at))
            if each.outcome == "nobody":
                part = each.plan.parts[0]
                place = f"{ALERTS.name}, partition {part.partition}, offset {part.offset}"
                self._lanes.tell_operations("nobody", f"an alert reaches nobody, no endpoint in the routes takes it ({place})")

    def _commit(self) -> None:
        """Commit what is read and planned. After a rebalance it may be refused: then whoever has the partition now reads it again."""
        offsets = {TopicPartition(ALERTS.name, number): OffsetAndMetadata(offset, "", -1) for number, offset in self._read_to.items()}
        self._read_to.clear()
        if offsets:
            try:
                self._consumer.commit(offsets)
            except CommitFailedError:
                return


def _unfinished(tried: Tried | None) -> bool:
    return tried is None or tried.outcome == "failed"


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells which partitions of rtm.alerts.v1 come and go."""

    def __init__(self, gained: Callable[[Iterable[int]], None], lost: Callable[[Iterable[int]], None]) -> None:
        self._gained, self._lost = gained, lost

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin with them."""
        self._gained([place.partition for place in assigned])

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Let go."""
        self._lost([place.partition for place in revoked])
