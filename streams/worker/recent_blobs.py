"""The blobs used last, in memory in front of what is on the disk: one budget of bytes for all partitions of a process.

    get ─▶ young ─▶ old ─▶ SQLite, 5 µs and a wait for the other threads, then remembered

Packed blobs take a tenth of what their patients take as objects, so many more patients stay near than have their ledgers in memory. What
is read or written is young; when the young ones fill half of the budget they become the old ones, and what was old is forgotten. So a hit
costs a look into a dictionary, and nothing is moved about in a queue. A file that fits is read in one go as it is opened, a tenth of what
its blobs cost one by one; until something of it is forgotten it isn't asked, not even for what isn't there.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.worker.committed import Committed

BLOB_OVERHEAD = 200
"""About what Python takes for a key, its place here and an object of bytes."""

UNKNOWN: Any = object()


class Recent:
    """What the files of a process share: `most` bytes, of which `young` and `old` ones are in use.

    For several threads: one partition is recovered while another folds. A file is used by one of them at a time.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.young = self.old = 0
        self.lock = threading.Lock()
        self._files: list[Remembering] = []

    @property
    def free(self) -> int:
        """How many more bytes may be young."""
        return self.most // 2 - self.young

    def join(self, file: Remembering) -> None:
        """A file that shares in it."""
        with self.lock:
            self._files.append(file)

    def leave(self, file: Remembering) -> None:
        """It does no more."""
        with self.lock:
            self._files.remove(file)
            self.young -= file.young_bytes
            self.old -= file.old_bytes

    def add(self, size: int) -> None:
        """So many more bytes are young; under the lock."""
        self.young += size
        while self.young > self.most // 2 or self.young + self.old > self.most:
            for file in self._files:
                file.grow_old()
            self.young, self.old = 0, self.young


class Remembering:
    """Committed blobs in a file, through what is remembered of it; None where nothing is under a key, which is worth knowing too.

    `whole`: all that is in the file, where that is known.
    """

    def __init__(self, file: Committed, recent: Recent, whole: Mapping[bytes, bytes | None] | None = None) -> None:
        self._file, self._recent, self._whole = file, recent, whole is not None
        self._young: dict[bytes, bytes | None] = {}
        self._old: dict[bytes, bytes | None] = {}
        self.young_bytes = self.old_bytes = 0
        recent.join(self)
        self._remember(whole or {})

    @property
    def next_offset(self) -> int:
        """Up to where of the state topic the file has everything."""
        return self._file.next_offset

    def get(self, key: bytes) -> bytes | None:
        """The bytes under the key, or None."""
        found: bytes | None = self._young.get(key, UNKNOWN)
        if found is UNKNOWN:
            found = self._old.get(key, UNKNOWN)
            if found is UNKNOWN:
                if self._whole:
                    return None
                found = self._file.get(key)
            self._remember({key: found})
        return found

    def update(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Keep the bytes under each key; None: delete them."""
        self._file.update(changes)
        self._remember(changes)

    def _remember(self, found: Mapping[bytes, bytes | None]) -> None:
        with self._recent.lock:
            young, size = self._young, 0
            for key, value in found.items():
                before = young.get(key, UNKNOWN)
                if before is UNKNOWN:
                    size += BLOB_OVERHEAD + len(key)
                elif before:
                    size -= len(before)
                if value:
                    size += len(value)
            young.update(found)
            self.young_bytes += size
            self._recent.add(size)

    def grow_old(self) -> None:
        """Forget what is old; the young are it now. Under the lock."""
        self._whole = self._whole and not self._old
        self._old, self.old_bytes = self._young, self.young_bytes
        self._young, self.young_bytes = {}, 0

    def stamp(self, next_offset: int) -> None:
        """All up to `next_offset` of the state topic has been put."""
        self._file.stamp(next_offset)

    def close(self) -> None:
        """Let go of what is held."""
        self._recent.leave(self)
        self._file.close()
