"""Rows of a day, or of a period or month whose last day lies, more than `retention_days` before now keep what they had."""

from __future__ import annotations

from typing import Any

import pytest

from processors.processor import Tick
from schemas.facts import Fact
from schemas.instants import DAY_SECONDS, SECOND, format_day, format_instant, parse_day, parse_instant
from tests.histories import make_fact
from tests.processors.test_laws import Run, content

DAY = DAY_SECONDS * SECOND
OLD = parse_instant("2026-01-05T12:00:00Z")
NOW = OLD + 500 * DAY
RECENT = format_day(parse_day("2026-01-05") + 450)


def fact(kind: str, name: str, time: int, **data: Any) -> Fact:
    return make_fact(kind, "P", "/app", name, time, data)


def enrolled(name: str, time: int, episode: str, start: str) -> Fact:
    more = {"timezone": "UTC", "therapeutic_area": "musculoskeletal", "clinic_id": "c", "therapist_id": "t"}
    return fact("patient.enrolled", name, time, episode_id=episode, monitoring_start=start, **more)


def plan(name: str, time: int, version: int, reps: int, start: str = "2026-01-01") -> Fact:
    exercises = [{"exercise_id": "bend", "name": "Bend", "sets": 1, "reps": reps}]
    return fact("plan.prescribed", name, time, plan_id="p", version=version, effective_from=start, exercises=exercises)


@pytest.fixture
def long_ago() -> Run:
    made = Run()
    for item in (
        enrolled("e1", OLD - 5 * DAY, "E1", "2026-01-01"),
        plan("p1", OLD - 5 * DAY, 1, 10),
        fact("report.exercise", "x", OLD, exercise_id="bend", started_at=format_instant(OLD), reps_completed=10, pain_nrs=3),
        fact("care.review", "r", OLD, staff_id="t", minutes=12),
    ):
        made.fold(item)
    for day in range(0, 501, 10):
        made.fold(Tick(OLD + day * DAY))
        made.checkpoint()
    return made


def test_old_rows_keep_what_they_had_and_recent_ones_follow(long_ago):
    before = content(long_ago.out.rows)
    long_ago.fold(plan("p2", NOW, 2, 40))
    long_ago.fold(fact("care.review", "late", OLD, staff_id="t", minutes=30))
    long_ago.fold(fact("fact.retracted", "back", NOW, fact_source="/app", fact_id="x"))
    long_ago.checkpoint()
    after = content(long_ago.out.rows)
    for table in ("sessions", "pain_daily"):
        assert after[table] == before[table] != {}
    old = {key: row for key, row in before["adherence_daily"].items() if key[1] < format_day(parse_day("2026-01-05") + 100)}
    assert {key: after["adherence_daily"][key] for key in old} == old
    assert after["billing_months"]["P", "2026-01"] == before["billing_months"]["P", "2026-01"]
    first = ("P", "E1", "2026-01-01")
    assert after["billing_periods"][first] == before["billing_periods"][first]
    assert after["adherence_daily"]["P", RECENT, ""]["prescribed_reps"] == 40
    assert after["events"]["P", "/app", "x"]["retracted"] is True


def test_an_old_episode_stays_heard_when_a_new_one_begins(long_ago):
    long_ago.fold(enrolled("e2", NOW, "E2", format_day(NOW // DAY)))
    long_ago.checkpoint()
    assert content(long_ago.out.rows)["patients"]["P", "E1"]["last_heard_at"] == format_instant(OLD)


def course(every: int | None) -> Run:
    """Three years: a report every third day, a plan, a review and a set-up now and then, a retraction, a discharge that came late.

    Rows are issued after so many ticks; None: once, at the end.
    """
    made = Run()
    made.fold(Tick(OLD - 6 * DAY))
    made.fold(enrolled("e1", OLD - 5 * DAY, "E1", "2026-01-01"))
    made.fold(enrolled("e2", OLD - 4 * DAY, "E2", "2027-06-01"))
    made.fold(plan("p0", OLD - 4 * DAY, 1, 10))
    made.fold(fact("care.setup", "s", OLD - 4 * DAY, staff_id="t"))
    for day in range(0, 1095, 3):
        at = OLD + day * DAY
        made.fold(Tick(at))
        if every and day // 3 % every == 0:
            made.checkpoint()
        done = {"exercise_id": "bend", "started_at": format_instant(at), "reps_completed": day % 13, "pain_nrs": day % 7}
        made.fold(fact("report.exercise", f"x{day}", at, **done))
        if day % 60 == 0:
            made.fold(plan(f"p{day + 1}", at, day + 2, 5 + day % 11, format_day(at // DAY - 5)))
            made.fold(fact("care.review", f"r{day}", at, staff_id="t", minutes=12))
            made.fold(fact("fact.retracted", f"b{day}", at, fact_source="/app", fact_id=f"x{day - 30}"))
        if day == 540:
            made.fold(fact("patient.discharged", "d", at, episode_id="E1", date="2027-05-01"))
    made.fold(Tick(OLD + 1100 * DAY))
    made.checkpoint()
    return made


def test_old_rows_do_not_depend_on_how_often_rows_are_issued():
    often = content(course(1).out.rows)
    assert content(course(None).out.rows) == content(course(40).out.rows) == often
    days = {key[1] for key in often["adherence_daily"]}
    assert {"2026-01-01", "2027-05-01", "2027-06-01", "2028-12-31"} <= days
    assert "2027-05-02" not in days


def test_a_silence_longer_than_the_retention_leaves_no_day_without_its_row():
    made = Run()
    made.fold(Tick(OLD - 6 * DAY))
    made.fold(enrolled("e1", OLD - 5 * DAY, "E1", "2026-01-01"))
    made.fold(plan("p0", OLD - 4 * DAY, 1, 10))
    made.fold(Tick(OLD + 900 * DAY))
    made.checkpoint()
    statuses = {key[1]: row["status"] for key, row in content(made.out.rows)["adherence_daily"].items() if key[2] == ""}
    first, last = parse_day("2026-01-01"), OLD // DAY + 900
    assert statuses == {format_day(day): "unknown" if day < last else "pending" for day in range(first, last + 1)}


def test_a_start_that_was_corrected_takes_the_days_before_it_back_also_when_they_are_about_to_be_too_old():
    made = Run()
    made.fold(Tick(OLD - 6 * DAY))
    made.fold(enrolled("e1", OLD - 5 * DAY, "E1", "2026-01-01"))
    made.fold(Tick(OLD + 396 * DAY))
    made.checkpoint()
    made.fold(enrolled("e2", OLD + 396 * DAY, "E1", "2026-12-01"))
    made.fold(Tick(OLD + 420 * DAY))
    made.fold(fact("report.checkin", "c", OLD + 420 * DAY))
    made.checkpoint()
    assert min(key[1] for key in content(made.out.rows)["adherence_daily"]) == "2026-12-01"


def test_days_before_1970_are_days_like_others():
    made = Run()
    made.fold(enrolled("e1", parse_instant("1969-12-20T12:00:00Z"), "E1", "1969-12-20"))
    made.fold(Tick(parse_instant("1970-01-05T12:00:00Z")))
    made.checkpoint()
    rows = content(made.out.rows)["adherence_window"]
    assert [rows["P", "1969-12-31", size]["silent_days"] for size in (7, 30)] == [7, 12]


def test_a_fact_recorded_years_ahead_puts_off_no_day_and_no_alert():
    made = Run()
    made.fold(Tick(OLD))
    made.fold(enrolled("e1", OLD, "E1", "2026-01-05"))
    made.fold(plan("p1", OLD + 1, 1, 10))
    made.fold(fact("report.checkin", "heard", OLD + 2))
    made.fold(fact("care.review", "ahead", parse_instant("2062-01-05T12:00:00Z"), staff_id="t", minutes=12))
    for day in range(1, 8):
        made.fold(Tick(OLD + day * DAY))
        made.checkpoint()
    rows = content(made.out.rows)
    assert [rows["adherence_daily"]["P", f"2026-01-{day:02d}", ""]["status"] for day in (5, 6, 12)] == ["missed", "unknown", "pending"]
    assert rows["adherence_window"]["P", "2026-01-11", 7]["silent_days"] == 6
    assert {row.values["rule_id"] for row in made.out.rows if row.table == "alerts"} >= {"silence"}
