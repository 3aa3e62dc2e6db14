"""`explain`: what it says of a row is what the row counts, on any history; and it names each reason why a fact is left out."""

from __future__ import annotations

import os
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, note, settings

from processors.explain import EXPLAINED, NothingKnownError, explain
from processors.explain_facts import Story
from schemas.facts import Fact
from schemas.instants import parse_day, parse_instant
from schemas.rows import TABLES
from tests import reference
from tests.histories import History, describe, histories, make_fact

EXAMPLES = int(os.environ.get("RTM_EXAMPLES", "60"))
NOW = parse_instant("2026-01-12T12:00:00Z")
DAY = parse_day("2026-01-08")


def fact(kind: str, name: str, time: str, **data: Any) -> Fact:
    return make_fact(kind, "P", "/app", name, parse_instant(time), data)


ENROLLED = fact(
    "patient.enrolled", "e1", "2026-01-01T00:00:00Z", episode_id="E1", timezone="UTC", monitoring_start="2026-01-05",
    therapeutic_area="musculoskeletal", clinic_id="c", therapist_id="t",
)  # fmt: skip
PLAN = fact(
    "plan.prescribed", "p1", "2026-01-02T00:00:00Z", plan_id="p", version=1, effective_from="2026-01-05",
    exercises=[
        {"exercise_id": "bend", "name": "Bend", "sets": 2, "reps": 10},
        {"exercise_id": "lift", "name": "Lift", "sets": 1, "reps": 5, "days_of_week": [1]},
    ],
)  # fmt: skip


def done(name: str, time: str, exercise: str = "bend", reps: int = 20, **more: Any) -> Fact:
    return fact("report.exercise", name, time, exercise_id=exercise, started_at=time, reps_completed=reps, **more)


def moved(name: str, time: str, derivation: int = 1, reps: int = 12, session: str = "s1", **more: Any) -> Fact:
    data = {"session_id": session, "derivation": derivation, "exercise_id": "bend", "joint": "knee", "motion": "flexion", "side": "left"}
    return fact("motion.session", name, time, **data, start_time=time, end_time=time, reps=reps, flags=[], **more)


def rep(name: str, number: int, time: str, derivation: int = 1, flags: tuple[str, ...] = (), **angles: float) -> Fact:
    data = {"session_id": "s1", "derivation": derivation, "exercise_id": "bend", "joint": "knee", "motion": "flexion", "side": "left"}
    more = {"session_start": time, "start_time": time, "rep": number, "duration_s": 2, "flags": list(flags)}
    return fact("motion.rep", name, time, **data, **more, **angles)


def back(name: str, what: str, time: str = "2026-01-09T00:00:00Z") -> Fact:
    return fact("fact.retracted", name, time, fact_source="/app", fact_id=what)


def story(facts: list[Fact], table: str, day: int = DAY, **key: Any) -> Story:
    found = explain([ENROLLED, PLAN, *facts], NOW, day, (table,)).rows
    return next(x for x in found if all(x.row[name] == value for name, value in key.items()))


def reasons(told: Story) -> dict[str, str]:
    return {x.id: x.what for x in told.not_counted}


def counted(told: Story) -> dict[str, str]:
    return {x.id: x.what for x in told.counted}


def test_a_session_counts_up_to_its_cap_and_says_so():
    whole = story(
        [done("a", "2026-01-08T09:00:00Z", reps=26), done("b", "2026-01-08T15:00:00Z", reps=4)], "adherence_daily", exercise_id=""
    )
    assert counted(whole) == {
        "a": "20 of 26 repetitions count (a session counts 20 at most)",
        "b": "0 of 4 repetitions count; beyond the 1 sessions due",
    }
    assert "volume = 20 / 20 repetitions = 1" in whole.rule


def test_what_is_not_due_is_named():
    whole = story([done("a", "2026-01-08T09:00:00Z", "lift"), done("b", "2026-01-08T10:00:00Z", "swim")], "adherence_daily", exercise_id="")
    assert reasons(whole) == {"a": "lift is in the plan, but not on a Thursday", "b": "swim is not prescribed on that day"}
    assert whole.rule[-2].endswith("missed: yes (0 repetitions counted)")


@pytest.mark.parametrize(
    ("facts", "ends"),
    [
        ([], "unknown: yes (the patient was not heard)"),
        ([done("a", "2026-01-08T09:00:00Z", reps=4)], "partial: yes (what is left)"),
        ([done("a", "2026-01-08T09:00:00Z", reps=16)], "met: yes (volume 0.8, 0.8 is met)"),
    ],
)
def test_the_status_names_the_first_line_that_fits(facts, ends):
    rule = next(line for line in story(facts, "adherence_daily", exercise_id="").rule if line.startswith("status"))
    assert rule.endswith(ends)


def test_a_report_superseded_retracted_or_paired_is_told():
    facts = [
        done("old", "2026-01-08T08:00:00Z", session_id="r1"),
        done("new", "2026-01-08T08:10:00Z", session_id="r1", reps=5),
        done("gone", "2026-01-08T11:00:00Z"),
        back("x1", "gone"),
        moved("m1", "2026-01-08T16:00:00Z"),
        done("near", "2026-01-08T16:12:00Z"),
    ]
    whole = story(facts, "adherence_daily", exercise_id="")
    assert reasons(whole) == {
        "old": "superseded by the newer report of its session, /app#new",
        "gone": "retracted by /app#x1",
        "near": "tells of the session s1, counted once",
    }
    session = story(facts, "sessions", session_id="s1")
    assert session.rule[0] == "modality: both, same exercise, starts 12 min apart: one session"
    assert story(facts, "sessions", session_id="r1").not_counted[0].id == "old"


def test_repetitions_say_why_they_are_not_measured():
    time = "2026-01-08T16:00:00Z"
    facts = [
        moved("m1", time), moved("m2", time, derivation=2),
        rep("first", 1, time, max_deg=80), rep("a", 1, time, 2, max_deg=90),
        rep("b", 2, time, 2, ("gap",), max_deg=95), rep("c", 3, time, 2),
    ]  # fmt: skip
    rom = story(facts, "rom_daily")
    assert list(counted(rom)) == ["a"]
    assert reasons(rom) == {
        "first": "derivation 1; derivation 2 of its session stands",
        "b": "flag gap",
        "c": "a repetition without an angle",
    }
    assert "no goal is set for it in the plan of the day" in rom.rule


def test_a_retracted_session_takes_its_repetitions():
    time = "2026-01-08T16:00:00Z"
    found = explain([ENROLLED, PLAN, moved("m1", time), rep("a", 1, time, max_deg=90), back("x1", "m1")], NOW, DAY)
    assert {told.id: told.what for told in found.elsewhere} == {"m1": "retracted by /app#x1", "a": "its session was retracted, as /app#m1"}


def test_the_plan_in_force_and_those_that_are_not():
    second = fact("plan.prescribed", "p2", "2026-01-06T00:00:00Z", plan_id="p", version=2, effective_from="2026-01-07", exercises=[])
    other = fact("plan.prescribed", "q1", "2026-01-06T00:00:00Z", plan_id="q", version=1, effective_from="2026-01-06", exercises=[])
    ended = fact("plan.ended", "q2", "2026-01-06T01:00:00Z", plan_id="q", effective_to="2026-01-07")
    plans = explain([ENROLLED, PLAN, second, other, ended], NOW, DAY, ()).plans
    assert {(plan.plan_id, plan.version): (plan.in_force, plan.why.split("; ")[-1]) for plan in plans} == {
        ("p", 2): (True, "effective from 2026-01-07, the highest version that has begun"),
        ("p", 1): (False, "version 2 took its place on 2026-01-07"),
        ("q", 1): (False, "ended after 2026-01-07 by /app#q2"),
    }


def test_a_check_in_alone_makes_no_data_day_and_minutes_are_listed():
    facts = [
        done("a", "2026-01-08T09:00:00Z"),
        fact("report.checkin", "c", "2026-01-09T09:00:00Z"),
        fact("care.review", "r", "2026-01-09T09:00:00Z", staff_id="n", minutes=12),
        fact("care.interaction", "i", "2026-01-10T09:00:00Z", staff_id="n", minutes=5, mode="video", live=True),
        fact("care.review", "early", "2026-01-03T09:00:00Z", staff_id="n", minutes=12),
    ]
    period = story(facts, "billing_periods")
    assert (counted(period), reasons(period)) == ({"a": "the first datum of 2026-01-08"}, {"c": "a check-in alone makes no data day"})
    month = story(facts, "billing_months")
    assert counted(month) == {"r": "12 minutes", "i": "5 minutes, live by phone or video"}
    assert reasons(month) == {"early": "lies on 2026-01-03, in no episode"}
    assert "candidate codes 98979" in month.rule[1]


def test_days_outside_are_told():
    before = explain([ENROLLED, fact("report.pain", "a", "2026-01-03T09:00:00Z", nrs=3)], NOW, parse_day("2026-01-03"))
    assert (before.status, before.rows) == ("in no episode: nothing on it counts", [])
    assert before.elsewhere[0].what == "lies on 2026-01-03, in no episode"
    coming = explain([ENROLLED, fact("report.pain", "a", "2026-01-13T09:00:00Z", nrs=3)], NOW, parse_day("2026-01-13"))
    assert coming.after_today
    assert coming.elsewhere[0].what == "lies on 2026-01-13, after today"


def test_without_an_enrolment_there_is_nothing_to_explain():
    with pytest.raises(NothingKnownError):
        explain([done("a", "2026-01-08T09:00:00Z")], NOW, DAY)


def _told(found: Story) -> set[tuple[str, str]]:
    return {(told.source, told.id) for told in found.counted}


@settings(
    max_examples=int(os.environ.get("RTM_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(histories())
def test_on_any_history_the_rows_are_those_of_the_rules_and_the_facts_told_are_those_counted(history: History) -> None:
    facts = reference.admitted(history.facts)
    expected = reference.tables(facts, history.now)
    if not expected["patients"]:
        return
    note(describe(history))
    days = sorted({key[1] for key in expected["adherence_daily"]})
    seen: dict[str, set[tuple[Any, ...]]] = {name: set() for name in EXPLAINED}
    for day in days:
        for found in explain(facts, history.now, parse_day(day)).rows:
            seen[found.table].add(tuple(found.row[name] for name in TABLES[found.table].key))
            _check(found, facts)
    for name in EXPLAINED:
        assert seen[name] == expected[name].keys(), name


def _check(found: Story, facts: list[Fact]) -> None:
    row, told = found.row, _told(found)
    assert told.isdisjoint({(x.source, x.id) for x in found.not_counted})
    match found.table:
        case "pain_daily":
            assert len(told) == row["reports"]
        case "rom_daily":
            assert len(told) == row["reps"]
        case "billing_periods" | "billing_months":
            assert told == {(x["source"], x["id"]) for x in orjson.loads(row["evidence"])}
        case "adherence_daily":
            whole = sum(int(x.what.split(" of ")[0]) for x in found.counted)
            assert whole == row["completed_reps"]
        case "sessions":
            assert len(told) == (2 if row["modality"] == "both" else 1)
    known = {(x.source, x.id) for x in facts}
    assert told <= known
