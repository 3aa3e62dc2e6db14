"""A shelf of numbered parts of one patient's state: read from the store when asked for, written back when changed.

Each part is one blob: a version byte and MessagePack, compressed (zstandard) where that pays. A version that is newer than this code is
refused, so that an upgrade can be undone without harm to what the newer code wrote.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import msgspec
import zstandard

from processors.store import StateStore

VERSION = 3
TIGHT_FROM = 256
"""Smaller values aren't worth the time that compressing takes."""
_LEVEL = 3
_PACKED = b"\x28\xb5\x2f\xfd"
"""How a zstandard frame begins, and no value of ours: they are arrays and maps."""
T = TypeVar("T")


class NewerStateError(Exception):
    """State that was written by a newer version of this code."""


class _Compressors(threading.local):
    """One compressor and one decompressor a thread: they can't be shared."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=_LEVEL).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_compressors = _Compressors()


def pack(value: object, *, tight: bool = False) -> bytes:
    """A versioned blob; compressed with `tight`, unless it is small."""
    packed = msgspec.msgpack.encode(value)
    if tight and len(packed) >= TIGHT_FROM:
        packed = _compressors.compress(packed)
    return bytes((VERSION,)) + packed


def version_of(blob: bytes) -> int:
    """The version that wrote a blob."""
    return blob[0]


def unpack(blob: bytes, kind: type[T]) -> T:
    """The value of a versioned blob; NewerStateError when a newer version wrote it."""
    if blob[0] > VERSION:
        raise NewerStateError(
            f"state of version {blob[0]} was written by a newer rtm than this (version {VERSION}): upgrade, or rebuild from the log"
        )
    packed = memoryview(blob)[1:]
    if packed[:4] == _PACKED:
        return msgspec.msgpack.decode(_compressors.decompress(packed), type=kind)
    return msgspec.msgpack.decode(packed, type=kind)


def raw(value: object) -> msgspec.Raw:
    """A value packed, to be put into what is packed later."""
    return msgspec.Raw(msgspec.msgpack.encode(value))


def _itself(part: object) -> object:
    return part


class Shelf(Generic[T]):
    """Numbered parts under one key prefix."""

    def __init__(
        self, store: StateStore, prefix: bytes, read: Callable[[bytes], T], make: Callable[[], T], form: Callable[[T], object] = _itself
    ) -> None:
        """`read` tells a part from its blob; `form` gives what is written of it, where some is packed already (`msgspec.Raw`)."""
        self._store, self._prefix, self._read, self._make, self._form = store, prefix, read, make, form
        self._parts: dict[int, T | None] = {}
        self._changed: set[int] = set()

    def _key(self, number: int) -> bytes:
        return self._prefix + b"%d" % number

    def get(self, number: int) -> T | None:
        """The part, or None when there is none."""
        if number in self._parts:
            return self._parts[number]
        blob = self._store.get(self._key(number))
        part = self._parts[number] = None if blob is None else self._read(blob)
        return part

    def __len__(self) -> int:
        """How many parts are in memory, or known not to be there."""
        return len(self._parts)

    def edit(self, number: int) -> T:
        """The part, made when there is none, to be written at the next save."""
        part = self.get(number)
        if part is None:
            part = self._parts[number] = self._make()
        self._changed.add(number)
        return part

    def save(self, tight_before: int = 0) -> None:
        """Write what changed; the parts with a lower number than `tight_before` compressed."""
        for number in sorted(self._changed):
            if (part := self._parts[number]) is not None:
                self._store.put(self._key(number), pack(self._form(part), tight=number < tight_before))
        self._changed.clear()

    def drop_before(self, number: int) -> None:
        """Forget the unchanged parts with a lower number; they stay in the store."""
        for cold in [n for n in self._parts if n < number and n not in self._changed]:
            del self._parts[cold]

    def erase(self, numbers: Iterable[int]) -> None:
        """Delete parts from memory and store."""
        for number in numbers:
            self._parts.pop(number, None)
            self._changed.discard(number)
            self._store.delete(self._key(number))
