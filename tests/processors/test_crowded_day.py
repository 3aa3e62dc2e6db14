"""A day that grows fact by fact, in any order and with flushes between, is the day that the rules give from scratch.

Few instants, sessions, derivations and repetitions, so that everything meets everything: what is at hand of a day grows with each fact.
"""

from __future__ import annotations

from itertools import cycle
from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

from processors.processor import Tick
from processors.summary import DaySummary
from schemas.facts import Fact
from schemas.instants import format_instant, parse_day
from tests import reference
from tests.histories import History, make_fact
from tests.processors.alert_stories import at, date
from tests.processors.test_laws import POLICY, Run, check, content, laws

DAY = 5
BEGIN: list[Fact] = [
    make_fact("patient.enrolled", "P", "/ehr", "e", at(1, 7), {
        "episode_id": "e", "timezone": "Europe/Berlin", "monitoring_start": "2026-01-01", "therapeutic_area": "musculoskeletal",
        "clinic_id": "c", "therapist_id": "t",
    }),
    make_fact("plan.prescribed", "P", "/ehr", "p", at(1, 8), {
        "plan_id": "p", "version": 1, "effective_from": "2026-01-01",
        "exercises": [{"exercise_id": "x", "name": "X", "sets": 1, "reps": 3, "times_per_day": 2}],
        "medications": [{"medication_id": "m", "doses_per_day": 2}],
        "rom_goals": [{"joint": "knee", "motion": "flexion", "side": "left", "points": [[0, 90]]}],
    }),
]  # fmt: skip
JOINT = {"joint": "knee", "side": "left", "motion": "flexion", "flags": []}
hours = st.sampled_from([6.0, 6.4, 12.0, 22.9, 23.2])
sessions = st.sampled_from(["s", "t"])
derivations = st.sampled_from([1, 1, 1, 2])
starts = st.sampled_from([6.0, 6.0, 6.0, 12.0, 22.9])
STEPS = ["look", "go on", "flush", "flush and save", "flush and read again"]


@st.composite
def reps(draw: st.DrawFn) -> tuple[str, float, dict[str, Any]]:
    begun, number = draw(starts), draw(st.integers(1, 4))
    data = {"session_id": draw(sessions), "derivation": draw(derivations), "session_start": format_instant(at(DAY, begun)), "rep": number}
    more = {"start_time": format_instant(at(DAY, begun)), "duration_s": 1.5, "max_deg": draw(st.integers(70, 100)), "exercise_id": "x"}
    return "motion.rep", begun + number / 100, {**data, **more, **JOINT}


@st.composite
def motion_sessions(draw: st.DrawFn) -> tuple[str, float, dict[str, Any]]:
    begun = draw(starts)
    data = {"session_id": draw(sessions), "derivation": draw(derivations), "start_time": format_instant(at(DAY, begun))}
    data |= {
        "end_time": format_instant(at(DAY, begun + 0.1)),
        "reps": draw(st.integers(0, 4)),
        "exercise_id": draw(st.sampled_from(["x", None])),
    }
    return "motion.session", begun + 0.1, {**data, **JOINT, "modality": "sensed"}


@st.composite
def reports(draw: st.DrawFn) -> tuple[str, float, dict[str, Any]]:
    begun = draw(starts)
    data: dict[str, Any] = {"exercise_id": "x", "started_at": format_instant(at(DAY, begun)), "reps_completed": draw(st.integers(0, 4))}
    data |= draw(st.sampled_from([{}, {"session_id": "s"}, {"pain_nrs": 4}]))
    return "report.exercise", begun + 0.2, data


plain = st.one_of(
    st.tuples(st.just("report.pain"), hours, st.integers(0, 9).map(lambda nrs: {"nrs": nrs})),
    st.tuples(st.just("report.medication"), hours, st.booleans().map(lambda taken: {"medication_id": "m", "taken": taken})),
    st.tuples(st.just("report.medication"), hours, st.just({"medication_id": "of no plan", "taken": True})),
    st.tuples(st.just("report.prom"), hours, st.integers(0, 9).map(lambda score: {"instrument": "KOOS_JR", "score": score, "items": []})),
    st.tuples(st.just("report.symptom"), hours, st.just({"symptom": "stiffness", "severity": 3})),
    st.tuples(st.just("report.checkin"), hours, st.just({"channel": "app"})),
)


@st.composite
def crowded_days(draw: st.DrawFn) -> History:
    told = draw(st.lists(st.one_of(plain, reps(), reps(), motion_sessions(), reports()), min_size=2, max_size=30))
    recorded = at(DAY + 1, 1)
    facts = [
        make_fact(kind, "P", "/rtm/motion" if kind.startswith("motion") else "/app", f"f{number}", at(DAY, hour), data, recorded=recorded)
        for number, (kind, hour, data) in enumerate(told)
    ]
    return History([*BEGIN, *draw(st.permutations(facts))], at(DAY + draw(st.integers(0, 2)), 12))


def summary_of(made: Run) -> DaySummary:
    return made.processor.ledger("P").examine(parse_day(date(DAY))).summary


@laws
@given(crowded_days(), st.lists(st.sampled_from(STEPS), min_size=1, max_size=5))
def test_a_crowded_day_grows_to_what_the_rules_give_from_scratch(history: History, steps: list[str]) -> None:
    made, anew = Run(), Run()
    for one in (made, anew):
        one.fold(Tick(at(DAY, 5)))
    for fact, step in zip(history.facts, cycle(steps), strict=False):
        made.fold(fact)
        anew.fold(fact)
        anew.checkpoint()
        if step == "look" and fact not in BEGIN:
            assert summary_of(made) == summary_of(anew)
        if "flush" in step:
            made.processor.flush(made.out)
        if "save" in step:
            made.processor.save()
        if "read again" in step:
            made.checkpoint()
    assert summary_of(made) == summary_of(anew)
    made.fold(Tick(history.now))
    made.processor.flush(made.out)
    assert made.out.dead == []
    note(" ".join(steps))
    check(reference.tables(history.facts, history.now, policy=POLICY), content(made.out.rows), history)
