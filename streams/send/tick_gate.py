"""The gate of `RTM_CLOCK=log`: a tick goes into every partition of rtm.sensor.v1, and whoever sends waits until it has come out.

    sender ─▶ tick g ─▶ rtm.sensor.v1 ─▶ motion ─▶ rtm.events.v1 ─▶ the gate opens when g stands in every partition

So what was sent before g is folded by motion before anything recorded after g is sent.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError as ClientError

from schemas.events import TICK
from schemas.instants import format_instant
from schemas.topics import EVENTS, SENSOR
from streams.kafka.jars import KafkaError
from streams.kafka.outgoing import tick_record
from streams.kafka.security import client_arguments, unreachable
from streams.kafka.writing import hush

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.kafka.writing import Writer

_TYPE = TICK.encode()
POLL_MS = 200


class TickError(Exception):
    """A tick did not come out in time; the message names the partitions that lag."""


class TickGate:
    """Passes ticks, one after another. `timeout_s`: the longest silence of the log while a tick is waited for. Use as a context."""

    def __init__(self, bootstrap: str, partitions: int, timeout_s: float) -> None:
        hush()
        self._bootstrap = bootstrap
        self._timeout_s = timeout_s
        self._partitions = [TopicPartition(EVENTS.name, number) for number in range(partitions)]
        try:
            self._consumer = KafkaConsumer(
                bootstrap_servers=bootstrap.split(","),
                client_id="rtm-send",
                isolation_level="read_committed",
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                fetch_max_wait_ms=POLL_MS,
                max_poll_records=8192,
                bootstrap_timeout_ms=5_000,
                **client_arguments(),
            )
            self._consumer.assign(self._partitions)
        except (ClientError, OSError, ValueError):
            raise unreachable(bootstrap) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._consumer.close(autocommit=False)

    def pass_tick(self, now: int, writer: Writer) -> None:
        """Write the tick of the instant `now` (ns) and wait until it is out; all that `writer` sent is acknowledged before.

        Raises TickError, KafkaError.
        """
        writer.flush()
        try:
            self._consumer.seek_to_end(*self._partitions)
            for partition in self._partitions:
                self._consumer.position(partition)
            for partition in self._partitions:
                writer.send(tick_record(SENSOR.name, partition.partition, now))
            writer.flush()
            self._wait(now)
        except ClientError as error:
            raise KafkaError(f"Kafka at {self._bootstrap} went away ({type(error).__name__}): run this again to go on") from None

    def _wait(self, now: int) -> None:
        lagging = {partition.partition for partition in self._partitions}
        wanted = format_instant(now).encode()
        give_up = time.monotonic() + self._timeout_s
        while lagging:
            found = self._consumer.poll(timeout_ms=POLL_MS)
            if found:
                give_up = time.monotonic() + self._timeout_s
            elif time.monotonic() > give_up:
                raise TickError(
                    f"the tick {wanted.decode()} has not come out of {EVENTS.name}, partitions {_listed(lagging)}, and nothing else has "
                    f"for {self._timeout_s:g} s: start rtm worker with RTM_CLOCK=log, then run this again to go on"
                )
            for partition, records in found.items():
                if any(_is_tick(record, wanted) for record in records):
                    lagging.discard(partition.partition)


def _is_tick(record: Any, wanted: bytes) -> bool:
    headers = dict(record.headers) if record.key is None else {}
    return headers.get("ce_type") == _TYPE and headers.get("ce_time") == wanted


def _listed(partitions: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(partitions)))
