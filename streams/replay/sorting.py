"""An external merge sort of lines: entries in any order in, the same in order out, in bounded memory.

Entries are gathered until they fill a run, sorted, and spilled to a file of zstd-compressed frames; at the end all runs are merged.
When there are more runs than may be open at once, the oldest are merged into one first.
"""

from __future__ import annotations

import heapq
import io
import struct
from itertools import count
from typing import TYPE_CHECKING

import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Entry = tuple[int, int, int, int, bool, bytes]
"""One line and its place in the order: recorded time and event time (ns), file, line, whether the envelope was legible, the bytes."""

RUN_BYTES = 64 << 20
FAN_IN = 64
ENTRY_OVERHEAD = 320  # bytes of a tuple and its integers, measured with sys.getsizeof
_WRITE_BYTES = 1 << 18
_HEAD = struct.Struct("<qqIQ?I")


class Sorter:
    """Sorts what it is given. `folder` holds the runs; `run_bytes` bounds the memory of one run, `fan_in` the files open at once."""

    def __init__(self, folder: Path, run_bytes: int = RUN_BYTES, fan_in: int = FAN_IN) -> None:
        self._folder = folder
        self._run_bytes = run_bytes
        self._fan_in = fan_in
        self._names = count()
        self._runs: list[Path] = []
        self._held: list[Entry] = []
        self._size = 0

    def add(self, entry: Entry) -> None:
        """Take one entry."""
        self._held.append(entry)
        self._size += len(entry[-1]) + ENTRY_OVERHEAD
        if self._size >= self._run_bytes:
            self._spill(self._sorted())

    def entries(self) -> Iterator[Entry]:
        """All that was added, in order. To be called once, when everything is there."""
        while len(self._runs) > self._fan_in:
            oldest, self._runs = self._runs[: self._fan_in], self._runs[self._fan_in :]
            self._spill(heapq.merge(*map(_read_run, oldest)))
            for path in oldest:
                path.unlink()
        return heapq.merge(*map(_read_run, self._runs), self._sorted())

    def close(self) -> None:
        """Remove the runs."""
        for path in self._runs:
            path.unlink(missing_ok=True)
        self._runs.clear()
        self._held.clear()

    def _sorted(self) -> list[Entry]:
        held, self._held, self._size = self._held, [], 0
        held.sort()
        return held

    def _spill(self, entries: Iterable[Entry]) -> None:
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f"run-{next(self._names)}.zst"
        self._runs.append(path)
        held = bytearray()
        with path.open("wb") as file, zstandard.ZstdCompressor(level=1).stream_writer(file) as packed:
            for recorded, time, number, line, legible, raw in entries:
                held += _HEAD.pack(recorded, time, number, line, legible, len(raw))
                held += raw
                if len(held) >= _WRITE_BYTES:
                    packed.write(held)
                    held.clear()
            packed.write(held)


def _read_run(path: Path) -> Iterator[Entry]:
    with path.open("rb") as file, io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file), 1 << 16) as unpacked:
        while head := unpacked.read(_HEAD.size):
            *key, size = _HEAD.unpack(head)
            yield (*key, unpacked.read(size))
