"""When all that was sent has arrived: a cluster's topics and groups in, how many records somebody has yet to read out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from kafka import KafkaConsumer, TopicPartition

from schemas.events import TICK
from streams.kafka.security import client_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class Reading:
    """A consumer group, the topics that it reads, and whether it takes the ticks in them."""

    group: str
    topics: tuple[str, ...]
    ticks: bool = False


POLL_MS = 200
TICK_TYPE = ("ce_type", TICK.encode())
LOOK_AGAIN_S = 0.2


class Quiet:
    """Looks at one cluster. Use as a context."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer: Any = KafkaConsumer(
            bootstrap_servers=bootstrap.split(","),
            client_id="rtm-demo",
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            fetch_max_wait_ms=POLL_MS,
            **client_arguments(),
        )
        self._groups: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for consumer in (self._consumer, *self._groups.values()):
            consumer.close(autocommit=False)

    def unread(self, reading: Reading) -> int:
        """Committed records that the group takes and has not committed past; markers of transactions are none."""
        places = [
            TopicPartition(topic, number) for topic in reading.topics for number in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]
        ends = self._consumer.end_offsets(places)
        begins = self._consumer.beginning_offsets(places)
        found = 0
        behind = []
        for place in places:
            committed = self._group(reading.group).committed(place)
            start = begins[place] if committed is None else max(committed, begins[place])
            if ends[place] > start:
                behind.append((place, start))
        if not behind:
            return 0
        self._consumer.assign([place for place, _ in behind])
        for place, start in behind:
            self._consumer.seek(place, start)
        while any(self._consumer.position(place) < ends[place] for place, _ in behind):
            polled = self._consumer.poll(timeout_ms=POLL_MS).values()
            found += sum(reading.ticks or TICK_TYPE not in record.headers for records in polled for record in records)
        return found

    def wait(self, readings: Iterable[Reading], timeout_s: float, still: Callable[[], None] = lambda: None) -> bool:
        """Until everything has been read, twice in a row: what is read last may make something new. `still` may raise to give up."""
        readings = list(readings)
        give_up = time.monotonic() + timeout_s
        quiet = 0
        while quiet < 2:
            still()
            quiet = 0 if any(self.unread(reading) for reading in readings) else quiet + 1
            if time.monotonic() > give_up:
                return False
            time.sleep(LOOK_AGAIN_S)
        return True

    def _group(self, group: str) -> Any:
        if group not in self._groups:
            self._groups[group] = KafkaConsumer(
                bootstrap_servers=self._bootstrap.split(","),
                client_id="rtm-demo",
                group_id=group,
                enable_auto_commit=False,
                **client_arguments(),
            )
        return self._groups[group]
