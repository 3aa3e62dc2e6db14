"""Why a patient's rows of a day say what they say: the facts counted, those that are not and why, the plan in force, the rule in words.

A pure function of the patient's admitted facts and the time. The rows are those of the fold itself (`processors.patient`); the words are
found over the same functions that count (`processors.explain_facts`, `explain_rows`, `explain_measured`, `explain_billing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from processors.explain_billing import month_stories, period_stories
from processors.explain_facts import Known, Story, Told
from processors.explain_measured import activity_stories, medication_stories, outcome_stories, pain_stories, rom_stories
from processors.explain_rows import Row, adherence_stories, session_stories, window_stories
from processors.patient import PatientProcessor
from processors.policy import Policy
from processors.processor import Output, Record, Tick
from processors.store import MemoryStore
from schemas.facts import Fact
from schemas.instants import format_day, format_instant
from schemas.rows import TABLES

STORIES: dict[str, Callable[[Known, int, list[Row], Policy], list[Story]]] = {
    "sessions": session_stories,
    "adherence_daily": adherence_stories,
    "adherence_window": window_stories,
    "rom_daily": rom_stories,
    "pain_daily": pain_stories,
    "medication_window": medication_stories,
    "outcomes": outcome_stories,
    "activity_daily": activity_stories,
    "billing_periods": period_stories,
    "billing_months": month_stories,
}
"""How each table's rows are told: a story for each row of the day."""

EXPLAINED = tuple(STORIES)
"""The tables whose rows can be explained, in the contract's order."""
FOR_EVER = 40_000
"""Days: longer than any record here reaches back, and still a date."""
BOOKKEEPING = frozenset({"updated_at", "revision", "issued_at", "deleted", "generation"})


class NothingKnownError(Exception):
    """There is nothing to explain: the patient isn't enrolled."""


@dataclass(frozen=True, slots=True)
class PlanInForce:
    """A plan version that holds on the day, and why; or a plan that doesn't hold, and why."""

    plan_id: str
    version: int
    in_force: bool
    why: str
    fact: Told


@dataclass(frozen=True, slots=True)
class Explanation:
    """A patient's day. `begins`, `over_from` and `now` are local times."""

    patient_id: str
    local_date: str
    timezone: str
    episode_id: str | None
    now: str
    begins: str
    over_from: str
    status: str
    after_today: bool
    plans: list[PlanInForce]
    rows: list[Story]
    elsewhere: list[Told]


def current_rows(facts: Iterable[Fact], now: int, policy: Policy) -> dict[str, list[dict[str, Any]]]:
    """Every row of one patient as it stands at `now`, by table, however long ago its day is."""
    processor, out = PatientProcessor(replace(policy, retention_days=FOR_EVER), MemoryStore()), Output()
    position = -1
    for position, fact in enumerate(facts):
        processor.fold(Record(position, replace(fact, derived=True)), out)  # admitted once: not judged again
    processor.fold(Record(position + 1, Tick(now)), out)
    processor.flush(out)
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in out.rows:
        if row.table in STORIES:
            newest[row.table, *(row.values[name] for name in TABLES[row.table].key)] = row.values
    found: dict[str, list[dict[str, Any]]] = {}
    for key, values in sorted(newest.items(), key=lambda item: tuple(map(str, item[0]))):
        if not values["deleted"]:
            found.setdefault(str(key[0]), []).append({name: value for name, value in values.items() if name not in BOOKKEEPING})
    return found


def explain(facts: Sequence[Fact], now: int, day: int, tables: Sequence[str] = EXPLAINED, policy: Policy | None = None) -> Explanation:
    """Explain a day (day number) of one patient from all his admitted facts, as of `now` (ns); NothingKnownError without an enrolment."""
    known, policy = Known(facts, now), policy or Policy()
    if not known.timeline.episodes:
        raise NothingKnownError("the patient was never enrolled, so that his facts wait")
    rows = current_rows(facts, now, policy)
    episode = known.episode(day)
    begins, ends = known.bounds(day)
    zone = episode.enrolled.zone if episode else known.timeline.zone_of(begins)
    over = None if episode is None else episode.over_at(day)
    if episode is None or day > known.today:
        tables = ()
    if day > known.today:
        state = "after today: nothing of it is there yet"
    elif episode is None or over is None:
        state = "in no episode: nothing on it counts"
    else:
        state = "over" if now >= over else "not over yet"
    return Explanation(
        facts[0].subject,
        format_day(day),
        zone,
        episode.id if episode else None,
        f"{known.local(now)} ({format_instant(now)})",
        known.local(begins),
        known.local(ends if over is None else over),
        state,
        day > known.today,
        plans_of(known, day),
        [story for table in tables for story in STORIES[table](known, day, rows.get(table, []), policy)],
        elsewhere(known, day),
    )


def elsewhere(known: Known, day: int) -> list[Told]:
    """The facts that lie on a day and count in no table, with the reason."""
    entries = [*known.dated(day), *(entry for entry in known.care() if known.timeline.day_of(entry.at) == day)]
    return [known.told(entry, why) for entry in entries if (why := known.never(entry))]


def plans_of(known: Known, day: int) -> list[PlanInForce]:
    """Every plan version whose days have begun by `day`, newest first: which is in force, and why not the others."""
    standing = known.plans.of(day).versions
    found = []
    for entry in sorted(known.prescribed, key=lambda x: (x.plan_id, x.version, x.age), reverse=True):
        if entry.effective_from > day:
            continue
        in_force = any(version is entry for version in standing)
        why = f"effective from {format_day(entry.effective_from)}"
        holds_in = known.episode(entry.effective_from) or known.timeline.coming_after(entry.effective_from)
        ends = [x for x in known.ended if x.plan_id == entry.plan_id and x.age > entry.age]
        first_end = min(ends, key=lambda x: x.effective_to, default=None)
        higher = [x for x in standing if x.plan_id == entry.plan_id and x is not entry]
        if in_force:
            why += ", the highest version that has begun"
        elif holds_in is not known.episode(day):
            why += "; it holds in another episode"
        elif entry.effective_to is not None and entry.effective_to < day:
            why += f", only to {format_day(entry.effective_to)}"
        elif first_end is not None and first_end.effective_to < day:
            why += f"; ended after {format_day(first_end.effective_to)} by {first_end.source}#{first_end.id}"
        elif higher:
            why += f"; version {higher[0].version} took its place on {format_day(higher[0].effective_from)}"
        else:
            why += "; a newer version of the plan has begun"
        found.append(PlanInForce(entry.plan_id, entry.version, in_force, why, known.told(entry, why)))
    return found
