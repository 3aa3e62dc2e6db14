"""The exact index of one patient's facts: has this one been seen, did it say the same, and where does its entry stand.

A record a fact: 8 bytes of its key's digest, 4 of its content's, and its place, the week of its entry. A record a sensed session and a
report that names one, too: in which weeks facts of it lie. The records lie in buckets, blobs of their own, which are split one by one as
the index grows (linear hashing; Litwin 1980), so that a fact reads and writes one small bucket, however long the patient's history is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from processors.shelf import Shelf, unpack, version_of
from processors.store import StateStore

KEY, CONTENT = 8, 4
RECORD = struct.Struct(f"<{KEY}s{CONTENT}sh")
SPLIT_AFTER = 32
"""There is a bucket for so many records; the fullest hold about twice as many."""
HEAD = -(1 << 15)
"""The place of an entry that stands in the head, where others have a week."""
NOWHERE = HEAD + 1
"""The place of a fact that took its key but was not admitted."""
NARROW_SINCE = 3
"""The version since which a record holds so little of the content; before it held a byte more."""
WIDE_RECORD = struct.Struct(f"<{KEY}s{CONTENT + 1}sh")
FORMER_BUCKETS = 16
FORMER_RECORD = struct.Struct("<16s16sq")
FORMER_HEAD = -(1 << 40)


class Bucket(msgspec.Struct, array_like=True):
    """Records, one after the other."""

    records: bytearray = msgspec.field(default_factory=bytearray)

    @classmethod
    def read(cls, blob: bytes) -> Bucket:
        """The bucket of a blob."""
        bucket = unpack(blob, cls)
        if version_of(blob) < NARROW_SINCE:
            bucket.records = bytearray().join(RECORD.pack(*wide) for wide in WIDE_RECORD.iter_unpack(bucket.records))
        return bucket

    def find(self, key: bytes) -> Iterator[tuple[bytes, int]]:
        """(content, place) of each record under a key."""
        at = self.records.find(key)
        while at >= 0:
            if at % RECORD.size == 0:
                _, content, place = RECORD.unpack_from(self.records, at)
                yield content, place
            at = self.records.find(key, at + 1)


class _FormerBucket(msgspec.Struct, array_like=True):
    """A sixteenth of the index as version 1 kept it."""

    facts: bytes = b""
    sessions: dict[str, list[int]] = {}
    reports: dict[str, list[int]] = {}


def session_key(session_id: str) -> bytes:
    """The key under which stand the weeks with facts of a sensed session."""
    return blake2b(session_id.encode(), digest_size=KEY, person=b"session").digest()


def report_key(session_id: str) -> bytes:
    """The key under which stand the weeks with reports that name a session."""
    return blake2b(session_id.encode(), digest_size=KEY, person=b"report").digest()


class Index:
    """The index of one patient, which has `size` records. Keys and contents may be longer digests: their first bytes are kept."""

    def __init__(self, store: StateStore, name: bytes, size: int) -> None:
        self.size = size
        self._store, self._former = store, b"patient/i/" + name + b"/"
        self._abandoned: list[bytes] = []
        self._buckets = Shelf(store, b"patient/k/" + name + b"/", Bucket.read, Bucket)

    def places(self, key: bytes) -> list[tuple[bytes, int]]:
        """(content, place) of each record under a key."""
        key = key[:KEY]
        bucket = self._buckets.get(_address(key, self.size))
        return list(bucket.find(key)) if bucket is not None else []

    def known(self, key: bytes, content: bytes) -> bool | None:
        """Whether the fact that has taken a key says the same; None where none has."""
        found = self.places(key)
        return found[0][0] == content[:CONTENT] if found else None

    def take(self, key: bytes, content: bytes, place: int) -> None:
        """Add a record."""
        self.size += 1
        if self.size % SPLIT_AFTER == 0:
            self._split()
        key = key[:KEY]
        self._buckets.edit(_address(key, self.size)).records += RECORD.pack(key, content[:CONTENT], place)

    def weeks(self, key: bytes) -> list[int]:
        """The weeks that stand under the key of a session or a report, each once."""
        return [place for _, place in self.places(key)]

    def note_week(self, key: bytes, week: int) -> None:
        """Add a week under the key of a session or a report."""
        if week not in self.weeks(key):
            self.take(key, b"", week)

    def _split(self) -> None:
        """Make the next bucket, from what belongs there of the one that it divides."""
        new = self.size // SPLIT_AFTER
        old = new - (1 << new.bit_length() - 1)
        if self._buckets.get(old) is None:
            return
        bucket, kept = self._buckets.edit(old), bytearray()
        for at in range(0, len(bucket.records), RECORD.size):
            record = bucket.records[at : at + RECORD.size]
            if _address(record, self.size) == old:
                kept += record
            else:
                self._buckets.edit(new).records += record
        bucket.records = kept

    def adopt_former(self) -> None:
        """Take over what version 1 wrote; its blobs are deleted at the next save."""
        for number in range(FORMER_BUCKETS):
            key = self._former + b"%d" % number
            if (blob := self._store.get(key)) is None:
                continue
            bucket = unpack(blob, _FormerBucket)
            for fact, content, place in FORMER_RECORD.iter_unpack(bucket.facts):
                self.take(fact, content, place if place > FORMER_HEAD else HEAD if place == FORMER_HEAD else NOWHERE)
            for named, key_of in ((bucket.sessions, session_key), (bucket.reports, report_key)):
                for session_id, weeks in named.items():
                    for week in weeks:
                        self.note_week(key_of(session_id), week)
            self._abandoned.append(key)

    def save(self) -> None:
        """Write what changed."""
        self._buckets.save()
        for key in self._abandoned:
            self._store.delete(key)
        self._abandoned.clear()

    def cool(self) -> None:
        """Drop from memory what is saved."""
        self._buckets.drop_before(self.size)

    def erase(self) -> None:
        """Delete all of it, from the store too."""
        self._buckets.erase(range(self.size // SPLIT_AFTER + 1))
        self.size = 0


def _address(key: bytes | bytearray, size: int) -> int:
    """The bucket of a key among the 1 + size // SPLIT_AFTER that there are."""
    number, last = int.from_bytes(key[:4], "little"), size // SPLIT_AFTER
    level = last.bit_length()
    address = number & (1 << level) - 1
    return address if address <= last else address - (1 << level - 1)
