"""Files of events in, their lines out in the order of a replay: by recorded time, then event time, then the files' order.

A first, cheap pass over each file (envelopes only) counts its lines and finds out whether it is in order. What is in order is streamed,
its keys remembered on disk (`streams.replay.keys`); the rest goes through an external merge sort (`streams.replay.sorting`). Memory is
bounded, whatever the files' size. A line whose envelope can't be read has no place in the order: it keeps to the line before it.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from schemas.codecs import TruncatedFile, decode_envelope, read_lines
from schemas.instants import FIRST
from streams.replay.keys import Key, Keys
from streams.replay.sorting import FAN_IN, RUN_BYTES, Entry, Sorter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path


class ReadError(Exception):
    """A file can't be read to its end; the message names it, and where it broke."""


@dataclass(slots=True)
class Source:
    """One file of a replay: its name as given, its number from 0, and what the first pass found."""

    path: Path
    number: int
    lines: int = 0
    ordered: bool = True
    keys: Keys | None = None

    @property
    def name(self) -> str:
        """The file's name, as it was given."""
        return str(self.path)


def _nothing(_lines: int) -> None:
    return


class Reading:
    """The lines of several files in order. Use as a context; `temporary` is a folder for keys and sorted runs, left empty at the end."""

    def __init__(self, files: Sequence[Path], temporary: Path, run_bytes: int = RUN_BYTES, fan_in: int = FAN_IN) -> None:
        self.sources = [Source(path, number) for number, path in enumerate(files)]
        self._sorter = Sorter(temporary / "order", run_bytes, fan_in)
        self._temporary, self._fan_in = temporary, fan_in

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._sorter.close()
        for source in self.sources:
            if source.keys is not None:
                source.keys.remove()

    @property
    def lines(self) -> int:
        """Lines of all files, known after `survey`."""
        return sum(source.lines for source in self.sources)

    def survey(self, seen: Callable[[int], None] = _nothing) -> None:
        """The first pass; `seen` is told of lines as they are read. ReadError when a file can't be read."""
        streamed = 0
        for source in self.sources:
            again = source.path.is_file()
            source.ordered = again and streamed < self._fan_in and self._in_order(source, seen)
            if source.ordered:
                streamed += 1
                continue
            source.lines = 0
            for entry in self._entries(source, seen):
                self._sorter.add(entry)
                source.lines += 1

    def entries(self) -> Iterator[Entry]:
        """Every line in order, after `survey`. ReadError when a file can't be read any more."""
        streams = [self._entries(source, _nothing, source.keys) for source in self.sources if source.ordered]
        return heapq.merge(*streams, self._sorter.entries())

    def _in_order(self, source: Source, seen: Callable[[int], None]) -> bool:
        before = (FIRST, FIRST)
        source.keys = Keys(self._temporary / f"keys-{source.number}")
        for entry in self._entries(source, seen):
            key = entry[:2]
            if key < before:
                source.keys.remove()
                return False
            before = key
            source.keys.add(key if entry[4] else None)
            source.lines += 1
        source.keys.end()
        return True

    def _entries(self, source: Source, seen: Callable[[int], None], keys: Iterable[Key | None] | None = None) -> Iterator[Entry]:
        """The lines of one file, as they stand; where their `keys` are known no more than those: it may have grown since."""
        number, line_number, told, count = source.number, 0, 0, 0
        key = (FIRST, FIRST)
        read: Iterable[tuple[tuple[int, bytes], Key | None]]
        if keys is None:
            read = ((line, decode_envelope(line[1])) for line in read_lines(source.path))
        else:
            read = zip(read_lines(source.path), keys, strict=False)
        try:
            for (line_number, line), found in read:
                if found is not None:
                    key = found
                yield (*key, number, line_number, found is not None, line)
                count += 1
                if count - told == 1024:
                    told = count
                    seen(1024)
        except TruncatedFile as error:
            raise ReadError(str(error)) from error
        except OSError as error:
            raise ReadError(f"{source.name}: {error.strerror or error}, after line {line_number}") from error
        seen(count - told)
