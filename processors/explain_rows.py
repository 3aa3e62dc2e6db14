"""The stories of sessions and adherence: which facts each row counts and which not, and its rule in words with the numbers filled in.

In: what is known, the day, the table's rows as they stand. Out: a `Story` for each row of that day. What the other tables' stories
(`explain_measured`, `explain_billing`) need as well stands here too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from processors.days import DaySession
from processors.entries import Exercise, Session
from processors.explain_facts import Known, Story, Told
from processors.plans import DayPlan
from processors.policy import Policy
from processors.summary import summarise
from schemas.instants import SECOND, day_date, format_day

MINUTE = 60 * SECOND
STATUSES = ("met", "partial", "missed", "unknown", "rest", "pending")
Row = dict[str, Any]


def on(rows: Iterable[Row], day: int) -> list[Row]:
    """The rows of one day."""
    return [row for row in rows if row["local_date"] == format_day(day)]


def number(value: float | None) -> str:
    """A number as it is shown."""
    return "nothing" if value is None else f"{value:.4g}"


def plural(count: int, what: str) -> str:
    """`1 session`, `2 sessions`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def left_out(known: Known, day: int, kinds: tuple[type, ...]) -> list[Told]:
    """The facts of some kinds on a day that no table counts, or that something supersedes."""
    entries = [entry for entry in known.dated(day) if isinstance(entry, kinds)]
    return [known.told(entry, why) for entry in entries if (why := known.never(entry) or known.superseded(entry, day))]


def _paired(session: DaySession) -> str:
    sensed, report = session.sensed, session.report
    if sensed is None or report is None:
        return "no report tells of it" if sensed else "no sensor saw it"
    if report.session_id == sensed.session_id:
        return "the report names the sensed session"
    minutes = abs(report.at - sensed.at) / MINUTE
    return f"same exercise, starts {minutes:.0f} min apart: one session"


def session_stories(known: Known, day: int, rows: list[Row], _policy: Policy) -> list[Story]:
    """`sessions`: what each was made of."""
    facts = {session.session_id: session for session in known.day(day).sessions}
    stories = []
    for row in on(rows, day):
        session = facts[row["session_id"]]
        counted = []
        if session.sensed is not None:
            counted.append(
                known.told(session.sensed, f"{plural(session.sensed.reps, 'repetition')} sensed: id, times and date are its own")
            )
        if session.report is not None:
            used = "pain and effort" if session.sensed and session.sensed.reps else "repetitions, pain and effort"
            counted.append(known.told(session.report, f"{plural(session.report.reps, 'repetition')} reported; it gives {used}"))
        others = [told for told in left_out(known, day, (Session, Exercise)) if _names(known, told, session)]
        stories.append(
            Story("sessions", row, [f"modality: {row['modality']}, {_paired(session)}", f"reps: {row['reps']}"], counted, others)
        )
    return stories


def _names(known: Known, told: Told, session: DaySession) -> bool:
    for entry in known.entries:
        if (entry.source, entry.id) == (told.source, told.id) and isinstance(entry, Session | Exercise):
            return entry.session_id == session.session_id
    return False


def _why_not_due(plan: DayPlan, exercise_id: str | None, day: int) -> str:
    if exercise_id is None:
        return "its exercise is not known"
    if exercise_id in plan.listed:
        return f"{exercise_id} is in the plan, but not on a {day_date(day):%A}"
    return f"{exercise_id} is not prescribed on that day"


def _status_rule(row: Row, *, over: bool, heard: bool) -> str:
    due, volume, reps = row["prescribed_sessions"], row["volume"], row["completed_reps"]
    tests = [
        ("rest", not due, f"{plural(due, 'session')} due"),
        ("met", volume is not None and volume >= 0.8, f"volume {number(volume)}, 0.8 is met"),
        ("pending", not over, "the day is over" if over else "the day is not over"),
        ("unknown", not heard, "the patient was heard" if heard else "the patient was not heard"),
        ("missed", reps == 0, f"{plural(reps, 'repetition')} counted"),
        ("partial", True, "what is left"),
    ]
    steps = []
    for name, fits, because in tests:
        steps.append(f"{name}: {'yes' if fits else 'no'} ({because})")
        if fits:
            break
    return "status, first that fits: " + "; ".join(steps)


def adherence_stories(known: Known, day: int, rows: list[Row], _policy: Policy) -> list[Story]:
    """`adherence_daily`: the whole plan and each exercise."""
    facts, plan = known.day(day), known.plans.of(day)
    stories = []
    for row in on(rows, day):
        whole = row["exercise_id"] == ""
        counted, left = [], []
        sofar: dict[str, tuple[int, int]] = {}
        for session in sorted(facts.sessions, key=_start):
            if not whole and session.exercise_id != row["exercise_id"]:
                continue
            main, due = session.sensed or session.report, plan.due.get(session.exercise_id or "")
            assert main is not None  # noqa: S101 - a session is sensed or reported
            if due is None:
                left.append(known.told(main, _why_not_due(plan, session.exercise_id, day)))
            elif session.reps < 1:
                left.append(known.told(main, "a session without repetitions"))
            else:
                before = sofar.get(session.exercise_id or "", (0, 0))
                capped = min(session.reps, due.cap)
                counts = max(0, min(capped, due.reps - before[1]))
                sofar[session.exercise_id or ""] = (before[0] + 1, before[1] + counts)
                what = f"{counts} of {session.reps} repetitions count"
                what += f" (a session counts {due.cap} at most)" if session.reps > due.cap else ""
                what += f"; beyond the {due.sessions} sessions due" if before[0] >= due.sessions else ""
                counted.append(known.told(main, what))
            if session.sensed is not None and session.report is not None:
                left.append(known.told(session.report, f"tells of the session {session.session_id}, counted once"))
        left += left_out(known, day, (Session, Exercise))
        heard = facts.heard_entries
        rule = [
            f"due: {plural(row['prescribed_sessions'], 'session')}, {plural(row['prescribed_reps'], 'repetition')}"
            + (f" of {plural(len(plan.due), 'exercise')}" if whole else ""),
            f"frequency = {row['completed_sessions']} / {row['prescribed_sessions']} sessions = {number(row['frequency'])}",
            f"volume = {row['completed_reps']} / {row['prescribed_reps']} repetitions = {number(row['volume'])}",
            _status_rule(row, over=facts.over, heard=facts.heard),
        ]
        if heard and whole:
            first = min(heard, key=lambda entry: (entry.at, entry.source, entry.id))
            rule.append(f"heard by {len(heard)} facts, the first {known.type_of(first)} at {known.local(first.at)}")
        stories.append(Story("adherence_daily", row, rule, counted, left))
    return stories


def _start(session: DaySession) -> tuple[int, str]:
    main = session.sensed or session.report
    return (main.at if main else 0, session.session_id)


def window_stories(known: Known, day: int, rows: list[Row], _policy: Policy) -> list[Story]:
    """`adherence_window`: the days that were known."""
    episode, stories = known.episode(day), []
    for row in on(rows, day):
        first = max(day - row["window_days"] + 1, episode.first if episode else day)
        days: dict[str, list[str]] = {}
        for date in range(first, day + 1):
            days.setdefault(summarise(known.day(date), known.plans.of(date)).adherence.status, []).append(format_day(date))
        told = [f"{len(days[status])} {status}" for status in STATUSES if status in days]
        rule = [
            f"the {row['window_days']} days that end on {row['local_date']}, from {format_day(first)} on (none before the episode)",
            f"{', '.join(told)}; known are met, partial and missed",
            f"over known days: frequency {number(row['frequency'])}, volume {number(row['volume'])}",
            f"coverage = known / (known + unknown) days = {number(row['coverage'])}",
            f"{plural(row['missed_streak'], 'missed day')} in a row (rest, pending and unknown skipped), "
            f"{plural(row['silent_days'], 'day')} of silence",
        ]
        rule += [f"{status}: {', '.join(days[status])}" for status in ("missed", "unknown", "pending") if status in days]
        stories.append(Story("adherence_window", row, rule))
    return stories
