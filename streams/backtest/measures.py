"""Figures of a run, by rule and in all: openings, tellings a therapist and week, how long alerts stand, flapping, nights woken."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING

from schemas.zones import load_zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streams.backtest.running import Course, Run

HOUR = 3600 * 10**9
DAY = 24 * HOUR
FLAPS_WITHIN = 2 * DAY
NIGHT = (22, 7)
EVERY = "every rule"


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one rule, or of all. `told`: openings, rises and openings again; `flapped`: opened again within two days of its end;
    `within_cool_down`: opened on new grounds before its cool-down was over; `nights`: nights on which an urgent one woke somebody."""

    rule: str
    opened: int
    told: int
    told_a_therapist_and_week: float
    told_a_patient_and_fortnight: float
    median_open_h: float | None
    standing: int
    flapped: int
    within_cool_down: int
    nights: int


def figures(run: Run, cool_down_days: dict[str, int]) -> list[Figures]:
    """By rule in the order of its name, then of all."""
    by_rule: dict[str, list[Course]] = defaultdict(list)
    for course in run.courses:
        by_rule[course.rule].append(course)
    return [_of(rule, by_rule[rule], run, cool_down_days) for rule in sorted(by_rule)] + [_of(EVERY, run.courses, run, cool_down_days)]


def _of(name: str, courses: Sequence[Course], run: Run, cool_down_days: dict[str, int]) -> Figures:
    told = sum(len(course.tellings) for course in courses)
    lasted = [(course.ended_at - course.opened_at) / HOUR for course in courses if course.ended_at is not None]
    flapped = early = 0
    for before, after in _followed(courses):
        apart = after.opened_at - (before.ended_at or 0)
        flapped += apart < FLAPS_WITHIN
        early += not after.again and apart < (cool_down_days.get(after.rule, 0) - 1) * DAY
    return Figures(
        rule=name,
        opened=len(courses),
        told=told,
        told_a_therapist_and_week=told / (max(1, len(run.therapists)) * run.weeks),
        told_a_patient_and_fortnight=told / (max(1, len(run.zones)) * run.weeks / 2),
        median_open_h=median(lasted) if lasted else None,
        standing=sum(course.ended_at is None for course in courses),
        flapped=flapped,
        within_cool_down=early,
        nights=len(set(_nights(courses, run))),
    )


def _followed(courses: Iterable[Course]) -> list[tuple[Course, Course]]:
    """Openings that follow an ended one of the same patient, rule and matter (the reason without its numbers)."""
    last: dict[tuple[str, str, str], Course] = {}
    found = []
    for course in sorted(courses, key=lambda x: x.opened_at):
        key = (course.patient, course.rule, re.sub(r"[\d.]+", "", course.reason))
        before = last.get(key)
        if before is not None and before.ended_at is not None:
            found.append((before, course))
        last[key] = course
    return found


def _nights(courses: Iterable[Course], run: Run) -> Iterable[tuple[str, int]]:
    """(therapist, night) of each urgent telling between ten and seven, by the patient's clock."""
    for course in courses:
        zone = load_zone(run.zones.get(course.patient, "UTC"))
        for at, severity in course.tellings:
            local = datetime.fromtimestamp(at / 1e9, UTC).astimezone(zone)
            if severity == "urgent" and (local.hour >= NIGHT[0] or local.hour < NIGHT[1]):
                yield course.therapist, local.toordinal() - (local.hour < NIGHT[1])


def sent(run: Run) -> dict[tuple[str, int], int]:
    """How much was told, by therapist and week of the log (from 0)."""
    found: dict[tuple[str, int], int] = defaultdict(int)
    for course in run.courses:
        for at, _ in course.tellings:
            found[course.therapist, (at - run.first) // (7 * DAY)] += 1
    return dict(found)
