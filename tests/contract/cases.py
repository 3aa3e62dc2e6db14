"""Small logs, each of a patient of its own: what is true of the tables afterwards, whichever runtime made them."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.codecs import make_fact
from schemas.instants import DAY_SECONDS, SECOND, format_instant, parse_instant
from schemas.rows import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.facts import Fact

DAY = DAY_SECONDS * SECOND
MINUTE = 60 * SECOND
AS_OF = parse_instant("2026-03-16T12:00:00Z")
TICK_S = 900
RATE_HZ = 50

Row = dict[str, Any]
NEVER_SHARED = {"revision", "updated_at", "issued_at", "generation", "origin", "partition", "offset", "position"}
KEYS = {name: table.key for name, table in TABLES.items()}
KEYS |= {"event_marks": KEYS["events"], "chunk_admissions": KEYS["sensor_chunks"], "erasures": ("patient_id",)}


@dataclass
class Told:
    """What a runtime told of one patient: current rows by table, dead letters by reason, the transitions of alerts in order."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)
    transitions: list[str] = field(default_factory=list)

    def one(self, table: str, **where: Any) -> Row:
        """The only row of a table with these values."""
        found = self.some(table, **where)
        assert len(found) == 1, f"{len(found)} rows of {table} with {where}"
        return found[0]

    def some(self, table: str, **where: Any) -> list[Row]:
        """The rows of a table with these values."""
        return [row for row in self.rows.get(table, []) if where.items() <= row.items()]


def current(rows: list[tuple[str, Row]]) -> dict[str, list[Row]]:
    """Of rows as they were issued, by table: those of the highest revision of each key that aren't deleted, without bookkeeping."""
    newest: dict[tuple[Any, ...], Row] = {}
    for table, row in rows:
        key = (table, *(row[name] for name in KEYS[table]))
        if key not in newest or newest[key]["revision"] <= row["revision"]:
            newest[key] = row
    told: dict[str, list[Row]] = {}
    for key in sorted(newest, key=str):
        row = newest[key]
        if not row.get("deleted"):
            told.setdefault(key[0], []).append({name: value for name, value in row.items() if name not in NEVER_SHARED})
    return told


@dataclass(frozen=True)
class Case:
    """One log and what must be true afterwards."""

    name: str
    facts: Callable[[Course], None]
    check: Callable[[Told], None]

    @property
    def subject(self) -> str:
        return f"case-{self.name}"

    def log(self) -> list[Fact]:
        """The facts in the order of their recorded times."""
        course = Course(self.subject)
        self.facts(course)
        return sorted(course.facts, key=lambda fact: (fact.recorded, fact.time))


class Course:
    """A patient's facts. Day 0 is Monday 2026-03-02; the zone is Berlin in winter (UTC+1)."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.facts: list[Fact] = []

    def at(self, day: int, hour: float = 11) -> int:
        """An hour, UTC, of a day."""
        return parse_instant("2026-03-02T00:00:00Z") + day * DAY + int(hour * 3600) * SECOND

    def tell(self, kind: str, name: str, at: int, data: dict[str, Any], recorded: int | None = None) -> Fact:
        fact = make_fact(f"rtm.{kind}.v1", self.subject, "/app", name, at, data, recorded=recorded or at, clinic="north")
        self.facts.append(fact)
        return fact

    def enrolled(self) -> None:
        data = {"episode_id": "e", "timezone": "Europe/Berlin", "monitoring_start": "2026-03-02", "therapeutic_area": "musculoskeletal"}
        self.tell("patient.enrolled", "enrolled", self.at(0, 6), data | {"clinic_id": "north", "therapist_id": "t"})

    def plan(self, version: int = 1, day: int = 0, reps: int = 5) -> None:
        exercise = {"exercise_id": "bend", "name": "Bend", "joint": "knee", "motion": "flexion", "side": "left", "sets": 1, "reps": reps}
        data = {"plan_id": "p", "version": version, "effective_from": f"2026-03-{2 + day:02d}", "exercises": [exercise]}
        self.tell("plan.prescribed", f"plan-{version}", self.at(day, 6.5), data)

    def done(self, day: int, reps: int = 5, recorded: int | None = None) -> Fact:
        data = {"exercise_id": "bend", "started_at": format_instant(self.at(day)), "reps_completed": reps}
        return self.tell("report.exercise", f"done-{day}", self.at(day, 11.2), data, recorded)

    def heard(self, day: int) -> None:
        self.tell("report.checkin", f"heard-{day}", self.at(day, 18), {})

    def pain(self, name: str, day: int, nrs: int, recorded: int | None = None) -> Fact:
        return self.tell("report.pain", name, self.at(day, 12), {"nrs": nrs}, recorded)

    def chunks(self, day: int, order: tuple[int, ...] = (0, 1, 2), *, reps: int = 5, ends: bool = True) -> None:
        """A session of three chunks, 2 s a repetition from 0 to 90 degrees; chunks arrive in the order given."""
        start, total = self.at(day), reps * 2 * RATE_HZ + RATE_HZ
        angles = [45 - 45 * math.cos(2 * math.pi * n / (2 * RATE_HZ)) if n < reps * 2 * RATE_HZ else 0.0 for n in range(total)]
        cuts = [0, total // 3, 2 * total // 3, total]
        for place, seq in enumerate(order):
            piece = angles[cuts[seq] : cuts[seq + 1]]
            begins = start + cuts[seq] * SECOND // RATE_HZ
            data = {
                "device_id": "d", "session_id": f"s-{day}", "exercise_id": "bend", "joint": "knee", "motion": "flexion", "side": "left",
                "seq": seq, "t0_ns": begins, "rate_hz": RATE_HZ, "kind": "angle", "samples": struct.pack(f"<{len(piece)}f", *piece),
                "last": ends and seq == 2,
            }  # fmt: skip
            self.tell("sensor.chunk", f"chunk-{day}-{seq}", begins, data, start + MINUTE + place * SECOND)


def date(day: int) -> str:
    """The date of a day of a course."""
    return f"2026-03-{2 + day:02d}"


def _sensed(course: Course) -> None:
    course.enrolled()
    course.plan()
    course.chunks(1)


def _check_sensed(told: Told) -> None:
    session = told.one("sessions", session_id="s-1")
    assert (session["reps"], session["modality"], session["local_date"]) == (5, "sensed", date(1))
    assert len(told.some("reps", session_id="s-1")) == 5
    assert told.one("adherence_daily", local_date=date(1), exercise_id="")["status"] == "met"
    assert abs(told.one("rom_daily", local_date=date(1))["attained_deg"] - 90) < 3
    assert len(told.some("chunk_admissions")) == 3


def _out_of_order(course: Course) -> None:
    course.enrolled()
    course.plan()
    course.chunks(1, (2, 0, 1))


def _never_ended(course: Course) -> None:
    course.enrolled()
    course.plan()
    course.chunks(1, ends=False)


def _late(course: Course) -> None:
    course.enrolled()
    course.plan()
    course.done(2, recorded=course.at(6))
    course.pain("late-pain", 3, 4, recorded=course.at(8))


def _check_late(told: Told) -> None:
    statuses = {row["local_date"]: row["status"] for row in told.some("adherence_daily", exercise_id="")}
    assert statuses[date(2)] == "met"
    assert statuses[date(3)] == "missed"
    assert statuses[date(1)] == statuses[date(4)] == "unknown"
    assert told.one("pain_daily", local_date=date(3))["nrs_max"] == 4


def _twice(course: Course) -> None:
    course.enrolled()
    course.plan()
    course.pain("once", 1, 3)
    course.pain("once", 1, 3, recorded=course.at(2))
    course.pain("other", 1, 7, recorded=course.at(3))
    course.pain("other", 1, 8, recorded=course.at(4))


def _check_twice(told: Told) -> None:
    row = told.one("pain_daily", local_date=date(1))
    assert (row["reports"], row["nrs_max"]) == (2, 7)
    assert told.dead == ["conflict"]


def _untimely(course: Course) -> None:
    course.enrolled()
    course.plan()
    course.pain("ancient", -40, 3, recorded=course.at(1))
    course.pain("tomorrow", 7, 3, recorded=course.at(5))


def _check_untimely(told: Told) -> None:
    assert sorted(told.dead) == ["future", "too_late"]
    assert told.some("pain_daily") == []


def _retracted(course: Course) -> None:
    course.enrolled()
    course.plan()
    course.pain("wrong", 1, 9)
    course.done(1)
    course.tell("fact.retracted", "undo", course.at(2), {"fact_source": "/app", "fact_id": "wrong"})
    course.tell("fact.retracted", "undo-early", course.at(2, 12), {"fact_source": "/app", "fact_id": "done-3"})
    course.done(3)


def _check_retracted(told: Told) -> None:
    assert told.some("pain_daily") == []
    assert [row["local_date"] for row in told.rows["sessions"]] == [date(1)]
    assert told.one("event_marks", event_id="wrong")["retracted"] is True
    assert told.one("events", event_id="done-3")["retracted"] is True


def _replanned(course: Course) -> None:
    course.enrolled()
    course.plan()
    for day in (1, 2, 8, 9):
        course.done(day, 5)
    course.plan(version=2, day=7, reps=10)


def _check_replanned(told: Told) -> None:
    days = {row["local_date"]: (row["status"], row["prescribed_reps"]) for row in told.some("adherence_daily", exercise_id="")}
    assert days[date(2)] == ("met", 5)
    assert days[date(8)] == ("partial", 10)


def _missing(course: Course) -> None:
    course.enrolled()
    course.plan()
    course.done(0)
    for day in (1, 2, 3, 5, 6):
        course.heard(day)
    course.done(4)


def _check_missing(told: Told) -> None:
    resolved, standing = sorted(told.some("alerts", rule_id="missed_days"), key=lambda row: row["opened_at"])
    assert told.transitions[:2] == ["opened", "resolved"]
    assert (resolved["status"], resolved["opened_at"]) == ("resolved", "2026-03-05T05:00:00Z")
    assert resolved["resolved_at"] == "2026-03-06T11:12:00Z"
    assert (standing["status"], standing["opened_at"]) == ("open", "2026-03-09T05:00:00Z")


def _forgotten(course: Course) -> None:
    course.enrolled()
    course.plan()
    course.done(1)
    course.tell("patient.forgotten", "forget", course.at(3), {"request_id": "r"})
    course.done(4)


def _check_forgotten(told: Told) -> None:
    erasure = {"patient_id": "case-forgotten", "request_id": "r"}
    assert {table: rows for table, rows in told.rows.items() if rows} == {"erasures": [erasure]}
    assert told.dead == ["forgotten"]


CASES = (
    Case("sensed", _sensed, _check_sensed),
    Case("out-of-order", _out_of_order, _check_sensed),
    Case("never-ended", _never_ended, _check_sensed),
    Case("late", _late, _check_late),
    Case("twice", _twice, _check_twice),
    Case("untimely", _untimely, _check_untimely),
    Case("retracted", _retracted, _check_retracted),
    Case("replanned", _replanned, _check_replanned),
    Case("missing", _missing, _check_missing),
    Case("forgotten", _forgotten, _check_forgotten),
)
