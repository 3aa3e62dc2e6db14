"""The reference against cases worked out by hand from the contract's sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.instants import SECOND, parse_day, parse_instant
from tests import reference
from tests.histories import History, histories, make_fact
from tests.reference.calendar import Calendar, changes_of_date

if TYPE_CHECKING:
    from schemas.facts import Fact

KOLKATA = "Asia/Kolkata"


def fact(kind: str, name: str, time: str, late_s: int = 0, **data: Any) -> Fact:
    instant = parse_instant(time)
    return make_fact(kind, "P", "/app", name, instant, data, recorded=instant + late_s * SECOND)


def enrolled(start: str = "2026-01-01", zone: str = "UTC", episode: str = "E1", name: str = "e1", **more: Any) -> Fact:
    data: dict[str, Any] = {"episode_id": episode, "timezone": zone, "monitoring_start": start, "therapeutic_area": "musculoskeletal"}
    return fact("patient.enrolled", name, "2025-12-01T00:00:00Z", **data, clinic_id="c1", therapist_id="t1", **more)


def plan(name: str = "p", version: int = 1, start: str = "2026-01-01", time: str = "2025-12-02T00:00:00Z", **more: Any) -> Fact:
    exercise = {"exercise_id": "x1", "name": "x1", "sets": 1, "reps": 10} | more.pop("exercise", {})
    return fact("plan.prescribed", name, time, plan_id="p1", version=version, effective_from=start, exercises=[exercise], **more)


def done(name: str, start: str, reps: int, **more: Any) -> Fact:
    return fact("report.exercise", name, start, exercise_id="x1", started_at=start, reps_completed=reps, **more)


def rows(facts: list[Fact], now: str) -> reference.Tables:
    return reference.tables(facts, parse_instant(now))


def statuses(facts: list[Fact], now: str) -> list[str]:
    found = rows(facts, now)["adherence_daily"]
    return [row["status"] for (_, _, exercise), row in sorted(found.items()) if exercise == ""]


@pytest.mark.parametrize(
    ("now", "status"),
    [("2026-01-02T05:59:00Z", "pending"), ("2026-01-02T06:00:00Z", "unknown")],
)
def test_a_day_is_over_six_hours_into_the_next(now: str, status: str) -> None:
    assert statuses([enrolled(), plan()], now)[0] == status


@pytest.mark.parametrize(("reps", "status"), [(0, "missed"), (7, "partial"), (8, "met"), (30, "met")])
def test_the_status_follows_the_volume(reps: int, status: str) -> None:
    assert statuses([enrolled(), plan(), done("a", "2026-01-01T10:00:00Z", reps)], "2026-01-03T12:00:00Z") == [status, "unknown", "pending"]


def test_a_second_session_counts_up_to_its_own_cap() -> None:
    facts = [enrolled(), plan(exercise={"times_per_day": 2}), done("a", "2026-01-01T08:00:00Z", 4), done("b", "2026-01-01T09:00:00Z", 50)]
    row = rows(facts, "2026-01-02T12:00:00Z")["adherence_daily"]["P", "2026-01-01", "x1"]
    assert (row["prescribed_sessions"], row["completed_sessions"], row["prescribed_reps"], row["completed_reps"]) == (2, 2, 20, 14)


def test_the_window_counts_known_days_only() -> None:
    facts = [
        enrolled(),
        plan(),
        done("a", "2026-01-01T10:00:00Z", 10),
        fact("report.checkin", "c", "2026-01-02T10:00:00Z"),
        fact("report.checkin", "d", "2026-01-04T10:00:00Z"),
    ]
    row = rows(facts, "2026-01-06T12:00:00Z")["adherence_window"]["P", "2026-01-05", 7]
    assert row == {"clinic_id": "c1", "frequency": 1 / 3, "volume": 1 / 3, "coverage": 3 / 5, "missed_streak": 2, "silent_days": 1}


def test_an_end_ends_only_what_was_prescribed_before_it() -> None:
    ended = fact("plan.ended", "end", "2026-01-02T00:00:00Z", plan_id="p1", effective_to="2026-01-01")
    assert statuses([enrolled(), plan(), ended], "2026-01-04T12:00:00Z") == ["unknown", "rest", "rest", "pending"][:1] + ["rest"] * 3
    again = plan("again", 1, "2026-01-03", "2026-01-02T00:00:01Z")
    assert statuses([enrolled(), plan(), ended, again], "2026-01-04T12:00:00Z") == ["unknown", "rest", "unknown", "pending"]


def test_a_later_episode_takes_over_and_its_zone_dates_its_days() -> None:
    facts = [enrolled(), enrolled("2026-01-03", "Pacific/Kiritimati", "E2", "e2"), fact("report.pain", "a", "2026-01-02T10:00:00Z", nrs=3)]
    assert ("P", "2026-01-03") in rows(facts, "2026-01-02T10:00:00Z")["pain_daily"]
    assert ("P", "2026-01-02") in rows([*facts[:1], facts[2]], "2026-01-02T10:00:00Z")["pain_daily"]


@pytest.mark.parametrize(("minutes", "modalities"), [("10:29:59.999999999", ["both"]), ("10:30:00", ["sensed", "self_reported"])])
def test_sessions_pair_when_less_than_half_an_hour_apart(minutes: str, modalities: list[str]) -> None:
    start = "2026-01-01T10:00:00Z"
    moved: dict[str, Any] = {
        "session_id": "s1",
        "exercise_id": "x1",
        "joint": "knee",
        "side": "left",
        "start_time": start,
        "end_time": start,
        "flags": [],
    }
    facts = [enrolled(), fact("motion.session", "m", start, **moved, reps=0), done("a", f"2026-01-01T{minutes}Z", 7)]
    found = rows(facts, "2026-01-01T12:00:00Z")["sessions"]
    assert sorted(row["modality"] for row in found.values()) == sorted(modalities)
    assert found["P", "s1"]["reps"] == (7 if modalities == ["both"] else 0)


def test_a_flare_needs_24_hours_above_the_baseline() -> None:
    quiet = [fact("report.pain", f"q{day}", f"2026-01-0{day}T12:00:00Z", nrs=2) for day in (1, 2, 3)]
    pain = [fact("report.pain", "h1", "2026-01-04T12:00:00Z", nrs=4), fact("report.pain", "h2", "2026-01-05T12:00:00Z", nrs=5)]
    found = rows([enrolled(), *quiet, *pain], "2026-01-06T12:00:00Z")["pain_daily"]
    assert [found["P", f"2026-01-0{day}"]["flare"] for day in (3, 4, 5)] == [False, False, True]
    relief = fact("report.pain", "r", "2026-01-04T20:00:00Z", nrs=3)
    assert not rows([enrolled(), *quiet, *pain, relief], "2026-01-06T12:00:00Z")["pain_daily"]["P", "2026-01-05"]["flare"]


@pytest.mark.parametrize(("score", "meaning"), [(40, "improved"), (40.1, "unchanged"), (60, "worse"), (59.9, "unchanged")])
def test_an_outcome_is_judged_by_its_mcid(score: float, meaning: str) -> None:
    facts = [enrolled()]
    facts += [fact("report.prom", f"o{n}", f"2026-01-0{n}T12:00:00Z", instrument="ODI", score=s) for n, s in ((1, 50), (2, score))]
    assert rows(facts, "2026-01-06T12:00:00Z")["outcomes"]["P", "ODI", "", "2026-01-02T12:00:00Z"]["meaning"] == meaning


def test_codes_of_a_period_and_a_month() -> None:
    facts = [enrolled(), fact("care.setup", "s", "2025-12-20T00:00:00Z", staff_id="n")]
    facts += [done(f"d{day:02d}", f"2026-01-{day:02d}T10:00:00Z", 1) for day in range(1, 17)]
    facts.append(fact("care.review", "r", "2026-01-05T00:00:00Z", staff_id="n", minutes=39))
    call = fact("care.interaction", "i", "2026-01-06T00:00:00Z", staff_id="n", minutes=21, mode="phone", live=True)
    found = rows([*facts, call], "2026-01-20T12:00:00Z")
    period = found["billing_periods"]["P", "E1", "2026-01-01"]
    assert (period["candidate_codes"], period["days_left"], period["data_days"]) == (["98977", "98975"], 10, 16)
    assert period["evidence"][0] == {"source": "/app", "id": "s"}
    assert found["billing_months"]["P", "2026-01"]["candidate_codes"] == ["98980", "98981", "98981"]
    assert rows(facts, "2026-01-20T12:00:00Z")["billing_months"]["P", "2026-01"]["candidate_codes"] == []


def test_a_late_fact_is_a_dead_letter_and_takes_its_key() -> None:
    late = fact("report.pain", "a", "2026-01-01T12:00:00Z", 35 * 86_400 + 1, nrs=3)
    again = fact("report.pain", "a", "2026-01-01T12:00:00Z", 0, nrs=3)
    other = fact("report.pain", "a", "2026-01-01T12:00:00Z", 0, nrs=4)
    assert reference.dead_letters([enrolled(), late, again, other]) == [(1, "too_late"), (3, "conflict")]


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("Africa/Cairo", "2024-04-26", ["2024-04-25T22:00:00Z"]),
        ("Pacific/Apia", "2011-12-30", ["2011-12-30T10:00:00Z"]),
        ("Pacific/Apia", "2011-12-31", ["2011-12-30T10:00:00Z"]),
        ("America/St_Johns", "2010-11-07", ["2010-11-07T02:30:00Z", "2010-11-07T03:30:00Z"]),
        ("Australia/Lord_Howe", "2025-04-06", ["2025-04-05T13:00:00Z"]),
    ],
)
def test_a_date_begins_where_the_zone_says(zone: str, day: str, expected: list[str]) -> None:
    assert list(changes_of_date(parse_day(day), zone)) == [parse_instant(text) for text in expected]


def test_an_instant_before_every_episode_is_dated_by_the_first_ones_zone() -> None:
    assert Calendar([enrolled(zone=KOLKATA)]).date_of(parse_instant("2025-11-30T18:30:00Z")) == parse_day("2025-12-01")


@settings(max_examples=60, deadline=None)
@given(histories(), st.data())
def test_the_rules_do_not_look_at_the_order(history: History, data: st.DataObject) -> None:
    facts = reference.admitted(history.facts)
    assert reference.tables(data.draw(st.permutations(facts)), history.now) == reference.tables(facts, history.now)
