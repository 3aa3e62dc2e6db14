"""Adherence: what was due, what was done, by day and window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.instants import format_day
from tests.reference.patient import Patient, Rows, is_due

if TYPE_CHECKING:
    from tests.reference.calendar import Episode


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _status(patient: Patient, day: int, prescribed_reps: int, completed_reps: int) -> str:
    if prescribed_reps == 0:
        return "rest"
    if completed_reps / prescribed_reps >= 0.8:
        return "met"
    if not patient.calendar.is_over(day, patient.now):
        return "pending"
    if not any(heard == day for _, heard in patient.heard):
        return "unknown"
    return "missed" if completed_reps == 0 else "partial"


def _row(patient: Patient, day: int, counts: list[int]) -> dict[str, Any]:
    prescribed_sessions, completed_sessions, prescribed_reps, completed_reps = counts
    return {
        "clinic_id": patient.clinic(day),
        "prescribed_sessions": prescribed_sessions,
        "completed_sessions": completed_sessions,
        "prescribed_reps": prescribed_reps,
        "completed_reps": completed_reps,
        "frequency": _ratio(completed_sessions, prescribed_sessions),
        "volume": _ratio(completed_reps, prescribed_reps),
        "status": _status(patient, day, prescribed_reps, completed_reps),
    }


def adherence(patient: Patient) -> tuple[Rows, Rows]:
    """`adherence_daily` and `adherence_window`."""
    daily: Rows = {}
    days: dict[int, tuple[Episode, dict[str, Any]]] = {}
    for day, episode in patient.days():
        planned = [exercise for plan in patient.plan_of(day, episode) for exercise in plan.exercises]
        total = [0, 0, 0, 0]
        for name in sorted({exercise.exercise_id for exercise in planned}):
            due = [exercise for exercise in planned if exercise.exercise_id == name and is_due(exercise, day)]
            done = [session.reps for session in patient.sessions if session.day == day and session.exercise == name and session.reps >= 1]
            if not due and not done:
                continue
            prescribed = sum(exercise.times_per_day for exercise in due)
            prescribed_reps = sum(exercise.times_per_day * exercise.sets * exercise.reps for exercise in due)
            cap = max((exercise.sets * exercise.reps for exercise in due), default=0)
            completed_reps = min(prescribed_reps, sum(min(reps, cap) for reps in done))
            counts = [prescribed, min(prescribed, len(done)), prescribed_reps, completed_reps]
            total = [a + b for a, b in zip(total, counts, strict=True)]
            daily[patient.subject, format_day(day), name] = _row(patient, day, counts)
        whole = _row(patient, day, total)
        daily[patient.subject, format_day(day), ""] = whole
        days[day] = (episode, whole)
    window: Rows = {}
    for day, (episode, _) in days.items():
        for length in (7, 30):
            last_first = [day - back for back in range(length) if day - back in days and days[day - back][0] is episode]
            window[patient.subject, format_day(day), length] = {
                "clinic_id": patient.clinic(day),
                **_window(patient, [(at, days[at][1]) for at in last_first]),
            }
    return daily, window


def _window(patient: Patient, last_first: list[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    known = [row for _, row in last_first if row["status"] in ("met", "partial", "missed")]
    unknown = [row for _, row in last_first if row["status"] == "unknown"]
    streak = 0
    for _, row in last_first:
        if row["status"] in ("met", "partial"):
            break
        if row["status"] == "missed":
            streak += 1
    silent = 0
    for day, _ in last_first:
        if any(heard == day for _, heard in patient.heard):
            break
        if patient.calendar.is_over(day, patient.now):
            silent += 1
    return {
        "frequency": _ratio(sum(row["completed_sessions"] for row in known), sum(row["prescribed_sessions"] for row in known)),
        "volume": _ratio(sum(row["completed_reps"] for row in known), sum(row["prescribed_reps"] for row in known)),
        "coverage": _ratio(len(known), len(known) + len(unknown)),
        "missed_streak": streak,
        "silent_days": silent,
    }
