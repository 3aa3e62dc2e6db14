"""A state store on disk: the processors' bytes by key in one SQLite file, so that memory doesn't grow with history.

It serves one run: nothing is kept when the process ends, hence no journal and no syncing. What a run that must survive needs is a
checkpoint, which is another store's work.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

CACHE_KIB = 16 * 1024


class DiskStore:
    """A `StateStore` in the file at `path`, which must not exist yet. Pages beyond a 16 MiB cache live on disk."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=8)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "page_size=8192", f"cache_size=-{CACHE_KIB}"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("CREATE TABLE blobs (key BLOB PRIMARY KEY, value BLOB NOT NULL)")
        self._connection.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def get(self, key: bytes) -> bytes | None:
        """The bytes last put under the key, or None."""
        found = self._connection.execute("SELECT value FROM blobs WHERE key = ?", (key,)).fetchone()
        return None if found is None else bytes(found[0])

    def put(self, key: bytes, value: bytes) -> None:
        """Keep `value` under the key."""
        self._connection.execute("INSERT OR REPLACE INTO blobs VALUES (?, ?)", (key, value))

    def delete(self, key: bytes) -> None:
        """Forget the key; no error when there is none."""
        self._connection.execute("DELETE FROM blobs WHERE key = ?", (key,))

    def close(self) -> None:
        """Let the file go; its bytes are of no more use."""
        self._connection.close()
