"""The blobs used last, in memory in front of what is on the disk: one budget of bytes for all partitions of a process.

    get ─▶ Recent ─▶ known: its bytes · not known: SQLite, 20 µs and a wait for the other threads, then remembered

Packed blobs take a tenth of what their patients take as objects, so many more patients stay near than have their ledgers in memory.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streams.worker.local_state import Committed

Key = tuple[int, bytes]
BLOB_OVERHEAD = 250
"""About what Python takes for a key, its place here and an object of bytes."""


UNKNOWN = object()


class Recent:
    """Bytes by file and key, those used last, within about `most` bytes; None where nothing is under a key, which is worth knowing too.

    For several threads: one partition is recovered while another folds.
    """

    def __init__(self, most: int) -> None:
        self.most, self.bytes = most, 0
        self._blobs: OrderedDict[Key, bytes | None] = OrderedDict()
        self._lock = threading.Lock()
        self._files = count()

    def file(self) -> int:
        """A number for another file."""
        return next(self._files)

    def get(self, key: Key) -> object:
        """The bytes under a key, or None; UNKNOWN where nobody asked lately."""
        with self._lock:
            if key not in self._blobs:
                return UNKNOWN
            self._blobs.move_to_end(key)
            return self._blobs[key]

    def put(self, key: Key, value: bytes | None) -> None:
        """Remember what is under a key."""
        with self._lock:
            if key in self._blobs:
                self.bytes -= _size(key, self._blobs.pop(key))
            self._blobs[key] = value
            self.bytes += _size(key, value)
            while self.bytes > self.most:
                self.bytes -= _size(*self._blobs.popitem(last=False))

    def forget(self, file: int) -> None:
        """Nothing is asked of a file any more."""
        with self._lock:
            for key in [key for key in self._blobs if key[0] == file]:
                self.bytes -= _size(key, self._blobs.pop(key))


def _size(key: Key, value: bytes | None) -> int:
    return BLOB_OVERHEAD + len(key[1]) + len(value or b"")


class Remembering:
    """Committed blobs in a file, through what is remembered of it."""

    def __init__(self, file: Committed, recent: Recent) -> None:
        self._file, self._recent = file, recent
        self._number = recent.file()

    @property
    def next_offset(self) -> int:
        """Up to where of the state topic the file has everything."""
        return self._file.next_offset

    def get(self, key: bytes) -> bytes | None:
        """The bytes under the key, or None."""
        place = self._number, key
        known: Any = self._recent.get(place)
        if known is UNKNOWN:
            known = self._file.get(key)
            self._recent.put(place, known)
        found: bytes | None = known
        return found

    def put(self, key: bytes, value: bytes | None) -> None:
        """Keep the bytes under the key; None: delete them."""
        self._file.put(key, value)
        self._recent.put((self._number, key), value)

    def stamp(self, next_offset: int) -> None:
        """All up to `next_offset` of the state topic has been put."""
        self._file.stamp(next_offset)

    def close(self) -> None:
        """Let go of what is held."""
        self._recent.forget(self._number)
        self._file.close()
