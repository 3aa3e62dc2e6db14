"""A processor's state behind Kafka: bytes by key, backed by one partition of a compacted topic, and by the local disk.

    processor ──put──▶ ChangelogStore ──changed keys──▶ the partition's transaction ──▶ state topic ──read in bulk──▶ ChangelogStore

What changed since the last transaction is collected by key, so that each checkpoint writes a key once. One key is ours: under it lies
the `Progress`, with the offset up to which the input is in this state.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]

from processors.shelf import pack, unpack
from streams.kafka.security import client_arguments
from streams.worker.committed import MemoryBlobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from streams.worker.committed import Committed

PROGRESS_KEY = b"\xffprogress"
"""Our own key: not UTF-8, and no processor's."""

READ_BYTES = 16 << 20
LARGE = 8 << 10


class Progress(msgspec.Struct):
    """How far a state has come: all before `next_offset` is in it. `clock` is the stream's (ns).

    The records since the beginning, by what became of them: `read` in all = `applied` + `ticks` + `duplicates` + `waiting` (held until
    one that is missing comes) + `dead` by reason. `rows` counts what was sent to rtm.metrics.v1, by table, and
    `forgotten` the requests to erase a patient. `retired` is the generation
    that goes on in place of this one, 0 while none does.

    `tick` is the newest tick whose work is done, `tick_read` the newest that was read. `crashes` counts, by offset, how often a processor
    failed at a record that is not done; `put_off` the ticks' dead letters, as ticks count besides. `log_id` is the input topic's id;
    `lost` counts the offsets that were gone from it unread, and were accepted as lost. Where the topic was rewritten, `read_before`
    records had been read by the offset `counted_from`, whatever of them it still holds.
    """

    next_offset: int = 0
    clock: int = 0
    tick: int = 0
    read: int = 0
    applied: int = 0
    duplicates: int = 0
    dead: dict[str, int] = {}
    ticks: int = 0
    waiting: int = 0
    rows: dict[str, int] = {}
    forgotten: int = 0
    retired: int = 0
    tick_read: int = 0
    crashes: dict[int, int] = {}
    put_off: int = 0
    log_id: str = ""
    lost: int = 0
    counted_from: int = 0
    read_before: int = 0


class ChangelogStore:
    """A `StateStore` over what is committed; what changed since is kept apart, until it is committed too, or undone."""

    def __init__(self, committed: Committed | None = None) -> None:
        self._committed = committed or MemoryBlobs()
        self._changed: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The bytes last put under the key, or None."""
        return self._changed[key] if key in self._changed else self._committed.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Keep `value` under the key. A large one is not compared with what is there: samples are new, and a disk is slow to say so."""
        if len(value) >= LARGE or self.get(key) != value:
            self._changed[key] = value

    def delete(self, key: bytes) -> None:
        """Forget the key; no error when there is none."""
        if self.get(key) is not None:
            self._changed[key] = None

    def changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Every key that changed since the last commit, in the order in which they changed first; None: deleted."""
        yield from self._changed.items()

    def commit(self, next_offset: int = 0) -> None:
        """The changes are in the state topic, before `next_offset`."""
        changed, self._changed = self._changed, {}
        self._committed.update(changed)
        self._committed.stamp(next_offset)

    @property
    def next_offset(self) -> int:
        """Up to where of the state topic all is in here."""
        return self._committed.next_offset

    def close(self) -> None:
        """Let go of what is held on the local disk; changes that are not committed are forgotten."""
        self._committed.close()

    def undo(self) -> None:
        """Forget the changes."""
        self._changed = {}

    def restore(self, records: Iterable[tuple[bytes, bytes | None]], next_offset: int) -> None:
        """Take records of the topic, in its order, up to `next_offset`."""
        self._committed.update(dict(records))
        self._committed.stamp(next_offset)

    def progress(self) -> Progress:
        """How far this state has come; NewerStateError when a newer version wrote it."""
        blob = self.get(PROGRESS_KEY)
        return Progress() if blob is None else unpack(blob, Progress)

    def put_progress(self, progress: Progress) -> None:
        """Keep how far this state has come."""
        self.put(PROGRESS_KEY, pack(progress))


@dataclass(frozen=True, slots=True)
class Bounds:
    """The first offset that a partition of the log still has, and the one behind its last."""

    begin: int
    end: int


async def read_changelog(
    bootstrap: str, topic: str, partition: int, log: str, open_blobs: Callable[[int], Committed] = lambda _: MemoryBlobs()
) -> tuple[ChangelogStore, Bounds]:
    """The state in a partition of a state topic, read to its end, and the bounds of the same partition of the topic `log`.

    `open_blobs` gets that end and gives what of it is here already. Whoever writes to the state must have been fenced before.
    Raises aiokafka's KafkaError.
    """
    state, source = TopicPartition(topic, partition), TopicPartition(log, partition)
    async with _reading(bootstrap) as reader:
        ends = await reader.end_offsets([state, source])  # before anything is fetched: it would wait behind the fetch
        begins = await reader.beginning_offsets([source])
        store = ChangelogStore(open_blobs(int(ends[state])))
        reader.assign([state])
        if store.next_offset:
            reader.seek(state, store.next_offset)
        else:
            await reader.seek_to_beginning(state)
        while await reader.position(state) < ends[state]:
            for records in (await reader.getmany(state, timeout_ms=500)).values():
                store.restore(((record.key, record.value) for record in records), records[-1].offset + 1)
    return store, Bounds(int(begins[source]), int(ends[source]))


async def read_bounds(bootstrap: str, log: str, partition: int) -> Bounds:
    """The bounds of a partition of the log, as they are now. Raises aiokafka's KafkaError."""
    place = TopicPartition(log, partition)
    async with _reading(bootstrap) as reader:
        begins, ends = await reader.beginning_offsets([place]), await reader.end_offsets([place])
    return Bounds(int(begins[place]), int(ends[place]))


@asynccontextmanager
async def _reading(bootstrap: str) -> AsyncIterator[Any]:
    reader = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=READ_BYTES,
        **client_arguments(),
    )
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()
