"""Instants: RFC 3339 text in and out, integer nanoseconds since the Unix epoch inside.

Pydantic's datetime keeps microseconds; a sensor's clock has nanoseconds. An `Instant` is a plain `int` everywhere inside, and text at
every edge. The range is that of ClickHouse's DateTime64(9) within RFC 3339: 1900-01-01 up to 2262-04-11.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

SECOND = 1_000_000_000
DAY_SECONDS = 86_400
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
FIRST = -2_208_988_800 * SECOND  # 1900-01-01T00:00:00Z
LAST = 2**63 - 1  # 2262-04-11T23:47:16.854775807Z

_MINUTE = re.compile(r"(\d{4}-\d\d-\d\d)[Tt]([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_REST = re.compile(r":([0-5]\d|60)(?:\.(\d{1,9}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII)
REMEMBERED = 4096
_SECONDS = {f":{second:02d}.": second * SECOND for second in range(61)}
_UNITS: tuple[int, ...] = tuple(10 ** (9 - digits) for digits in range(10))
"""Nanoseconds of the last digit of a fraction of so many digits."""

_MINUTES = {f":{minute:02d}": minute * 60 * SECOND for minute in range(60)}

_hours: dict[str, int] = {}
_rests: dict[str, int] = {}
"""What was parsed lately: hours of the years 1901 to 2261 alone, so that no rest, a day at most, takes them out of the range."""

_NO_INSTANT = "not an RFC 3339 time with an offset and at most nine decimals"


@lru_cache(4096)
def _midnight(text: str) -> int:
    """Unix seconds of a UTC date written YYYY-MM-DD; ValueError when there is no such date."""
    try:
        return (date.fromisoformat(text).toordinal() - EPOCH_ORDINAL) * DAY_SECONDS
    except ValueError:
        raise ValueError("no such date") from None


def _minute(text: str) -> int:
    """Nanoseconds of a minute written YYYY-MM-DDThh:mm, as if it were UTC; ValueError when there is none."""
    if (found := _MINUTE.fullmatch(text)) is None:
        raise ValueError(_NO_INSTANT)
    day, hour, minute = found.groups()
    return (_midnight(day) + int(hour) * 3600 + int(minute) * 60) * SECOND


def _rest(text: str) -> int:
    """Nanoseconds that `:ss`, perhaps with a fraction, and an offset add to a minute in UTC; ValueError when it isn't that."""
    if (found := _REST.fullmatch(text)) is None:
        raise ValueError(_NO_INSTANT)
    second, fraction, offset = found.groups()
    nanos = 0 if fraction is None else int(fraction.ljust(9, "0"))
    return (int(second) - _offset(offset)) * SECOND + nanos


@lru_cache(256)
def _offset(text: str) -> int:
    """Seconds east of UTC of `Z` or ±hh:mm."""
    if text in "Zz":
        return 0
    seconds = int(text[1:3]) * 3600 + int(text[4:6]) * 60
    return seconds if text[0] == "+" else -seconds


def parse_instant(text: object) -> int:
    """Nanoseconds since the epoch of an RFC 3339 date-time with an offset, up to nanoseconds (RFC 3339, section 5.6).

    >>> parse_instant("1970-01-01T01:00:00.000000001+01:00")
    1

    A leap second is the first instant after it, as POSIX counts. ValueError for anything else, instants outside 1900..2262 included.
    """
    try:
        hour, minute, rest = _hours.get(text[:13]), _MINUTES.get(text[13:16]), _rests.get(text[16:])  # type: ignore[index]
    except (TypeError, KeyError):  # an object can be asked for a slice, as for any key
        raise ValueError(_NO_INSTANT) from None  # pydantic collects ValueError
    if rest is None:
        rest = _behind_the_minute(text)
    if hour is None or minute is None:
        return _in_range(text, rest)  # type: ignore[arg-type]
    return hour + minute + rest


def _behind_the_minute(text: object) -> int:
    """Nanoseconds of what stands behind the minute, which wasn't seen lately; ValueError when that is no text."""
    if not isinstance(text, str):
        raise ValueError(_NO_INSTANT)  # noqa: TRY004 - pydantic collects ValueError
    digits = text[20:-1]
    second = _SECONDS.get(text[16:20])
    if second is not None and len(digits) <= 9 and digits.isdigit() and digits.isascii() and text[-1] == "Z":
        return second + int(digits) * _UNITS[len(digits)]
    rest = _rest(said := text[16:])
    if "." not in said:
        _remember(_rests, said, rest)
    return rest


def _in_range(text: str, rest: int) -> int:
    """The instant of a text whose hour wasn't seen lately; `rest` is what stands behind the minute, ns."""
    minute = _minute(text[:16])
    if not FIRST <= minute + rest <= LAST:
        raise ValueError("a time outside 1900-01-01..2262-04-11")
    if "1901" <= text[:4] <= "2261":
        _remember(_hours, text[:13], minute - _MINUTES[text[13:16]])
    return minute + rest


def _remember(known: dict[str, int], text: str, value: int) -> None:
    if len(known) >= REMEMBERED:
        known.clear()
    known[text] = value


@lru_cache(4096)
def _date_text(days: int) -> str:
    return date.fromordinal(days + EPOCH_ORDINAL).isoformat()


@lru_cache(4096)
def _minute_text(minutes: int) -> str:
    days, rest = divmod(minutes, DAY_SECONDS // 60)
    hour, minute = divmod(rest, 60)
    return f"{_date_text(days)}T{hour:02d}:{minute:02d}"


@lru_cache(8192)
def format_instant(instant: int) -> str:
    """RFC 3339 text in UTC, with nine decimals when the instant isn't a whole second.

    >>> format_instant(1), format_instant(60 * SECOND)
    ('1970-01-01T00:00:00.000000001Z', '1970-01-01T00:01:00Z')
    """
    seconds, nanos = divmod(instant, SECOND)
    minutes, second = divmod(seconds, 60)
    tail = f".{nanos:09d}Z" if nanos else "Z"
    return f"{_minute_text(minutes)}:{second:02d}{tail}"


Instant = Annotated[
    int,
    PlainValidator(parse_instant, json_schema_input_type=str),
    PlainSerializer(format_instant, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "RFC 3339 with an offset, up to nanoseconds"}),
]
"""An instant in a model: RFC 3339 text in JSON, integer nanoseconds since the epoch in Python."""


def parse_day(text: object) -> int:
    """The day number (days since 1970-01-01) of a real date written YYYY-MM-DD; ValueError for anything else."""
    if not isinstance(text, str) or len(text) != 10 or text[4] != "-" or text[7] != "-" or not text.isascii():
        raise ValueError("not a date written YYYY-MM-DD")
    return _midnight(text) // DAY_SECONDS


def format_day(day: int) -> str:
    """YYYY-MM-DD of a day number (days since 1970-01-01)."""
    return _date_text(day)


def day_date(day: int) -> date:
    """The `datetime.date` of a day number."""
    return date(1970, 1, 1) + timedelta(days=day)


LocalDate = Annotated[
    int,
    PlainValidator(parse_day, json_schema_input_type=str),
    PlainSerializer(format_day, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date", "description": "the patient's local date, ISO 8601"}),
]
"""A patient-local date in a model: YYYY-MM-DD in JSON, days since 1970-01-01 in Python."""
