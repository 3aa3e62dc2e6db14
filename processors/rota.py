"""Who is on call, and when nobody is to be woken: weekly windows in a clinic's time zone in, instants out.

A window begins on a local date at a local time and ends at another, of the same date or, where that is no later, of the next. A local time
that a change of clocks skips is that much later; of one that comes twice the first counts. So windows that meet on the clock meet in time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from schemas.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DAY_MINUTES = 24 * 60
LOOK_AHEAD_DAYS = 15
"""How far ahead a shift or the end of quiet hours is looked for."""


def instant_of(day: date, minute: int, zone: str) -> int:
    """The instant (ns) of a minute of a local date; minute 1440 is the next date's midnight.

    >>> (instant_of(date(2026, 3, 29), 1440, "Europe/Berlin") - instant_of(date(2026, 3, 29), 0, "Europe/Berlin")) // (3600 * SECOND)
    23
    """
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + timedelta(days=minute // DAY_MINUTES)
    local = local.replace(hour=minute % DAY_MINUTES // 60, minute=minute % 60)
    return int(local.astimezone(UTC).timestamp()) * SECOND


def local_date(instant: int, zone: str) -> date:
    """The local date of an instant (ns)."""
    return datetime.fromtimestamp(instant // SECOND, ZoneInfo(zone)).date()


@dataclass(frozen=True, slots=True)
class Window:
    """A window of some weekdays (1 = Monday): minutes of the day from which and up to which it lasts, and the people of it."""

    begins: int
    ends: int
    weekdays: frozenset[int] = frozenset(range(1, 8))
    people: tuple[str, ...] = ()

    def on(self, day: date, zone: str) -> tuple[int, int]:
        """From which instant up to which (ns) it lasts, begun on a date."""
        ends = self.ends if self.ends > self.begins else self.ends + DAY_MINUTES
        return instant_of(day, self.begins, zone), instant_of(day, ends, zone)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Weekly windows in a zone; on the dates of `instead` other windows begin, or none."""

    zone: str
    weekly: tuple[Window, ...] = ()
    instead: Mapping[date, tuple[Window, ...]] = field(default_factory=dict)

    def spans(self, first: date, days: int) -> Iterator[tuple[int, int, tuple[str, ...]]]:
        """What begins on so many dates from the first: from when, up to when (ns), who."""
        for day in (first + timedelta(days=number) for number in range(days)):
            windows = self.instead[day] if day in self.instead else [each for each in self.weekly if day.isoweekday() in each.weekdays]
            for window in windows:
                begins, ends = window.on(day, self.zone)
                yield begins, ends, window.people

    def _around(self, instant: int, days: int) -> Iterator[tuple[int, int, tuple[str, ...]]]:
        return self.spans(local_date(instant, self.zone) - timedelta(days=1), days)

    def people_at(self, instant: int) -> tuple[str, ...]:
        """Who is on call at an instant (ns), in the file's order, each once."""
        found = (name for begins, ends, people in self._around(instant, 2) if begins <= instant < ends for name in people)
        return tuple(dict.fromkeys(found))

    def next_begin(self, instant: int) -> int | None:
        """When, after an instant (ns), a window with people next begins; None when none does within a fortnight."""
        return min((begins for begins, _, people in self._around(instant, LOOK_AHEAD_DAYS) if people and begins > instant), default=None)

    def outside(self, instant: int) -> int:
        """The first instant (ns), from the given one on, that lies in no window; the given one where windows never end."""
        found = instant
        while (ends := max((e for b, e, _ in self._around(found, 2) if b <= found < e), default=found)) > found:
            found = ends
            if found - instant > LOOK_AHEAD_DAYS * 86_400 * SECOND:
                return instant
        return found
