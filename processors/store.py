"""The state of a processor: bytes by key, behind one small interface, so that a runtime can put a disk or a changelog behind it."""

from __future__ import annotations

from typing import Protocol


class StateStore(Protocol):
    """Bytes by key. A processor's keys all belong to one partition."""

    def get(self, key: bytes) -> bytes | None:
        """The bytes last put under the key, or None."""

    def put(self, key: bytes, value: bytes) -> None:
        """Keep `value` under the key."""

    def delete(self, key: bytes) -> None:
        """Forget the key; no error when there is none."""


class MemoryStore:
    """A store in memory, for tests and short runs."""

    def __init__(self) -> None:
        self.blobs: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """The bytes last put under the key, or None."""
        return self.blobs.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Keep `value` under the key."""
        self.blobs[key] = value

    def delete(self, key: bytes) -> None:
        """Forget the key."""
        self.blobs.pop(key, None)
