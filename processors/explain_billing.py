"""The stories of billing: of the period and the month that a day lies in, each data day's first datum, and every minute counted."""

from __future__ import annotations

import orjson

from processors.entries import Checkin, Minutes, Setup
from processors.explain_facts import Known, Story, Told
from processors.explain_rows import Row, number, plural
from processors.metrics.billing import PERIOD, month_of
from processors.policy import Policy
from schemas.instants import format_day, parse_day


def period_stories(known: Known, day: int, rows: list[Row], policy: Policy) -> list[Story]:
    """`billing_periods`: of the period that the day lies in, each data day's first datum."""
    stories = []
    episode = known.episode(day)
    alone = "a check-in alone makes " + ("a lenient data day, without evidence" if policy.lenient_data_days else "no data day")
    for row in rows:
        start = parse_day(row["period_start"])
        if episode is None or row["episode_id"] != episode.id or not start <= day < start + PERIOD:
            continue
        counted, left = [], []
        for date in range(start, min(start + PERIOD - 1, episode.last, known.today) + 1):
            heard = sorted(known.day(date).heard_entries, key=lambda x: (x.time, x.source, x.id))
            data = [entry for entry in heard if not isinstance(entry, Checkin)]
            if data:
                counted.append(known.told(data[0], f"the first datum of {format_day(date)}"))
            elif heard:
                left.append(known.told(heard[0], alone))
        counted += [_setup(known, entry) for entry in known.care() if isinstance(entry, Setup) and _listed(row, entry)]
        days = f"{row['data_days']} data days ({row['data_days_lenient']} with check-ins) from {row['period_start']} to {row['period_end']}"
        rule = [days, _codes(row), f"{plural(row['days_left'], 'day')} left"]
        stories.append(Story("billing_periods", row, rule, counted, left))
    return stories


def _setup(known: Known, entry: Setup) -> Told:
    return known.told(entry, "the first set-up that counts for the episode")


def _listed(row: Row, entry: Setup | Minutes) -> bool:
    return {"source": entry.source, "id": entry.id} in orjson.loads(row["evidence"])


def _codes(row: Row) -> str:
    if not row["rules"]:
        return "no rule pack was in force on its first day"
    return f"rules {row['rules']}: candidate codes {', '.join(row['candidate_codes']) or 'none'}; never claims"


def month_stories(known: Known, day: int, rows: list[Row], policy: Policy) -> list[Story]:
    """`billing_months`: the minutes of the month that the day lies in."""
    stories = []
    for row in rows:
        if row["month"] != month_of(day):
            continue
        counted: list[Told] = []
        left: list[Told] = []
        for entry in known.care():
            if not isinstance(entry, Minutes) or month_of(known.timeline.day_of(entry.at)) != row["month"]:
                continue
            why = known.never(entry)
            live = ", live by phone or video" if entry.live else ""
            (left if why else counted).append(known.told(entry, why or f"{number(entry.minutes)} minutes{live}"))
        one = "one live interaction a code" if policy.live_interaction_per_code else "one live interaction in the month"
        rule = [f"{number(row['minutes'])} minutes, {plural(row['live_interactions'], 'live interaction')}; codes need {one}", _codes(row)]
        stories.append(Story("billing_months", row, rule, counted, left))
    return stories
