"""What the ledger keeps of a fact: one small typed record a kind, made once from the validated event, encoded as an array.

Every entry knows its identity (`source`, `id`), its event time, `at` (the instant that dates it), its recorded time, the tenant that its
envelope named, whether it is retracted, and what its row in `events` last said of the two things that may change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from schemas import events as e
from schemas.facts import Fact

Points = tuple[tuple[float, float], ...]


class Entry(msgspec.Struct, array_like=True, tag_field="kind", gc=False):
    """What every kind of entry has; instants in nanoseconds."""

    source: str
    id: str
    time: int
    at: int
    recorded: int
    clinic: str
    retracted: bool
    shown_retracted: bool
    shown_clinic: str

    @property
    def age(self) -> tuple[int, str, str]:
        """The order of "newest": event time, then id, then source."""
        return (self.time, self.id, self.source)


class Heard(Entry):
    """A fact from the patient: what a day is heard by. Kept by the week of `at`."""


class Session(Heard, tag="s"):
    """`motion.session`; `at` is its start."""

    session_id: str
    derivation: int
    exercise_id: str | None
    joint: str
    motion: str | None
    side: str
    end: int
    reps: int
    rom_best_deg: float | None
    rom_median_deg: float | None
    sparc: float | None
    flags: list[str]


class Rep(Heard, tag="r"):
    """`motion.rep`; `at` is the start of its session, `time` its own."""

    session_id: str
    derivation: int
    rep: int
    exercise_id: str | None
    joint: str
    motion: str | None
    side: str
    start: int
    duration_s: float
    min_deg: float | None
    max_deg: float | None
    rom_deg: float | None
    peak_rate_deg_s: float | None
    hold_s: float | None
    flags: list[str]


class Exercise(Heard, tag="x"):
    """`report.exercise`; `at` is `started_at`."""

    exercise_id: str
    session_id: str | None
    end: int | None
    reps: int
    rpe: float | None
    pain_nrs: float | None


class Pain(Heard, tag="p"):
    """`report.pain`."""

    nrs: float


class Dose(Heard, tag="d"):
    """`report.medication`; `at` is `taken_at` where given."""

    medication_id: str
    taken: bool


class Score(Heard, tag="o"):
    """`report.prom` and `report.function`."""

    measure: str
    side: str
    value: float


class Activity(Heard, tag="a"):
    """`sensor.activity`; `at` is its start."""

    activity: str
    end: int
    values: dict[str, float]


class Symptom(Heard, tag="y"):
    """`report.symptom`: a datum without a table of its own."""


class Checkin(Heard, tag="c"):
    """`report.checkin`: heard, and no datum."""


class Enrolled(Entry, tag="E"):
    """`patient.enrolled`."""

    episode_id: str
    zone: str
    start: int
    area: str
    condition: str | None
    procedure: int | None
    clinic_id: str
    therapist_id: str


class Discharged(Entry, tag="D"):
    """`patient.discharged`; `day` is the last."""

    episode_id: str
    day: int


class Dosage(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One exercise of a plan version."""

    exercise_id: str
    sessions: int
    reps: int
    weekdays: list[int]


class Drug(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One medication of a plan version."""

    medication_id: str
    doses: int
    weekdays: list[int]


class Goal(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One goal curve of a plan version: points of (days, degrees), sorted."""

    joint: str
    motion: str
    side: str
    points: Points


class Prescribed(Entry, tag="P"):
    """`plan.prescribed`."""

    plan_id: str
    version: int
    effective_from: int
    effective_to: int | None
    exercises: list[Dosage]
    medications: list[Drug]
    goals: list[Goal]


class Ended(Entry, tag="N"):
    """`plan.ended`; `effective_to` is the last day."""

    plan_id: str
    effective_to: int


class Setup(Entry, tag="U"):
    """`care.setup`."""


class Minutes(Entry, tag="M"):
    """`care.interaction` and `care.review`; `live` when it was live, by phone or video."""

    minutes: float
    live: bool


class Retraction(Entry, tag="X"):
    """`fact.retracted`."""

    fact_source: str
    fact_id: str


class Note(Entry, tag="A"):
    """Every other fact: alerts acknowledged, notified and so on."""

    type: str
    alert_id: str


Alone = Exercise | Pain | Dose | Score | Activity | Symptom | Checkin
"""What may stand alone: no session that was sensed is made of it."""
Dated = Session | Rep | Alone
Structural = Enrolled | Discharged | Prescribed | Ended | Setup | Minutes | Retraction | Note
AnyEntry = Dated | Structural
PLAIN = (Pain, Dose, Score, Activity, Symptom, Checkin)
"""What stands for itself: it adds to its own day and changes no other fact's meaning."""
SUMMED = (Pain, Dose, Score, Symptom, Checkin)
"""What shows in the summary of its day alone, once anything was heard on it: no row of sessions, exercises or activities changes."""


def _head(fact: Fact, at: int | None = None) -> tuple[str, str, int, int, int, str, bool, bool, str]:
    return (fact.source, fact.id, fact.time, fact.time if at is None else at, fact.recorded, fact.clinic or "", False, False, "")


def _session(f: Fact, d: e.MotionSession) -> Session:
    return Session(
        *_head(f, d.start_time), d.session_id, d.derivation, d.exercise_id, d.joint, d.motion, d.side, d.end_time, d.reps,
        d.rom_best_deg, d.rom_median_deg, d.sparc, d.flags,
    )  # fmt: skip


def _rep(f: Fact, d: e.MotionRep) -> Rep:
    return Rep(
        *_head(f, d.session_start), d.session_id, d.derivation, d.rep, d.exercise_id, d.joint, d.motion, d.side, d.start_time, d.duration_s,
        d.min_deg, d.max_deg, d.rom_deg, d.peak_rate_deg_s, d.hold_s, d.flags,
    )  # fmt: skip


def _exercise(f: Fact, d: e.ExerciseReport) -> Exercise:
    return Exercise(*_head(f, d.started_at), d.exercise_id, d.session_id, d.ended_at, d.reps_completed, d.rpe, d.pain_nrs)


def _enrolled(f: Fact, d: e.PatientEnrolled) -> Enrolled:
    return Enrolled(
        *_head(f),
        d.episode_id,
        d.timezone,
        d.monitoring_start,
        d.therapeutic_area,
        d.condition,
        d.procedure_date,
        d.clinic_id,
        d.therapist_id,
    )


MOST = 1_000_000
"""No day has more sessions, no session more repetitions, than this: what lies beyond can't be meant, and its products must fit."""


def _prescribed(f: Fact, d: e.PlanPrescribed) -> Prescribed:
    exercises = [Dosage(x.exercise_id, min(x.times_per_day, MOST), min(x.sets * x.reps, MOST), x.days_of_week) for x in d.exercises]
    medications = [Drug(m.medication_id, min(m.doses_per_day, MOST), m.days_of_week) for m in d.medications or ()]
    goals = [Goal(g.joint, g.motion, g.side, tuple(sorted((p[0], p[1]) for p in g.points))) for g in d.rom_goals or ()]
    return Prescribed(*_head(f), d.plan_id, d.version, d.effective_from, d.effective_to, exercises, medications, goals)


def _interaction(f: Fact, d: e.CareInteraction) -> Minutes:
    return Minutes(*_head(f), d.minutes, d.live and d.mode in {"phone", "video"})


def _note(f: Fact, d: e.Data) -> Note:
    return Note(*_head(f), f.type, getattr(d, "alert_id", ""))


_MAKE: dict[type[e.Data], Callable[[Fact, Any], AnyEntry]] = {
    e.MotionSession: _session,
    e.MotionRep: _rep,
    e.ExerciseReport: _exercise,
    e.PainReport: lambda f, d: Pain(*_head(f), d.nrs),
    e.MedicationReport: lambda f, d: Dose(*_head(f, d.taken_at), d.medication_id, d.taken),
    e.PromReport: lambda f, d: Score(*_head(f), d.instrument, "", d.score),
    e.FunctionReport: lambda f, d: Score(*_head(f), d.measure, d.side or "", d.value),
    e.SensorActivity: lambda f, d: Activity(*_head(f, d.start), d.kind, d.end, d.values),
    e.SymptomReport: lambda f, _: Symptom(*_head(f)),
    e.Checkin: lambda f, _: Checkin(*_head(f)),
    e.PatientEnrolled: _enrolled,
    e.PatientDischarged: lambda f, d: Discharged(*_head(f), d.episode_id, d.date),
    e.PlanPrescribed: _prescribed,
    e.PlanEnded: lambda f, d: Ended(*_head(f), d.plan_id, d.effective_to),
    e.CareSetup: lambda f, _: Setup(*_head(f)),
    e.CareInteraction: _interaction,
    e.CareReview: lambda f, d: Minutes(*_head(f), d.minutes, False),
    e.FactRetracted: lambda f, d: Retraction(*_head(f), d.fact_source, d.fact_id),
}


def make_entry(fact: Fact) -> AnyEntry:
    """The ledger's entry of a fact."""
    return _MAKE.get(type(fact.data), _note)(fact, fact.data)
