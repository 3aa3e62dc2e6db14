"""`adherence_daily` and `adherence_window`: what was due, what was done, and how that looks over 7 and 30 days.

A day's facts change `adherence_daily` of that day, and `adherence_window` of it and the 29 days after it.
"""

from __future__ import annotations

from processors.days import DayFacts
from processors.metrics import Rows, Summaries, Values, days_back, key_text
from processors.plans import DayPlan
from processors.summary import Adherence, DaySummary, exercise_totals
from schemas.instants import format_day

WINDOWS = (7, 30)
REACH = max(WINDOWS)
"""How many days' windows a day stands in, itself included."""
KNOWN = frozenset({"met", "partial", "missed"})


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _values(day: int, exercise_id: str, totals: Adherence) -> Values:
    return {
        "local_date": format_day(day),
        "exercise_id": exercise_id,
        "prescribed_sessions": totals.prescribed_sessions,
        "completed_sessions": totals.completed_sessions,
        "prescribed_reps": totals.prescribed_reps,
        "completed_reps": totals.completed_reps,
        "frequency": _ratio(totals.completed_sessions, totals.prescribed_sessions),
        "volume": _ratio(totals.completed_reps, totals.prescribed_reps),
        "status": totals.status,
    }


def daily_rows(facts: DayFacts, plan: DayPlan, summary: DaySummary) -> Rows:
    """The rows of `adherence_daily` of a day: the whole plan, and each exercise that is due, or planned and done."""
    done = {session.exercise_id for session in facts.sessions if session.reps >= 1 and session.exercise_id is not None}
    rows = {key_text(""): _values(facts.day, "", summary.adherence)}
    for exercise_id in sorted(plan.due.keys() | (plan.listed & done)):
        # An exercise may be named '': the whole plan's row keeps the key.
        rows.setdefault(key_text(exercise_id), _values(facts.day, exercise_id, exercise_totals(facts, plan, exercise_id)))
    return rows


def window_rows(summaries: Summaries, day: int, first: int) -> Rows:
    """The rows of `adherence_window` that end on a day, in an episode that begins on `first`."""
    rows: Rows = {}
    for size in WINDOWS:
        days = [summary.adherence for _, summary in days_back(summaries, day, size, first)]
        known = [x for x in days if x.status in KNOWN]
        unknown = sum(x.status == "unknown" for x in days)
        rows[key_text(size)] = {
            "local_date": format_day(day),
            "window_days": size,
            "frequency": _ratio(sum(x.completed_sessions for x in known), sum(x.prescribed_sessions for x in known)),
            "volume": _ratio(sum(x.completed_reps for x in known), sum(x.prescribed_reps for x in known)),
            "coverage": _ratio(len(known), len(known) + unknown),
            "missed_streak": missed_streak(days),
            "silent_days": silent_days(days),
        }
    return rows


def missed_streak(days: list[Adherence]) -> int:
    """Missed days before the first met or partial one, newest first, others skipped."""
    count = 0
    for day in days:
        if day.status in {"met", "partial"}:
            break
        count += day.status == "missed"
    return count


def silent_days(days: list[Adherence]) -> int:
    """Days on which nothing was heard before the first on which something was, newest first; unheard days not over are skipped."""
    count = 0
    for day in days:
        if day.heard:
            break
        count += day.over
    return count
