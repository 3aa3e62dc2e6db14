"""What the dispatcher puts down in Kafka, each time acknowledged: plans, what became of them, and that somebody was told.

plan ─▶ rtm.deliveries.v1 ··· attempts ─▶ rtm.deliveries.v1, then rtm.events.v1
a record that is no alert's change ─▶ rtm.dead-letters.v1
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from schemas.instants import parse_instant
from schemas.topics import DEAD_LETTERS, DELIVERIES, EVENTS
from streams.dispatch.records import TELLS, Part, Plan, Tried, delivery_records, plan_record, told_fact, told_record
from streams.kafka.outgoing import Outgoing, dead_letter_record
from streams.telemetry import metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.kafka.writing import Writer
    from streams.settings import Settings


class Book:
    """Writes; `partitions` are those of each topic. `counts` are outcomes since the start."""

    def __init__(self, settings: Settings, writer: Writer, partitions: Mapping[str, int], counts: dict[str, int]) -> None:
        self._writer, self._partitions, self._counts = writer, partitions, counts
        self._generation, self._by_the_log = settings.generation, settings.clock == "log"
        self._lock = threading.Lock()

    def plans(self, plans: Iterable[Plan]) -> None:
        """Messages that are about to be sent. From the main thread."""
        for plan in plans:
            self._writer.send(plan_record(plan, self._partitions[DELIVERIES.name]))
        self._writer.flush()

    def attempt(self, plan: Plan, tried: Tried) -> None:
        """What became of an attempt, or of what is not sent; behind it, where somebody was told, that fact. From any thread."""
        self.rows(plan, tried)
        if tried.outcome == "delivered":
            self.told(plan, tried)
        with self._lock:
            self._counts[tried.outcome] += 1
        metrics.count("rtm_deliveries_total", outcome=tried.outcome)
        if tried.attempt:
            metrics.observe("rtm_delivery_seconds", tried.latency_ms / 1000)

    def rows(self, plan: Plan, tried: Tried) -> None:
        """The rows of an attempt alone."""
        self._writer.write_all(delivery_records(plan, tried, self._generation, self._partitions[DELIVERIES.name]))

    def told(self, plan: Plan, tried: Tried) -> None:
        """That somebody was told; the same content each time."""
        facts = [told_fact(part, plan.endpoint, self._told_at(part, tried)) for part in plan.parts if part.transition in TELLS]
        self._writer.write_all([told_record(fact, self._partitions[EVENTS.name]) for fact in facts])

    def _told_at(self, part: Part, tried: Tried) -> int:
        return max(part.at, parse_instant(part.issued_at)) if self._by_the_log else tried.sent_at

    def bury(self, record: Any, error: str) -> None:
        """A record that can't be used."""
        original = Outgoing(record.topic, record.partition, record.key, record.value, list(record.headers))
        partitions = self._partitions[DEAD_LETTERS.name]
        self._writer.write(dead_letter_record(original, record.offset, "invalid", error, "", time.time_ns(), partitions))
