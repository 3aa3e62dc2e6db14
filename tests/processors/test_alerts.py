"""Alerts as scenarios: a patient's days in, transitions out. The plan asks for 10 repetitions a day, in Berlin in winter (UTC+1)."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.patient import PatientProcessor
from processors.policy import Policy
from processors.processor import Output, Record, Tick, Transition
from processors.store import MemoryStore
from schemas.codecs import make_fact
from schemas.facts import Fact
from schemas.instants import format_instant, parse_instant

HOUR = 3600 * 10**9


def at(day: int, hour: float = 12) -> int:
    """An hour (UTC) of a day of January 2026."""
    return parse_instant(f"2026-01-{day:02d}T00:00:00Z") + int(hour * HOUR)


def enrolled(day: int = 1) -> Fact:
    data = {"episode_id": "e", "timezone": "Europe/Berlin", "monitoring_start": f"2026-01-{day:02d}"}
    data |= {"therapeutic_area": "musculoskeletal", "clinic_id": "c", "therapist_id": "t"}
    return make_fact("rtm.patient.enrolled.v1", "p", "/ehr", f"enrolled-{day}", at(day, 7), data)


def plan(version: int = 1, day: int = 1, recorded: int | None = None) -> Fact:
    exercise = {"exercise_id": "x", "name": "X", "sets": 1, "reps": 10}
    data = {"plan_id": "plan", "version": version, "effective_from": f"2026-01-{day:02d}", "exercises": [exercise]}
    return make_fact("rtm.plan.prescribed.v1", "p", "/ehr", f"plan-{version}", recorded or at(day, 7), data)


def done(day: int, reps: int = 10, recorded: int | None = None) -> Fact:
    data = {"exercise_id": "x", "started_at": format_instant(at(day)), "reps_completed": reps}
    return make_fact("rtm.report.exercise.v1", "p", "/app", f"done-{day}-{reps}", recorded or at(day, 13), data)


def heard(day: int, recorded: int | None = None) -> Fact:
    return make_fact("rtm.report.checkin.v1", "p", "/app", f"heard-{day}", at(day, 18), {}, recorded=recorded or at(day, 18))


def discharged(day: int) -> Fact:
    return make_fact("rtm.patient.discharged.v1", "p", "/ehr", f"out-{day}", at(day, 8), {"episode_id": "e", "date": f"2026-01-{day:02d}"})


def retracted(fact: Fact, recorded: int) -> Fact:
    data = {"fact_source": fact.source, "fact_id": fact.id}
    return make_fact("rtm.fact.retracted.v1", "p", "/ehr", f"not-{fact.id}", recorded, data)


@dataclass
class Log:
    """Facts folded in the order of their recorded time, with a tick before each and one at the end."""

    facts: list[Fact]
    until: int
    flush_each: int = 1000
    save_each: int = 1000
    store: MemoryStore = field(default_factory=MemoryStore)

    def transitions(self) -> list[Transition]:
        processor, out, position = PatientProcessor(Policy(), self.store), Output(), 0
        for fact in sorted(self.facts, key=lambda x: x.recorded):
            processor.fold(Record(position, Tick(fact.recorded // (60 * 10**9) * 60 * 10**9)), out)
            processor.fold(Record(position + 1, fact), out)
            position += 2
            if position % self.flush_each == 0:
                processor.flush(out)
            if position % self.save_each == 0:
                processor.save()
                processor = PatientProcessor(Policy(), self.store)
        processor.fold(Record(position, Tick(self.until)), out)
        processor.flush(out)
        return out.transitions

    def told(self) -> list[tuple[str, str]]:
        return [(x.transition, format_instant(x.at)[5:16]) for x in self.transitions()]


START = [enrolled(), plan(), done(1), done(2)]

SCENARIOS = {
    "two missed days open when the second is over, six hours after its end": (
        [*START, heard(3), heard(4)],
        at(6),
        [("opened", "01-05T05:00")],
    ),
    "one missed day opens nothing": ([*START, heard(3), done(4)], at(6), []),
    "a second missed day opens nothing before it is over": ([*START, heard(3), heard(4)], at(5, 4.9), []),
    "unknown days open nothing": ([*START], at(9), []),
    "an unknown day between two missed ones doesn't break the streak": (
        [*START, heard(3), heard(5)],
        at(8),
        [("opened", "01-06T05:00")],
    ),
    "a check-in for an ended, so far unknown day opens at the check-in": (
        [*START, heard(3), heard(4, recorded=at(5, 15))],
        at(6),
        [("opened", "01-05T15:00")],
    ),
    "exercise resolves it at once": (
        [*START, heard(3), heard(4), done(5)],
        at(6),
        [("opened", "01-05T05:00"), ("resolved", "01-05T13:00")],
    ),
    "a little exercise resolves it when the day is over": (
        [*START, heard(3), heard(4), done(5, reps=1)],
        at(6, 6),
        [("opened", "01-05T05:00"), ("resolved", "01-06T05:00")],
    ),
    "a late report that turns a missed day into a met one makes it moot": (
        [*START, heard(3), heard(4), done(4, recorded=at(5, 9))],
        at(6),
        [("opened", "01-05T05:00"), ("resolved", "01-05T09:00")],
    ),
    "the retraction of what resolved it opens it again, with the same id": (
        [*START, heard(3), heard(4), done(5), retracted(done(5), at(5, 20))],
        at(5, 21),
        [("opened", "01-05T05:00"), ("resolved", "01-05T13:00"), ("reopened", "01-05T20:00")],
    ),
    "more missed days do not open it twice": (
        [*START, *(heard(day) for day in range(3, 10))],
        at(12),
        [("opened", "01-05T05:00")],
    ),
    "discharge resolves it on the first day after the episode": (
        [*START, heard(3), heard(4), discharged(5)],
        at(8),
        [("opened", "01-05T05:00"), ("resolved", "01-05T23:00")],
    ),
    "no plan, no alert": ([enrolled(), heard(1), heard(2), heard(3)], at(6), []),
    "days that ended before the plan in force was recorded don't count": (
        [enrolled(), heard(1), heard(2), plan(recorded=at(3, 8))],
        at(3, 23),
        [],
    ),
    "a new plan in force begins anew": (
        [*START, heard(3), plan(version=2, day=5, recorded=at(4, 9)), heard(4)],
        at(5, 22),
        [],
    ),
    "a second streak is a second alert": (
        [*START, heard(3), heard(4), done(5), heard(6), heard(7)],
        at(9),
        [("opened", "01-05T05:00"), ("resolved", "01-05T13:00"), ("opened", "01-08T05:00")],
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_missed_days(name: str) -> None:
    facts, until, told = SCENARIOS[name]
    assert Log(facts, until).told() == told


def test_an_alert_names_its_rule_and_version_and_rests_on_the_missed_days() -> None:
    row = Log([*START, heard(3), heard(4)], at(6)).transitions()[0].row
    assert (row["rule_id"], row["rule_version"], row["severity"]) == ("missed_days", "alert_rules_1/1", "warning")
    days = [{"table": "adherence_daily", "local_date": "2026-01-03"}, {"table": "adherence_daily", "local_date": "2026-01-04"}]
    assert orjson.loads(row["evidence"]) == days
    assert (row["clinic_id"], row["therapist_id"], row["episode_id"]) == ("c", "t", "e")


def test_a_second_streak_has_an_id_of_its_own() -> None:
    facts, until, _ = SCENARIOS["a second streak is a second alert"]
    first, _, second = Log(facts, until).transitions()
    assert first.alert_id != second.alert_id


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(SCENARIOS)), st.integers(1, 6), st.integers(1, 6))
def test_neither_batches_nor_checkpoints_show(name: str, flush_each: int, save_each: int) -> None:
    facts, until, _ = SCENARIOS[name]
    once = Log(facts, until).transitions()
    cut = Log(facts, until, flush_each=2 * flush_each, save_each=2 * save_each).transitions()
    assert [(x.transition, x.at, x.row) for x in cut] == [(x.transition, x.at, x.row) for x in once]
