"""Local days: which date an instant has in a zone, when a date begins there, and when a day is over.

Days are numbers (days since 1970-01-01), instants nanoseconds. Days last 23 to 25 hours; nothing here adds 24 hours to anything.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas.instants import EPOCH_ORDINAL, SECOND
from schemas.zones import load_zone

QUARTER = 900
QUARTER_NS = QUARTER * SECOND
GRACE = 6 * 3600 * SECOND
"""How long after its end a day is over: what the patient did late in the evening may still be on its way."""

EARLIEST, LATEST = -719_000, 2_932_000
"""Days beyond the years 1 to 9997 begin no earlier and no later than these: no instant of ours lies there."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _local(zone: ZoneInfo, seconds: int) -> int:
    return (_EPOCH + timedelta(seconds=seconds)).astimezone(zone).toordinal() - EPOCH_ORDINAL


@lru_cache(20_000)
def _quarter_day(zone: str, quarter: int) -> int | None:
    """The date of a whole quarter of an hour, None when it has two: clocks may turn at one minute past midnight."""
    here, first = load_zone(zone), quarter * QUARTER
    day = _local(here, first)
    return day if _local(here, first + QUARTER - 1) == day else None


def local_day(zone: str, instant: int) -> int:
    """The local date (day number) of an instant in an IANA zone."""
    day = _quarter_day(zone, instant // QUARTER_NS)
    return _local(load_zone(zone), instant // SECOND) if day is None else day


@lru_cache(20_000)
def day_start(zone: str, day: int) -> int:
    """The first instant (ns) whose local date is `day` or later: midnight, or the end of a gap that swallowed midnight."""
    here = load_zone(zone)
    day = max(EARLIEST, min(LATEST, day))
    midnight = datetime.combine(date(1970, 1, 1) + timedelta(days=day), datetime.min.time(), tzinfo=here)
    first = int((midnight.astimezone(UTC) - _EPOCH).total_seconds())
    if _local(here, first - 1) < day:
        return first * SECOND
    low = first - 26 * 3600
    while first - low > 1:
        middle = (low + first) // 2
        low, first = (low, middle) if _local(here, middle) >= day else (middle, first)
    return first * SECOND


def over_at(zone: str, day: int) -> int:
    """The instant (ns) from which a day is over: the first of the next local date, and 6 elapsed hours."""
    return day_start(zone, day + 1) + GRACE


def weekday(day: int) -> int:
    """The ISO weekday of a day number: 1 is Monday."""
    return (day + 3) % 7 + 1
