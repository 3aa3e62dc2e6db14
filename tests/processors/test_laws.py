"""The laws of the fold: what the patient stage issues, however its records come, is what the contract's rules give from scratch.

`RTM_EXAMPLES` sets the number of examples a law (default 100); `RTM_EXAMPLES=5000 pytest tests/processors/test_laws.py` for a long run.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from processors.patient import PatientProcessor
from processors.policy import Policy
from processors.processor import Output, Record, Row, Tick
from processors.store import MemoryStore
from schemas.instants import DAY_SECONDS, SECOND
from schemas.rows import TABLES
from tests import reference
from tests.histories import History, describe, histories, make_fact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from schemas.facts import Fact

BOOKKEEPING = {"updated_at", "revision", "issued_at", "generation", "deleted"}
JSON_TEXT = {"data", "attributes", "evidence"}
MARKS = "event_marks"
REQUESTS = "erasures"
MINUTE = 60 * SECOND
BACK = [0, 1, 359, 361, 720, 1440, 2880, 14_400, 43_200, 86_400]
POLICY = Policy()

SWITCHED = [Policy(live_interaction_per_code=True), Policy(lenient_data_days=True), Policy(lateness_days=3)]
policies = st.sampled_from([POLICY, POLICY, POLICY, *SWITCHED])

laws = settings(
    max_examples=int(os.environ.get("RTM_EXAMPLES", "100")),
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


@dataclass
class Course:
    """How records reach the processor: after each fact one of these steps, in turn; ticks are minutes before the last one.

    `early`: whether a tick 100 days before the last one stands first in the log.
    """

    steps: Sequence[str]
    ticks: Sequence[int]
    early: bool = True


STEPS = ["go on", "flush", "tick", "tick and flush", "checkpoint"]
courses = st.builds(
    Course,
    st.lists(st.sampled_from(STEPS), min_size=1, max_size=8),
    st.lists(st.sampled_from(BACK), max_size=6).map(lambda back: sorted(back, reverse=True)),
    st.sampled_from([True] * 9 + [False]),
)


@dataclass
class Run:
    """A processor at work, and all that it put out."""

    policy: Policy = POLICY
    store: MemoryStore = field(default_factory=MemoryStore)
    out: Output = field(default_factory=Output)
    position: int = 0
    at: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.processor = PatientProcessor(self.policy, self.store)

    def fold(self, item: Fact | Tick) -> None:
        self.processor.fold(Record(self.position, item), self.out)
        self.position += 1

    def checkpoint(self) -> None:
        self.processor.flush(self.out)
        self.processor.save()
        self.processor = PatientProcessor(self.policy, self.store)


def run(facts: Iterable[Fact], now: int, course: Course | None = None, policy: Policy = POLICY) -> Run:
    """Fold the facts by a course, then the last tick."""
    made = Run(policy)
    if course is None or course.early:
        made.fold(Tick(now - 100 * DAY_SECONDS * SECOND))
    steps = cycle(course.steps if course else ["go on"])
    ticks = [now - back * MINUTE for back in (course.ticks if course else [])]
    for fact in facts:
        made.at.append(made.position)
        made.fold(fact)
        step = next(steps)
        if step.startswith("tick") and ticks:
            made.fold(Tick(ticks.pop(0)))
        if step.endswith("flush"):
            made.processor.flush(made.out)
        if step == "checkpoint":
            made.checkpoint()
    made.fold(Tick(now))
    made.processor.flush(made.out)
    return made


def latest(rows: Iterable[Row]) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
    """The newest revision of every key, deleted ones too; of equal revisions the one that came later."""
    found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
    for row in rows:
        if row.table == REQUESTS:
            continue
        names = TABLES["events" if row.table == MARKS else row.table].key
        key = tuple(row.values[name] for name in names)
        table = found.setdefault(row.table, {})
        if key not in table or row.values["revision"] >= table[key]["revision"]:
            table[key] = row.values
    return found


def content(rows: Iterable[Row]) -> reference.Tables:
    """What the views show: current rows, marks joined to the events, bookkeeping left out, JSON columns as values."""
    found = latest(rows)
    for key, mark in found.get(MARKS, {}).items():
        if key in found["events"]:
            found["events"][key] = found["events"][key] | {name: mark[name] for name in ("retracted", "clinic_id")}
    return {
        name: {
            key: {
                column: orjson.loads(value) if column in JSON_TEXT else value
                for column, value in row.items()
                if column not in BOOKKEEPING and column not in TABLES[name].key
            }
            for key, row in found.get(name, {}).items()
            if not row["deleted"]
        }
        for name in reference.NAMES
    }


def same(expected: Any, got: Any) -> bool:
    """Whether two values of a column are the same: floats to 1e-9."""
    if isinstance(expected, bool) or isinstance(got, bool) or expected is None or got is None:
        return expected is got or (isinstance(expected, bool) and got in (0, 1) and bool(got) is expected)
    if isinstance(expected, int | float) and isinstance(got, int | float):
        return math.isclose(expected, got, rel_tol=1e-9, abs_tol=1e-9)
    return bool(expected == got)


def differences(expected: reference.Tables, got: reference.Tables) -> list[str]:
    """Where two sets of tables differ, a line each."""
    lines = []
    for name in reference.NAMES:
        for key in sorted(expected[name].keys() | got[name].keys()):
            wanted, found = expected[name].get(key), got[name].get(key)
            if wanted is None or found is None:
                lines.append(f"{name} {key}: {'not expected' if wanted is None else 'missing'}: {found or wanted}")
                continue
            for column in sorted(wanted.keys() | found.keys()):
                a, b = wanted.get(column, "no such column"), found.get(column, "no such column")
                if column == "candidate_codes":
                    a, b = sorted(a), sorted(b)
                if not same(a, b):
                    lines.append(f"{name} {key} {column}: expected {a!r}, got {b!r}")
    return lines


def check(expected: reference.Tables, got: reference.Tables, history: History) -> None:
    """Fail with the history and the first differences."""
    lines = differences(expected, got)
    if lines:
        note(describe(history))
        raise AssertionError("\n".join(["the tables differ:", *lines[:8]]))


@laws
@given(histories(), courses, policies)
def test_any_batching_ends_equal_to_the_rules_from_scratch(history: History, course: Course, policy: Policy) -> None:
    made = run(history.facts, history.now, course, policy)
    expected = reference.tables(history.facts, history.now, policy=policy)
    index = {position: index for index, position in enumerate(made.at)}
    note(f"{course} {policy}")
    check(expected, content(made.out.rows), history)
    assert [(index[dead.position], dead.reason) for dead in made.out.dead] == reference.dead_letters(history.facts, policy), describe(
        history
    )


@laws
@given(histories(), courses, st.data())
def test_the_order_of_arrival_does_not_matter(history: History, course: Course, data: st.DataObject) -> None:
    facts = data.draw(st.permutations(reference.admitted(history.facts, POLICY)))
    shuffled = History(facts, history.now)
    check(reference.tables(history.facts, history.now, policy=POLICY), content(run(facts, history.now, course).out.rows), shuffled)


@laws
@given(histories(largest=8), courses, st.integers(2, 3))
def test_duplicates_change_nothing(history: History, course: Course, times: int) -> None:
    facts = reference.admitted(history.facts, POLICY)
    repeated = run([fact for fact in facts for _ in range(times)] + facts, history.now, course)
    check(reference.tables(facts, history.now, policy=POLICY), content(repeated.out.rows), History(facts, history.now))
    assert repeated.out.dead == []
    assert repeated.out.duplicates == times * len(facts)


@laws
@given(histories(largest=8), courses)
def test_a_key_issued_and_gone_is_deleted(history: History, course: Course) -> None:
    facts = reference.admitted(history.facts, POLICY)
    back = [
        make_fact("fact.retracted", fact.subject, "/staff", f"back{number}", history.now, {"fact_source": fact.source, "fact_id": fact.id})
        for number, fact in enumerate(facts)
        if not fact.type.endswith("retracted.v1")
    ]
    made = run([*facts, *back], history.now, course)
    issued = latest(made.out.rows)
    left = [(name, key) for name in reference.NAMES[1:] for key, row in issued.get(name, {}).items() if not row["deleted"]]
    assert left == [], describe(History([*facts, *back], history.now))
    check(reference.tables([*facts, *back], history.now, policy=POLICY), content(made.out.rows), history)


@laws
@given(histories(subject="P"), histories(subject="Q", largest=5), courses)
def test_patients_do_not_touch_each_other(one: History, other: History, course: Course) -> None:
    mixed = [fact for pair in zip(one.facts, other.facts, strict=False) for fact in pair]
    shorter = min(len(one.facts), len(other.facts))
    history = History([*mixed, *one.facts[shorter:], *other.facts[shorter:]], max(one.now, other.now))
    if abs(one.now - other.now) < 100 * DAY_SECONDS * SECOND:
        made = run(history.facts, history.now, course)
        check(reference.tables(history.facts, history.now, policy=POLICY), content(made.out.rows), history)


@laws
@given(histories(largest=8), courses, st.integers(0, 40))
def test_a_forgotten_patient_has_no_rows_and_what_comes_later_is_a_dead_letter(history: History, course: Course, where: int) -> None:
    request = make_fact("patient.forgotten", "P", "/staff", "forget", history.now, {"request_id": "q1"})
    facts = [*history.facts[:where], request, *history.facts[where:]]
    made = run(facts, history.now, course)
    check({name: {} for name in reference.NAMES}, content(made.out.rows), History(facts, history.now))
    index = {position: index for index, position in enumerate(made.at)}
    dead_letters = [(index[dead.position], dead.reason) for dead in made.out.dead]
    assert dead_letters == reference.dead_letters(facts, POLICY), describe(History(facts, history.now))
