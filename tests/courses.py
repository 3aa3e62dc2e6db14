"""Generators of courses, in drafts: the same kind of fact on days one after another."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from schemas.instants import SECOND, format_instant
from tests.drafts import EXERCISES, WALLS, Draft, World, days, instants, local_instant


def _daily(draw: st.DrawFn, world: World, longest: int) -> list[int]:
    """Instants on days one after another, now and then one left out."""
    first = draw(days(world))
    hour, minute = draw(st.sampled_from(WALLS))
    return [
        local_instant(world.zone, first + offset, hour, minute)
        for offset in range(draw(st.integers(2, longest)))
        if draw(st.integers(0, 4))
    ]


@st.composite
def pain_courses(draw: st.DrawFn, world: World) -> list[Draft]:
    """A quiet baseline, then days on which it may flare."""
    first = draw(days(world))
    levels = [2] * draw(st.integers(3, 4)) + draw(st.lists(st.sampled_from([3, 4, 7]), min_size=2, max_size=4))
    found = []
    for offset, level in enumerate(levels):
        hour, minute = draw(st.sampled_from([(12, 0), (12, 0), (0, 0), (23, 59)]))
        found.append(Draft("report.pain", local_instant(world.zone, first + offset, hour, minute), {"nrs": level}, 0))
    return found


@st.composite
def rom_courses(draw: st.DrawFn, world: World) -> list[Draft]:
    """Sensed sessions of one movement over some days."""
    motion = draw(st.sampled_from(["flexion", "extension"]))
    found = []
    for number, start in enumerate(_daily(draw, world, 5)):
        whose: dict[str, Any] = {"session_id": f"c{number}", "joint": "knee", "motion": motion, "side": "left", "exercise_id": "x1"}
        for rep in range(1, draw(st.integers(1, 3)) + 1):
            low, high = draw(st.integers(-5, 5)), draw(st.integers(60, 120))
            begins = start + rep * SECOND
            data = {**whose, "session_start": format_instant(start), "rep": rep, "start_time": format_instant(begins), "flags": []}
            found.append(Draft("motion.rep", begins, data | {"duration_s": 1, "min_deg": low, "max_deg": high, "rom_deg": high - low}, 0))
        data = {**whose, "start_time": format_instant(start), "end_time": format_instant(start + 60 * SECOND), "reps": 3, "flags": []}
        found.append(Draft("motion.session", start, data, 0))
    return found


@st.composite
def dose_courses(draw: st.DrawFn, world: World) -> list[Draft]:
    """A medication taken, or not, over some days."""
    return [
        Draft("report.medication", start, {"medication_id": "m1", "taken": draw(st.integers(0, 3)) > 0}, 0)
        for start in _daily(draw, world, 8)
        for _ in range(draw(st.integers(1, 2)))
    ]


@st.composite
def score_courses(draw: st.DrawFn, world: World) -> list[Draft]:
    """One measure over some days."""
    instrument = draw(st.sampled_from(["ODI", "LEFS", "PROMIS_PI", "KOOS_JR", "PSFS"]))
    scores = st.sampled_from([50, 60.0, 41, 59, 44.6, 55.4, 65.1, 48, 52])
    return [Draft("report.prom", start, {"instrument": instrument, "score": draw(scores)}, 0) for start in _daily(draw, world, 4)]


@st.composite
def care_courses(draw: st.DrawFn, world: World) -> list[Draft]:
    """A set-up, and calls and reviews over some days."""
    found = [Draft("care.setup", draw(instants(world)), {"staff_id": "n1"}, 0)]
    for start in _daily(draw, world, 5):
        data: dict[str, Any] = {"staff_id": "n1", "minutes": draw(st.sampled_from([5, 10, 20, 19.75]))}
        if draw(st.booleans()):
            found.append(Draft("care.interaction", start, data | {"mode": "video", "live": draw(st.booleans())}, 0))
        else:
            found.append(Draft("care.review", start, data, 0))
    return found


@st.composite
def activity_courses(draw: st.DrawFn, world: World) -> list[Draft]:
    """Several summaries on each of some days."""
    found = []
    for at in _daily(draw, world, 3):
        for _ in range(draw(st.integers(1, 3))):
            data = {"kind": "gait", "start": format_instant(at), "values": {"cadence": draw(st.sampled_from([90, 100.5]))}}
            data["end"] = format_instant(at + draw(st.sampled_from([0, 60 * SECOND, 90 * SECOND])))
            found.append(Draft("sensor.activity", at, data, 0))
    return found


@st.composite
def runs(draw: st.DrawFn, world: World) -> list[Draft]:
    """The same exercise report on every day of a run, as a steady patient sends it."""
    first = draw(days(world))
    reps = draw(st.integers(1, 6))
    exercise = draw(st.sampled_from(EXERCISES))
    found = []
    for offset in range(draw(st.sampled_from([2, 5, 16]))):
        start = local_instant(world.zone, first + offset, 18, 0)
        data = {"exercise_id": exercise, "started_at": format_instant(start), "reps_completed": reps}
        found.append(Draft("report.exercise", start, data, 0))
    return found
