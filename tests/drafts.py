"""Generators of what befalls a patient, in drafts: bundles of facts that have no id yet, around an edge of a zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from schemas.instants import DAY_SECONDS, SECOND, day_date, format_day, format_instant, parse_day
from schemas.zones import load_zone

HOUR = 3600 * SECOND
DAY = DAY_SECONDS * SECOND

EDGES = [
    ("UTC", "2026-01-15"),
    ("Europe/Berlin", "2026-02-01"),
    ("Asia/Kathmandu", "2026-01-01"),
    ("Australia/Lord_Howe", "2025-04-06"),
    ("Australia/Lord_Howe", "2025-10-05"),
    ("America/New_York", "2026-03-08"),
    ("America/St_Johns", "2010-11-07"),
    ("America/St_Johns", "2011-03-13"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("America/Sao_Paulo", "2018-02-18"),
    ("Africa/Cairo", "2024-04-26"),
    ("Africa/Cairo", "2024-11-01"),
    ("Pacific/Apia", "2011-12-30"),
]
OTHER_ZONES = ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/St_Johns", "Europe/Berlin"]
WALLS = [(12, 0), (0, 0), (23, 59), (0, 30), (1, 30), (2, 30), (6, 0), (9, 0), (20, 0), (23, 30)]
JITTERS = [0, 1, -1, 59 * SECOND + 999_999_999, 7 * 60 * SECOND + 123_456_789]
EPISODES = ["E1", "E2", "E3"]
EXERCISES = ["x1", "x2"]
SESSIONS = ["s1", "s2", "s3"]


@dataclass(frozen=True)
class World:
    """Where and when a history plays."""

    zone: str
    base: int
    span: int


@dataclass
class Draft:
    """A fact before it has its id: `delay` is from its latest instant to its recorded time."""

    kind: str
    time: int
    data: dict[str, Any]
    delay: int
    derived: bool = False
    clinic: str | None = None


def local_instant(zone: str, day: int, hour: int, minute: int, fold: int = 0) -> int:
    """The instant of a wall clock's time in a zone; of a time that it skips, the one by the offset before."""
    date = day_date(day)
    wall = datetime(date.year, date.month, date.day, hour, minute, tzinfo=load_zone(zone), fold=fold)
    return (wall.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) * SECOND


def worlds() -> st.SearchStrategy[World]:
    """Zones with an edge on the base day."""
    return st.builds(lambda edge, span: World(edge[0], parse_day(edge[1]), span), st.sampled_from(EDGES), st.sampled_from([3, 3, 10, 40]))


def days(world: World) -> st.SearchStrategy[int]:
    """Days from a little before the base to the end of the span."""
    return st.integers(-2, world.span).map(lambda offset: world.base + offset)


@st.composite
def instants(draw: st.DrawFn, world: World) -> int:
    """Instants near midnights and edges."""
    hour, minute = draw(st.sampled_from(WALLS))
    return local_instant(world.zone, draw(days(world)), hour, minute, draw(st.integers(0, 1))) + draw(st.sampled_from(JITTERS))


DELAYS = st.sampled_from([*[0] * 12, 60 * SECOND, HOUR, 2 * DAY, 20 * DAY, -DAY, 35 * DAY, 35 * DAY + 1, -DAY - 1])
MAYBE_LATER = st.sampled_from([0, 0, 0, 1, HOUR, DAY])
CLINICS = st.sampled_from([None, "c9"])


@st.composite
def enrolments(draw: st.DrawFn, world: World) -> list[Draft]:
    start = draw(days(world))
    data: dict[str, Any] = {
        "episode_id": draw(st.sampled_from(EPISODES)),
        "timezone": draw(st.one_of(st.just(world.zone), st.just(world.zone), st.sampled_from(OTHER_ZONES))),
        "monitoring_start": format_day(start),
        "therapeutic_area": draw(st.sampled_from(["musculoskeletal", "respiratory", "cognitive_behavioral"])),
        "clinic_id": draw(st.sampled_from(["c1", "c2"])),
        "therapist_id": draw(st.sampled_from(["t1", "t2"])),
    }
    if draw(st.booleans()):
        data["procedure_date"] = format_day(start - draw(st.integers(0, 3)))
    return [Draft("patient.enrolled", draw(instants(world)), data, draw(st.sampled_from([0, 0, DAY])), clinic=draw(CLINICS))]


@st.composite
def discharges(draw: st.DrawFn, world: World) -> list[Draft]:
    data = {"episode_id": draw(st.sampled_from(EPISODES)), "date": format_day(draw(days(world)))}
    return [Draft("patient.discharged", draw(instants(world)), data, 0)]


@st.composite
def plans(draw: st.DrawFn, world: World) -> list[Draft]:
    weekday = day_date(world.base).isoweekday()
    weekdays = st.sampled_from([[1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7], [weekday], [1, 3, 5], []])
    exercises = [
        {
            "exercise_id": name,
            "name": name,
            "sets": draw(st.integers(1, 2)),
            "reps": draw(st.integers(1, 5)),
            "times_per_day": draw(st.integers(1, 2)),
            "days_of_week": draw(weekdays),
        }
        for name in draw(st.lists(st.sampled_from(EXERCISES), unique=True, max_size=2))
    ]
    data: dict[str, Any] = {
        "plan_id": draw(st.sampled_from(["p1", "p2"])),
        "version": draw(st.integers(1, 3)),
        "effective_from": format_day(draw(days(world))),
        "exercises": exercises,
    }
    if draw(st.integers(0, 3)) == 3:
        data["effective_to"] = format_day(draw(days(world)))
    if draw(st.booleans()):
        data["medications"] = [
            {"medication_id": name, "doses_per_day": draw(st.integers(0, 2)), "days_of_week": draw(weekdays)}
            for name in draw(st.lists(st.sampled_from(["m1", "m2"]), max_size=2))
        ]
    if draw(st.booleans()):
        data["rom_goals"] = [
            {
                "joint": "knee",
                "motion": draw(st.sampled_from(["flexion", "extension"])),
                "side": "left",
                "points": [[day, draw(st.integers(0, 12)) * 10] for day in draw(st.lists(st.integers(-2, 20), max_size=3, unique=True))],
            }
            for _ in range(draw(st.integers(1, 2)))
        ]
    return [Draft("plan.prescribed", draw(instants(world)), data, 0)]


@st.composite
def plan_ends(draw: st.DrawFn, world: World) -> list[Draft]:
    data = {"plan_id": draw(st.sampled_from(["p1", "p2"])), "effective_to": format_day(draw(days(world)))}
    return [Draft("plan.ended", draw(instants(world)), data, 0)]


def _exercise_report(draw: st.DrawFn, start: int) -> Draft:
    data: dict[str, Any] = {
        "exercise_id": draw(st.sampled_from(EXERCISES)),
        "started_at": format_instant(start),
        "reps_completed": draw(st.integers(0, 6)),
    }
    if draw(st.booleans()):
        data["session_id"] = draw(st.sampled_from(SESSIONS))
    if draw(st.booleans()):
        data["pain_nrs"] = draw(st.integers(0, 10))
        data["rpe"] = draw(st.sampled_from([None, 3, 6.5]))
    if draw(st.booleans()):
        data["ended_at"] = format_instant(start + 600 * SECOND)
        data["channel"] = draw(st.sampled_from(["app", "sms", "staff"]))
    return Draft("report.exercise", start + draw(MAYBE_LATER), data, draw(DELAYS))


@st.composite
def exercise_reports(draw: st.DrawFn, world: World) -> list[Draft]:
    return [_exercise_report(draw, draw(instants(world)))]


def _motion(draw: st.DrawFn, session: str, derivation: int, start: int) -> list[Draft]:
    whose: dict[str, Any] = {
        "session_id": session,
        "derivation": derivation,
        "joint": "knee",
        "side": draw(st.sampled_from(["left", "right"])),
    }
    motion = draw(st.sampled_from(["flexion", "extension", None]))
    exercise = draw(st.sampled_from([*EXERCISES, None]))
    whose |= {name: value for name, value in (("motion", motion), ("exercise_id", exercise)) if value is not None}
    derived = draw(st.booleans())
    delay = draw(DELAYS)
    found = []
    for number in draw(st.lists(st.integers(1, 3), max_size=3)):
        low = draw(st.integers(-10, 20))
        high = low + draw(st.integers(0, 60))
        begins = start + number * 2 * SECOND
        angles = {"min_deg": low, "max_deg": high, "rom_deg": high - low}
        for absent in draw(st.sampled_from([[], [], [], ["rom_deg"], ["min_deg"], ["max_deg", "rom_deg"], list(angles)])):
            del angles[absent]
        flags = draw(st.sampled_from([[], [], [], ["gap"], ["outlier"], ["smoothed"]]))
        data = {**whose, "session_start": format_instant(start), "rep": number, "start_time": format_instant(begins)}
        data |= {"duration_s": 1.5, "flags": flags, **angles}
        found.append(Draft("motion.rep", begins, data, delay, derived))
    if draw(st.integers(0, 4)):
        data = {**whose, "start_time": format_instant(start), "end_time": format_instant(start + 60 * SECOND)}
        data |= {"reps": draw(st.integers(0, 6)), "flags": draw(st.sampled_from([[], ["smoothed"]])), "rom_best_deg": 50.5}
        found.append(Draft("motion.session", start, data, delay, derived))
    return found


@st.composite
def motions(draw: st.DrawFn, world: World) -> list[Draft]:
    """A sensed session of one or two derivations, with reports near it."""
    session = draw(st.sampled_from(SESSIONS))
    start = draw(instants(world))
    found = []
    for derivation in draw(st.sampled_from([[1], [1], [1, 2], [2], [2, 2]])):
        moved = draw(st.sampled_from([0, 0, 0, 0, 5 * SECOND, HOUR]))
        found += _motion(draw, session, derivation, start + moved)
    half_hour = 30 * 60 * SECOND
    for apart in draw(st.lists(st.sampled_from([0, 600 * SECOND, -600 * SECOND, half_hour - 1, half_hour, -half_hour + 1]), max_size=2)):
        found.append(_exercise_report(draw, start + apart))
    return found


@st.composite
def pains(draw: st.DrawFn, world: World) -> list[Draft]:
    data = {"nrs": draw(st.integers(0, 10)), "channel": draw(st.sampled_from([None, "voice"]))}
    return [Draft("report.pain", draw(instants(world)), data, draw(DELAYS))]


@st.composite
def small_reports(draw: st.DrawFn, world: World) -> list[Draft]:
    """Medication, outcomes, function, symptoms, check-ins."""
    at = draw(instants(world))
    kind = draw(st.sampled_from(["medication", "medication", "prom", "function", "symptom", "checkin"]))
    data: dict[str, Any] = {}
    time = at
    match kind:
        case "medication":
            data = {"medication_id": draw(st.sampled_from(["m1", "m2"])), "taken": draw(st.integers(0, 3)) > 0}
            if draw(st.booleans()):
                data["taken_at"] = format_instant(at)
                time = at + draw(MAYBE_LATER)
        case "prom":
            instrument = draw(st.sampled_from(["ODI", "LEFS", "PROMIS_PI", "KOOS_JR"]))
            data = {"instrument": instrument, "score": draw(st.sampled_from([50, 60.0, 41, 59, 44.6, 55.4, 65.1]))}
        case "function":
            measure = draw(st.sampled_from(["grip_strength_kg", "timed_up_and_go_s"]))
            data = {"measure": measure, "value": draw(st.sampled_from([20, 25, 15, 24.9])), "side": draw(st.sampled_from([None, "left"]))}
        case "symptom":
            data = {"symptom": "swelling", "severity": draw(st.integers(0, 10))}
    return [Draft(f"report.{kind}", time, data, draw(DELAYS), clinic=draw(CLINICS))]


@st.composite
def activities(draw: st.DrawFn, world: World) -> list[Draft]:
    start = draw(instants(world))
    end = start + draw(st.sampled_from([0, 0, 60 * SECOND, 1800 * SECOND + 1]))
    values = draw(st.dictionaries(st.sampled_from(["cadence", "steps"]), st.sampled_from([0, 1, 12.5, 100]), max_size=2))
    kind = draw(st.sampled_from(["gait", "steps"]))
    data = {"kind": kind, "start": format_instant(start), "end": format_instant(end), "values": values}
    return [Draft("sensor.activity", start + draw(MAYBE_LATER), data, draw(DELAYS))]


@st.composite
def care(draw: st.DrawFn, world: World) -> list[Draft]:
    kind = draw(st.sampled_from(["setup", "interaction", "interaction", "review"]))
    data: dict[str, Any] = {"staff_id": "n1"}
    if kind != "setup":
        data["minutes"] = draw(st.sampled_from([5, 9.75, 10, 20, 30.25]))
    if kind == "interaction":
        data |= {"mode": draw(st.sampled_from(["phone", "video", "in_person"])), "live": draw(st.integers(0, 3)) > 0}
    return [Draft(f"care.{kind}", draw(instants(world)), data, draw(st.sampled_from([0, 0, 50 * DAY])))]
