"""The course of a patient: range of motion, pain, medication, outcomes, activity."""

from __future__ import annotations

from statistics import median
from typing import Any

from schemas.instants import SECOND, format_day, format_instant
from tests.reference.calendar import Episode, newness
from tests.reference.patient import EXERCISE, Patient, Rows, is_due

DAY = 86_400 * SECOND
EPSILON = 1e-9

HIGHER_IS_BETTER = {"KOOS_JR": 15.1, "HOOS_JR": 18.0, "PROMIS_PF": 7.9, "LEFS": 9, "PSFS": 2, "grip_strength_kg": 5.0}
LOWER_IS_BETTER = {"QUICKDASH": 10.8, "ODI": 10, "PROMIS_PI": 5.4}


def _interpolate(points: list[list[float]], day: float) -> float:
    points = sorted(points)
    if day < points[0][0]:
        return points[0][1]
    before = [point for point in points if point[0] <= day][-1]
    after = [point for point in points if point[0] > day]
    if not after:
        return before[1]
    return before[1] + (after[0][1] - before[1]) * (day - before[0]) / (after[0][0] - before[0])


def _goal(patient: Patient, day: int, episode: Episode, key: tuple[str, str, str]) -> float | None:
    anchor = episode.data.monitoring_start if episode.data.procedure_date is None else episode.data.procedure_date
    goals = [
        _interpolate(goal.points, day - anchor)
        for plan in patient.plan_of(day, episode)
        for goal in plan.rom_goals or []
        if (goal.joint, goal.motion, goal.side) == key and goal.points
    ]
    if not goals:
        return None
    return min(goals) if key[1] == "extension" else max(goals)


def rom_daily(patient: Patient) -> Rows:
    """`rom_daily`: by day, joint, motion and side."""
    measured: dict[tuple[int, tuple[str, str, str]], list[Any]] = {}
    for rep, day in patient.reps.values():
        data: Any = rep.data
        angles = [angle for angle in (data.min_deg, data.max_deg, data.rom_deg) if angle is not None]
        if angles and "gap" not in data.flags and "outlier" not in data.flags:
            measured.setdefault((day, (data.joint, data.motion or "", data.side or "")), []).append(data)
    attained: dict[tuple[int, tuple[str, str, str]], float | None] = {}
    for (day, key), reps in measured.items():
        if key[1] == "extension":
            attained[day, key] = min((rep.min_deg for rep in reps if rep.min_deg is not None), default=None)
        else:
            attained[day, key] = max((rep.max_deg for rep in reps if rep.max_deg is not None), default=None)
    rows: Rows = {}
    for (day, key), reps in measured.items():
        episode = patient.calendar.episode_of(day)
        assert episode is not None
        ranges = [rep.rom_deg for rep in reps if rep.rom_deg is not None]
        goal = _goal(patient, day, episode, key)
        reached = attained[day, key]
        beyond = None if goal is None or reached is None else goal - reached if key[1] == "extension" else reached - goal
        course = [
            (at, value)
            for (at, other), value in attained.items()
            if other == key and value is not None and day - 13 <= at <= day and patient.calendar.episode_of(at) is episode
        ]
        slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a in course for b in course if a[0] < b[0]]
        rows[patient.subject, format_day(day), *key] = {
            "clinic_id": patient.clinic(day),
            "attained_deg": reached,
            "rom_best_deg": max(ranges, default=None),
            "rom_median_deg": median(ranges) if ranges else None,
            "max_deg": max((rep.max_deg for rep in reps if rep.max_deg is not None), default=None),
            "min_deg": min((rep.min_deg for rep in reps if rep.min_deg is not None), default=None),
            "reps": len(reps),
            "goal_deg": goal,
            "residual_deg": beyond,
            "slope_deg_per_week": median(slopes) * 7 if len(course) >= 3 else None,
        }
    return rows


def pain_daily(patient: Patient) -> Rows:
    """`pain_daily`: by day, with baseline and flare."""
    reports: list[tuple[int, int, float]] = []
    for fact, day in [*patient.of_type("rtm.report.pain.v1"), *patient.reports]:
        data: Any = fact.data
        if fact.type != EXERCISE:
            reports.append((day, fact.time, data.nrs))
        elif data.pain_nrs is not None:
            reports.append((day, data.started_at, data.pain_nrs))
    rows: Rows = {}
    for day in {day for day, _, _ in reports}:
        episode = patient.calendar.episode_of(day)
        same_episode = [(d, t, nrs) for d, t, nrs in reports if patient.calendar.episode_of(d) is episode]
        today = [(t, nrs) for d, t, nrs in same_episode if d == day]
        days_before = {d for d, _, _ in same_episode if day - 14 <= d < day}
        maxima = [max(nrs for d, _, nrs in same_episode if d == before) for before in days_before]
        baseline = median(maxima) if len(maxima) >= 3 else None
        rows[patient.subject, format_day(day)] = {
            "clinic_id": patient.clinic(day),
            "nrs_max": max(nrs for _, nrs in today),
            "nrs_mean": sum(nrs for _, nrs in today) / len(today),
            "reports": len(today),
            "baseline_nrs": baseline,
            "flare": baseline is not None and _flares(today, [(t, nrs) for _, t, nrs in same_episode], baseline + 2),
        }
    return rows


def _flares(today: list[tuple[int, float]], reports: list[tuple[int, float]], threshold: float) -> bool:
    return any(
        t - s >= DAY and not any(s < between < t and low < threshold for between, low in reports)
        for t, nrs in today
        for s, earlier in reports
        if nrs >= threshold and earlier >= threshold
    )


def medication_window(patient: Patient) -> Rows:
    """`medication_window`: the 30 days that end on each day on which a medication is in a plan."""
    due: dict[tuple[int, str], int] = {}
    episodes = {}
    for day, episode in patient.days():
        episodes[day] = episode
        for plan in patient.plan_of(day, episode):
            for entry in plan.medications or []:
                at = (day, entry.medication_id)
                due[at] = due.get(at, 0) + (entry.doses_per_day if is_due(entry, day) else 0)
    taken: dict[tuple[int, str], int] = {}
    for fact, day in patient.of_type("rtm.report.medication.v1"):
        data: Any = fact.data
        if data.taken:
            taken[day, data.medication_id] = taken.get((day, data.medication_id), 0) + 1
    rows: Rows = {}
    for day, name in due:
        counted = [
            at
            for at in range(day - 29, day + 1)
            if episodes.get(at) is episodes[day] and due.get((at, name), 0) > 0 and patient.calendar.is_over(at, patient.now)
        ]
        covered = [at for at in counted if taken.get((at, name), 0) >= due[at, name]]
        rows[patient.subject, format_day(day), name, 30] = {
            "clinic_id": patient.clinic(day),
            "days_due": len(counted),
            "days_covered": len(covered),
            "doses_due": sum(due[at, name] for at in counted),
            "doses_taken": sum(taken.get((at, name), 0) for at in counted),
            "pdc": len(covered) / len(counted) if counted else None,
        }
    return rows


def outcomes(patient: Patient) -> Rows:
    """`outcomes`: each score and test against the episode's first."""
    taken: list[tuple[str, str, Any, int, float]] = []
    for fact, day in patient.facts:
        data: Any = fact.data
        if fact.type == "rtm.report.prom.v1":
            taken.append((data.instrument, "", fact, day, data.score))
        elif fact.type == "rtm.report.function.v1":
            taken.append((data.measure, data.side or "", fact, day, data.value))
    stand = [
        entry
        for entry in taken
        if not any(o[:2] == entry[:2] and o[2].time == entry[2].time and newness(o[2]) > newness(entry[2]) for o in taken)
    ]
    rows: Rows = {}
    for measure, side, fact, day, value in stand:
        episode = patient.calendar.episode_of(day)
        of_episode = [o for o in stand if o[:2] == (measure, side) and patient.calendar.episode_of(o[3]) is episode]
        baseline = min(of_episode, key=lambda o: o[2].time)[4]
        change = value - baseline
        mcid = HIGHER_IS_BETTER.get(measure, LOWER_IS_BETTER.get(measure))
        good = -change if measure in LOWER_IS_BETTER else change
        meaning = None
        if mcid is not None:
            meaning = "improved" if good >= mcid - EPSILON else "worse" if good <= -mcid + EPSILON else "unchanged"
        rows[patient.subject, measure, side, format_instant(fact.time)] = {
            "clinic_id": patient.clinic(day),
            "value": value,
            "baseline": baseline,
            "change": change,
            "mcid": mcid,
            "meaning": meaning,
        }
    return rows


def activity_daily(patient: Patient) -> Rows:
    """`activity_daily`: by day, kind and name."""
    found: dict[tuple[int, str, str], list[tuple[float, float]]] = {}
    for fact, day in patient.of_type("rtm.sensor.activity.v1"):
        data: Any = fact.data
        for name, value in data.values.items():
            found.setdefault((day, data.kind, name), []).append((value, max(0, data.end - data.start) / SECOND))
    rows: Rows = {}
    for (day, kind, name), values in found.items():
        seconds = sum(duration for _, duration in values)
        weighted = sum(value * duration for value, duration in values)
        rows[patient.subject, format_day(day), kind, name] = {
            "clinic_id": patient.clinic(day),
            "value_mean": weighted / seconds if seconds else sum(value for value, _ in values) / len(values),
            "value_max": max(value for value, _ in values),
            "value_sum": sum(value for value, _ in values),
            "minutes": seconds / 60,
        }
    return rows
