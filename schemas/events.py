"""The facts: every event type of the contract as a pydantic model, and their one discriminated union.

Each model is a CloudEvent (attributes of the envelope, `data` below it). Validation happens once, at the edge; what the contract doesn't
restrict isn't restricted here. Conventions of the wire: null is as left out, no `data` is `{}`, 10.0 is an int, true is no number,
text is no number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    WithJsonSchema,
    model_validator,
)

from schemas.instants import Instant, LocalDate
from schemas.samples import CHANNELS, Kind, Samples, read_samples, two_forms_of_samples
from schemas.zones import load_zone

if TYPE_CHECKING:
    from numpy.typing import NDArray


LARGEST = 2**63 - 1
"""Whole numbers are unbounded in the contract; beyond 64 bits they count as this, with their sign: no table holds more."""


def _integral(value: float) -> int:
    if value != int(value):
        raise ValueError("not a whole number")
    return _bounded(int(value))


def _bounded(value: int) -> int:
    return max(-LARGEST, min(LARGEST, value))


def _or(default: object) -> BeforeValidator:
    return BeforeValidator(lambda value: default if value is None else value)


def _zone(name: str) -> str:
    load_zone(name)
    return name


def _unit(vector: tuple[float, float, float]) -> tuple[float, float, float]:
    length = float(np.linalg.norm(vector))
    if not 0.9 < length < 1.1:
        raise ValueError("not a unit vector")
    return (vector[0] / length, vector[1] / length, vector[2] / length)


OR_ONE = _or(1)
Text = Annotated[str, Strict()]
Name = Annotated[str, Strict(), Field(min_length=1)]
Flag = Annotated[bool, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]

if TYPE_CHECKING:
    Int = int
    Values = dict[str, float]
else:
    Values = Annotated[
        dict[str, Number | None],
        AfterValidator(lambda values: {name: value for name, value in values.items() if value is not None}),
    ]
    Int = Annotated[
        Annotated[int, Strict(), Field(ge=-LARGEST, le=LARGEST)]
        | Annotated[int, Strict(), AfterValidator(_bounded)]
        | Annotated[float, Strict(), Field(allow_inf_nan=False), AfterValidator(_integral)],
        Field(union_mode="left_to_right"),
        WithJsonSchema({"type": "integer"}),
    ]
Zone = Annotated[str, Strict(), AfterValidator(_zone)]
Scale = Annotated[float, Strict(), Field(ge=0, le=10)]
Positive = Annotated[Int, Field(ge=1), WithJsonSchema({"type": "integer", "minimum": 1})]
Index = Annotated[Int, Field(ge=0), WithJsonSchema({"type": "integer", "minimum": 0})]
Weekday = Annotated[Int, Field(ge=1, le=7), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 7})]
Pair = Annotated[list[Number], Field(min_length=2, max_length=2)]
Vector = tuple[Number, Number, Number]
UnitVector = Annotated[Vector, AfterValidator(_unit)]
Channel = Literal["app", "sms", "voice", "web", "staff"]
EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]
DaysOfWeek = Annotated[list[Weekday], _or(EVERY_DAY)]


TherapeuticArea = Literal["musculoskeletal", "respiratory", "cognitive_behavioral"]


class Data(BaseModel):
    """What an event says. Unknown fields are kept in the archive and otherwise ignored."""

    model_config = ConfigDict(extra="ignore")


class PatientEnrolled(Data):
    """An episode of care begins."""

    episode_id: Text
    timezone: Zone
    monitoring_start: LocalDate
    therapeutic_area: TherapeuticArea
    condition: Text | None = None
    procedure_date: LocalDate | None = None
    clinic_id: Text
    therapist_id: Text


class PatientDischarged(Data):
    """An episode of care ends; its last day is `date`."""

    episode_id: Text
    date: LocalDate
    reason: Text | None = None


class Exercise(Data):
    """One exercise of a plan, its dose and its days."""

    exercise_id: Text
    name: Text
    joint: Text | None = None
    motion: Text | None = None
    side: Text | None = None
    sets: Positive
    reps: Positive
    times_per_day: Annotated[Positive, _or(1)] = 1
    hold_s: Number | None = None
    days_of_week: DaysOfWeek = EVERY_DAY
    target_rom_deg: Number | None = None


class Medication(Data):
    """One medication of a plan."""

    medication_id: Text
    doses_per_day: Int
    days_of_week: DaysOfWeek = EVERY_DAY


class RomGoal(Data):
    """A goal curve: points of [days since the procedure, or else since monitoring began; degrees]."""

    joint: Text
    motion: Text
    side: Text
    points: list[Pair]


class PromSchedule(Data):
    """How often a patient-reported outcome is asked for."""

    instrument: Text
    every_days: Int


class PlanPrescribed(Data):
    """A version of a plan, and the days from which and until which it is meant to hold."""

    plan_id: Text
    version: Int
    effective_from: LocalDate
    effective_to: LocalDate | None = None
    exercises: list[Exercise]
    medications: list[Medication] | None = None
    rom_goals: list[RomGoal] | None = None
    proms: list[PromSchedule] | None = None

    @model_validator(mode="after")
    def _each_exercise_once(self) -> PlanPrescribed:
        if len({exercise.exercise_id for exercise in self.exercises}) != len(self.exercises):
            raise ValueError("an exercise_id stands twice in one plan version")
        return self


class PlanEnded(Data):
    """A plan ends; its last day is `effective_to`."""

    plan_id: Text
    effective_to: LocalDate


class Calibration(Data):
    """What is known of a sensor pair: hinge axes in each sensor's frame, joint centre to sensor (m), angle added at neutral (deg)."""

    axis_proximal: UnitVector | None = None
    axis_distal: UnitVector | None = None
    lever_proximal_m: Vector | None = None
    lever_distal_m: Vector | None = None
    zero_deg: Number | None = None


class SensorChunk(Data):
    """A piece of one exercise session's raw samples: `samples` as rows of channels, or base64 of little-endian float32."""

    model_config = ConfigDict(extra="ignore", json_schema_extra=two_forms_of_samples)

    device_id: Text
    session_id: Text
    exercise_id: Text | None = None
    joint: Text
    motion: Text | None = None
    side: Text
    seq: Index
    t0_ns: Int
    rate_hz: Number
    kind: Kind
    last: Flag
    calibration: Calibration | None = None
    samples: Samples

    @model_validator(mode="before")
    @classmethod
    def _one_form_of_samples(cls, data: Any) -> Any:
        return read_samples(data) if isinstance(data, dict) else data

    @property
    def array(self) -> NDArray[np.float32]:
        """The samples, shape (n, channels of the kind), float32."""
        return np.frombuffer(self.samples, dtype="<f4").reshape(-1, CHANNELS[self.kind])


class SensorActivity(Data):
    """A summary of walking, posture or steps over a span of time."""

    kind: Literal["gait", "posture", "steps"]
    start: Instant
    end: Instant
    values: Values


class Report(Data):
    """Anything that the patient says of himself, and by which channel."""

    channel: Channel | None = None


class PainReport(Report):
    """Pain on the numeric rating scale, 0 to 10."""

    nrs: Scale
    body_site: Text | None = None
    context: Literal["rest", "activity", "exercise", "night"] | None = None


class ExerciseReport(Report):
    """An exercise session as the patient tells it."""

    exercise_id: Text
    session_id: Text | None = None
    started_at: Instant
    ended_at: Instant | None = None
    sets_completed: Int | None = None
    reps_completed: Int
    rpe: Scale | None = None
    pain_nrs: Number | None = None


class MedicationReport(Report):
    """A dose taken, or not."""

    medication_id: Text
    taken: Flag
    taken_at: Instant | None = None


class PromReport(Report):
    """The score of a patient-reported outcome measure."""

    instrument: Literal["KOOS_JR", "HOOS_JR", "QUICKDASH", "ODI", "PROMIS_PF", "PROMIS_PI", "LEFS", "PSFS"]
    score: Number


class FunctionReport(Report):
    """The result of a test of function."""

    measure: Literal["grip_strength_kg", "nine_hole_peg_s", "timed_up_and_go_s", "sit_to_stand_30s", "adl_independence_0_100"]
    value: Number
    side: Text | None = None


class SymptomReport(Report):
    """A symptom and how bad it is, 0 to 10."""

    symptom: Text
    severity: Scale
    note: Text | None = None


class Checkin(Report):
    """The patient opened the app or answered a prompt; no datum."""


class CareSetup(Data):
    """Device set-up and education were given."""

    staff_id: Text


class CareInteraction(Data):
    """Staff and patient were in touch."""

    staff_id: Text
    minutes: Number
    mode: Literal["phone", "video", "in_person", "message"]
    live: Flag


class CareReview(Data):
    """Staff reviewed the data or managed the treatment."""

    staff_id: Text
    minutes: Number


class FactRetracted(Data):
    """A fact of the same subject was entered in error and counts no more."""

    fact_source: Text
    fact_id: Text
    reason: Text | None = None


class AlertAction(Data):
    """What a member of staff did with an alert."""

    alert_id: Text
    staff_id: Text
    until: Instant | None = None


class AlertStep(Data):
    """What the dispatcher did with an alert."""

    alert_id: Text
    step: Int
    therapist_id: Text | None = None
    endpoint: Text


class PatientForgotten(Data):
    """Erase this subject."""

    request_id: Text


class MotionSession(Data):
    """An exercise session as derived from its chunks."""

    session_id: Text
    derivation: Annotated[Int, OR_ONE] = 1
    exercise_id: Text | None = None
    joint: Text
    motion: Text | None = None
    side: Text
    start_time: Instant
    end_time: Instant
    reps: Int
    rom_best_deg: Number | None = None
    rom_median_deg: Number | None = None
    sparc: Number | None = None
    flags: list[Text]


class MotionRep(Data):
    """One repetition as derived from the chunks of its session."""

    session_id: Text
    derivation: Annotated[Int, OR_ONE] = 1
    session_start: Instant
    rep: Positive
    exercise_id: Text | None = None
    joint: Text
    motion: Text | None = None
    side: Text
    start_time: Instant
    duration_s: Number
    min_deg: Number | None = None
    max_deg: Number | None = None
    rom_deg: Number | None = None
    peak_rate_deg_s: Number | None = None
    hold_s: Number | None = None
    flags: list[Text]


class Tick(Data):
    """The time, made by the pipeline."""


class CloudEvent(BaseModel):
    """The envelope: CloudEvents 1.0 with the extensions `recordedtime` and `clinicid`; other extensions are kept."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    source: Name
    id: Name
    time: Instant
    recordedtime: Instant | None = None


class PatientEvent(CloudEvent):
    """An event about a patient: `subject` is the pseudonym."""

    subject: Name
    clinicid: Text | None = None


class PatientEnrolledEvent(PatientEvent):
    type: Literal["rtm.patient.enrolled.v1"]
    data: PatientEnrolled


class PatientDischargedEvent(PatientEvent):
    type: Literal["rtm.patient.discharged.v1"]
    data: PatientDischarged


class PlanPrescribedEvent(PatientEvent):
    type: Literal["rtm.plan.prescribed.v1"]
    data: PlanPrescribed


class PlanEndedEvent(PatientEvent):
    type: Literal["rtm.plan.ended.v1"]
    data: PlanEnded


class SensorChunkEvent(PatientEvent):
    type: Literal["rtm.sensor.chunk.v1"]
    data: SensorChunk


class SensorActivityEvent(PatientEvent):
    type: Literal["rtm.sensor.activity.v1"]
    data: SensorActivity


class PainReportEvent(PatientEvent):
    type: Literal["rtm.report.pain.v1"]
    data: PainReport


class ExerciseReportEvent(PatientEvent):
    type: Literal["rtm.report.exercise.v1"]
    data: ExerciseReport


class MedicationReportEvent(PatientEvent):
    type: Literal["rtm.report.medication.v1"]
    data: MedicationReport


class PromReportEvent(PatientEvent):
    type: Literal["rtm.report.prom.v1"]
    data: PromReport


class FunctionReportEvent(PatientEvent):
    type: Literal["rtm.report.function.v1"]
    data: FunctionReport


class SymptomReportEvent(PatientEvent):
    type: Literal["rtm.report.symptom.v1"]
    data: SymptomReport


class CheckinEvent(PatientEvent):
    type: Literal["rtm.report.checkin.v1"]
    data: Checkin = Field(default_factory=Checkin)


class CareSetupEvent(PatientEvent):
    type: Literal["rtm.care.setup.v1"]
    data: CareSetup


class CareInteractionEvent(PatientEvent):
    type: Literal["rtm.care.interaction.v1"]
    data: CareInteraction


class CareReviewEvent(PatientEvent):
    type: Literal["rtm.care.review.v1"]
    data: CareReview


class FactRetractedEvent(PatientEvent):
    type: Literal["rtm.fact.retracted.v1"]
    data: FactRetracted


class AlertAcknowledgedEvent(PatientEvent):
    type: Literal["rtm.alert.acknowledged.v1"]
    data: AlertAction


class AlertSnoozedEvent(PatientEvent):
    type: Literal["rtm.alert.snoozed.v1"]
    data: AlertAction


class AlertClosedEvent(PatientEvent):
    type: Literal["rtm.alert.closed.v1"]
    data: AlertAction


class AlertNotifiedEvent(PatientEvent):
    type: Literal["rtm.alert.notified.v1"]
    data: AlertStep


class AlertEscalatedEvent(PatientEvent):
    type: Literal["rtm.alert.escalated.v1"]
    data: AlertStep


class PatientForgottenEvent(PatientEvent):
    type: Literal["rtm.patient.forgotten.v1"]
    data: PatientForgotten


class MotionSessionEvent(PatientEvent):
    type: Literal["rtm.motion.session.v1"]
    data: MotionSession


class MotionRepEvent(PatientEvent):
    type: Literal["rtm.motion.rep.v1"]
    data: MotionRep


class TickEvent(CloudEvent):
    type: Literal["rtm.clock.tick.v1"]
    data: Tick = Field(default_factory=Tick)


Event = Annotated[
    PatientEnrolledEvent
    | PatientDischargedEvent
    | PlanPrescribedEvent
    | PlanEndedEvent
    | SensorChunkEvent
    | SensorActivityEvent
    | PainReportEvent
    | ExerciseReportEvent
    | MedicationReportEvent
    | PromReportEvent
    | FunctionReportEvent
    | SymptomReportEvent
    | CheckinEvent
    | CareSetupEvent
    | CareInteractionEvent
    | CareReviewEvent
    | FactRetractedEvent
    | AlertAcknowledgedEvent
    | AlertSnoozedEvent
    | AlertClosedEvent
    | AlertNotifiedEvent
    | AlertEscalatedEvent
    | PatientForgottenEvent
    | MotionSessionEvent
    | MotionRepEvent
    | TickEvent,
    Field(discriminator="type"),
]
"""Any event of the contract."""

EVENT_MODELS: dict[str, type[CloudEvent]] = {
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(get_args(Event)[0])
}
"""The model of each event type, in the contract's order."""

CHUNK = "rtm.sensor.chunk.v1"
TICK = "rtm.clock.tick.v1"
FORGOTTEN = "rtm.patient.forgotten.v1"
MOTION_SOURCE = "/rtm/motion"


def modality(event_type: str) -> str | None:
    """`sensed`, `self_reported`, or None for what doesn't come from the patient."""
    family = event_type.split(".")[1]
    return {"sensor": "sensed", "motion": "sensed", "report": "self_reported"}.get(family)
