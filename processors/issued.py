"""What was issued: digests of a patient's rows, by week, day and table."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import msgspec

from processors.shelf import raw, unpack
from processors.uuids import long_within, short_within

MOVING = frozenset({"reps", "sessions"})
"""Tables whose key has a session and no date: a row may move from one day to another."""
_decode = msgspec.msgpack.Decoder(tuple[bytes, bytes] | dict[str, bytes]).decode


class Issued(msgspec.Struct, array_like=True, dict=True):
    """The digests of the rows issued for a week of days, by day and table as they are written: read when they are asked for.

    Written is a map of rows' keys and digests; where keys name sessions, text and the digests one after the other. In the text, keys that
    begin like the one before, up to its last quotation mark, share a line: what is the same, a tab, and the rest of each. Keys are JSON, so
    none has a tab or an end of line. Version 2 wrote maps alone.
    """

    days: dict[int, dict[str, msgspec.Raw]] = {}

    @classmethod
    def read(cls, blob: bytes) -> Issued:
        """The digests of a blob."""
        return unpack(blob, cls)

    @cached_property
    def _told(self) -> dict[tuple[int, str], dict[str, bytes]]:
        return {}

    def of(self, day: int, table: str) -> dict[str, bytes]:
        """What was issued of a day and table: the digest of each row by the text of its key."""
        found = self._told.get((day, table))
        if found is None:
            packed = self.days.get(day, {}).get(table)
            found = self._told[day, table] = {} if packed is None else _read(packed)
        return found

    def note(self, day: int, table: str, digests: dict[str, bytes]) -> None:
        """Note what was issued of a day and table."""
        self._told[day, table] = digests
        tables = self.days.setdefault(day, {})
        if digests:
            tables[table] = raw((_lines(digests), b"".join(digests.values())) if table in MOVING else digests)
        else:
            tables.pop(table, None)


def _lines(keys: Iterable[str]) -> bytes:
    same, lines = "\n", list[list[str]]()
    for key in keys:
        if not key.startswith(same):
            same = key[: key.rfind('"') + 1]
            lines.append([same])
        lines[-1].append(key[len(same) :])
    return short_within("\n".join(map("\t".join, lines)))


def _read(packed: msgspec.Raw) -> dict[str, bytes]:
    written = _decode(packed)
    if isinstance(written, dict):
        return written
    text, digests = written
    lines = [line.split("\t") for line in long_within(text).split("\n")]
    keys = [same + rest for same, *more in lines for rest in more]
    size = len(digests) // len(keys)
    return {key: digests[at * size : (at + 1) * size] for at, key in enumerate(keys)}
