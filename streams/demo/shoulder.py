"""Ten shoulder patients around the SPAR recordings. In: the fourteen sets of one volunteer. Out: one patient's diary.

The samples, the exercises and the arms are real; the dates, the plan and everything that is reported are made up. The plan brings each
exercise on two days of the three weeks, with either arm. On one of them it is done with the watch on (the recording, each used once);
what becomes of the other is the patient's `story`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.instants import DAY_SECONDS, SECOND, format_instant
from streams.demo.diary import CLINIC, MINUTE, RECORDED, Diary, day_text
from streams.demo.recordings import RATE_HZ, REPS_A_SET, Recording

CONDITION = "shoulder: recorded sets, made-up course"
SIDES = ("left", "right")
NAMES = {
    "PEN": ("pendulum", "Pendulum", "pendulum"),
    "TRAP": ("trapezius-row", "Lower trapezius row", "retraction"),
    "IR": ("internal-rotation", "Internal rotation with band", "internal_rotation"),
    "ER": ("external-rotation", "External rotation with band", "external_rotation"),
    "ABD": ("abduction", "Abduction", "abduction"),
    "FEL": ("forward-elevation", "Forward elevation", "flexion"),
    "ROW": ("bent-over-row", "Bent-over row", "extension"),
}
"""The recordings' label: the exercise's id, its name, its motion."""

Phase = tuple[int, dict[str, tuple[int, ...]]]
STEADY_PHASES: tuple[Phase, ...] = (
    (0, {"PEN": (0, 3), "TRAP": (1, 4)}),
    (7, {"IR": (7, 10), "ER": (8, 11)}),
    (14, {"ABD": (14, 17), "FEL": (15, 18), "ROW": (16, 19)}),
)
QUICK_PHASES: tuple[Phase, ...] = (
    (0, {"PEN": (0,), "TRAP": (1,), "IR": (3,), "ER": (4,)}),
    (7, {"ABD": (7, 14), "FEL": (8, 15), "ROW": (10, 17)}),
)
"""The versions of a plan: the first day of each, and the days on which its exercises are due."""


@dataclass(frozen=True, slots=True)
class Patient:
    """One patient: where, how the plan grows, and what becomes of each exercise's due days, a letter a day.

    `S` both arms with the watch, `L` and `R` one arm; `r` both reported, `h` half the repetitions reported; `c` a check-in only and `p` a
    pain report only, so the day is missed; `-` not heard of, so it is unknown.
    """

    zone: str
    clinic: str
    therapist: str
    hour: int
    pain: int
    story: str
    phases: tuple[Phase, ...] = STEADY_PHASES


EAST = ("America/New_York", "clinic-harbour", "therapist-1")
LAKE = ("America/Chicago", "clinic-harbour", "therapist-2")
SPREE = ("Europe/Berlin", "clinic-spree", "therapist-3")
TEJO = ("Europe/Lisbon", "clinic-spree", "therapist-3")

PATIENTS: tuple[Patient, ...] = (
    Patient(*EAST, 7, 2, "Sr Sr rS Sr Sr rS Sr"),
    Patient(*SPREE, 18, 3, "rS Sr Sr rS Sr Sr rS"),
    Patient(*EAST, 17, 2, "Sr rS Sr Sr rS Sr Sr"),
    Patient(*LAKE, 8, 3, "Sr Sc Sr rS Sr Sh rS"),
    Patient(*SPREE, 19, 4, "LR Sh Sr LR Sh LR Sr"),
    Patient(*TEJO, 12, 3, "S- Sr hS S- Sr LR -S"),
    Patient(*EAST, 18, 5, "Sh Sr Sp Sr LR Sr Sp"),
    Patient(*SPREE, 9, 3, "S S S S S- S- S-", QUICK_PHASES),
    Patient(*EAST, 16, 3, "Sr Sr Sr rS Sh Sp Sp"),
    Patient(*SPREE, 7, 2, "Sr rS Sr Sr Sr Sr Sr"),
)
"""Patients spar-01 to spar-10, around volunteers 1 to 10."""

OPENS_THE_APP = 2
FREE_DAYS = (2, 5, 6, 9, 12, 13, 20)
SILENT_FROM = {8: 11}
RISING_PAIN = {9: 16}


def tell_shoulder(number: int, recordings: list[Recording]) -> Diary:
    """The diary of patient `spar-<number>`, with the fourteen recordings of that volunteer, each once."""
    patient = PATIENTS[number - 1]
    diary = Diary(f"spar-{number:02d}", number, patient.zone, patient.clinic, patient.therapist)
    diary.enroll(f"{diary.patient}-shoulder", CONDITION)
    _prescribe(diary, patient)
    sets = {(recording.exercise, recording.side): recording for recording in recordings}
    stories = dict(zip(NAMES, patient.story.split(), strict=True))
    for _, due in patient.phases:
        for label, days in due.items():
            for day, letter in zip(days, stories[label], strict=True):
                _live(diary, patient, label, day, letter, sets=sets)
    _report(diary, number, patient)
    _care(diary, number)
    _mend(diary, number)
    return diary


def exercise_id(label: str, side: str) -> str:
    """The id of an exercise with one arm, `abduction-left`."""
    return f"{NAMES[label][0]}-{side}"


def session_id(recording: Recording) -> str:
    """The id of the session that a recording becomes, `spar-01-abduction-left`."""
    return f"spar-{recording.volunteer:02d}-{exercise_id(recording.exercise, recording.side)}"


def _prescribe(diary: Diary, patient: Patient) -> None:
    for version, (first, due) in enumerate(patient.phases, start=1):
        exercises = [
            {
                "exercise_id": exercise_id(label, side),
                "name": f"{NAMES[label][1]}, {side}",
                "joint": "shoulder",
                "motion": NAMES[label][2],
                "side": side,
                "sets": 1,
                "reps": REPS_A_SET,
                "days_of_week": sorted({day % 7 + 1 for day in days}),
            }
            for label, days in due.items()
            for side in SIDES
        ]
        plan = {"plan_id": "shoulder", "version": version, "effective_from": day_text(first), "exercises": exercises}
        if version == 1:
            plan["proms"] = [{"instrument": "QUICKDASH", "every_days": 20}]
        diary.tell("plan.prescribed", diary.at(first - 1, "16:00" if version > 1 else "15:30"), plan, CLINIC)


def _live(diary: Diary, patient: Patient, label: str, day: int, letter: str, *, sets: dict[tuple[str, str], Recording]) -> None:
    start = diary.at(day, f"{patient.hour:02d}:00") + int(diary.chance() * 40) * MINUTE
    if letter in "SLR":
        for side in SIDES if letter == "S" else ("left",) if letter == "L" else ("right",):
            _exercise(diary, start, sets[label, side], patient.pain)
            start += 4 * MINUTE + int(diary.chance() * 60) * SECOND
    elif letter in "rh":
        for side in SIDES:
            _tell_exercise(diary, start, exercise_id(label, side), REPS_A_SET if letter == "r" else REPS_A_SET // 2, patient.pain)
            start += 4 * MINUTE
    elif letter == "c":
        diary.tell("report.checkin", start, {"channel": "app"})
    elif letter == "p":
        diary.tell("report.pain", start, {"nrs": min(patient.pain + 3, 10), "body_site": "shoulder", "context": "rest", "channel": "sms"})


def _exercise(diary: Diary, start: int, recording: Recording, pain: int) -> None:
    session = session_id(recording)
    data = {
        "device_id": f"spar-watch-{recording.volunteer:02d}",
        "session_id": session,
        "exercise_id": exercise_id(recording.exercise, recording.side),
        "joint": "shoulder",
        "motion": NAMES[recording.exercise][2],
        "side": recording.side,
        "kind": "gyr3",
        "recording": recording.number,
    }
    diary.session(start, recording.samples, data, RECORDED, RATE_HZ)
    if recording.side == "right":
        _tell_exercise(diary, start, data["exercise_id"], REPS_A_SET, pain, session=session)


def _tell_exercise(diary: Diary, start: int, exercise: object, reps: int, pain: int, *, session: str | None = None) -> None:
    data: dict[str, Any] = {
        "exercise_id": exercise,
        "started_at": format_instant(start),
        "ended_at": format_instant(start + 2 * MINUTE),
        "sets_completed": 1,
        "reps_completed": reps,
        "rpe": 3 + int(diary.chance() * 4),
        "pain_nrs": max(pain - 1 + int(diary.chance() * 3), 0),
        "channel": "app",
    }
    diary.tell("report.exercise", start + 3 * MINUTE, data | ({"session_id": session} if session else {}))


def _report(diary: Diary, number: int, patient: Patient) -> None:
    """Pain in the evening of free days, and the questionnaire at the beginning and the end, while the patient answers."""
    silent = SILENT_FROM.get(number, 21)
    for day in (2, 6, 9, 13, 20):
        rising = day - RISING_PAIN.get(number, day)
        nrs = min(max(patient.pain + rising - (1 if day > 9 and not rising else 0), 0), 10)
        if day < silent:
            diary.tell(
                "report.pain", diary.at(day, "20:30"), {"nrs": nrs, "body_site": "shoulder", "context": "activity", "channel": "app"}
            )
    for day in FREE_DAYS if number == OPENS_THE_APP else ():
        diary.tell("report.checkin", diary.at(day, "11:02"), {"channel": "app"})
    for day, relief in ((0, 0), (20, 0 if number in RISING_PAIN else 9)):
        if day < silent:
            score = 28 + 4 * patient.pain - relief
            diary.tell("report.prom", diary.at(day, "21:00"), {"instrument": "QUICKDASH", "score": score, "channel": "web"})


def _care(diary: Diary, number: int) -> None:
    for week in range(3):
        diary.care("review", diary.at(7 * week + 4, "13:10"), minutes=4 + number % 3)
    diary.care("interaction", diary.at(8, "11:30"), minutes=8 + number % 6, mode="video" if number % 2 else "phone", live=True)


def _mend(diary: Diary, number: int) -> None:
    """What goes wrong in practice and changes nothing: uploads twice, out of order and late, a report on the wrong patient."""
    if number == 1:
        entry = {"nrs": 9, "body_site": "shoulder", "channel": "staff"}
        wrong = diary.tell("report.pain", diary.at(5, "10:00"), entry, CLINIC)
        retraction = {"fact_source": wrong.source, "fact_id": wrong.id, "reason": "entered for the wrong patient"}
        diary.tell("fact.retracted", diary.at(5, "10:40"), retraction, CLINIC)
    if number == 2:
        diary.again(f"{diary.patient}-internal-rotation-", delay=14 * 3600 * SECOND)
    if number == 7:
        diary.hold(f"{diary.patient}-abduction-left-001", delay=15 * SECOND)
    if number == 10:
        diary.hold(f"{diary.patient}-forward-elevation-", delay=2 * DAY_SECONDS * SECOND)
