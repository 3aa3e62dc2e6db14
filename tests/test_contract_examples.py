"""The worked examples of docs/contract.md, run against the processors and against the second implementation of the rules."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from processors.policy import Policy
from schemas.codecs import decode_line
from schemas.facts import Fact, Unusable
from schemas.instants import parse_instant
from schemas.rows import TABLES
from tests import reference
from tests.histories import make_fact
from tests.processors.test_laws import content, differences, run, same

PAGE = (Path(__file__).parents[1] / "docs" / "contract.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"\*\*(?P<title>[^*]+?)\.?\*\*(?:(?!\*\*)[^`]|`[^`\n]*`)*?\n```example\n(?P<lines>.*?)```", re.DOTALL)
RULES = {
    "The clock", "Newest, duplicates and conflicts", "Late and future", "Retraction", "Day", "A day of 23 hours", "Episode", "Zone",
    "In no episode", "Which days have rows", "Heard", "The plan of a day", "Due", "Done", "The same session sensed and self-reported",
    "Derivations", "Status", "Windows", "ROM", "Pain", "Medication", "Outcomes", "Activity", "Billing, periods", "Billing, months",
    "Billing, no rules in force", "Billing, switches", "Patients",
}  # fmt: skip
ENROLLED = {
    "episode_id": "E1",
    "timezone": "UTC",
    "monitoring_start": "2026-01-05",
    "therapeutic_area": "musculoskeletal",
    "clinic_id": "c",
    "therapist_id": "t",
}
PLAN = {
    "plan_id": "p",
    "version": 1,
    "effective_from": "2026-01-05",
    "exercises": [{"exercise_id": "bend", "name": "Bend", "sets": 2, "reps": 10}],
}
BEFORE = parse_instant("2025-12-01T00:00:00Z")
MOVED = {"exercise_id": "bend", "joint": "knee", "motion": "flexion", "side": "left", "flags": []}


@dataclass
class Example:
    """A block: facts in the log's order, the time, and what is expected then."""

    title: str
    facts: list[Fact] = field(default_factory=list)
    told: list[Fact] = field(default_factory=list)
    now: int = 0
    policy: Policy = field(default_factory=Policy)
    rows: list[dict[str, Any]] = field(default_factory=list)
    none: list[dict[str, Any]] = field(default_factory=list)
    dead: list[tuple[int, str]] = field(default_factory=list)


def told_fact(line: dict[str, Any]) -> Fact:
    """A fact from its shorthand."""
    kind, name, at = line.pop("fact"), line.pop("id"), line.pop("at")
    recorded = parse_instant(line.pop("recorded", at))
    match kind:
        case "report.exercise":
            line = {"started_at": at} | line
        case "motion.session":
            line = MOVED | {"start_time": at, "end_time": at} | line
        case "motion.rep":
            line = MOVED | {"session_start": at, "start_time": at, "duration_s": 2} | line
    return make_fact(kind, "P", "/app", name, parse_instant(at), line, recorded=recorded)


def read(title: str, block: str) -> Example:
    """A block's lines as an example."""
    found = Example(title)
    enrolled: dict[str, Any] | None = {}
    plan: dict[str, Any] | None = {}
    for text in block.splitlines():
        line = orjson.loads(text)
        first = next(iter(line))
        if first in {"enrolled", "plan"}:
            enrolled, plan = line.get("enrolled", enrolled), line.get("plan", plan)
        elif first == "policy":
            found.policy = Policy(**line["policy"])
        elif first == "fact":
            found.told.append(told_fact(line))
        elif first == "now":
            found.now = parse_instant(line["now"])
        elif first == "dead":
            found.dead.append((line["dead"], line["reason"]))
        else:
            {"table": found.rows, "none": found.none}[first].append(line)
    if enrolled is not None:
        found.facts.append(make_fact("patient.enrolled", "P", "/app", "usual-e", BEFORE, ENROLLED | enrolled))
    if plan is not None:
        found.facts.append(make_fact("plan.prescribed", "P", "/app", "usual-p", BEFORE, PLAN | plan))
    found.dead = [(place - 1 + len(found.facts), reason) for place, reason in found.dead]
    found.facts += found.told
    return found


EXAMPLES = [read(match["title"], match["lines"]) for match in BLOCK.finditer(PAGE)]


def check(example: Example, tables: reference.Tables) -> None:
    """Hold every expected row, and every key without one, against the tables."""
    for line in [*example.rows, *example.none]:
        name = line.get("table") or line["none"]
        key = tuple(line.get(column, {"patient_id": "P", "source": "/app"}.get(column)) for column in TABLES[name].key)
        row = tables[name].get(key)
        if "none" in line:
            assert row is None, line
            continue
        assert row is not None, line
        wanted = {column: value for column, value in line.items() if column != "table" and column not in TABLES[name].key}
        wrong = {column: row[column] for column, value in wanted.items() if not alike(column, value, row[column])}
        assert not wrong, line


def alike(column: str, wanted: Any, got: Any) -> bool:
    """Whether a column has the value, codes in any order."""
    return sorted(wanted) == sorted(got) if column == "candidate_codes" else same(wanted, got)


def test_every_block_is_found_and_every_rule_has_one():
    assert len(EXAMPLES) == PAGE.count("```example\n")
    assert {example.title for example in EXAMPLES} == RULES
    assert all(example.rows and example.now for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_the_processors_give_what_the_example_says(example):
    made = run(example.facts, example.now, policy=example.policy)
    check(example, content(made.out.rows))
    places = {position: place for place, position in enumerate(made.at)}
    assert [(places[letter.position], letter.reason) for letter in made.out.dead] == example.dead


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_the_second_implementation_gives_what_the_example_says(example):
    tables = reference.tables(example.facts, example.now, policy=example.policy)
    check(example, tables)
    assert reference.dead_letters(example.facts, example.policy) == example.dead
    assert not differences(tables, content(run(example.facts, example.now, policy=example.policy).out.rows))


@pytest.mark.parametrize("reading", ["heart_rate", "blood_pressure", "glucose", "weight", "spo2"])
def test_no_event_type_takes_a_physiological_reading(reading):
    event = {"specversion": "1.0", "source": "/app", "id": "a", "subject": "P", "time": "2026-01-06T10:00:00Z", "data": {"value": 80}}
    with pytest.raises(Unusable) as refused:
        decode_line(orjson.dumps({**event, "type": f"rtm.report.{reading}.v1"}))
    assert refused.value.reason == "unknown_type"
