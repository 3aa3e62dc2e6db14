"""Committed state on the local disk: one SQLite file a partition, so that memory is bounded by what is in use, not by history.

    committed blobs ─▶ lately (memory) ─▶ every few seconds, one SQLite transaction { blobs, stamp } ─▶ file

The truth is the state topic; the file only spares reading it again. Its stamp says up to which offset of which topic it has everything.
It is trusted when that topic is still the same and the stamp young enough that no deletion can have been compacted away since; then only
what is newer is read from Kafka. A file that can't be written (a full disk) is told once, and what it lacks stays in memory.

Nothing waits for the disk while the file is written, and no page is written twice. So it outlives the process, however that ends, but not
a machine that fails: the stamp says under which start of the machine it was written, or, put there in the end, that the disk has it all.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.worker.committed import MemoryBlobs
from streams.worker.recent_blobs import Recent, Remembering

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.worker.committed import Committed

FLUSH_BYTES = 32 << 20
FLUSH_S = 5.0
"""What is in memory alone goes to the disk when it is this much, or this old."""
TRUSTED_S = 12 * 3600
"""Half of Kafka's delete.retention.ms (24 h), for which a deletion stays in a compacted topic."""
CACHE_KIB = 1024
BLOB_OVERHEAD = 100
SLOTS = 256
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS blobs (key BLOB PRIMARY KEY, value BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS stamp (one INTEGER PRIMARY KEY CHECK (one = 1), topic_id TEXT, next_offset INTEGER, at REAL, boot TEXT)",
)
"""Keys apart from values: large ones among the keys cost twice the writing, and reading four times as long."""
PUT = "INSERT INTO blobs VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
"""Not REPLACE: that writes to another place."""
ON_DISK = ""


def _boot() -> str:
    """Which start of the machine this is; where it doesn't tell, of this process."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"process {os.getpid()} at {time.time()}"


BOOT = _boot()


class LocalStateError(Exception):
    """The file can't be read; it has been taken away, and a new start recovers from Kafka."""


class DiskBlobs:
    """Committed blobs in the SQLite file at `path`, which is begun anew where it can't be trusted.

    `topic_id` is the state topic's id, `end` the offset behind its last record; `say` takes a line when the disk takes nothing.
    """

    def __init__(self, path: Path, topic_id: str, end: int, say: Callable[[str], None], *, now: Callable[[], float] = time.time) -> None:
        self.next_offset = 0
        self._path, self._topic_id, self._say, self._now = path, topic_id, say, now
        self._lately: dict[bytes, bytes | None] = {}
        self._size, self._since, self._stamped = 0, time.monotonic(), 0
        self._refused = False
        self._file: sqlite3.Connection | None = None
        with contextlib.suppress(sqlite3.Error, OSError):
            self._file = self._open()
            self.next_offset = self._trusted(end)
        if self.next_offset == 0:
            self._begin_anew()
        self._stamped = self.next_offset

    def get(self, key: bytes) -> bytes | None:
        """The bytes under the key, or None. LocalStateError when the file can't be read."""
        if key in self._lately:
            return self._lately[key]
        found = self._read("SELECT value FROM blobs WHERE key = ?", key)
        return found[0][0] if found else None

    def all_within(self, most: int) -> dict[bytes, bytes] | None:
        """All that is in the file, where it has no more than `most` bytes. LocalStateError when it can't be read."""
        size = self._read("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        return dict(self._read("SELECT key, value FROM blobs")) if not size or size[0][0] <= most else None

    def _read(self, statement: str, *values: bytes) -> list[Any]:
        if self._file is None:
            return []
        try:
            return self._file.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self._remove()
            raise LocalStateError(f"{self._path} can't be read ({error}): it was removed, a new start recovers from Kafka") from error

    def update(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Keep the bytes under each key; None: delete them."""
        self._lately.update(changes)
        self._size += sum(map(len, changes)) + sum(map(len, filter(None, changes.values()))) + BLOB_OVERHEAD * len(changes)

    def stamp(self, next_offset: int) -> None:
        """Everything up to there has been put: from now on it may go to the disk."""
        self.next_offset = next_offset
        if self._size >= FLUSH_BYTES or time.monotonic() - self._since >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Write what is in memory alone to the file; where the disk refuses, it stays in memory and is tried again later."""
        self._since, self._size = time.monotonic(), 0  # also after a failure: not every time
        if self._file is None or (not self._lately and self._stamped == self.next_offset):
            return
        try:
            self._file.execute("BEGIN")
            rows = sorted((key, value) for key, value in self._lately.items() if value is not None)
            self._file.executemany(PUT, rows)
            self._file.executemany("DELETE FROM blobs WHERE key = ?", ((key,) for key, value in self._lately.items() if value is None))
            stamp = (self._topic_id, self.next_offset, self._now(), BOOT)
            self._file.execute("INSERT OR REPLACE INTO stamp VALUES (1, ?, ?, ?, ?)", stamp)
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._file.execute("ROLLBACK")
            self._refuse(error)
        else:
            self._lately.clear()
            self._stamped = self.next_offset
            if self._refused:
                self._refused = False
                self._say(f"worker: {self._path.parent} takes state again")

    def close(self) -> None:
        """Write what is left, and close the file."""
        self.flush()
        if self._file is not None:
            with contextlib.suppress(sqlite3.Error):
                self._say_where(ON_DISK)
            self._file.close()
            self._file = None

    def _say_where(self, boot: str) -> None:
        """Put into the stamp under which start of the machine the file is written, or that it is on the disk; wait until it is there."""
        assert self._file is not None  # noqa: S101 - for the type checker
        self._file.execute("PRAGMA synchronous=FULL")
        self._file.execute("UPDATE stamp SET boot = ?", (boot,))
        self._file.execute("PRAGMA synchronous=OFF")

    def _refuse(self, error: Exception) -> None:
        if not self._refused:
            self._refused = True
            self._say(f"worker: {self._path.parent} takes no state ({error}): it stays in memory, and in Kafka; make room there")

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        for pragma in ("page_size=8192", "locking_mode=EXCLUSIVE", "journal_mode=TRUNCATE", "synchronous=OFF", f"cache_size=-{CACHE_KIB}"):
            file.execute(f"PRAGMA {pragma}")
        for statement in SCHEMA:
            file.execute(statement)
        return file

    def _trusted(self, end: int) -> int:
        assert self._file is not None  # noqa: S101 - for the type checker
        found = self._file.execute("SELECT topic_id, next_offset, at, boot FROM stamp").fetchone()
        if found is None:
            return 0
        topic_id, next_offset, at, boot = found
        young = 0 <= self._now() - at <= TRUSTED_S
        if topic_id != self._topic_id or next_offset > end or not young or boot not in {ON_DISK, BOOT}:
            return 0
        self._say_where(BOOT)
        return int(next_offset)

    def _begin_anew(self) -> None:
        self._remove()
        try:
            self._file = self._open()
        except (sqlite3.Error, OSError) as error:
            self._file = None
            self._refuse(error)

    def _remove(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        for suffix in ("", "-journal", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)


class StateFolder:
    """A folder of this process alone under `root`, for the files of its partitions: the first that no other process holds.

    Held by a lock that ends with the process. A worker that is frozen keeps its own, so whoever takes over writes into another.
    What was used last of all files stays in memory, about `recent_bytes` of it.
    """

    def __init__(self, root: Path, say: Callable[[str], None], recent_bytes: int = 0) -> None:
        self._say, self._told = say, ""
        self._recent = Recent(recent_bytes)
        self._lock = -1
        self.path: Path | None = None
        for slot in range(SLOTS):
            path = root / str(slot)
            try:
                path.mkdir(parents=True, exist_ok=True)
                lock = os.open(path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
            except OSError as error:
                say(f"worker: {root} can't hold state ({error.strerror}): it stays in memory, and in Kafka; RTM_STATE_FOLDER names another")
                return
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                continue
            self._lock, self.path = lock, path
            return

    def blobs(self, topic: str, partition: int, topic_id: str, end: int) -> Committed:
        """The committed blobs of a partition of a state topic, as far as they are on this disk."""
        if self.path is None or not topic_id:
            return MemoryBlobs()
        file = DiskBlobs(self.path / f"{topic}-{partition}.sqlite", topic_id, end, self._tell)
        return Remembering(file, self._recent, file.all_within(self._recent.free))

    def _tell(self, line: str) -> None:
        """All partitions' files lie on one disk: what happens to it is said once."""
        if line != self._told:
            self._told = line
            self._say(line)

    def close(self) -> None:
        """Let the folder go."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
