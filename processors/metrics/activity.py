"""`activity_daily`: the day's summaries of gait, posture and steps. A fact changes the rows of its own day only."""

from __future__ import annotations

from operator import attrgetter

from processors.days import DayFacts
from processors.metrics import Rows, key_text
from schemas.instants import SECOND, format_day

AGE = attrgetter("time", "id", "source")


def rows(facts: DayFacts) -> Rows:
    """The rows of `activity_daily` of a day: means weighted by duration, plain where all durations are 0."""
    found: dict[tuple[str, str], tuple[list[float], list[int]]] = {}
    for entry in sorted(facts.activities, key=AGE):
        span = max(0, entry.end - entry.at)
        for name, value in entry.values.items():
            values, spans = found.setdefault((entry.activity, name), ([], []))
            values.append(value)
            spans.append(span)
    made: Rows = {}
    for (kind, name), (values, spans) in sorted(found.items()):
        total = sum(spans)
        weighted = sum(value * span for value, span in zip(values, spans, strict=True)) / total if total else sum(values) / len(values)
        made[key_text(kind, name)] = {
            "local_date": format_day(facts.day),
            "kind": kind,
            "name": name,
            "value_mean": weighted,
            "value_max": max(values),
            "value_sum": sum(values),
            "minutes": total / (60 * SECOND),
        }
    return made
