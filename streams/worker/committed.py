"""The committed blobs of a partition by key, wherever they are kept; and the simplest place, memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Committed(Protocol):
    """Committed blobs by key, which have everything up to `next_offset` of the state topic."""

    @property
    def next_offset(self) -> int:
        """Up to where of the state topic."""

    def get(self, key: bytes) -> bytes | None:
        """The bytes under the key, or None."""

    def update(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Keep the bytes under each key; None: delete them."""

    def stamp(self, next_offset: int) -> None:
        """All up to `next_offset` of the state topic has been put."""

    def close(self) -> None:
        """Let go of what is held."""


class MemoryBlobs:
    """Committed blobs in memory."""

    def __init__(self) -> None:
        self.next_offset = 0
        self._blobs: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """The bytes under the key, or None."""
        return self._blobs.get(key)

    def update(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Keep the bytes under each key; None: delete them."""
        for key, value in changes.items():
            if value is None:
                self._blobs.pop(key, None)
            else:
                self._blobs[key] = value

    def stamp(self, next_offset: int) -> None:
        """Everything up to there has been put."""
        self.next_offset = next_offset

    def close(self) -> None:
        """Nothing is held."""
