"""Reading what lies in Kafka without a group: topics and ranges of offsets in, committed records out, each once, and nothing is committed.

For commands that look at a log as it stands. By aiokafka, which reads eight times as fast as kafka-python; what it raises becomes a
KafkaError of one line.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError as ClientError  # type: ignore[import-untyped]

from streams.kafka.jars import KafkaError
from streams.kafka.security import client_arguments, unreachable
from streams.kafka.writing import hush

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator, Mapping

POLL_MS = 500
STALLED_S = 60.0
FETCH_BYTES = 16 << 20


class Reader:
    """One consumer that belongs to no group, for a thread that runs no event loop. Use as a context."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._runner = asyncio.Runner()
        self._consumer: Any = None
        self._topics: Any = None

    def __enter__(self) -> Self:
        try:
            self._runner.run(self._start())
        except (ClientError, OSError, ValueError):
            self._runner.close()
            raise unreachable(self._bootstrap) from None
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._runner.run(self._consumer.stop())
        finally:
            self._runner.close()

    async def _start(self) -> None:
        hush()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=FETCH_BYTES,
            **client_arguments(),
        )
        try:
            await consumer.start()
            self._topics = await consumer._client.fetch_all_metadata()
        except BaseException:
            await consumer.stop()
            raise
        self._consumer = consumer

    def places(self, topic: str) -> list[Any]:
        """The partitions of a topic; KafkaError when there is none."""
        found = self._topics.partitions_for_topic(topic)
        if not found:
            raise KafkaError(f"Kafka at {self._bootstrap} has no topic {topic}: rtm topics makes it")
        return [TopicPartition(topic, number) for number in sorted(found)]

    def begins(self, places: Iterable[Any]) -> dict[Any, int]:
        """The first offset that is still there, of each."""
        return dict(self._run(self._consumer.beginning_offsets(list(places))))

    def ends(self, places: Iterable[Any]) -> dict[Any, int]:
        """The offset behind the last committed record, of each."""
        return dict(self._run(self._consumer.end_offsets(list(places))))

    def records(self, since: Mapping[Any, int], until: Mapping[Any, int]) -> Iterator[Any]:
        """The committed records from `since` up to, without, `until`, those of a partition in order. KafkaError when nothing more comes.

        One such reading at a time.
        """
        left = {place for place in since if since[place] < until[place]}
        if not left:
            return
        self._run(self._seek({place: since[place] for place in left}))
        heard = time.monotonic()
        while left:
            polled = self._run(self._poll(left, until))
            for place, records in polled.items():
                heard = time.monotonic()
                yield from (record for record in records if record.offset < until[place])
            if left and time.monotonic() - heard > STALLED_S:
                place = min(left)
                raise self._failed(f"{place.topic}, partition {place.partition}: nothing more comes")

    async def _seek(self, offsets: Mapping[Any, int]) -> None:
        self._consumer.assign(sorted(offsets))
        for place, offset in offsets.items():
            self._consumer.seek(place, offset)

    async def _poll(self, left: set[Any], until: Mapping[Any, int]) -> dict[Any, list[Any]]:
        """What has come; partitions that are read to where they shall be are taken from `left`."""
        polled: dict[Any, list[Any]] = await self._consumer.getmany(*left, timeout_ms=POLL_MS)
        for place in list(left):
            if await self._consumer.position(place) >= until[place]:
                left.discard(place)
                self._consumer.pause(place)
        return polled

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        try:
            return self._runner.run(coroutine)
        except ClientError as error:
            raise self._failed(type(error).__name__) from None

    def _failed(self, why: str) -> KafkaError:
        return KafkaError(f"Kafka at {self._bootstrap} can't be read ({why}): is it well?")
