"""The plan of a day: from every plan version and plan end that is known to what is due on a date.

For each plan: the highest version that holds in the day's episode and whose `effective_from` has come (of equal ones the newest), unless
its own `effective_to`, or the earliest end among those newer than it, lies before the day. Several plans add up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from processors.calendar import weekday
from processors.entries import Ended, Goal, Prescribed
from processors.episodes import Episode, Timeline

AT_HAND = 64
"""The plans of so many days are looked up once; then all are forgotten."""


@dataclass(slots=True)
class Due:
    """What one exercise asks of a day: sessions, repetitions, and how many repetitions one session can count for."""

    sessions: int = 0
    reps: int = 0
    cap: int = 0


@dataclass(slots=True)
class DayPlan:
    """The plan of one day. `sessions` and `reps` are what is due in all; `listed` are its exercises, due or not; `medications`
    its medications with the doses due, None when not due."""

    due: dict[str, Due] = field(default_factory=dict)
    sessions: int = 0
    reps: int = 0
    listed: set[str] = field(default_factory=set)
    medications: dict[str, int | None] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)
    recorded: int = 0
    versions: list[Prescribed] = field(default_factory=list)


class PlanBook:
    """Every plan of one patient."""

    def __init__(self, prescribed: Iterable[Prescribed], ended: Iterable[Ended], timeline: Timeline) -> None:
        ends = list(ended)
        self._versions: dict[str, list[tuple[Prescribed, Episode, int | None]]] = {}
        for entry in prescribed:
            holds_in = timeline.episode_of(entry.effective_from) or timeline.coming_after(entry.effective_from)
            if holds_in is None:
                continue
            lasts = [x.effective_to for x in ends if x.plan_id == entry.plan_id and x.age > entry.age]
            if entry.effective_to is not None:
                lasts.append(entry.effective_to)
            self._versions.setdefault(entry.plan_id, []).append((entry, holds_in, min(lasts) if lasts else None))
        for versions in self._versions.values():
            versions.sort(key=lambda v: (v[0].version, v[0].age), reverse=True)
        self._timeline = timeline
        self._made: dict[tuple[int, ...], DayPlan] = {}
        self._of: dict[int, DayPlan] = {}

    def of(self, day: int) -> DayPlan:
        """The plan of a day; empty when the day is in no episode or nothing is prescribed. Not to be changed."""
        if (known := self._of.get(day)) is not None:
            return known
        versions, today = self._standing(day), weekday(day)
        key = (today, *(id(version) for version in versions))
        if (known := self._made.get(key)) is None:
            known = self._made[key] = self._make(versions, today)
        if len(self._of) >= AT_HAND:
            self._of.clear()
        self._of[day] = known
        return known

    def _standing(self, day: int) -> list[Prescribed]:
        episode = self._timeline.episode_of(day)
        found = []
        for plan_id in sorted(self._versions):
            for entry, holds_in, last in self._versions[plan_id]:
                if entry.effective_from <= day and holds_in is episode:
                    if last is None or day <= last:
                        found.append(entry)
                    break
        return found

    def _make(self, versions: list[Prescribed], today: int) -> DayPlan:
        plan = DayPlan()
        for version in versions:
            plan.versions.append(version)
            plan.recorded = max(plan.recorded, version.recorded)
            for exercise in version.exercises:
                plan.listed.add(exercise.exercise_id)
                if today in exercise.weekdays:
                    due = plan.due.setdefault(exercise.exercise_id, Due())
                    due.sessions += exercise.sessions
                    due.reps += exercise.sessions * exercise.reps
                    plan.sessions += exercise.sessions
                    plan.reps += exercise.sessions * exercise.reps
                    due.cap = max(due.cap, exercise.reps)
            for drug in version.medications:
                before = plan.medications.get(drug.medication_id)
                doses = drug.doses if today in drug.weekdays and drug.doses > 0 else None
                plan.medications[drug.medication_id] = doses if before is None else before + (doses or 0)
            plan.goals += version.goals
        return plan
