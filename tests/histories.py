"""Generators of patient histories for laws: compact and nasty. A history is facts in the log's order, and the last tick.

Days lie around an edge of a zone (daylight saving, a skipped day, a year's end); instants around midnights and those edges, to the
nanosecond; ids are few, so that facts meet. `describe` prints a history as lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from hypothesis import strategies as st

from schemas.events import EVENT_MODELS
from schemas.facts import Fact
from schemas.instants import format_day, format_instant, parse_instant
from tests.courses import activity_courses, care_courses, dose_courses, pain_courses, rom_courses, runs, score_courses
from tests.drafts import (
    DAY,
    Draft,
    World,
    activities,
    care,
    discharges,
    enrolments,
    exercise_reports,
    instants,
    local_instant,
    motions,
    pains,
    plan_ends,
    plans,
    small_reports,
    worlds,
)


@dataclass
class History:
    """Facts in the log's order, and the last tick's time."""

    facts: list[Fact]
    now: int

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text("the history described below")


def make_fact(kind: str, subject: str, source: str, name: str, time: int, data: dict[str, Any], **more: Any) -> Fact:
    """A fact of `rtm.<kind>.v1` as a codec would make it; `recorded` is its event time unless given."""
    event_type = f"rtm.{kind}.v1"
    model = EVENT_MODELS[event_type].model_fields["data"].annotation
    assert model is not None
    return Fact(
        type=event_type,
        source=source,
        id=name,
        subject=subject,
        time=time,
        recorded=more.pop("recorded", time),
        data=model.model_validate(data),
        payload=data,
        **more,
    )


def _finish(draft: Draft, number: int, subject: str, latest: int) -> Fact:
    source = "/rtm/motion" if draft.kind.startswith("motion") else "/app"
    started = [draft.data.get(name) for name in ("started_at", "taken_at", "start", "session_start")]
    dating = max([draft.time, *(parse_instant(text) for text in started if text is not None)])
    recorded = dating + draft.delay if draft.delay else max(dating, latest)
    attributes = {"traceparent": "00-1"} if number % 7 == 3 else {}
    more: dict[str, Any] = {"clinic": draft.clinic, "attributes": attributes, "derived": draft.derived}
    return make_fact(draft.kind, subject, source, f"f{number:02d}", draft.time, draft.data, recorded=recorded, **more)


def _begin(draw: st.DrawFn, world: World) -> list[Draft]:
    """An enrolment at the base day's edge and a plan for every day, so that what follows counts."""
    start = world.base - draw(st.integers(0, 2))
    [enrolled] = draw(enrolments(world))
    [plan] = draw(plans(world))
    enrolled.data |= {"episode_id": "E1", "timezone": world.zone, "monitoring_start": format_day(start)}
    plan.data |= {"effective_from": format_day(start)}
    plan.data["exercises"] = [
        {"exercise_id": name, "name": name, "sets": 1, "reps": draw(st.integers(1, 5)), "times_per_day": draw(st.integers(1, 2))}
        for name in draw(st.sampled_from([["x1"], ["x1", "x2"]]))
    ]
    if draw(st.booleans()):
        plan.data["medications"] = [{"medication_id": "m1", "doses_per_day": draw(st.integers(1, 2))}]
        points = [[0, draw(st.integers(6, 11)) * 10], [7, 100]]
        plan.data["rom_goals"] = [
            {"joint": "knee", "motion": motion, "side": "left", "points": points} for motion in ("flexion", "extension")
        ]
    return [enrolled, plan]


@st.composite
def histories(draw: st.DrawFn, subject: str = "P", largest: int = 14) -> History:
    """A patient's history with whatever can go wrong in it."""
    world = draw(worlds())
    rare = [enrolments, discharges, plans, plans, plan_ends, exercise_reports, motions, motions, pains, small_reports, activities, care]
    courses = [pain_courses, rom_courses, dose_courses, score_courses, care_courses, activity_courses, runs, exercise_reports]
    bundles = draw(st.lists(st.one_of([kind(world) for kind in rare + courses]), min_size=1, max_size=largest))
    if draw(st.integers(0, 9)):
        bundles = [_begin(draw, world), *bundles]
    drafts = [draft for bundle in bundles for draft in bundle]
    numbers = list(range(len(drafts)))
    if draw(st.booleans()):
        numbers.reverse()
    facts = [_finish(draft, number, subject, 0) for draft, number in zip(drafts, numbers, strict=True)]
    now_day = world.base + draw(st.sampled_from([0, 1, 2, world.span // 2, world.span, world.span + 1, world.span + 5, world.span + 20]))
    hour, minute = draw(st.sampled_from([(12, 0), (0, 0), (5, 59), (6, 0), (7, 0), (23, 59)]))
    now = local_instant(world.zone, now_day, hour, minute)
    for number in range(draw(st.sampled_from([0, 0, 1, 2, 4])) if facts else 0):
        target = draw(st.sampled_from(facts))
        time = draw(instants(world))
        data = {"fact_source": target.source, "fact_id": target.id}
        facts.append(make_fact("fact.retracted", subject, "/staff", f"r{number}", time, data))
    facts = _ordered(draw, facts)
    for _ in range(draw(st.integers(0, 3)) if facts else 0):
        facts.insert(draw(st.integers(0, len(facts))), _altered(draw, draw(st.sampled_from(facts))))
    return History(facts, now)


def _ordered(draw: st.DrawFn, facts: list[Fact]) -> list[Fact]:
    match draw(st.sampled_from(["as drawn", "by recorded time", "reversed", "any"])):
        case "by recorded time":
            return sorted(facts, key=lambda fact: fact.recorded)
        case "reversed":
            return facts[::-1]
        case "any":
            return draw(st.permutations(facts))
    return facts


def _altered(draw: st.DrawFn, fact: Fact) -> Fact:
    """A copy with the same id: the same, the same at another recorded time, of other content, or of another source."""
    copy = {name: getattr(fact, name) for name in Fact.__slots__}
    match draw(st.sampled_from(["same", "later", "conflict", "other source"])):
        case "later":
            copy["recorded"] += draw(st.sampled_from([1, 40 * DAY]))
        case "conflict":
            copy["time"] += draw(st.sampled_from([1, -DAY]))
        case "other source":
            copy["source"] = "/zzz" if fact.source == "/app" else "/app"
    return Fact(**copy)


def describe(history: History) -> str:
    """The history as lines, one a fact."""
    lines = [
        f"{index:3d} {fact.type[4:-3]:18s} {fact.source}#{fact.id} at {format_instant(fact.time)} recorded {format_instant(fact.recorded)}"
        f"{' derived' if fact.derived else ''} {fact.clinic or ''} {orjson.dumps(fact.payload).decode()}"
        for index, fact in enumerate(history.facts)
    ]
    return "\n".join([*lines, f"    now {format_instant(history.now)}"])
