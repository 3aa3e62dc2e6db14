"""A processor's state behind Kafka: bytes by key in memory, backed by one partition of a compacted topic.

    processor ──put──▶ ChangelogStore ──changed keys──▶ the partition's transaction ──▶ state topic ──read in bulk──▶ ChangelogStore

What changed since the last transaction is collected by key, so that each checkpoint writes a key once. One key is ours: under it lies
the `Progress`, with the offset up to which the input is in this state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]

from processors.shelf import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRESS_KEY = b"\xffprogress"
"""Our own key: not UTF-8, and no processor's."""

READ_BYTES = 16 << 20


class Progress(msgspec.Struct):
    """How far a state has come: all before `next_offset` is in it. `clock` is the stream's (ns), `tick` the newest tick (ns).

    The records since the beginning, by what became of them: `read` in all = `applied` + `ticks` + `duplicates` + `waiting` (held until
    one that is missing comes) + `dead` by reason. `rows` counts what was sent to rtm.metrics.v1, by table. `retired` is the generation
    that goes on in place of this one, 0 while none does.
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
    retired: int = 0


class ChangelogStore:
    """A `StateStore` in memory that knows what changed since the changes were last taken."""

    def __init__(self) -> None:
        self._blobs: dict[bytes, bytes] = {}
        self._changed: dict[bytes, None] = {}

    def __len__(self) -> int:
        return len(self._blobs)

    def get(self, key: bytes) -> bytes | None:
        """The bytes last put under the key, or None."""
        return self._blobs.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Keep `value` under the key."""
        if self._blobs.get(key) != value:
            self._blobs[key] = value
            self._changed[key] = None

    def delete(self, key: bytes) -> None:
        """Forget the key; no error when there is none."""
        if self._blobs.pop(key, None) is not None:
            self._changed[key] = None

    def take_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Every key that changed since this was last asked for, in the order in which they changed first; None: deleted."""
        changed, self._changed = self._changed, {}
        for key in changed:
            yield key, self._blobs.get(key)

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take one record of the topic, in its order; it counts as no change."""
        if value is None:
            self._blobs.pop(key, None)
        else:
            self._blobs[key] = value

    def progress(self) -> Progress:
        """How far this state has come; NewerStateError when a newer version wrote it."""
        blob = self._blobs.get(PROGRESS_KEY)
        return Progress() if blob is None else unpack(blob, Progress)

    def put_progress(self, progress: Progress) -> None:
        """Keep how far this state has come."""
        self.put(PROGRESS_KEY, pack(progress))


async def read_changelog(bootstrap: str, topic: str, partition: int, log: str) -> tuple[ChangelogStore, int]:
    """The state in a partition of a state topic, read to its end, and where the same partition of the topic `log` ends.

    Whoever writes to the state must have been fenced before. Raises aiokafka's KafkaError.
    """
    store = ChangelogStore()
    state, source = TopicPartition(topic, partition), TopicPartition(log, partition)
    reader = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=READ_BYTES,
    )
    await reader.start()
    try:
        ends = await reader.end_offsets([state, source])  # before anything is fetched: it would wait behind the fetch
        reader.assign([state])
        await reader.seek_to_beginning(state)
        while await reader.position(state) < ends[state]:
            for records in (await reader.getmany(state, timeout_ms=500)).values():
                for record in records:
                    store.restore(record.key, record.value)
    finally:
        await reader.stop()
    return store, int(ends[source])
