"""One knee patient, whose signals are simulated and marked as such. In: nothing. Out: the diary of patient `knee-01`.

Two weeks after a total knee replacement: five days on track (Wednesdays are free), then a painful Sunday, two days missed in a row and
the motion behind its goal. The therapist is alerted on Wednesday (day 9), calls, prescribes an easier version of the plan from
Thursday on, and the patient is back on track; by the end the motion has caught up with its goal.
Goals: mean active flexion 90° at one to two weeks and 110° at seven (Ebert 2014); full extension by six weeks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from schemas.instants import format_instant
from streams.demo.diary import CLINIC, DAYS, MINUTE, SIMULATED, Diary, day_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

PATIENT = "knee-01"
NUMBER = 11
CONDITION = "knee replacement, right: simulated signals"
RATE_HZ = 50
FLEXION_GOAL = [[7, 80], [14, 90], [49, 110]]
EXTENSION_GOAL = [[14, 8], [42, 0]]
NOT_WEDNESDAYS = [1, 2, 4, 5, 6, 7]
MISSED_DAYS = (7, 8)
ALERT_DAY = 9
NEW_PLAN_DAY = 10

BEST_FLEXION_DEG = {
    0: 91.5,
    1: 92,
    3: 93,
    4: 93.5,
    5: 94.5,
    6: 88,
    9: 83,
    10: 86,
    11: 88,
    12: 90,
    13: 92.5,
    14: 94,
    15: 96,
    16: 97.5,
    17: 99,
}
BEST_FLEXION_DEG |= {18: 100.5, 19: 101.5, 20: 103}
BEST_EXTENSION_DEG = {0: 7.5, 1: 7.5, 3: 7, 4: 6.5, 5: 6, 6: 9} | {day: round(9 - 0.7 * (day - 10), 1) for day in range(10, DAYS)}
PAIN = {
    0: 3,
    1: 3,
    2: 2,
    3: 3,
    4: 3,
    5: 3,
    6: 5,
    7: 6,
    8: 7,
    9: 6,
    10: 5,
    11: 4,
    12: 4,
    13: 4,
    14: 3,
    15: 3,
    16: 3,
    17: 2,
    18: 2,
    19: 2,
    20: 2,
}


def tell_knee() -> Diary:
    """The diary of `knee-01`."""
    diary = Diary(PATIENT, NUMBER, "America/New_York", "clinic-harbour", "therapist-1")
    diary.enroll("knee-01-replacement", CONDITION, procedure=day_text(-14))
    _prescribe(diary, 1, diary.at(-1, "15:40"), day_text(0), sets=3, reps=10, weekdays=NOT_WEDNESDAYS)
    for day in range(DAYS):
        _report(diary, day)
    for day in (*range(2), *range(3, 6), *range(NEW_PLAN_DAY, DAYS)):
        easy = day >= NEW_PLAN_DAY
        start = diary.at(day, "09:00") + int(diary.chance() * 30) * MINUTE
        _exercise(diary, "heel-slide", day, start, sets=2 if easy else 3, reps=8 if easy else 10)
        _exercise(diary, "knee-extension", day, start + 8 * MINUTE, sets=2, reps=8 if easy else 10)
    _exercise(diary, "heel-slide", 6, diary.at(6, "10:10"), sets=1, reps=12)
    _care(diary)
    return diary


def _care(diary: Diary) -> None:
    """The usual reviews, and on the day of the alert a video call with a few measured bends, and the new plan."""
    for day in (4, 18):
        diary.care("review", diary.at(day, "13:30"), minutes=6)
    diary.care("review", diary.at(ALERT_DAY, "09:50"), minutes=7)
    diary.care("interaction", diary.at(ALERT_DAY, "10:30"), minutes=14, mode="video", live=True)
    _exercise(diary, "heel-slide", ALERT_DAY, diary.at(ALERT_DAY, "10:36"), sets=1, reps=5)
    _prescribe(diary, 2, diary.at(ALERT_DAY, "11:10"), day_text(NEW_PLAN_DAY), sets=2, reps=8)
    diary.care("interaction", diary.at(15, "11:00"), minutes=6, mode="phone", live=True)
    for day, score in ((0, 42.3), (20, 61.6)):
        diary.tell("report.prom", diary.at(day, "20:40"), {"instrument": "KOOS_JR", "score": score, "channel": "web"})


def _prescribe(diary: Diary, version: int, instant: int, first: str, *, sets: int, reps: int, weekdays: list[int] | None = None) -> None:
    both: dict[str, Any] = {"joint": "knee", "side": "right", "reps": reps} | ({"days_of_week": weekdays} if weekdays else {})
    plan = {
        "plan_id": "knee",
        "version": version,
        "effective_from": first,
        "exercises": [
            both | {"exercise_id": "heel-slide", "name": "Heel slides", "motion": "flexion", "sets": sets, "target_rom_deg": 90},
            both | {"exercise_id": "knee-extension", "name": "Seated knee extension", "motion": "extension", "sets": 2},
        ],
        "medications": [{"medication_id": "paracetamol-1g", "doses_per_day": 2}],
        "rom_goals": [
            {"joint": "knee", "motion": "flexion", "side": "right", "points": FLEXION_GOAL},
            {"joint": "knee", "motion": "extension", "side": "right", "points": EXTENSION_GOAL},
        ],
        "proms": [{"instrument": "KOOS_JR", "every_days": 20}],
    }
    diary.tell("plan.prescribed", instant, plan, CLINIC)


def _report(diary: Diary, day: int) -> None:
    context = "night" if day in (*MISSED_DAYS, ALERT_DAY) else "activity"
    diary.tell("report.pain", diary.at(day, "08:15"), {"nrs": PAIN[day], "body_site": "knee", "context": context, "channel": "app"})
    for clock in ("08:20", "20:20"):
        taken = {"medication_id": "paracetamol-1g", "taken": True, "taken_at": format_instant(diary.at(day, clock))}
        diary.tell("report.medication", diary.at(day, clock), taken | {"channel": "app"})


def _exercise(diary: Diary, exercise: str, day: int, start: int, *, sets: int, reps: int) -> None:
    motion = "flexion" if exercise == "heel-slide" else "extension"
    data = {
        "device_id": "simulated-goniometer-01",
        "session_id": f"{PATIENT}-{exercise}-{day_text(day)}",
        "exercise_id": exercise,
        "joint": "knee",
        "motion": motion,
        "side": "right",
        "kind": "angle",
    }
    rest, best = (16.0, BEST_FLEXION_DEG[day]) if motion == "flexion" else (72.0, BEST_EXTENSION_DEG[day])
    diary.session(start, simulate(diary, rest, best, sets, reps), data, SIMULATED, RATE_HZ)
    if motion == "flexion" and sets > 1:
        told = {
            "exercise_id": exercise,
            "session_id": data["session_id"],
            "started_at": format_instant(start),
            "sets_completed": sets,
            "reps_completed": sets * reps,
            "rpe": 4,
            "pain_nrs": min(PAIN[day], 10),
            "channel": "app",
        }
        diary.tell("report.exercise", start + 6 * MINUTE, told)


def simulate(diary: Diary, rest: float, best: float, sets: int, reps: int) -> NDArray[np.float32]:
    """A joint's angle (n, 1), deg at 50 Hz: raised cosines from `rest` to short of `best` and back, one of them to `best` itself.

    A repetition takes three to four seconds and is followed by half a second of rest; ten seconds lie between sets; ±0.3° of noise.
    """
    pieces = [np.full(RATE_HZ, rest)]
    reached = 1 + int(diary.chance() * (reps - 2))
    for rep in range(sets * reps):
        short = 0.0 if rep == reached else 1 + 5 * diary.chance()
        peak = best - 0.3 - short if best > rest else best + 0.3 + short
        moving = RATE_HZ * 3 + int(diary.chance() * RATE_HZ)
        lift = (1 - np.cos(np.linspace(0, 2 * np.pi, moving))) / 2
        pause = RATE_HZ // 2 if (rep + 1) % reps else 10 * RATE_HZ
        pieces += [rest + (peak - rest) * lift, np.full(pause, rest)]
    angle = np.concatenate(pieces)
    return (angle + 0.3 * diary.noise(len(angle))).astype("<f4")[:, None]
