"""The topics: what lies where, by which key, for how long. Whoever makes or describes topics reads this."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_DAY_MS = 86_400_000
FOR_EVER = -1


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: its name, what its key is, what it holds, how long that is kept, and Kafka's settings for it.

    `keyed_by_patient` topics are partitioned alike; `rtm.sensor.v1` and `rtm.events.v1` always have the same number of partitions.
    """

    name: str
    key: str
    what: str
    kept: str
    retention_ms: int
    keyed_by_patient: bool = True
    config: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        config = {
            "cleanup.policy": "delete",
            "message.timestamp.type": "LogAppendTime",
            "retention.ms": str(self.retention_ms),
            "retention.bytes": "-1",
        }
        object.__setattr__(self, "config", MappingProxyType(config))


SENSOR = Topic("rtm.sensor.v1", "patient", "raw chunks, and the ticks as they are written, one a partition", "7 days", 7 * _DAY_MS)
EVENTS = Topic(
    "rtm.events.v1",
    "patient",
    "the log: every other fact, the derived motion.* and the ticks as motion forwards them",
    "for ever",
    FOR_EVER,
)
METRICS = Topic("rtm.metrics.v1", "patient", "rows of the tables, JSON Lines of one patient; header: table", "30 days", 30 * _DAY_MS)
ALERTS = Topic("rtm.alerts.v1", "patient", "rtm.alert.changed.v1: an alert's row and its transition", "30 days", 30 * _DAY_MS)
DELIVERIES = Topic("rtm.deliveries.v1", "alert", "what became of each webhook", "30 days", 30 * _DAY_MS, keyed_by_patient=False)
DEAD_LETTERS = Topic(
    "rtm.dead-letters.v1",
    "as the original",
    "what could not be used, with the reason; the original bytes and headers, unchanged",
    "30 days",
    30 * _DAY_MS,
    keyed_by_patient=False,
)

TOPICS: tuple[Topic, ...] = (SENSOR, EVENTS, METRICS, ALERTS, DELIVERIES, DEAD_LETTERS)
"""Every topic of the contract, in its order."""

PARTITIONS = 32
"""Partitions of a topic; the demo has 4. The number never changes in place."""
