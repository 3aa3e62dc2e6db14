"""Faults by name and rate: what goes wrong between what a patient did and what the log says. In: a `Life`. Out: its drafts changed.

Each fault draws from a generator of its own, so that one fault's rate changes neither the patient nor the other faults. What befell a
patient is noted in `life.faults` (`hides` says whether tables of some days differ from the truth for good).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from schemas.instants import DAY_SECONDS, SECOND, format_day
from streams.simulate.drafts import CLINIC, MOTION, Draft
from streams.simulate.life import HOUR, MINUTE, Frame, Life

DAY = DAY_SECONDS * SECOND
AGAIN = "-again"


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, `per` what its rate counts, and how it is done."""

    what: str
    per: str
    apply: Callable[[Frame, Life, float, np.random.Generator], None]


def parse_faults(text: str) -> dict[str, float]:
    """Rates by name from `name=rate,name=rate`; `all=rate` sets every fault. ValueError for an unknown name or a rate outside 0 to 1."""
    rates: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.partition("=")
        try:
            rate = float(number)
        except ValueError:
            raise ValueError(f"{name}: a fault is written name=rate, such as duplicates=0.02") from None
        if not 0 <= rate <= 1:
            raise ValueError(f"{name}: a rate lies between 0 and 1")
        if name != "all" and name not in FAULTS:
            raise ValueError(f"{name}: no such fault; there are {', '.join(FAULTS)}, and all")
        rates |= dict.fromkeys(FAULTS, rate) if name == "all" else {name: rate}
    return rates


def befall(frame: Frame, life: Life, rates: dict[str, float]) -> None:
    """Let every fault have its turn, in the catalogue's order; at the end nothing is recorded after the last day's end."""
    for number, (name, fault) in enumerate(FAULTS.items()):
        if rate := rates.get(name, 0.0):
            fault.apply(frame, life, rate, np.random.default_rng([frame.seed, life.number, 1 + number]))


def _note(life: Life, fault: str, days: list[int], *, hides: bool = False, **more: Any) -> None:
    life.faults.append({"fault": fault, "dates": [format_day(day) for day in sorted(set(days))], "hides": hides, **more})


def _from_patient(draft: Draft) -> bool:
    return draft.origin != "clinic"


def _span(life: Life, random: np.random.Generator, longest: int) -> range:
    first = int(random.integers(life.first, life.last + 1))
    return range(first, min(life.last, first + int(random.integers(0, longest))) + 1)


def _wrong_zone(_frame: Frame, life: Life, rate: float, random: np.random.Generator) -> None:
    """The enrolment names a wrong zone; a newer one of the same episode puts it right some days later."""
    if random.random() >= rate:
        return
    enrolled = life.drafts[0]
    wrong = "Europe/London" if life.zone != "Europe/London" else "UTC"
    mended = replace(enrolled, name=enrolled.name + AGAIN, data=dict(enrolled.data))
    enrolled.data = {**enrolled.data, "timezone": wrong}
    mended.time = enrolled.time + int(random.integers(2, 9)) * DAY
    mended.recorded = mended.time + MINUTE
    life.drafts.append(mended)
    _note(life, "wrong_zone", list(range(life.first, life.last + 1)), zone=wrong)


def _clock_skew(_frame: Frame, life: Life, rate: float, random: np.random.Generator) -> None:
    """For a week or so the phone's clock is wrong: mostly by minutes to hours, now and then by two days."""
    if random.random() >= rate:
        return
    days = _span(life, random, 10)
    by = int(random.integers(-180, 181)) * MINUTE if random.random() < 0.85 else int(random.choice([-2, 2])) * DAY
    for draft in life.drafts:
        if draft.origin == "phone" and draft.day in days:
            draft.shift(by)
    touched = range(days.start - 3, days.stop + 3)
    _note(life, "clock_skew", list(touched), hides=True, seconds=by // SECOND)


def _offline(_frame: Frame, life: Life, rate: float, random: np.random.Generator) -> None:
    """The phone has no network; everything of those days comes at once when it is back, in the order in which it was made."""
    for start in np.flatnonzero(random.random(life.last - life.first + 1) < rate).tolist():
        days = range(life.first + start, min(life.last, life.first + start + int(random.integers(1, 6))) + 1)
        held = [draft for draft in life.drafts if draft.origin == "phone" and draft.day in days]
        if not held:
            continue
        back = max(draft.recorded for draft in held) + int(random.integers(1, 24)) * HOUR
        for number, draft in enumerate(sorted(held, key=lambda draft: draft.recorded)):
            draft.recorded = max(draft.recorded, back + number * SECOND // 4)
        _note(life, "offline", list(days))


def _late(_frame: Frame, life: Life, rate: float, random: np.random.Generator) -> None:
    """An upload takes an hour to twenty days."""
    late = [draft for draft in life.drafts if _from_patient(draft)]
    chosen = [draft for draft, chance in zip(late, random.random(len(late)).tolist(), strict=True) if chance < rate]
    for draft, hours in zip(chosen, np.exp(random.uniform(0, np.log(480), len(chosen))).tolist(), strict=True):
        draft.recorded += int(hours * 3600) * SECOND
    if chosen:
        _note(life, "late", [draft.day for draft in chosen], facts=len(chosen))


def _sessions(life: Life) -> dict[str, list[Draft]]:
    """The drafts of each sensed session."""
    found: dict[str, list[Draft]] = {}
    for draft in life.drafts:
        if draft.origin == "device" and "session_id" in draft.data:
            found.setdefault(draft.data["session_id"], []).append(draft)
    return found


def _swapped_sensors(_frame: Frame, life: Life, rate: float, random: np.random.Generator) -> None:
    """Proximal and distal sensor are exchanged: angles change their sign."""
    for drafts in _sessions(life).values():
        if random.random() >= rate:
            continue
        for draft in drafts:
            data = dict(draft.data)
            if draft.kind == "sensor.chunk":
                data["samples_b64"] = _negated(data["samples_b64"])
            elif draft.kind == "motion.rep":
                data["min_deg"], data["max_deg"] = -draft.data["max_deg"], -draft.data["min_deg"]
            draft.data = data
        _note(life, "swapped_sensors", [drafts[0].day], angles_only=True)


def _negated(text: str) -> str:
    import base64  # noqa: PLC0415

    return base64.b64encode((-np.frombuffer(base64.b64decode(text), "<f4")).astype("<f4").tobytes()).decode()


def _lost_chunks(frame: Frame, life: Life, rate: float, random: np.random.Generator) -> None:
    """A chunk never arrives. Without samples: a repetition is missing, those beside it and the session have the flag `gap`."""
    lost: list[Draft] = []
    for drafts in _sessions(life).values():
        parts = [draft for draft in drafts if draft.kind in {"sensor.chunk", "motion.rep"}]
        gone = [part for part, chance in zip(parts, random.random(len(parts)).tolist(), strict=True) if chance < rate]
        if not gone or len(gone) == len(parts):
            continue
        lost += gone
        numbers = {draft.data["rep"] for draft in gone if draft.kind == "motion.rep"}
        for draft in drafts:
            beside = draft.kind == "motion.rep" and numbers & {draft.data["rep"] - 1, draft.data["rep"] + 1}
            if beside or draft.kind == "motion.session":
                draft.data = {**draft.data, "flags": ["gap"]}
    if lost:
        names = {draft.name for draft in lost}
        life.drafts = [draft for draft in life.drafts if draft.name not in names]
        _note(life, "lost_chunks", [draft.day for draft in lost], hides=frame.samples, angles_only=not frame.samples, lost=len(lost))


def _retract(life: Life, subject: str, source: str, name: str, at: int, number: int, reason: str) -> None:
    data = {"fact_source": source, "fact_id": name, "reason": reason}
    life.drafts.append(
        Draft("fact.retracted", subject, CLINIC, f"{name}-back-{number}", at, at + SECOND, data, life.clinic, "clinic", life.first)
    )


def _wrong_patient(frame: Frame, life: Life, rate: float, random: np.random.Generator) -> None:
    """A device is worn by another patient than the one it is given to: sessions go to that one, are retracted, and filed anew."""
    other = (life.number - 1 ^ 1) + 1
    if random.random() >= rate or other > frame.patients:
        return
    sensed = _sessions(life)
    worn = sorted({drafts[0].day for drafts in sensed.values()})
    if not worn:
        return
    first = worn[int(random.integers(0, len(worn)))]
    subject, days = f"sim-{other:05d}", range(first, first + int(random.integers(1, 4)))
    touched = []
    for session_id, drafts in sensed.items():
        if drafts[0].day not in days:
            continue
        touched.append(drafts[0].day)
        noticed = max(draft.recorded for draft in drafts) + int(random.integers(1, 6)) * DAY
        for draft in drafts:
            right = replace(draft, data={**draft.data, "session_id": session_id + AGAIN}, recorded=noticed + HOUR)
            right.name = draft.name.replace(session_id, session_id + AGAIN)
            life.drafts.append(right)
            draft.subject, draft.name = subject, draft.name.replace(f"{life.subject}/", f"{subject}/", 1)
        _retract(life, subject, MOTION, f"{subject}/{session_id}/1", noticed, 1, "device worn by another patient")
    _note(life, "wrong_patient", touched, other=subject)


def _duplicate_pseudonym(_frame: Frame, life: Life, rate: float, random: np.random.Generator) -> None:
    """The patient is enrolled twice; some days' reports go to the second pseudonym, are retracted there, and filed anew."""
    if random.random() >= rate:
        return
    days, second = _span(life, random, 7), f"{life.subject}-b"
    strays = [draft for draft in life.drafts if draft.origin == "phone" and draft.day in days]
    if not strays:
        return
    noticed = min(max(draft.recorded for draft in strays) + 2 * DAY, min(draft.time for draft in strays) + 30 * DAY)
    for draft in [x for x in life.drafts if x.kind in {"patient.enrolled", "plan.prescribed"} and x.recorded < noticed]:
        life.drafts.append(replace(draft, subject=second))
        _retract(life, second, draft.source, draft.name, noticed, 1, "enrolled twice")
    for draft in strays:
        life.drafts.append(replace(draft, name=draft.name + AGAIN, recorded=noticed + HOUR))
        draft.subject = second
        _retract(life, second, draft.source, draft.name, noticed, 2, "enrolled twice")
    _note(life, "duplicate_pseudonym", list(days), other=second)


def _duplicates(_frame: Frame, life: Life, rate: float, random: np.random.Generator) -> None:
    """The same event arrives once more, seconds to two days later."""
    chances = random.random(len(life.drafts)).tolist()
    twice = [draft for draft, chance in zip(life.drafts, chances, strict=True) if chance < rate]
    delays = np.exp(random.uniform(0, np.log(172_800), len(twice))).tolist()
    life.drafts += [replace(draft, recorded=draft.recorded + int(delay) * SECOND) for draft, delay in zip(twice, delays, strict=True)]
    if twice:
        _note(life, "duplicates", [draft.day for draft in twice], facts=len(twice))


FAULTS: dict[str, Fault] = {
    "wrong_zone": Fault("the enrolment names a wrong time zone, put right some days later", "patient", _wrong_zone),
    "clock_skew": Fault("for some days the phone's clock is wrong", "patient", _clock_skew),
    "swapped_sensors": Fault("proximal and distal sensor exchanged: angles of the wrong sign", "sensed session", _swapped_sensors),
    "lost_chunks": Fault("a chunk (without samples: a repetition) never arrives", "chunk", _lost_chunks),
    "offline": Fault("the phone is offline and flushes after days", "day", _offline),
    "late": Fault("an upload takes an hour to twenty days", "fact", _late),
    "wrong_patient": Fault("a device worn by the wrong patient, retracted and filed anew", "patient", _wrong_patient),
    "duplicate_pseudonym": Fault("a patient enrolled twice, retracted and filed anew", "patient", _duplicate_pseudonym),
    "duplicates": Fault("the same event arrives once more", "fact", _duplicates),
}
"""Every fault, in the order in which they befall a patient."""
