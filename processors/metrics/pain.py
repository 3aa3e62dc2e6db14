"""`pain_daily`: pain by day, against the patient's own baseline, and whether it is a flare.

A day's reports change the row of that day, of the 14 days after it (baseline), and of the next days with reports (a flare looks back to
the last report that is 24 hours old).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from statistics import median

from processors.metrics import Rows, Summaries, days_back, key_text
from schemas.instants import DAY_SECONDS, SECOND, format_day

REACH = 14
NEXT_DAYS = 3
"""How many later days with reports can see a day's last report as the one that is 24 hours old."""
LEAST_DAYS = 3
RISE = 2.0
SUSTAINED = DAY_SECONDS * SECOND


def baseline(summaries: Summaries, day: int, first: int) -> float | None:
    """The median of the daily maxima of the 14 days before, at least 3 with reports."""
    maxima = [max([nrs for _, nrs in x.pains]) for _, x in days_back(summaries, day - 1, REACH, first) if x.pains]
    return median(maxima) if len(maxima) >= LEAST_DAYS else None


def sustained(at: int, past: Iterable[tuple[int, float]], threshold: float) -> bool:
    """Whether a report at or above the threshold lies 24 hours or more before `at`, with none below it between; `past` is newest first."""
    lowest: int | None = None
    for when, nrs in past:
        if when >= at:
            continue
        if lowest is not None and when < lowest:
            return False
        if nrs < threshold:
            lowest = when
        elif at - when >= SUSTAINED:
            return True
    return False


def is_flare(reports: list[tuple[int, float]], earlier: Callable[[], Iterable[tuple[int, float]]], threshold: float) -> bool:
    """Whether one of the day's reports is high and was so 24 hours before; `earlier` gives the days before, newest first."""
    return any(nrs >= threshold and sustained(at, itertools.chain(reversed(reports), earlier()), threshold) for at, nrs in reports)


def rows(summaries: Summaries, day: int, first: int) -> Rows:
    """The row of `pain_daily` of a day in an episode that begins on `first`; none without reports."""
    summary = summaries(day)
    if summary is None or not summary.pains:
        return {}
    values = [nrs for _, nrs in summary.pains]
    usual = baseline(summaries, day, first)

    def earlier() -> Iterable[tuple[int, float]]:
        return (report for _, x in days_back(summaries, day - 1, day - first, first) for report in reversed(x.pains))

    return {
        key_text(): {
            "local_date": format_day(day),
            "nrs_max": max(values),
            "nrs_mean": sum(values) / len(values),
            "reports": len(values),
            "baseline_nrs": usual,
            "flare": usual is not None and is_flare(summary.pains, earlier, usual + RISE),
        }
    }
