"""One file a metric: pure functions of a day's facts, its plan, the strip of day summaries, and the time; rows out.

A row here is its columns beside the tenant and the bookkeeping, by a key that is unique within its table and patient. Each file says beside
its functions which days a day's facts can change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import orjson

from processors.summary import DaySummary

Values = dict[str, Any]
Rows = dict[str, Values]
"""Rows of one table by the text of their key."""
Summaries = Callable[[int], DaySummary | None]
"""The summary of a day of the patient, None where there is none."""


KEY_COLUMNS: dict[str, tuple[str, ...]] = {
    "reps": ("session_id", "rep"),
    "sessions": ("session_id",),
    "adherence_daily": ("exercise_id",),
    "adherence_window": ("window_days",),
    "rom_daily": ("joint", "motion", "side"),
    "pain_daily": (),
    "medication_window": ("medication_id", "window_days"),
    "outcomes": ("measure", "side", "event_time"),
    "activity_daily": ("kind", "name"),
    "billing_periods": ("episode_id", "period_start"),
    "billing_months": ("month",),
    "patients": ("episode_id",),
}
"""The key of each table beside `patient_id` and, where it has one, `local_date`."""


@lru_cache(4096)
def key_text(*parts: str | int) -> str:
    """One text for the columns of a key, those of `KEY_COLUMNS` in their order: a JSON array."""
    return orjson.dumps(parts).decode()


def days_back(summaries: Summaries, day: int, count: int, first: int) -> Iterator[tuple[int, DaySummary]]:
    """The `count` days that end on `day`, newest first, none before `first` (the episode's first day)."""
    for number in range(day, max(day - count, first - 1), -1):
        summary = summaries(number)
        if summary is not None:
            yield number, summary
