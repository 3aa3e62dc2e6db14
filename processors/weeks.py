"""The dated entries of one patient, by the UTC week of the instant that dates them: log and weeks.

What is new stands in the journal, one small blob for all weeks, so that a fact doesn't write its whole week anew. When the journal has
grown to `JOURNAL` entries, they go over into their weeks' blobs; an entry that is changed takes its week's blob with it.
"""

from __future__ import annotations

import msgspec

from processors.columns import Columns, FormerColumns, from_columns, from_former, to_columns
from processors.entries import Dated
from processors.shelf import pack, raw, unpack, version_of
from processors.store import StateStore
from schemas.instants import DAY_SECONDS, SECOND

WEEK = 7 * DAY_SECONDS * SECOND
JOURNAL = 24
"""After so many entries the journal goes over into the weeks."""
COLUMNS_SINCE, COMMON_SINCE = 2, 3
"""The versions since which a week's blob holds columns, and columns common to all kinds of entries."""


class Week(msgspec.Struct, array_like=True):
    """The dated entries of one UTC week, as they came."""

    entries: list[Dated] = []


Journal = list[tuple[int, Dated]]
"""(week, entry) of what is in no week's blob yet, as it came."""


def week_of(instant: int) -> int:
    """The number of an instant's UTC week (of seven days since the epoch)."""
    return instant // WEEK


class Weeks:
    """The weeks of one patient, over a store."""

    def __init__(self, store: StateStore, name: bytes) -> None:
        self._store = store
        self._prefix, self._journal_key = b"patient/w/" + name + b"/", b"patient/j/" + name
        self._parts: dict[int, Week | None] = {}
        self._changed: set[int] = set()
        self._journal: Journal | None = None
        self._packed: list[msgspec.Raw] = []  # the journal's first items as they are written
        self._grown = False

    def get(self, number: int) -> Week | None:
        """A week, or None when it has no entries."""
        if number in self._parts:
            return self._parts[number]
        blob = self._store.get(self._prefix + b"%d" % number)
        entries: list[Dated] = [] if blob is None else _entries(blob)
        entries += [entry for week, entry in self._log() if week == number]
        week = self._parts[number] = Week(entries) if entries else None
        return week

    def __len__(self) -> int:
        """How many entries are in memory."""
        return sum(len(week.entries) for week in self._parts.values() if week is not None)

    def append(self, number: int, entry: Dated) -> None:
        """Add an entry to a week, which is not read for that."""
        if (week := self._parts.get(number)) is not None:
            week.entries.append(entry)
        else:
            self._parts.pop(number, None)
        self._log().append((number, entry))
        self._grown = True

    def edit(self, number: int) -> Week:
        """A week whose entries are about to be changed: it is written in whole at the next save."""
        week = self.get(number)
        if week is None:
            week = self._parts[number] = Week([])
        self._changed.add(number)
        return week

    def _log(self) -> Journal:
        if self._journal is None:
            blob = self._store.get(self._journal_key)
            self._journal = [] if blob is None else unpack(blob, Journal)
        return self._journal

    def save(self) -> None:
        """Write what changed."""
        if not self._grown and not self._changed:
            return
        log = self._log()
        if len(log) > JOURNAL:
            self._changed.update(number for number, _ in log)
        for number in sorted(self._changed):
            if (week := self.get(number)) is not None:
                self._store.put(self._prefix + b"%d" % number, pack(to_columns(week.entries), tight=True))
        if self._changed:
            self._journal = log = [item for item in log if item[0] not in self._changed]
            self._packed.clear()
        if log:
            self._packed += [raw(item) for item in log[len(self._packed) :]]
            self._store.put(self._journal_key, pack(self._packed))
        else:
            self._store.delete(self._journal_key)
        self._changed.clear()
        self._grown = False

    def drop_before(self, number: int) -> None:
        """Forget the saved weeks with a lower number; they stay in the store."""
        for cold in [n for n in self._parts if n < number and n not in self._changed]:
            del self._parts[cold]

    def erase(self, numbers: list[int]) -> None:
        """Delete weeks and journal, in the store too."""
        for number in numbers:
            self._store.delete(self._prefix + b"%d" % number)
        self._store.delete(self._journal_key)
        self._parts.clear()
        self._changed.clear()
        self._packed.clear()
        self._journal, self._grown = [], False


def _entries(blob: bytes) -> list[Dated]:
    if version_of(blob) < COLUMNS_SINCE:
        return unpack(blob, Week).entries
    return from_former(unpack(blob, FormerColumns)) if version_of(blob) < COMMON_SINCE else from_columns(unpack(blob, Columns))
