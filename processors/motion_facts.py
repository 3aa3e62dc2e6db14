"""What motion tells: `motion.rep` and `motion.session` facts from a derivation, and the row of an admitted chunk."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import msgspec

from processors.motion_state import Chunk, Course, Repetition, Summary
from processors.processor import Row
from schemas.codecs import derived_fact
from schemas.events import MOTION_SOURCE, Data, FactRetracted, MotionRep, MotionSession, SensorActivity, SensorChunk
from schemas.facts import Fact
from schemas.instants import SECOND, format_instant

_CHUNK_FIELDS = frozenset(SensorChunk.model_fields)


_NEW_REP, _SET = MotionRep.__new__, object.__setattr__
_REP_FIELDS = set(MotionRep.model_fields)
_start_text = lru_cache(4096)(format_instant)


def rep_fact(subject: str, session_id: str, course: Course, rep: Repetition) -> Fact:
    """The fact of a repetition.

    Its model and its payload are made by hand: `model_construct` and the serializer took most of the time that a repetition costs.
    """
    fields: dict[str, Any] = {
        "session_id": session_id,
        "derivation": course.derivation,
        "session_start": course.start,
        "rep": rep.number,
        "exercise_id": course.exercise_id,
        "joint": course.joint,
        "motion": course.motion,
        "side": course.side,
        "start_time": rep.start,
        "duration_s": (rep.end - rep.start) / SECOND,
        "min_deg": rep.min_deg,
        "max_deg": rep.max_deg,
        "rom_deg": rep.rom_deg,
        "peak_rate_deg_s": rep.peak_rate_deg_s,
        "hold_s": rep.hold_s,
        "flags": rep.flags,
    }
    payload = {name: value for name, value in fields.items() if value is not None}
    payload["session_start"], payload["start_time"] = _start_text(course.start), format_instant(rep.start)
    model = _NEW_REP(MotionRep)
    _SET(model, "__dict__", fields)
    _SET(model, "__pydantic_fields_set__", _REP_FIELDS.copy())
    _SET(model, "__pydantic_extra__", None)
    _SET(model, "__pydantic_private__", None)
    attributes = {} if course.clinic is None else {"clinicid": course.clinic}
    fact_id = f"{subject}/{session_id}/{course.derivation}/{rep.number}"
    return Fact(
        *("rtm.motion.rep.v1", MOTION_SOURCE, fact_id, subject, rep.start, rep.recorded, model, payload, course.clinic, attributes),
        derived=True,
    )


def session_fact(subject: str, session_id: str, course: Course, summary: Summary) -> Fact:
    """The fact of a session at its end."""
    model = MotionSession.model_construct(
        session_id=session_id,
        derivation=course.derivation,
        exercise_id=course.exercise_id,
        joint=course.joint,
        motion=course.motion,
        side=course.side,
        start_time=course.start,
        end_time=summary.end,
        reps=course.reps,
        rom_best_deg=summary.rom_best_deg,
        rom_median_deg=summary.rom_median_deg,
        sparc=summary.sparc,
        flags=summary.flags,
    )
    return derived_fact(
        model,
        type="rtm.motion.session.v1",
        subject=subject,
        id=f"{subject}/{session_id}/{course.derivation}",
        time=course.start,
        recorded=course.recorded,
        clinic=course.clinic,
    )


def activity_facts(subject: str, session_id: str, course: Course, summary: Summary, values: dict[str, float]) -> list[Fact]:
    """The summary of a session of walking or posture; the one of the derivation before it is retracted."""
    name, facts = f"{subject}/{session_id}", []
    if course.derivation > 1:
        before = f"{name}/{course.derivation - 1}/activity"
        retraction = FactRetracted.model_construct(fact_source=MOTION_SOURCE, fact_id=before, reason="derived anew")
        facts.append(_about(subject, course, retraction, "rtm.fact.retracted.v1", f"{before}/retracted"))
    kind: Literal["gait", "posture"] = "gait" if course.motion == "gait" else "posture"
    model = SensorActivity.model_construct(kind=kind, start=course.start, end=summary.end, values=values)
    facts.append(_about(subject, course, model, "rtm.sensor.activity.v1", f"{name}/{course.derivation}/activity"))
    return facts


def _about(subject: str, course: Course, model: Data, event_type: str, fact_id: str) -> Fact:
    """A fact about a whole session, at its start."""
    return derived_fact(
        model, type=event_type, subject=subject, id=fact_id, time=course.start, recorded=course.recorded, clinic=course.clinic
    )


def chunk_of(fact: Fact, data: SensorChunk) -> Chunk:
    """What is held of a chunk."""
    return Chunk(
        seq=int(data.seq),
        recorded=fact.recorded,
        clinic=fact.clinic,
        exercise_id=data.exercise_id,
        joint=data.joint,
        motion=data.motion,
        side=data.side,
        t0=int(data.t0_ns),
        rate_hz=data.rate_hz,
        kind=data.kind,
        last=data.last,
        calibration=None if data.calibration is None else data.calibration.model_dump(exclude_none=True),
        samples=data.samples,
    )


def admission_row(fact: Fact, data: SensorChunk, position: int, revision: int, now: int) -> Row:
    """The row that says a chunk was admitted: the columns of `sensor_chunks` without its samples, and where its record lies.

    What the chunk said beyond these columns, if anything, is its `extra`: an export gives it back.
    """
    calibration = fact.payload.get("calibration")
    values: dict[str, Any] = {
        "patient_id": fact.subject,
        "session_id": data.session_id,
        "seq": data.seq,
        "source": fact.source,
        "event_id": fact.id,
        "event_time": format_instant(fact.time),
        "recorded_time": format_instant(fact.recorded),
        "device_id": data.device_id,
        "exercise_id": data.exercise_id,
        "joint": data.joint,
        "motion": data.motion,
        "side": data.side,
        "kind": data.kind,
        "start_time": format_instant(int(data.t0_ns)),
        "rate_hz": data.rate_hz,
        "n": len(data.array),
        "last": data.last,
        "calibration": None if calibration is None else msgspec.json.encode(calibration).decode(),
        "clinic_id": fact.clinic or "",
        "updated_at": format_instant(fact.recorded),
        "revision": revision,
        "issued_at": format_instant(max(now, fact.recorded)),
        "position": position,
    }
    unknown = {name: value for name, value in fact.payload.items() if name not in _CHUNK_FIELDS and value is not None}
    attributes = {name: value for name, value in fact.attributes.items() if name != "clinicid"}
    if unknown or attributes:
        values["extra"] = msgspec.json.encode({"attributes": attributes, "data": unknown}).decode()
    return Row("chunk_admissions", fact.subject, values)
