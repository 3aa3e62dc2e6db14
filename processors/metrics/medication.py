"""`medication_window`: doses due and taken over 30 days, and the proportion of days covered.

A day's facts change the rows of that day and of the 29 days after it.
"""

from __future__ import annotations

from processors.metrics import Rows, Summaries, days_back, key_text
from schemas.instants import format_day

WINDOW = 30


def rows(summaries: Summaries, day: int, first: int) -> Rows:
    """The rows of `medication_window` that end on a day: each medication in a plan of that day."""
    today = summaries(day)
    made: Rows = {}
    for medication_id in today.doses if today else ():
        days_due = days_covered = doses_due = doses_taken = 0
        for _, summary in days_back(summaries, day, WINDOW, first):
            due, taken = summary.doses.get(medication_id, (None, 0))
            if due is not None and summary.adherence.over:
                days_due += 1
                days_covered += taken >= due
                doses_due += due
                doses_taken += taken
        made[key_text(medication_id, WINDOW)] = {
            "local_date": format_day(day),
            "medication_id": medication_id,
            "window_days": WINDOW,
            "days_due": days_due,
            "days_covered": days_covered,
            "doses_due": doses_due,
            "doses_taken": doses_taken,
            "pdc": days_covered / days_due if days_due else None,
        }
    return made
