"""`adherence_daily` and `adherence_window`: what was due, what was done, and how that looks over 7 and 30 days.

A day's facts change `adherence_daily` of that day, and `adherence_window` of it and the 29 days after it.
"""

from __future__ import annotations

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


class Upto(NamedTuple):
    """A course up to one day: sums over its days, `completed_…` and `prescribed_…` over known ones only; and the last days on which
    something was done, and heard (where none: the day before all)."""

    completed_sessions: int
    prescribed_sessions: int
    completed_reps: int
    prescribed_reps: int
    known: int
    unknown: int
    missed: int
    over: int
    done: int
    heard: int


class Course:
    """Running sums over days: a window is what those of two days differ by."""

    def __init__(self, summaries: Summaries, first: int, last: int, earliest: int) -> None:
        """Of the windows that end on the days `first` to `last`, none of which holds a day before `earliest`."""
        before = max(first - REACH, earliest - 1)
        upto = Upto(0, 0, 0, 0, 0, 0, 0, 0, before, before)
        self._upto = {before: upto}
        completed_sessions = prescribed_sessions = completed_reps = prescribed_reps = known = unknown = missed = over = 0
        done = heard = before
        for day in range(before + 1, last + 1):
            if (summary := summaries(day)) is not None:
                of = summary.adherence
                status = of.status
                if status in KNOWN:
                    known += 1
                    completed_sessions += of.completed_sessions
                    prescribed_sessions += of.prescribed_sessions
                    completed_reps += of.completed_reps
                    prescribed_reps += of.prescribed_reps
                    if status == "missed":
                        missed += 1
                    else:
                        done = day
                elif status == "unknown":
                    unknown += 1
                over += of.over
                if of.heard:
                    heard = day
                sums = (completed_sessions, prescribed_sessions, completed_reps, prescribed_reps, known, unknown, missed, over)
                upto = Upto(*sums, done, heard)
            self._upto[day] = upto

    def window(self, day: int, size: int, first: int) -> Values:
        """The row of the window of `size` days that ends on a day, none of them before `first` (the episode's first day).

        The missed streak skips what is neither missed nor done; silence skips days that are not over and on which nothing was heard yet.
        """
        before = max(day - size, first - 1)
        until, since = self._upto[day], self._upto[before]
        known, unknown = until.known - since.known, until.unknown - since.unknown
        return {
            "local_date": format_day(day),
            "window_days": size,
            "frequency": _ratio(until.completed_sessions - since.completed_sessions, until.prescribed_sessions - since.prescribed_sessions),
            "volume": _ratio(until.completed_reps - since.completed_reps, until.prescribed_reps - since.prescribed_reps),
            "coverage": _ratio(known, known + unknown),
            "missed_streak": until.missed - self._upto[max(before, until.done)].missed,
            "silent_days": until.over - self._upto[max(before, until.heard)].over,
        }


def window_rows(course: Course, day: int, first: int) -> Rows:
    """The rows of `adherence_window` that end on a day, in an episode that begins on `first`."""
    return {key_text(size): course.window(day, size, first) for size in WINDOWS}
