"""`adherence_daily` and `adherence_window`: what was due, what was done, and how that looks over 7 and 30 days.

A day's facts change `adherence_daily` of that day, and `adherence_window` of it and the 29 days after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from processors.days import DayFacts
from processors.metrics import Rows, Summaries, Values, key_text
from processors.plans import DayPlan
from processors.summary import Adherence, DaySummary, done_by_exercise
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
    counted = done_by_exercise(facts, plan)
    for exercise_id in sorted(plan.due.keys() | (plan.listed & done)):
        due = plan.due.get(exercise_id)
        if due is None:
            totals = Adherence(heard=facts.heard, over=facts.over)
        else:
            sessions, reps = counted.get(exercise_id, (0, 0))
            totals = Adherence(due.sessions, sessions, due.reps, reps, facts.heard, facts.over)
        # An exercise may be named '': the whole plan's row keeps the key.
        rows.setdefault(key_text(exercise_id), _values(facts.day, exercise_id, totals))
    return rows


class Totals(NamedTuple):
    """Sums over the days of a course up to one of them; `completed_…` and `prescribed_…` over known days only."""

    completed_sessions: int = 0
    prescribed_sessions: int = 0
    completed_reps: int = 0
    prescribed_reps: int = 0
    known: int = 0
    unknown: int = 0
    missed: int = 0
    over: int = 0


@dataclass(frozen=True, slots=True)
class Upto:
    """A course up to one day: its sums, and the last days on which something was done, and heard (where none: the day before all)."""

    totals: Totals
    done: int
    heard: int


class Course:
    """Running sums over the days `first` to `last` and the windows that end on them: a window is what two of them differ by."""

    def __init__(self, summaries: Summaries, first: int, last: int) -> None:
        upto = Upto(Totals(), first - REACH, first - REACH)
        self._upto = {first - REACH: upto}
        for day in range(first - REACH + 1, last + 1):
            if (summary := summaries(day)) is not None:
                upto = _with(upto, day, summary.adherence)
            self._upto[day] = upto

    def window(self, day: int, before: int) -> tuple[Totals, int, int]:
        """The sums over the days after `before` up to `day`, the missed streak, and the silent days.

        The streak skips what is neither missed nor done; silence skips days that are not over and on which nothing was heard yet.
        """
        until, since = self._upto[day], self._upto[before].totals
        totals = Totals(*[x - y for x, y in zip(until.totals, since, strict=True)])
        streak = until.totals.missed - self._upto[max(before, until.done)].totals.missed
        silent = until.totals.over - self._upto[max(before, until.heard)].totals.over
        return totals, streak, silent


def _with(upto: Upto, day: int, of: Adherence) -> Upto:
    """The course with one more day."""
    sums, status = upto.totals, of.status
    known = status in KNOWN
    totals = Totals(
        sums.completed_sessions + (of.completed_sessions if known else 0),
        sums.prescribed_sessions + (of.prescribed_sessions if known else 0),
        sums.completed_reps + (of.completed_reps if known else 0),
        sums.prescribed_reps + (of.prescribed_reps if known else 0),
        sums.known + known,
        sums.unknown + (status == "unknown"),
        sums.missed + (status == "missed"),
        sums.over + of.over,
    )
    return Upto(totals, day if status in {"met", "partial"} else upto.done, day if of.heard else upto.heard)


def window_rows(course: Course, day: int, first: int) -> Rows:
    """The rows of `adherence_window` that end on a day, in an episode that begins on `first`."""
    rows: Rows = {}
    for size in WINDOWS:
        totals, streak, silent = course.window(day, max(day - size, first - 1))
        rows[key_text(size)] = {
            "local_date": format_day(day),
            "window_days": size,
            "frequency": _ratio(totals.completed_sessions, totals.prescribed_sessions),
            "volume": _ratio(totals.completed_reps, totals.prescribed_reps),
            "coverage": _ratio(totals.known, totals.known + totals.unknown),
            "missed_streak": streak,
            "silent_days": silent,
        }
    return rows
