"""Slices: how records get from Kafka to Faust's agents, thousands at a time. A transport driver for Faust.

    aiokafka fetches (thread of its own) ─▶ one Slice a (partition, poll) ─▶ Faust's conductor ─▶ agent

Stock Faust hands over single records, 80 µs each, drops what lies in its buffers at a rebalance, and reads on from the group's offset.
Here nothing is read of a partition before its owner opens it at the offset that its state says, and every slice says where it begins:
at the offset that was sought, or behind the slice before it. The place is kept by the thread that reads, in one step with the reading,
so a slice that got lost on its way shows as a hole, and its owner opens the partition again. Nothing is committed from here.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError  # type: ignore[import-untyped]
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

SLICE_RECORDS = 4096
"""The most records of a poll, and so of a slice; a record and its headers take some 1.6 KB in memory."""

FETCH_WAIT_MS = 50
"""How long the broker holds a fetch open that finds nothing new: a partition whose records were just taken waits for it, as one fetch is
under way at a time."""

HELD_S = 0.05
"""How long a poll waits at most while a partition is held, which may be read again at any time; and when none may be read."""

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """Records of one partition that follow each other, and where they stand in it.

    `begin` is the offset that this slice continues from, `end` the one behind it; between two records may lie offsets without a record
    (transactions' markers). `seek` counts how often the partition was opened. `size` is the bytes of the values.
    """

    topic: str
    partition: int
    begin: int
    end: int
    seek: int
    offsets: list[int]
    keys: list[bytes | None]
    values: list[bytes | None]
    headers: list[Headers]
    size: int


@dataclass(slots=True)
class _Place:
    """Where the reading of an open partition stands."""

    offset: int
    seek: int


class SliceThread(driver.AIOKafkaConsumerThread):
    """Faust's thread that reads, which heartbeats too; what is open, and where the reading stands, is moved on by this thread alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.held: set[TP] = set()
        self._places: dict[TP, _Place] = {}
        self._seeks = 0

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # Faust has no setting for it but its own exactly-once mode
        consumer._auto_offset_reset = "none"  # where the log was cut, say so; never jump
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # nor for this: 1.5 s
        return consumer

    async def open(self, tp: TP, offset: int) -> int:
        """Read the partition from `offset` on; the number of this seek."""
        return int(await self.call_thread(self._open, tp, offset))

    def close_partitions(self) -> None:
        """Read none of them any more; from any thread."""
        self._places.clear()
        self.held.clear()

    async def _open(self, tp: TP, offset: int) -> int:
        self._ensure_consumer().seek(tp, offset)
        self._seeks += 1
        self._places[tp] = _Place(offset, self._seeks)
        return self._seeks

    def _tell_cut(self, places: Iterable[TP]) -> None:
        """Read these no further, as the log doesn't hold what comes next, and tell the consumer."""
        consumer: Any = self.consumer
        for tp in places:
            if self._places.pop(tp, None) is not None:
                consumer.app.loop.call_soon_threadsafe(consumer.on_cut, tp)

    async def _fetch_records(
        self, consumer: Any, active_partitions: set[TP] | None, timeout: float | None = None, max_records: int | None = None
    ) -> Any:
        wanted = {tp for tp in list(self._places) if tp not in self.held and (active_partitions is None or tp in active_partitions)}
        if not wanted:
            await asyncio.sleep(HELD_S)
            return {}
        if len(wanted) < len(self._places):
            timeout = HELD_S
        try:
            polled = await super()._fetch_records(consumer, wanted, timeout, max_records)
        except NoOffsetForPartitionError:  # assigned, and not yet sought
            return {}
        except OffsetOutOfRangeError as error:
            self._tell_cut(error.args[0])
            return {}
        # No await from here on: reading and keeping the place are one step of this thread.
        slices: dict[TP, Slice] = {}
        for tp, records in polled.items():
            place = self._places.get(tp)
            if place is not None and records:
                slices[tp] = _slice(records, place)
                place.offset = slices[tp].end
        return slices


def _slice(records: list[Any], place: _Place) -> Slice:
    return Slice(
        records[0].topic,
        records[0].partition,
        place.offset,
        records[-1].offset + 1,
        place.seek,
        [record.offset for record in records],
        [record.key for record in records],
        [record.value for record in records],
        [record.headers for record in records],
        sum(len(record.value) for record in records if record.value is not None),
    )


class _NoOffsets(dict[TP, int | None]):
    """Stands where Faust remembers what it has read, to drop it should it come again: slices know that themselves."""

    def __getitem__(self, tp: TP) -> int | None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        pass


class SliceConsumer(driver.Consumer):
    """Faust's consumer, handing over slices; it seeks and commits nothing by itself."""

    _thread: SliceThread
    on_cut: Callable[[TP], None] = staticmethod(lambda _: None)
    """Called when the log no longer holds what is to be read next of an open partition, which is then closed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _NoOffsets()

    def _new_consumer_thread(self) -> SliceThread:
        return SliceThread(self, loop=self.loop, beacon=self.beacon)

    async def open(self, tp: TP, offset: int) -> int:
        """Read an assigned partition from `offset` on; the number of this seek, which its slices carry."""
        return int(await self._thread.open(tp, offset))

    def close_partitions(self) -> None:
        """Read no partition until it is opened again; slices that are on their way may still arrive."""
        self._thread.close_partitions()

    def hold(self, tp: TP) -> None:
        """Read nothing more of an open partition for now (back-pressure); what was polled still arrives."""
        self._thread.held.add(tp)

    def release(self, tp: TP) -> None:
        """Read on."""
        self._thread.held.discard(tp)

    async def perform_seek(self) -> None:
        """Nothing: a partition is sought when its owner opens it."""

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Poll, and hand over one message a partition that had records."""
        polled, _ = await self._wait_next_records(timeout)
        slices: Any = polled or {}
        for tp, cut in slices.items():
            if self.should_stop or not self.flow_active:
                return  # a rebalance: every partition is opened anew after it
            yield tp, self._to_message(tp, cut)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        """A slice as Faust's message: its value is the slice itself."""
        cut: Slice = record
        value: Any = cut
        first = cut.offsets[0]
        generation = self.app.consumer_generation_id
        return ConsumerMessage(cut.topic, cut.partition, first, 0.0, 1, None, None, value, None, -1, cut.size, tp, generation_id=generation)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust would miss its commits."""

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:  # noqa: ARG002 - offsets go with the transactions
        return True


class SliceTransport(driver.Transport):
    """Faust's transport to Kafka, with slices."""

    Consumer = SliceConsumer
