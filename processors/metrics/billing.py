"""`billing_periods` and `billing_months`: candidate codes with their evidence; never claims.

A day's facts change the period that it lies in, care facts every month and the first period, and each new day the open ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import orjson

from processors.entries import Minutes, Setup
from processors.episodes import Episode, Timeline
from processors.metrics import Rows, Summaries, key_text
from processors.packs import BillingPack, billing_pack_on
from processors.summary import Datum
from schemas.instants import day_date, format_day, parse_day

PERIOD = 30
MOST_MINUTES = 44_640.0
"""A month has no more minutes than this: codes aren't counted beyond it."""


def evidence(data: Iterable[Datum]) -> str:
    """JSON `[{"source","id"}, …]` by event time, source, id."""
    return orjson.dumps([{"source": x.source, "id": x.id} for x in sorted(data)]).decode()


def _datum(entry: Setup | Minutes) -> Datum:
    return Datum(entry.time, entry.source, entry.id)


def first_setup(timeline: Timeline, episode: Episode, care: Iterable[Setup | Minutes]) -> Datum | None:
    """The first set-up that counts for an episode: on one of its days, or before it and in no other."""
    found = []
    for entry in care:
        if isinstance(entry, Setup):
            day = timeline.day_of(entry.at)
            if (timeline.episode_of(day) or timeline.coming_after(day)) is episode:
                found.append(_datum(entry))
    return min(found, default=None)


def period_rows(
    timeline: Timeline,
    episode: Episode,
    summaries: Summaries,
    care: Callable[[], Iterable[Setup | Minutes]],
    today: int,
    start: int,
    *,
    lenient: bool = False,
) -> Rows:
    """The row of `billing_periods` that begins on `start`; codes by data days, with `lenient` by those that count check-ins too.

    `care` gives what staff did: it is asked for only where a set-up may count.
    """
    pack = billing_pack_on(start)
    end = start + PERIOD - 1
    known = [x for day in range(start, min(end, episode.last, today) + 1) if (x := summaries(day)) is not None]
    data = [x.datum for x in known if x.datum is not None]
    used, codes, heard = list(data), list[str](), sum([x.adherence.heard for x in known])
    if pack is not None:
        days = heard if lenient else len(data)
        codes, setup = _period_codes(pack, episode, days), None
        if start == episode.first and days >= pack.setup.at_least_data_days:
            setup = first_setup(timeline, episode, care())
        if setup is not None:
            codes.append(pack.setup.code)
            used.append(setup)
    row = {
        "episode_id": episode.id,
        "period_start": format_day(start),
        "period_end": format_day(end),
        "data_days": len(data),
        "data_days_lenient": heard,
        "days_left": max(0, min(end, episode.last) - today),
        "candidate_codes": sorted(codes),
        "rules": pack.pack if pack else "",
        "evidence": evidence(used),
    }
    return {key_text(episode.id, format_day(start)): row}


def _period_codes(pack: BillingPack, episode: Episode, data_days: int) -> list[str]:
    for rule in pack.supply:
        if rule.therapeutic_area == episode.enrolled.area:
            if data_days >= pack.data_days.many:
                return [rule.many]
            if data_days >= pack.data_days.few:
                return [rule.few]
    return []


def month_of(day: int) -> str:
    """YYYY-MM of a day number."""
    return format_day(day)[:7]


def months_begun(episode: Episode, today: int) -> list[str]:
    """The months of which a day of the episode has begun."""
    first, last = day_date(episode.first), day_date(min(episode.last, today))
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    numbers = [first.year * 12 + first.month - 1 + i for i in range(max(0, count))]
    return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in numbers] if episode.first <= min(episode.last, today) else []


def month_row(month: str, care: list[Minutes], *, per_code: bool) -> Rows:
    """The row of `billing_months` of a month; `care` are the reviews and interactions on its days in an episode."""
    pack = billing_pack_on(parse_day(f"{month}-01"))
    minutes, live = sum(x.minutes for x in care), sum(x.live for x in care)
    codes = _month_codes(pack, minutes) if pack else []
    row = {
        "month": month,
        "minutes": minutes,
        "live_interactions": live,
        "candidate_codes": codes[:live] if per_code else codes if live else [],
        "rules": pack.pack if pack else "",
        "evidence": evidence(map(_datum, care)),
    }
    return {key_text(month): row}


def _month_codes(pack: BillingPack, minutes: float) -> list[str]:
    rule = pack.management
    if minutes >= rule.full_minutes:
        further = (min(minutes, MOST_MINUTES) - rule.full_minutes) // rule.full_minutes
        return [rule.first] + [rule.further] * int(further)
    return [rule.short] if minutes >= rule.short_minutes else []
