"""What is admitted: duplicates, conflicts, future and too late, forgotten, in the log's order."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from schemas.instants import DAY_SECONDS, SECOND

if TYPE_CHECKING:
    from processors.policy import Policy
    from schemas.facts import Fact

FORGOTTEN = "rtm.patient.forgotten.v1"


def dating_instant(fact: Fact) -> int:
    """The instant that dates a fact: ns since the epoch."""
    data: Any = fact.data
    instant: int = fact.time
    match fact.type:
        case "rtm.report.exercise.v1":
            instant = data.started_at
        case "rtm.report.medication.v1" if data.taken_at is not None:
            instant = data.taken_at
        case "rtm.sensor.activity.v1":
            instant = data.start
        case "rtm.motion.session.v1":
            instant = data.start_time
        case "rtm.motion.rep.v1":
            instant = data.session_start
    return instant


def family(fact: Fact) -> str:
    """The family in a fact's type."""
    return fact.type.split(".")[1]


def _plain(value: Any) -> Any:
    """A JSON value without its nulls, such that equal values are equal in Python and different ones differ."""
    if isinstance(value, dict):
        return ("object", frozenset((name, _plain(item)) for name, item in value.items() if item is not None))
    if isinstance(value, list | tuple):
        return ("array", tuple(_plain(item) for item in value))
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, int | float):
        return ("number", Fraction(value))
    return ("text", value)


def admit(facts: list[Fact], policy: Policy) -> tuple[list[Fact], list[tuple[int, str]]]:
    """The admitted facts of subjects not forgotten, and the dead letters by index and reason."""
    first: dict[tuple[str, str, str], Any] = {}
    good: list[Fact] = []
    dead: list[tuple[int, str]] = []
    forgotten: set[str] = set()
    for index, fact in enumerate(facts):
        key = (fact.subject, fact.source, fact.id)
        content = (fact.type, fact.time, _plain(dict(fact.payload)))
        if fact.subject not in forgotten:
            if key in first:
                if first[key] != content:
                    dead.append((index, "conflict"))
                continue
            first[key] = content
        if not fact.derived:
            if max(fact.time, dating_instant(fact)) > fact.recorded + DAY_SECONDS * SECOND:
                dead.append((index, "future"))
                continue
            lateness = policy.lateness_days * DAY_SECONDS * SECOND
            if family(fact) in ("sensor", "motion", "report") and dating_instant(fact) < fact.recorded - lateness:
                dead.append((index, "too_late"))
                continue
        if fact.subject in forgotten:
            dead.append((index, "forgotten"))
        elif fact.type == FORGOTTEN:
            forgotten.add(fact.subject)
        else:
            good.append(fact)
    return [fact for fact in good if fact.subject not in forgotten], dead
