"""A run held against the truth of a simulated cohort: of its drop-outs, relapses and flares, how many were told in time.

What can be known, by the truth alone: a drop-out when its third silent day is over; a relapse when its second missed day in a row is over
(due, nothing done, yet the patient was heard); a flare when pain was reported on a second day
at 2 or more above the median of the fortnight.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import orjson

from processors.calendar import day_start, over_at
from schemas.codecs import read_lines
from schemas.instants import parse_day

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from streams.backtest.running import Course, Run

DAY = 86_400 * 10**9
IN_TIME = 2 * DAY
AFTERMATH = 4
"""A spell explains what is told up to so many days after it."""
TELLING = {
    "drop_out": frozenset({"silence", "missed_days"}),
    "relapse": frozenset({"missed_days", "low_volume", "silence"}),
    "flare": frozenset({"pain_flare", "pain_rising"}),
}
ADHERENCE = frozenset({"missed_days", "silence", "low_volume", "medication_missed", "billing_at_risk"})


@dataclass(frozen=True, slots=True)
class Caught:
    """Of one kind of spell: how many there were, could be known, were told within two days of that; the delay (h), median and p95."""

    what: str
    spells: int
    knowable: int
    caught: int
    median_h: float | None
    p95_h: float | None

    @property
    def share(self) -> float | None:
        """The share of what could be known."""
        return self.caught / self.knowable if self.knowable else None


class Truth:
    """The truth of a cohort, by patient."""

    def __init__(self, file: Path) -> None:
        self.patients: dict[str, dict[str, Any]] = {}
        self.days: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
        self.spells: list[tuple[str, str, int, int]] = []
        for _, line in read_lines(file):
            told = orjson.loads(line)
            if told["what"] == "patient":
                self.patients[told["patient"]] = told
            elif told["what"] == "spell":
                self.spells.append((told["spell"], told["patient"], parse_day(told["first"]), parse_day(told["last"])))
            elif told["what"] == "day":
                self.days[told["patient"]][parse_day(told["date"])] = told

    def knowable(self, what: str, patient: str, first: int, last: int) -> int | None:
        """The instant (ns) from which a spell can be known, or None."""
        days = self.days[patient]
        zone = str(self.patients[patient]["timezone"])
        if what == "drop_out":
            silent = [day for day in range(first, last + 1) if day in days and not days[day]["heard"]]
            return over_at(zone, silent[2]) if len(silent) > 2 else None
        if what == "relapse":
            return self._second_missed(days, zone, first, last)
        high = [day for day in range(first, last + 1) if day in days and self._is_high(days, day)]
        return day_start(zone, high[1] + 1) if len(high) > 1 else None

    def _second_missed(self, days: dict[int, dict[str, Any]], zone: str, first: int, last: int) -> int | None:
        missed = 0
        for day in range(first, last + 1):
            told = days.get(day)
            if told is None or not told["due"]:
                continue
            if any(sum(reps) for name, reps in told["done"].items() if name in told["due"]):
                missed = 0
            elif told["heard"]:
                missed += 1
                if missed == 2:
                    return over_at(zone, day)
        return None

    def _is_high(self, days: dict[int, dict[str, Any]], day: int) -> bool:
        today = _reported(days.get(day))
        before = [x for number in range(day - 14, day) if (x := _reported(days.get(number))) is not None]
        return today is not None and len(before) >= 3 and today >= median(before) + 2

    def explains(self, course: Course) -> bool:
        """Whether an alert is about what was simulated: a spell, or a behaviour that is off the plan."""
        behaviour = self.patients[course.patient]["behaviour"]
        if (behaviour == "fading" and course.rule in ADHERENCE) or (behaviour == "over_doing" and course.rule == "over_doing"):
            return True
        zone = str(self.patients[course.patient]["timezone"])
        return any(
            day_start(zone, first) <= course.opened_at < day_start(zone, last + AFTERMATH)
            for _, patient, first, last in self.spells
            if patient == course.patient
        )


def _reported(day: dict[str, Any] | None) -> float | None:
    scores = [x for x in day["reported"] if not isinstance(x, str)] if day else []
    return max(scores, default=None)


def caught(run: Run, truth: Truth) -> list[Caught]:
    """What was caught of each kind of spell."""
    courses: dict[str, list[Course]] = defaultdict(list)
    for course in run.courses:
        courses[course.patient].append(course)
    found = []
    for what, rules in TELLING.items():
        spells = [x for x in truth.spells if x[0] == what]
        delays, known = [], 0
        for _, patient, first, last in spells:
            at = truth.knowable(what, patient, first, last)
            if at is None or at > run.last:
                continue
            known += 1
            begun = day_start(str(truth.patients[patient]["timezone"]), first)
            told = _told_at(courses[patient], rules, begun, at + IN_TIME)
            if told is not None:
                delays.append(max(0.0, (told - at) / 3.6e12))
        delays.sort()
        p95 = delays[int(0.95 * (len(delays) - 1))] if delays else None
        found.append(Caught(what, len(spells), known, len(delays), median(delays) if delays else None, p95))
    return found


def _told_at(courses: Iterable[Course], rules: frozenset[str], since: int, until: int) -> int | None:
    """When the first alert of the rules that stood between two instants was told."""
    standing = [x.opened_at for x in courses if x.rule in rules and x.opened_at <= until and (x.ended_at is None or x.ended_at > since)]
    return min(standing, default=None)


def unexplained(run: Run, truth: Truth) -> dict[str, int]:
    """By rule, the openings that nothing simulated explains."""
    found: dict[str, int] = defaultdict(int)
    for course in run.courses:
        if not truth.explains(course):
            found[course.rule] += 1
    return dict(found)
