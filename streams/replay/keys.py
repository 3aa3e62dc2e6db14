"""Where each line of a file stands in a replay's order, kept on disk between two passes over the file: 16 bytes a line.

The second pass reads what the first one found, in the same order, so that no envelope is decoded twice.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Key = tuple[int, int]
"""Recorded time and event time of a line, ns."""

_ILLEGIBLE = (-(1 << 63),) * 2
"""Stands for a line whose envelope can't be read; no instant of ours lies there."""
_BLOCK = 1 << 18


class Keys:
    """The keys of one file's lines, in a file of their own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = array("q")
        self._file = path.open("wb")

    def add(self, key: Key | None) -> None:
        """Take the key of the next line; None where it can't be read."""
        self._held.extend(key or _ILLEGIBLE)
        if len(self._held) * 8 >= _BLOCK:
            self._spill()

    def _spill(self) -> None:
        self._held.tofile(self._file)
        del self._held[:]

    def end(self) -> None:
        """All lines are there."""
        self._spill()
        self._file.close()

    def __iter__(self) -> Iterator[Key | None]:
        """The keys, after `end`."""
        with self._path.open("rb") as file:
            while block := file.read(_BLOCK):
                numbers = iter(array("q", block))
                for key in zip(numbers, numbers, strict=True):
                    yield None if key == _ILLEGIBLE else key

    def remove(self) -> None:
        """Delete the file."""
        self._file.close()
        self._path.unlink(missing_ok=True)
