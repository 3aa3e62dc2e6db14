"""JSON Lines in files, plain or compressed (`.gz`, `.zst`): lines out, lines in. Memory is bounded, however long a line is."""

from __future__ import annotations

import gzip
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

import zstandard

from schemas.envelope import MAX_RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator

SLACK = 1024
_PLAIN_STEP = 2**20
_COMPRESSED_STEP = 1024  # of a hostile file, one step inflates to 32 MB at most
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class TruncatedFile(OSError):  # noqa: N818 - it says what the file is
    """A compressed file that is damaged or ends too early; the lines before the damage were given."""


class _Inflator(Protocol):
    """What zlib's and zstandard's decompression objects have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def _inflator(path: Path) -> _Inflator:
    return zlib.decompressobj(31) if path.suffix == ".gz" else zstandard.ZstdDecompressor().decompressobj()


class _Inflation:
    """A compressed stream of one or more frames, fed in pieces."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._frame: _Inflator | None = None

    @property
    def inside(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._frame is not None

    def feed(self, piece: bytes) -> bytes:
        """What the next piece of the file holds; zlib.error or ZstdError where it is damaged."""
        made = []
        while piece:
            if self._frame is None:
                if self._path.suffix == ".gz" and not (piece := piece.lstrip(b"\0")):
                    break  # gzip files may be padded with zeros
                self._frame = _inflator(self._path)
            made.append(self._frame.decompress(piece))
            if not self._frame.eof:
                break
            piece = self._frame.unused_data
            self._frame = None
        return b"".join(made)


def _inflate(path: Path, stream: BinaryIO) -> Iterator[bytes]:
    """The content of a compressed file, in pieces, up to the very byte where it is damaged; then TruncatedFile."""
    inflation = _Inflation(path)
    position = 0
    while piece := stream.read(_COMPRESSED_STEP):
        try:
            yield inflation.feed(piece)
        except (zlib.error, zstandard.ZstdError):
            yield from _up_to_the_damage(path, stream, position, piece)
        position += len(piece)
    if inflation.inside:
        raise TruncatedFile("ends too early")


def _up_to_the_damage(path: Path, stream: BinaryIO, position: int, damaged: bytes) -> Iterator[bytes]:
    """What the damaged piece at `position` still holds: everything before it is read again, then byte by byte."""
    inflation = _Inflation(path)
    stream.seek(0)
    while stream.tell() < position:
        inflation.feed(stream.read(_COMPRESSED_STEP))
    held = position > 0
    for place in range(len(damaged)):
        try:
            inflated = inflation.feed(damaged[place : place + 1])
        except (zlib.error, zstandard.ZstdError):
            break
        held = held or bool(inflated)
        yield inflated
    raise TruncatedFile("is damaged" if held else "is not compressed as its name says, or damaged")


def _pieces(path: Path, stream: BinaryIO) -> Iterator[bytes]:
    if path.suffix in {".gz", ".zst"}:
        yield from _inflate(path, stream)
        return
    while piece := stream.read(_PLAIN_STEP):
        yield piece


def _lines(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Lines without their newline, each cut after `limit` bytes; on an error of `pieces` the unfinished line is dropped."""
    pending: list[bytes] = []
    length = 0
    for piece in pieces:
        first, *rest = piece.split(b"\n")
        if length < limit:
            pending.append(first[: limit - length])
        length += len(first)
        for part in rest:
            yield b"".join(pending)
            pending = [part[:limit]]
            length = len(part)
    if length:
        yield b"".join(pending)


def read_lines(path: str | Path, max_record: int = MAX_RECORD) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line) of a JSON Lines file, by its suffix plain, gzip or zstandard; blank lines are skipped but counted.

    A line longer than `max_record` is cut a little beyond it, so that `decode_line` calls it too large. Raises OSError where the file
    can't be read, and `TruncatedFile`, naming file and line, after the last whole line before the damage.
    """
    path = Path(path)
    number = 0
    with path.open("rb") as stream:
        try:
            for line in _lines(_pieces(path, stream), max_record + SLACK):
                number += 1
                whole = line.removesuffix(b"\r") if number > 1 else line.removeprefix(_BYTE_ORDER_MARK).removesuffix(b"\r")
                if whole and not whole.isspace():
                    yield number, whole
        except TruncatedFile as error:
            raise TruncatedFile(f"{path}: {error} in line {number + 1}; the lines before it were read") from None


class LineWriter:
    """Writes lines of JSON Lines."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, line: bytes) -> None:
        """Write one line; its newline is added."""
        self._stream.write(line + b"\n")


@contextmanager
def open_writer(path: str | Path) -> Iterator[LineWriter]:
    """A writer of JSON Lines, by the path's suffix plain, gzip or zstandard. The same lines give the same bytes."""
    path = Path(path)
    with path.open("wb") as stream:
        if path.suffix == ".gz":
            with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=stream, mtime=0) as compressed:
                yield LineWriter(compressed)  # type: ignore[arg-type]
        elif path.suffix == ".zst":
            with zstandard.ZstdCompressor(level=3).stream_writer(stream, closefd=False) as compressed:
                yield LineWriter(compressed)
        else:
            yield LineWriter(stream)


@contextmanager
def open_whole(path: str | Path, mode: int = 0o666) -> Iterator[LineWriter]:
    """The same, to a file that takes its name when all is written, so that a part is never taken for the whole.

    `mode` is that of a new file, less the umask. What is there and no plain file (a pipe, a device) is written to as it is.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        with open_writer(path) as writer:
            yield writer
        return
    part = path.with_name(f".part-{path.name}")
    try:
        part.touch(mode)
        with open_writer(part) as writer:
            yield writer
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
