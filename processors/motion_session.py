"""What the motion stage knows of one session beside its derivation: which chunks it has seen, which wait, when it closes and is forgotten.

`Sessions` keeps a bounded number of them decoded; the store has the rest. Chunks are held as one write-once blob each.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

import msgspec

from processors.motion_state import Chunk, Course
from processors.shelf import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processors.store import StateStore

Status = Literal["known", "open", "closed"]
"""`open`: chunks are taken as they come; `closed`: they are still held; `known`: only what was seen is."""

DECODED_SESSIONS = 2048


class Ranges(msgspec.Struct, array_like=True, gc=False):
    """A set of numbers as disjoint ranges, ascending, both ends inclusive."""

    ranges: list[tuple[int, int]] = []

    def __contains__(self, number: int) -> bool:
        return any(low <= number <= high for low, high in reversed(self.ranges))

    def add(self, number: int) -> None:
        """Put a number in that isn't there."""
        place = len(self.ranges)
        while place and self.ranges[place - 1][0] > number:
            place -= 1
        low = high = number
        if place < len(self.ranges) and self.ranges[place][0] == number + 1:
            high = self.ranges.pop(place)[1]
        if place and self.ranges[place - 1][1] == number - 1:
            low = self.ranges.pop(place - 1)[0]
            place -= 1
        self.ranges.insert(place, (low, high))

    def covers(self, last: int) -> bool:
        """Whether 0…last are all there."""
        return bool(self.ranges) and self.ranges[0][0] == 0 and self.ranges[0][1] >= last

    def __iter__(self) -> Iterator[int]:
        for low, high in self.ranges:
            yield from range(low, high + 1)


class Session(msgspec.Struct, array_like=True, gc=False):
    """One session. Instants in ns."""

    status: Status = "known"
    seen: Ranges = msgspec.field(default_factory=Ranges)
    admitted: Ranges = msgspec.field(default_factory=Ranges)
    waiting: list[int] = []
    last_seq: int | None = None
    newest: int = 0
    newest_seen: int = 0
    hold_until: int = 0
    scheduled: int | None = None
    folded: bool = False  # its chunks' digests are one blob
    course: Course | None = None


Name = tuple[str, str]
"""Subject and session id."""


@lru_cache(16)
def _digest(name: Name) -> bytes:
    subject, session_id = name
    return blake2b(f"{len(subject)} {subject}{session_id}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _key(prefix: bytes, name: Name) -> bytes:
    return prefix + _digest(name)


class Sessions:
    """Sessions and their held chunks in a store; a bounded number of sessions is in memory too.

    For a new one the least recently used leaves. One that comes back while memory is full leaves at once, so that its bytes are written
    while it is still in the processor's cache: with more sessions open than fit, each in its turn, the one that it pushed out would be
    the next to come.
    """

    def __init__(self, store: StateStore, limit: int = DECODED_SESSIONS) -> None:
        self._store = store
        self._limit = limit
        self._decoded: OrderedDict[Name, Session] = OrderedDict()
        self._changed: set[Name] = set()
        self._fresh: tuple[Name, Chunk] | None = None
        self._back: Name | None = None  # the last one that came back from the store

    def get(self, name: Name) -> Session | None:
        """The session, or None when nothing is known of it."""
        session = self._decoded.get(name)
        if session is None:
            blob = self._store.get(_key(b"s/", name))
            if blob is None:
                return None
            session = self._decoded[name] = unpack(blob, Session)
            self._back = name
        self._decoded.move_to_end(name)
        return session

    def edit(self, name: Name) -> Session:
        """The session, made when nothing is known of it; it counts as changed."""
        session = self.get(name)
        if session is None:
            session = self._decoded[name] = Session()
        self._changed.add(name)
        return session

    def trim(self) -> None:
        """Let sessions leave memory, down to the limit."""
        while len(self._decoded) > self._limit:
            name, session = self._decoded.popitem(last=next(reversed(self._decoded)) == self._back)
            if name in self._changed:
                self._changed.discard(name)
                self._store.put(_key(b"s/", name), pack(session))

    def save(self) -> None:
        """Write what changed."""
        for name in sorted(self._changed):
            self._store.put(_key(b"s/", name), pack(self._decoded[name]))
        self._changed.clear()

    def _chunk_key(self, name: Name, seq: int) -> bytes:
        return _key(b"c/", name) + b"/%d" % seq

    def hold(self, name: Name, seq: int, digest: bytes, chunk: Chunk | None) -> None:
        """Keep a chunk (None: it took its key and wasn't admitted)."""
        session = self.edit(name)
        session.seen.add(seq)
        self._fresh = None if chunk is None else (name, chunk)
        if session.folded:
            self._store.put(_key(b"k/", name), pack(self._digests(name) | {seq: digest}))
        else:
            self._store.put(self._chunk_key(name, seq), pack((digest, chunk)))

    def _held(self, name: Name, seq: int) -> tuple[bytes, Chunk | None]:
        blob = self._store.get(self._chunk_key(name, seq))
        if blob is None:
            raise KeyError("the state has lost a chunk that its session holds: rebuild the partition's state from its log")
        return unpack(blob, tuple[bytes, Chunk | None])

    def chunk(self, name: Name, seq: int) -> Chunk:
        """An admitted chunk that is held."""
        if self._fresh is not None and self._fresh[0] == name and self._fresh[1].seq == seq:
            return self._fresh[1]
        chunk = self._held(name, seq)[1]
        if chunk is None:
            raise KeyError("a chunk that was not admitted is not held")
        return chunk

    def _digests(self, name: Name) -> dict[int, bytes]:
        blob = self._store.get(_key(b"k/", name))
        return {} if blob is None else unpack(blob, dict[int, bytes])

    def digest(self, name: Name, session: Session, seq: int) -> bytes:
        """The content of a chunk that was seen."""
        return self._digests(name)[seq] if session.folded else self._held(name, seq)[0]

    def let_go(self, name: Name) -> None:
        """The hold is over: of the chunks only their digests stay."""
        session = self.edit(name)
        digests = {seq: self._held(name, seq)[0] for seq in session.seen}
        for seq in session.seen:
            self._store.delete(self._chunk_key(name, seq))
        self._store.put(_key(b"k/", name), pack(digests))
        session.status, session.folded, session.course = "known", True, None

    def erase(self, name: Name) -> None:
        """Forget the session and all that was held of it."""
        session = self.get(name)
        if session is None:
            return
        if session.folded:
            self._store.delete(_key(b"k/", name))
        else:
            for seq in session.seen:
                self._store.delete(self._chunk_key(name, seq))
        self._store.delete(_key(b"s/", name))
        self._decoded.pop(name, None)
        self._changed.discard(name)
