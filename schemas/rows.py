"""The rows: one model a table of the contract, a description on every column, and the catalogue of the tables.

Rows are typed dictionaries: what a processor makes is what stands in JSON Lines in `rtm.metrics.v1` and in ClickHouse. Instants are
RFC 3339 text in UTC, dates YYYY-MM-DD.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict


class Tenant(TypedDict):
    """What every table carries."""

    clinic_id: Annotated[str, Field(description="the clinic")]
    updated_at: Annotated[str, Field(description="recorded time of the newest fact behind the row, UTC")]
    revision: Annotated[int, Field(description="grows with what the pipeline knew; the current row has the highest")]
    issued_at: Annotated[str, Field(description="when the pipeline made it, by its own clock, UTC")]


class Derived(Tenant):
    """What every table carries whose rows belong to a generation, one run's rows."""

    generation: Annotated[int, Field(description="the run that made it: a replay, a rebuild, or the live group")]
    deleted: Annotated[int, Field(description="1 where the key has no row any more")]


class EventRow(Derived):
    """Every admitted fact, its patient enrolled or not; no ticks and no chunks."""

    patient_id: Annotated[str, Field(description="the patient's pseudonym")]
    source: Annotated[str, Field(description="the CloudEvents source")]
    event_id: Annotated[str, Field(description="the CloudEvents id")]
    type: Annotated[str, Field(description="the event type, rtm.<family>.<name>.v1")]
    event_time: Annotated[str, Field(description="when it happened, UTC")]
    recorded_time: Annotated[str, Field(description="when the clinic's side took it in, UTC")]
    modality: Annotated[str | None, Field(description="sensed or self_reported; null for what isn't from the patient")]
    channel: Annotated[str | None, Field(description="app, sms, voice, web or staff, for reports that say so")]
    retracted: Annotated[bool, Field(description="whether a retraction took it back")]
    data: Annotated[str, Field(description="the event's data, JSON text")]
    attributes: Annotated[str, Field(description="the other CloudEvents attributes, JSON text")]


class RepRow(Derived):
    """Repetitions of sensed sessions, of the derivation that stands."""

    patient_id: Annotated[str, Field(description="the patient's pseudonym")]
    session_id: Annotated[str, Field(description="the exercise session")]
    rep: Annotated[int, Field(description="the repetition's number in its session, from 1")]
    exercise_id: Annotated[str | None, Field(description="the exercise, as the plan names it; null where the sensor didn't know")]
    joint: Annotated[str | None, Field(description="the joint that moved")]
    motion: Annotated[str | None, Field(description="the movement, such as flexion")]
    side: Annotated[str | None, Field(description="left, right, or as the source names it")]
    start_time: Annotated[str, Field(description="when it began, UTC")]
    duration_s: Annotated[float, Field(description="from its beginning to its end, s")]
    min_deg: Annotated[float | None, Field(description="the least angle, deg")]
    max_deg: Annotated[float | None, Field(description="the greatest angle, deg")]
    rom_deg: Annotated[float | None, Field(description="the range of motion, deg")]
    peak_rate_deg_s: Annotated[float | None, Field(description="the greatest angular rate, deg/s")]
    hold_s: Annotated[float | None, Field(description="time held at the end of the range, s")]
    flags: Annotated[list[str], Field(description="what limits the trust in it")]


class SessionRow(Derived):
    """Exercise sessions, sensed, self-reported, or both paired."""

    patient_id: Annotated[str, Field(description="the patient's pseudonym")]
    session_id: Annotated[str, Field(description="the session; of a report without one: source#id")]
    exercise_id: Annotated[str | None, Field(description="the exercise, as the plan names it; null where the sensor didn't know")]
    joint: Annotated[str | None, Field(description="the joint that moved")]
    motion: Annotated[str | None, Field(description="the movement, such as flexion")]
    side: Annotated[str | None, Field(description="left, right, or as the source names it")]
    local_date: Annotated[str, Field(description="the patient's local date, YYYY-MM-DD")]
    start_time: Annotated[str, Field(description="when it began, UTC")]
    end_time: Annotated[str | None, Field(description="when it ended, UTC")]
    modality: Annotated[str, Field(description="sensed, self_reported or both")]
    reps: Annotated[int, Field(description="repetitions sensed, or reported where none was sensed")]
    rom_best_deg: Annotated[float | None, Field(description="the greatest range of motion, deg")]
    rom_median_deg: Annotated[float | None, Field(description="the median range of motion, deg")]
    sparc: Annotated[float | None, Field(description="smoothness, spectral arc length")]
    pain_nrs: Annotated[float | None, Field(description="pain as reported with it, 0 to 10")]
    rpe: Annotated[float | None, Field(description="perceived exertion as reported with it, 0 to 10")]
    flags: Annotated[list[str], Field(description="what limits the trust in it")]


class AdherenceDailyRow(Derived):
    """What was due and what was done, by day and exercise."""

    patient_id: Annotated[str, Field(description="the patient's pseudonym")]
    local_date: Annotated[str, Field(description="the patient's local date, YYYY-MM-DD")]
    exercise_id: Annotated[str, Field(description="the exercise; '' is the whole plan")]
    prescribed_sessions: Annotated[int, Field(description="sessions due")]
    completed_sessions: Annotated[int, Field(description="sessions done, at most those due")]
    prescribed_reps: Annotated[int, Field(description="repetitions due")]
    completed_reps: Annotated[int, Field(description="repetitions done, at most those due")]
    frequency: Annotated[float | None, Field(description="completed / prescribed sessions")]
    volume: Annotated[float | None, Field(description="completed / prescribed repetitions")]
    status: Annotated[str, Field(description="met, partial, missed, unknown, rest or pending")]


class AdherenceWindowRow(Derived):
    """Adherence over the 7 and 30 days that end on a day."""

    patient_id: Annotated[str, Field(description="the patient's pseudonym")]
    local_date: Annotated[str, Field(description="the patient's local date, YYYY-MM-DD")]
    window_days: Annotated[int, Field(description="days in the window, 7 or 30")]
    frequency: Annotated[float | None, Field(description="completed / prescribed sessions over known days")]
    volume: Annotated[float | None, Field(description="completed / prescribed repetitions over known days")]
    coverage: Annotated[float | None, Field(description="known / (known + unknown) days")]
    missed_streak: Annotated[int, Field(description="missed days in a row, going back from the date")]
    silent_days: Annotated[int, Field(description="days in a row on which nothing was heard, going back from the date")]


class RomDailyRow(Derived):
    """Range of motion by day, joint, motion and side, against the goal."""

    patient_id: Annotated[str, Field(description="the patient's pseudonym")]
    local_date: Annotated[str, Field(description="the patient's local date, YYYY-MM-DD")]
    joint: Annotated[str, Field(description="the joint")]
    motion: Annotated[str, Field(description="the movement; '' where unknown")]
    side: Annotated[str, Field(description="the side; '' where unknown")]
    attained_deg: Annotated[float | None, Field(description="the greatest angle reached (of extension the least), deg")]
    rom_best_deg: Annotated[float | None, Field(description="the greatest range of a repetition, deg")]
    rom_median_deg: Annotated[float | None, Field(description="the median range of the repetitions, deg")]
    max_deg: Annotated[float | None, Field(description="the greatest angle, deg")]
    min_deg: Annotated[float | None, Field(description="the least angle, deg")]
    reps: Annotated[int, Field(description="repetitions measured")]
    goal_deg: Annotated[float | None, Field(description="the plan's goal for that day, deg")]
    residual_deg: Annotated[float | None, Field(description="how far attained lies beyond the goal, positive is better, deg")]
    slope_deg_per_week: Annotated[float | None, Field(description="Theil-Sen slope of attained over 14 days, deg per week")]


class PainDailyRow(Derived):
    """Pain by day, against the patient's own baseline."""

    patient_id: Annotated[str, Field(description="the patient's pseudonym")]
    local_date: Annotated[str, Field(description="the patient's local date, YYYY-MM-DD")]
    nrs_max: Annotated[float, Field(description="the greatest pain reported, 0 to 10")]
    nrs_mean: Annotated[float, Field(description="the mean of the reports")]
    reports: Annotated[int, Field(description="reports of pain")]
    baseline_nrs: Annotated[float | None, Field(description="median of the daily maxima of the 14 days before")]
    flare: Annotated[bool, Field(description="at least 2 above the baseline for 24 hours or more")]


class MedicationWindowRow(Derived):
    """Doses due and taken over the 30 days that end on a day."""

    patient_id: Annotated[str, Field(description="the patient's pseudonym")]
    local_date: Annotated[str, Field(description="the patient's local date, YYYY-MM-DD")]
    medication_id: Annotated[str, Field(description="the medication, as the plan names it")]
    window_days: Annotated[int, Field(description="days in the window, 30")]
    days_due: Annotated[int, Field(description="days on which a dose was due, and which are over")]
    days_covered: Annotated[int, Field(description="of those, days with all doses taken")]
    doses_due: Annotated[int, Field(description="doses due on those days")]
    doses_taken: Annotated[int, Field(description="doses taken on those days, not capped")]
    pdc: Annotated[float | None, Field(description="proportion of days covered")]


class OutcomeRow(Derived):
    """Patient-reported outcomes and tests of function, against the episode's first."""

    patient_id: Annotated[str, Field(description="the patient's pseudonym")]
    measure: Annotated[str, Field(description="the instrument or the test")]
    side: Annotated[str, Field(description="the side; '' where there is none")]
    event_time: Annotated[str, Field(description="when it was taken, UTC")]
    value: Annotated[float, Field(description="the score or the result")]
    baseline: Annotated[float | None, Field(description="the episode's first")]
    change: Annotated[float | None, Field(description="value - baseline")]
    mcid: Annotated[float | None, Field(description="the minimal clinically important difference")]
    meaning: Annotated[str | None, Field(description="improved, unchanged or worse; null where no MCID is known")]


class ActivityDailyRow(Derived):
    """Summaries of gait, posture and steps by day."""

    patient_id: Annotated[str, Field(description="the patient's pseudonym")]
    local_date: Annotated[str, Field(description="the patient's local date, YYYY-MM-DD")]
    kind: Annotated[str, Field(description="gait, posture or steps")]
    name: Annotated[str, Field(description="the value's name")]
    value_mean: Annotated[float, Field(description="mean, weighted by duration")]
    value_max: Annotated[float, Field(description="the greatest")]
    value_sum: Annotated[float, Field(description="the sum")]
    minutes: Annotated[float, Field(description="minutes summarised")]


class SensorChunkRow(Tenant):
    """Raw samples as they came, admitted chunks only."""

    patient_id: Annotated[str, Field(description="the patient's pseudonym")]
    session_id: Annotated[str, Field(description="the exercise session")]
    seq: Annotated[int, Field(description="the chunk's number in its session, from 0")]
    source: Annotated[str, Field(description="the CloudEvents source")]
    event_id: Annotated[str, Field(description="the CloudEvents id")]
    event_time: Annotated[str, Field(description="the CloudEvents time, UTC")]
    recorded_time: Annotated[str, Field(description="when the clinic's side took it in, UTC")]
    device_id: Annotated[str, Field(description="the device")]
    exercise_id: Annotated[str | None, Field(description="the exercise, where the device knew")]
    joint: Annotated[str, Field(description="the joint")]
    motion: Annotated[str | None, Field(description="the movement")]
    side: Annotated[str, Field(description="the side")]
    kind: Annotated[str, Field(description="angle, quat2, imu6x2 or gyr3")]
    start_time: Annotated[str, Field(description="the first sample's time, UTC")]
    rate_hz: Annotated[float, Field(description="samples a second, as the device says")]
    n: Annotated[int, Field(description="rows of samples")]
    last: Annotated[bool, Field(description="whether it is the session's last")]
    calibration: Annotated[str | None, Field(description="the calibration, JSON text")]
    samples: Annotated[str, Field(description="little-endian float32, row-major")]
    sha256: Annotated[str, Field(description="SHA-256 of the samples, hexadecimal")]


class BillingPeriodRow(Derived):
    """Candidate codes by 30-day period; never claims."""

    patient_id: Annotated[str, Field(description="the patient's pseudonym")]
    episode_id: Annotated[str, Field(description="the episode of care")]
    period_start: Annotated[str, Field(description="the period's first local date")]
    period_end: Annotated[str, Field(description="its last local date")]
    data_days: Annotated[int, Field(description="local dates with a therapy datum")]
    data_days_lenient: Annotated[int, Field(description="local dates with a therapy datum or a check-in")]
    days_left: Annotated[int, Field(description="days after today in the period and episode")]
    candidate_codes: Annotated[list[str], Field(description="candidate codes")]
    rules: Annotated[str, Field(description="the rule pack; '' where none is in force")]
    evidence: Annotated[str, Field(description="the facts counted, JSON text")]


class BillingMonthRow(Derived):
    """Candidate codes by calendar month; never claims."""

    patient_id: Annotated[str, Field(description="the patient's pseudonym")]
    month: Annotated[str, Field(description="the patient's local calendar month, YYYY-MM")]
    minutes: Annotated[float, Field(description="minutes of reviews and interactions")]
    live_interactions: Annotated[int, Field(description="live interactions by phone or video")]
    candidate_codes: Annotated[list[str], Field(description="candidate codes, one as often as it counts")]
    rules: Annotated[str, Field(description="the rule pack; '' where none is in force")]
    evidence: Annotated[str, Field(description="the facts counted, JSON text")]


class AlertRow(Derived):
    """Alerts, each with its state now."""

    alert_id: Annotated[str, Field(description="the alert")]
    patient_id: Annotated[str, Field(description="the patient's pseudonym")]
    episode_id: Annotated[str, Field(description="the episode of care")]
    rule_id: Annotated[str, Field(description="the rule that opened it")]
    rule_version: Annotated[str, Field(description="the rule pack and version")]
    severity: Annotated[str, Field(description="info, warning or urgent")]
    status: Annotated[str, Field(description="open, acknowledged, snoozed, resolved or expired")]
    opened_at: Annotated[str, Field(description="when it opened, UTC")]
    due_at: Annotated[str, Field(description="when what it rests on came due, UTC")]
    therapist_id: Annotated[str, Field(description="the episode's therapist")]
    acknowledged_at: Annotated[str | None, Field(description="when it was acknowledged, UTC")]
    acknowledged_by: Annotated[str | None, Field(description="by whom")]
    snoozed_until: Annotated[str | None, Field(description="until when it is quiet, UTC")]
    resolved_at: Annotated[str | None, Field(description="when it was over, UTC")]
    escalation: Annotated[int, Field(description="the escalation step reached")]
    reason: Annotated[str, Field(description="why, in words")]
    evidence: Annotated[str, Field(description="the days or facts it rests on, JSON text")]


class AlertDeliveryRow(Tenant):
    """What became of each webhook."""

    alert_id: Annotated[str, Field(description="the alert")]
    transition: Annotated[str, Field(description="what was told: opened, escalated, resolved and so on")]
    endpoint: Annotated[str, Field(description="the endpoint's name")]
    attempt: Annotated[int, Field(description="the attempt's number, from 1; 0 was never sent")]
    webhook_id: Annotated[str, Field(description="the webhook's id, the same over all attempts")]
    sent_at: Annotated[str, Field(description="when it was sent, UTC")]
    status_code: Annotated[int | None, Field(description="the HTTP status; null where none came")]
    outcome: Annotated[str, Field(description="delivered, failed, given_up or expired")]
    latency_ms: Annotated[float, Field(description="from sending to the answer, ms")]


class DeadLetterRow(Tenant):
    """What could not be used, with the reason."""

    topic: Annotated[str, Field(description="the topic; of a replay the file")]
    partition: Annotated[int, Field(description="the partition; of a replay the file's number")]
    offset: Annotated[int, Field(description="the offset; of a replay the line")]
    reason: Annotated[
        str,
        Field(description="misplaced, unparsable, unknown_type, invalid, conflict, future, too_late, session_closed, forgotten or crash"),
    ]
    error: Annotated[str, Field(description="what was wrong, without values")]
    event_id: Annotated[str, Field(description="the CloudEvents id, where it could be read")]
    received_at: Annotated[str, Field(description="when it was read: the clock of the stream, UTC")]
    payload: Annotated[str, Field(description="the original, as it came")]


class PatientRow(Derived):
    """Patients by episode of care."""

    patient_id: Annotated[str, Field(description="the patient's pseudonym")]
    episode_id: Annotated[str, Field(description="the episode of care")]
    timezone: Annotated[str, Field(description="the IANA time zone")]
    monitoring_start: Annotated[str, Field(description="its first local date")]
    discharged_on: Annotated[str | None, Field(description="its last local date, once discharged")]
    therapeutic_area: Annotated[str, Field(description="musculoskeletal, respiratory or cognitive_behavioral")]
    condition: Annotated[str | None, Field(description="what is treated")]
    procedure_date: Annotated[str | None, Field(description="the local date of the procedure")]
    therapist_id: Annotated[str, Field(description="the therapist in charge")]
    last_heard_at: Annotated[str | None, Field(description="the newest event time of what was heard on the episode's days, UTC")]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its name, its key without the generation, the model of its rows."""

    name: str
    key: tuple[str, ...]
    model: type

    @property
    def description(self) -> str:
        """What the table holds, in one sentence."""
        return (self.model.__doc__ or "").strip()

    @property
    def columns(self) -> dict[str, str]:
        """The description of every column, in the model's order."""
        properties: dict[str, Any] = TypeAdapter(self.model).json_schema()["properties"]
        return {name: properties[name]["description"] for name in get_type_hints(self.model)}

    @property
    def generations(self) -> bool:
        """Whether its rows belong to a generation."""
        return "generation" in get_type_hints(self.model)


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table("events", ("patient_id", "source", "event_id"), EventRow),
        Table("reps", ("patient_id", "session_id", "rep"), RepRow),
        Table("sessions", ("patient_id", "session_id"), SessionRow),
        Table("adherence_daily", ("patient_id", "local_date", "exercise_id"), AdherenceDailyRow),
        Table("adherence_window", ("patient_id", "local_date", "window_days"), AdherenceWindowRow),
        Table("rom_daily", ("patient_id", "local_date", "joint", "motion", "side"), RomDailyRow),
        Table("pain_daily", ("patient_id", "local_date"), PainDailyRow),
        Table("medication_window", ("patient_id", "local_date", "medication_id", "window_days"), MedicationWindowRow),
        Table("outcomes", ("patient_id", "measure", "side", "event_time"), OutcomeRow),
        Table("activity_daily", ("patient_id", "local_date", "kind", "name"), ActivityDailyRow),
        Table("sensor_chunks", ("patient_id", "session_id", "seq"), SensorChunkRow),
        Table("billing_periods", ("patient_id", "episode_id", "period_start"), BillingPeriodRow),
        Table("billing_months", ("patient_id", "month"), BillingMonthRow),
        Table("alerts", ("alert_id",), AlertRow),
        Table("alert_deliveries", ("alert_id", "transition", "endpoint", "attempt"), AlertDeliveryRow),
        Table("dead_letters", ("topic", "partition", "offset"), DeadLetterRow),
        Table("patients", ("patient_id", "episode_id"), PatientRow),
    )
}
"""Every table of the contract, in its order."""
