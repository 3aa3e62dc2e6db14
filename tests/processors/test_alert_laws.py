"""The laws of alerts: what opens and ends depends on the log's order alone, and what is left unevaluated could not have changed anything.

Histories are those of `tests.histories`, with staff and dispatcher at work between; the rules are made to fire easily.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, note
from hypothesis import strategies as st

from processors import alerts
from processors.packs import alert_rules
from processors.packs.alerts import Overrides, RuleBook
from processors.patient import PatientProcessor
from processors.policy import Policy
from processors.processor import Output, Record, Tick
from processors.store import MemoryStore
from schemas.instants import SECOND, format_instant, parse_instant
from tests.histories import History, describe, histories, make_fact
from tests.processors.test_laws import Course, courses, laws

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.facts import Fact

HOUR = 3600 * SECOND
DAY = 24 * HOUR
EASY: dict[str, Any] = {
    "missed_days": {"levels": [{"at": 1, "severity": "warning"}, {"at": 2, "severity": "urgent"}], "cool_down_days": 1},
    "silence": {"levels": [{"at": 1, "severity": "warning"}, {"at": 2, "severity": "urgent"}], "cool_down_days": 1},
    "pain_flare": {"condition": {"rise": 1, "sustained_h": 1, "least_days": 1}, "cool_down_days": 1, "expires_days": 2},
    "pain_rising": {"condition": {"least_days": 4, "rise": 0.5}, "cool_down_days": 1},
    "low_volume": {"condition": {"least_known_days": 1, "least_coverage": 0.1, "days": 3}, "yields_to": [], "cool_down_days": 1},
    "rom_behind_goal": {"condition": {"behind_deg": 1, "measured_days": 1}, "cool_down_days": 1},
    "rom_loss": {"condition": {"loss_deg": 1, "measured_days": 1, "least_days": 1}, "cool_down_days": 1, "yields_to": []},
    "outcome_worse": {"cool_down_days": 1, "expires_days": 3},
    "medication_missed": {"condition": {"least_days": 1, "below": 0.9}, "cool_down_days": 1},
    "over_doing": {"condition": {"ratio": 1.1, "days": 1}, "cool_down_days": 1},
    "device_silent": {"condition": {"days": 1, "before": 1}, "cool_down_days": 1},
    "untrusted_signals": {"condition": {"least_sessions": 1}, "cool_down_days": 1},
    "billing_at_risk": {"condition": {"spare_days": 14}, "cool_down_days": 1},
}
POLICY = Policy(alert_rules=RuleBook(alert_rules(), Overrides.model_validate({"name": "easy", "rules": EASY})))

Told = list[tuple[str, str, int, dict[str, Any]]]


class Staff:
    """What staff and dispatcher do with the alerts that they see, in turn: the same for every run of one log."""

    def __init__(self, steps: list[str]) -> None:
        self.steps, self.done = steps, 0

    def answer(self, out: Output, seen: int, now: int) -> list[Fact]:
        """Facts about what was told since `seen`, recorded at `now`."""
        facts = []
        for change in out.transitions[seen:]:
            if change.transition not in {"opened", "reopened"} or not self.steps:
                continue
            step = self.steps[self.done % len(self.steps)]
            self.done += 1
            data: dict[str, Any] = {"alert_id": change.alert_id}
            if step in {"notified", "escalated"}:
                data |= {"step": 1 + self.done % 3, "endpoint": "e"}
            else:
                data |= {"staff_id": "n"}
            if step == "snoozed":
                data |= {"until": format_instant(now + (1 + self.done % 4) * 11 * HOUR)}
            if step != "nothing":
                facts.append(make_fact(f"alert.{step}", "P", "/staff", f"staff{self.done}", now, data))
        return facts


STEPS = ["nothing", "acknowledged", "snoozed", "closed", "notified", "escalated"]


def play(history: History, course: Course, steps: list[str], *, act: Callable[[str], bool]) -> tuple[Told, list[Fact | Tick]]:
    """Fold a history; `act` tells which of the course's steps (flush, checkpoint) are done. What was told, and the log as it came to be."""
    log: list[Fact | Tick] = []
    out, store, staff = Output(), MemoryStore(), Staff(steps)
    processor = PatientProcessor(POLICY, store)
    now = history.now - 60 * DAY

    def fold(item: Fact | Tick) -> None:
        processor.fold(Record(len(log), item), out)
        log.append(item)

    fold(Tick(now))
    last = max([fact.recorded for fact in history.facts], default=history.now)
    for number, fact in enumerate(sorted(history.facts, key=lambda x: x.recorded) if len(course.steps) % 2 else history.facts):
        seen = len(out.transitions)
        at = min(fact.recorded, history.now) // (60 * SECOND) * 60 * SECOND
        if number % 2 and at > now:
            now = at
            fold(Tick(now))
        fold(fact)
        for answer in staff.answer(out, seen, max(now, min(fact.recorded, last))):
            fold(answer)
        step = course.steps[number % len(course.steps)]
        if step.endswith("flush") and act("flush"):
            processor.flush(out)
        if step == "checkpoint" and act("checkpoint"):
            processor.flush(out)
            processor.save()
            processor = PatientProcessor(POLICY, store)
    fold(Tick(max(now, history.now)))
    fold(Tick(max(now, history.now) + 3 * DAY))
    processor.flush(out)
    return [(x.alert_id, x.transition, x.at, x.row) for x in out.transitions], log


def again(log: list[Fact | Tick]) -> Told:
    """The same log folded at one go."""
    out, processor = Output(), PatientProcessor(POLICY, MemoryStore())
    for position, item in enumerate(log):
        processor.fold(Record(position, item), out)
    processor.flush(out)
    return [(x.alert_id, x.transition, x.at, x.row) for x in out.transitions]


def same(one: Told, other: Told, history: History) -> None:
    if one != other:
        note(describe(history))
        shown = [[(x[3]["rule_id"], *x[1:3], x[3]["reason"]) for x in told] for told in (one, other)]
        raise AssertionError(f"{shown[0]}\n!=\n{shown[1]}")


@laws
@given(histories(), courses, st.lists(st.sampled_from(STEPS), max_size=4))
def test_neither_batches_nor_checkpoints_show_in_alerts(history: History, course: Course, steps: list[str]) -> None:
    told, log = play(history, course, steps, act=lambda _: True)
    same(again(log), told, history)


@laws
@given(histories(), courses, st.lists(st.sampled_from(STEPS), max_size=4))
def test_evaluating_everything_after_every_record_tells_the_same(history: History, course: Course, steps: list[str]) -> None:
    told, log = play(history, course, steps, act=lambda _: False)
    scopes = alerts.of_fact, alerts.at_due
    alerts.of_fact = lambda *_: alerts.EVERYTHING  # type: ignore[assignment]
    alerts.at_due = lambda *_: alerts.EVERYTHING  # type: ignore[assignment]
    try:
        thorough = again(log)
    finally:
        alerts.of_fact, alerts.at_due = scopes
    same(thorough, told, history)


@laws
@given(histories(), courses, st.lists(st.sampled_from(STEPS), max_size=4))
def test_an_alert_ends_before_it_opens_again_and_never_without_having_opened(history: History, course: Course, steps: list[str]) -> None:
    told, _ = play(history, course, steps, act=lambda _: True)
    standing: dict[str, str] = {}
    for name, transition, _, row in told:
        before = standing.get(name, "")
        if transition == "opened":
            assert before == ""
        elif transition == "reopened":
            assert before in {"open", "acknowledged", "snoozed", "resolved", "expired"}
        else:
            assert before in {"open", "acknowledged", "snoozed"}
        standing[name] = row["status"]
        assert (row["resolved_at"] is not None) == (row["status"] in {"resolved", "expired"})
        assert (row["snoozed_until"] is not None) == (row["status"] == "snoozed")
    keys = {(row["rule_id"], name): row["status"] for name, _, _, row in told}
    assert all(status for status in keys.values())


NOON = parse_instant("2026-01-15T12:00:00Z")


def begun(reps: int) -> list[Fact | Tick]:
    """A patient who was heard on the first day, and did nothing of what was due: `reps` repetitions of x1 in one session."""
    enrolled = {"episode_id": "E1", "timezone": "UTC", "monitoring_start": "2026-01-15", "therapeutic_area": "musculoskeletal"}
    staff = {"clinic_id": "c1", "therapist_id": "t1"}
    plan = {"plan_id": "p1", "version": 1, "effective_from": "2026-01-15"}
    asked = {"exercises": [{"exercise_id": "x1", "name": "x1", "sets": 1, "reps": reps}]}
    return [
        make_fact("patient.enrolled", "P", "/app", "f0", NOON, enrolled | staff),
        Tick(NOON),
        make_fact("plan.prescribed", "P", "/app", "f1", NOON, plan | asked),
        make_fact("report.pain", "P", "/app", "f2", NOON, {"nrs": 2}),
    ]


def reported(name: str, at: int, reps: int) -> Fact:
    done = {"exercise_id": "x1", "started_at": format_instant(at), "reps_completed": reps}
    return make_fact("report.exercise", "P", "/app", name, at, done)


def sensed(name: str, at: int, reps: int) -> Fact:
    session = {"session_id": name, "derivation": 1, "joint": "knee", "side": "left", "motion": "flexion", "exercise_id": "x1", "reps": reps}
    lasted = {"start_time": format_instant(at), "end_time": format_instant(at + 60 * SECOND), "flags": [], "rom_best_deg": 50.0}
    return make_fact("motion.session", "P", "/rtm/motion", name, at, session | lasted)


def opened(log: list[Fact | Tick]) -> list[tuple[str, str, int]]:
    return [(row["rule_id"], transition, at) for _, transition, at, row in again(log)]


def test_a_sensed_session_that_takes_the_place_of_a_report_brings_on_what_was_missed_before():
    after = NOON + DAY
    log = [*begun(2), reported("f3", after - 600 * SECOND, 2), Tick(after)]
    assert ("missed_days", "opened", after) not in opened(log)
    assert ("missed_days", "opened", after) in opened([*log, sensed("s1", after, 1)])


def test_a_report_that_takes_a_session_from_another_brings_on_what_was_missed_before():
    """The nearer report tells of 1 repetition for the session of which none was sensed; the other's 8 go to one of which 3 were sensed."""
    after = NOON + DAY
    at = after - 3600 * SECOND
    log = [*begun(10), sensed("s0", at, 0), sensed("s1", at + 1200 * SECOND, 3), reported("f3", at + 300 * SECOND, 8), Tick(after)]
    assert ("missed_days", "opened", after) not in opened(log)
    assert ("missed_days", "opened", after) in opened([*log, reported("f4", at + 60 * SECOND, 1)])
