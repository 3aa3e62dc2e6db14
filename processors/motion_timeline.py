"""What is due when: sessions in, in the order of their due instants out; a tick costs what is due, not what there is.

Entries lie in buckets of an hour, one blob each; one small index names the buckets. Only those near `now` stay in memory.
"""

from __future__ import annotations

from bisect import insort
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from processors.shelf import pack, unpack
from schemas.instants import SECOND

if TYPE_CHECKING:
    from processors.store import StateStore

HOUR = 3600 * SECOND
Entry = tuple[int, str, str]
"""Due instant, subject, session."""

_INDEX = b"t/index"


class Timeline:
    """Sessions by due instant, then subject, then session id."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        blob = store.get(_INDEX)
        self.now, self._hours = unpack(blob, tuple[int, list[int]]) if blob is not None else (0, [])
        self._saved = (self.now, list(self._hours))
        self._buckets: dict[int, list[Entry]] = {}
        self._changed: set[int] = set()

    def _key(self, hour: int) -> bytes:
        return b"t/%d" % hour

    def _bucket(self, hour: int) -> list[Entry]:
        bucket = self._buckets.get(hour)
        if bucket is None:
            blob = self._store.get(self._key(hour))
            bucket = self._buckets[hour] = unpack(blob, list[Entry]) if blob is not None else []
        return bucket

    def add(self, entry: Entry) -> None:
        """Put a session down for its due instant."""
        hour = entry[0] // HOUR
        bucket = self._bucket(hour)
        if not bucket:
            insort(self._hours, hour)
        heappush(bucket, entry)
        self._changed.add(hour)

    def pop(self, now: int) -> Entry | None:
        """The first entry due at `now` or before, taken out; None when there is none."""
        if not self._hours or self._hours[0] * HOUR > now:
            return None
        hour = self._hours[0]
        bucket = self._bucket(hour)
        if bucket[0][0] > now:
            return None
        self._changed.add(hour)
        entry = heappop(bucket)
        if not bucket:
            self._hours.pop(0)
        return entry

    def drop(self, subject: str) -> list[str]:
        """Take every entry of a subject out; the sessions that had one."""
        found: set[str] = set()
        for hour in list(self._hours):
            bucket = self._bucket(hour)
            others = [entry for entry in bucket if entry[1] != subject]
            if len(others) < len(bucket):
                found |= {entry[2] for entry in bucket if entry[1] == subject}
                heapify(others)
                bucket[:] = others
                self._changed.add(hour)
                if not bucket:
                    self._hours.remove(hour)
        return sorted(found)

    def save(self) -> None:
        """Write what changed; what isn't near leaves memory."""
        for hour in sorted(self._changed):
            bucket = self._buckets[hour]
            if bucket:
                self._store.put(self._key(hour), pack(bucket))
            else:
                self._store.delete(self._key(hour))
        self._changed.clear()
        near = self.now // HOUR + 1
        self._buckets = {hour: bucket for hour, bucket in self._buckets.items() if bucket and hour <= near}
        if self._saved != (self.now, self._hours):
            self._store.put(_INDEX, pack((self.now, self._hours)))
            self._saved = (self.now, list(self._hours))
