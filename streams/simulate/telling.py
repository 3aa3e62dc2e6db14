"""One simulated patient told, from the set-up to the last day: a pure function of the cohort's seed and his number.

In: the frame of the cohort and the patient's number. Out: a `Life`. Faults come later (`streams.simulate.faults`): the truth is what was
really done, whatever then became of its record.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.calendar import day_start, weekday
from schemas.instants import SECOND, format_day
from streams.simulate import sessions
from streams.simulate.behaviours import BEHAVIOURS, draw_course
from streams.simulate.conditions import CONDITIONS, Drill, Zones
from streams.simulate.life import HOUR, MINUTE, Frame, Life


def live(frame: Frame, number: int) -> Life:
    """The life of patient `number` (from 1)."""
    random = np.random.default_rng([frame.seed, number])
    condition = CONDITIONS[int(random.choice(len(CONDITIONS), p=[x.share for x in CONDITIONS]))]
    behaviour = str(random.choice(list(BEHAVIOURS), p=list(BEHAVIOURS.values())))
    zones = Zones()
    first = frame.first + int(random.integers(0, max(1, min(21, frame.days // 3))))
    last = frame.first + frame.days - 1
    discharged = None
    if behaviour != "dropping_out" and last - first > 45 and random.random() < 0.5:
        discharged = last = first + int(random.integers(40, last - first))
    clinic = f"clinic-{1 + number % 5}"
    life = Life(
        number,
        f"sim-{number:05d}",
        str(random.choice(zones.names, p=zones.shares)),
        condition,
        behaviour,
        condition.joint is not None and any(drill.sensed for drill in condition.drills) and bool(random.random() < 0.45),
        clinic,
        f"{clinic}-therapist-{1 + number // 5 % 8}",
        first,
        last,
        draw_course(behaviour, last - first + 1, condition.pain, random),
        discharged,
    )
    _Teller(frame, life, random).run()
    return life


class _Teller:
    """Tells a life day by day."""

    def __init__(self, frame: Frame, life: Life, random: np.random.Generator) -> None:
        self.frame, self.life, self.random = frame, life, random
        self.plan: list[Drill] = []
        self.version = 0
        self.diligent = random.uniform(0.6, 0.95)
        self.last_heard = life.first

    def run(self) -> None:
        """Tell everything."""
        life = self.life
        self._enrol()
        self._prescribe(life.first, life.first - 2)
        changes = set(range(life.first + int(self.random.integers(18, 28)), life.last, int(self.random.integers(20, 30))))
        for day in range(life.first, life.last + 1):
            midnight = day_start(life.zone, day)
            if day in changes:
                self._prescribe(day, day - 1)
            self._day(day, midnight)
            self._care(day, midnight)
        if life.discharged is not None:
            at = day_start(life.zone, life.discharged) + 16 * HOUR
            life.tell(
                "patient.discharged",
                life.discharged,
                at,
                {"episode_id": life.episode, "date": format_day(life.discharged), "reason": "goals reached"},
                "clinic",
            )

    def _enrol(self) -> None:
        life = self.life
        at = day_start(life.zone, life.first - 2) + 10 * HOUR
        data = {
            "episode_id": life.episode,
            "timezone": life.zone,
            "monitoring_start": format_day(life.first),
            "therapeutic_area": life.condition.area,
            "condition": life.condition.text,
            "clinic_id": life.clinic,
            "therapist_id": life.therapist,
        }
        if life.condition.procedure:
            data["procedure_date"] = format_day(life.first - 14)
        life.tell("patient.enrolled", life.first, at, data, "clinic")
        life.tell("care.setup", life.first - 2, at + 20 * MINUTE, {"staff_id": life.therapist}, "clinic")

    def _prescribe(self, first: int, written: int) -> None:
        life = self.life
        self.version += 1
        grown = min(self.version - 1, 2)
        self.plan = [
            Drill(
                d.exercise_id, d.name, d.sets, d.reps + 2 * grown if d.reps > 1 else d.reps, d.times_per_day, d.motion, d.weekdays,
                d.rest_deg, d.first_deg, d.best_deg,
            )
            for d in life.condition.drills
        ]  # fmt: skip
        data: dict[str, Any] = {
            "plan_id": f"{life.subject}-plan",
            "version": self.version,
            "effective_from": format_day(first),
            "exercises": [self._exercise(drill) for drill in self.plan],
        }
        if life.condition.medications:
            data["medications"] = [{"medication_id": name, "doses_per_day": doses} for name, doses in life.condition.medications]
        goals = [
            {"joint": life.condition.joint, "motion": d.motion, "side": self._side, "points": [[0, d.first_deg], [56, d.best_deg]]}
            for d in self.plan
            if d.sensed
        ]
        if goals:
            data["rom_goals"] = goals
        if life.condition.outcome:
            data["proms"] = [{"instrument": life.condition.outcome[0], "every_days": 14}]
        life.tell("plan.prescribed", first, day_start(life.zone, written) + 17 * HOUR + self.version * SECOND, data, "clinic")

    @property
    def _side(self) -> str:
        return "left" if self.life.number % 2 else "right"

    def _exercise(self, drill: Drill) -> dict[str, Any]:
        data: dict[str, Any] = {
            "exercise_id": drill.exercise_id,
            "name": drill.name,
            "sets": drill.sets,
            "reps": drill.reps,
            "times_per_day": drill.times_per_day,
        }
        if drill.weekdays:
            data["days_of_week"] = list(drill.weekdays)
        if drill.motion:
            data |= {"joint": self.life.condition.joint, "motion": drill.motion, "side": self._side}
        return data

    # -- a day --------------------------------------------------------------------------------------------------------------------

    def _day(self, day: int, midnight: int) -> None:
        life, random = self.life, self.random
        index = day - life.first
        due = [drill for drill in self.plan if drill.weekdays is None or weekday(day) in drill.weekdays]
        silent = bool(life.course.silent[index])
        truth: dict[str, Any] = {
            "what": "day",
            "patient": life.subject,
            "date": format_day(day),
            "due": {drill.exercise_id: [drill.times_per_day, drill.sets * drill.reps] for drill in due},
            "done": {},
            "pain_felt": float(life.course.pain[index]),
            "reported": [],
        }
        life.days.append(truth)
        chances = random.random(12 + 2 * len(due)).tolist()
        if silent:
            truth["heard"] = False
            return
        told = len(life.drafts)
        self._pain(day, midnight, truth, chances)
        for number, drill in enumerate(due):
            for time_of_day in range(drill.times_per_day):
                if random.random() < life.course.doing[index]:
                    start = midnight + (8 + 6 * time_of_day) * HOUR + number * 50 * MINUTE + int(chances[10] * 40) * MINUTE
                    self._session(day, drill, time_of_day, start, truth)
        self._doses(day, midnight, truth)
        self._rarely(day, midnight, truth, chances)
        if len(life.drafts) == told and chances[8] < 0.5:
            life.tell("report.checkin", day, midnight + 20 * HOUR, {"channel": "app"})
            truth["reported"].append("checkin")
        truth["heard"] = len(life.drafts) > told
        if truth["heard"]:
            self.last_heard = day

    def _pain(self, day: int, midnight: int, truth: dict[str, Any], chances: list[float]) -> None:
        life = self.life
        felt = truth["pain_felt"]
        if chances[0] < self.diligent:
            at = midnight + 7 * HOUR + int(chances[1] * 3000) * SECOND
            data = {"nrs": felt, "body_site": life.condition.joint or "general", "context": "rest", "channel": "app"}
            life.tell("report.pain", day, at, data)
            truth["reported"].append(felt)
        if felt >= 5 and chances[2] < 0.3:
            at = midnight + 21 * HOUR + int(chances[3] * 3000) * SECOND
            life.tell("report.pain", day, at, {"nrs": felt, "context": "night", "channel": "voice"})
            truth["reported"].append(felt)

    def _session(self, day: int, drill: Drill, time_of_day: int, start: int, truth: dict[str, Any]) -> None:
        life, random = self.life, self.random
        asked = drill.sets * drill.reps
        share = random.uniform(1.3, 2.0) if life.behaviour == "over_doing" else 1.0 if random.random() < 0.8 else random.uniform(0.3, 1.0)
        reps = max(1, round(asked * share))
        truth["done"].setdefault(drill.exercise_id, []).append(reps)
        session_id = f"{life.subject}-{drill.exercise_id}-{format_day(day)}-{time_of_day}"
        sensed = life.device and drill.sensed and random.random() < 0.9
        end = start + reps * 5 * SECOND
        if sensed:
            progress = 1 - float(np.exp(-(day - life.first) / 25))
            reach = drill.first_deg + (drill.best_deg - drill.first_deg) * progress + float(random.normal(0, 2))
            moved = sessions.Moved(
                day, session_id, drill.exercise_id, life.condition.joint or "", drill.motion or "", self._side, start, drill.rest_deg, reach
            )
            end = sessions.tell(life, moved, reps, random, samples=self.frame.samples)
        if not sensed or random.random() < 0.3:
            late_start = start + (int(random.integers(-600, 600)) * SECOND if sensed else 0)
            data: dict[str, Any] = {"exercise_id": drill.exercise_id, "started_at": late_start, "reps_completed": reps, "channel": "app"}
            if sensed and random.random() < 0.5:
                data["session_id"] = session_id
            if random.random() < 0.6:
                data |= {"sets_completed": drill.sets, "rpe": int(random.integers(2, 8)), "ended_at": end}
            if random.random() < 0.3:
                data["pain_nrs"] = truth["pain_felt"]
                truth["reported"].append(truth["pain_felt"])
            told = max(end, late_start) + 4 * MINUTE
            life.tell("report.exercise", day, told, data)

    def _doses(self, day: int, midnight: int, truth: dict[str, Any]) -> None:
        life = self.life
        for name, doses in life.condition.medications:
            takes = self.random.random(doses) < (0.93 if life.behaviour != "fading" else 0.7)
            for number, taken in enumerate(takes.tolist()):
                at = midnight + (8 + 12 * number) * HOUR + 5 * MINUTE
                data = {"medication_id": name, "taken": taken, "taken_at": at, "channel": "app"}
                life.tell("report.medication", day, at + MINUTE, data)
                truth.setdefault("doses", {}).setdefault(name, []).append(taken)

    def _rarely(self, day: int, midnight: int, truth: dict[str, Any], chances: list[float]) -> None:
        life, condition = self.life, self.life.condition
        index = day - life.first
        better = 1 - float(np.exp(-index / 30))
        if condition.outcome and index % 14 == 0:
            instrument, at_first, in_the_end = condition.outcome
            score = round(at_first + (in_the_end - at_first) * better + 4 * chances[4] - 2, 1)
            life.tell("report.prom", day, midnight + 19 * HOUR, {"instrument": instrument, "score": score, "channel": "web"})
            truth["score"] = score
        if condition.function and index % 28 == 7:
            measure, at_first, in_the_end = condition.function
            value = round(at_first + (in_the_end - at_first) * better + chances[5] - 0.5, 1)
            side = self._side if measure.startswith("grip") else None
            data = {"measure": measure, "value": value, "channel": "staff"} | ({"side": side} if side else {})
            life.tell("report.function", day, midnight + 11 * HOUR, data)
        if condition.symptom and chances[6] < 0.25:
            data = {"symptom": condition.symptom, "severity": int(chances[7] * 7), "channel": "sms"}
            life.tell("report.symptom", day, midnight + 18 * HOUR, data)
        if condition.walks and chances[9] < 0.5:
            steps = round(1500 + 4000 * better + 1500 * chances[11])
            data = {"kind": "steps", "start": midnight + 6 * HOUR, "end": midnight + 22 * HOUR, "values": {"steps": steps}}
            life.tell("sensor.activity", day, midnight + 22 * HOUR, data, "device")
            truth["steps"] = steps

    # -- staff --------------------------------------------------------------------------------------------------------------------

    def _care(self, day: int, midnight: int) -> None:
        life, random = self.life, self.random
        index = day - life.first
        at = midnight + 13 * HOUR + int(random.integers(0, 120)) * MINUTE
        staff = {"staff_id": life.therapist}
        if index % 7 == 3:
            minutes = int(random.integers(3, 13))
            life.tell("care.review", day, at, {**staff, "minutes": minutes}, "clinic")
            life.days[-1]["minutes"] = minutes
        silent_for = day - self.last_heard
        if index % 14 == 10 or silent_for in {3, 10}:
            mode = str(random.choice(["phone", "video", "message"], p=[0.5, 0.3, 0.2]))
            minutes = int(random.integers(4, 16))
            live = mode != "message" and silent_for < 3
            data = {**staff, "minutes": minutes, "mode": mode, "live": live}
            life.tell("care.interaction", day, at + 2 * HOUR, data, "clinic")
            life.days[-1]["minutes"] = life.days[-1].get("minutes", 0) + minutes
            life.days[-1]["live"] = int(live)
