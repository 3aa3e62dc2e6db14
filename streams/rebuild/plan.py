"""Which generation is rebuilt from which: what lies in Kafka and in the warehouse in, two numbers and their topics out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.topics import EVENTS, TOPICS
from streams.kafka.topics import STAGES, declare, state_topic, topic_ids
from streams.kafka.writing import topics_there
from streams.reconcile.table_counts import live_generation
from streams.up import state_generations
from streams.worker.job import Job
from streams.worker.progress import newest_progress

if TYPE_CHECKING:
    from streams.settings import Settings
    from streams.warehouse.connection import Warehouse
    from streams.worker.threads import FoldThreads


class RebuildError(Exception):
    """It can't be done; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The generation that runs, and the one that is made. `partitions` by topic."""

    current: int
    successor: int
    partitions: dict[str, int]
    ids: dict[str, str]

    def job(self, settings: Settings, generation: int, threads: FoldThreads, *, muted: bool) -> Job:
        """The job of one of the two."""
        return Job(
            settings.kafka,
            settings.group,
            generation,
            settings.policy(generation),
            settings.max_record,
            self.partitions,
            threads,
            muted=muted,
            max_crashes=settings.max_crashes,
            topic_ids=self.ids,
        ).shared(self.partitions[EVENTS.name])


def make_plan(settings: Settings, warehouse: Warehouse, *, anew: bool = False) -> Plan:
    """The running generation, and its successor: one that was begun, or with `anew` (or where there is none) the next free number.

    The successor's state topics are made. KafkaError, WarehouseError, RebuildError.
    """
    given = settings.generation if "generation" in settings.model_fields_set else None
    current = given or live_generation(warehouse, settings.group) or settings.generation
    if given is None and (lost := _without_tables(settings, current)):
        raise RebuildError(
            f"generation {current}, which the warehouse shows, was never run; Kafka has the state of generation {lost}, whose tables are"
            f" not here: to go on from it run this with RTM_GENERATION={lost}, else with RTM_GENERATION={current}"
        )
    there = {name: topic.partitions for name, topic in topics_there(settings.kafka, [topic.name for topic in TOPICS]).items()}
    known = {
        int(number): (kind, status)
        for number, kind, status in warehouse.query("SELECT generation, kind, status FROM rtm.generations FINAL").rows
    }
    begun = [
        number
        for number in state_generations(settings.kafka, settings.group)
        if number > current and known.get(number, ("rebuild", "running")) == ("rebuild", "running")
    ]
    successor = begun[-1] if begun and not anew else max([current, *known, *state_generations(settings.kafka, settings.group)]) + 1
    declared = declare(settings.kafka, there[EVENTS.name], settings.group, successor)
    if declared.differences:
        raise RebuildError(f"topic {declared.differences[0].topic} isn't as it must be: rtm topics tells how to mend it")
    names = [topic.name for topic in TOPICS] + [state_topic(settings.group, successor, stage) for stage in STAGES]
    return Plan(current, successor, there, topic_ids(settings.kafka, names))


def _without_tables(settings: Settings, current: int) -> int | None:
    """The newest generation that ran before `current` and was never retired, where `current` has no state yet: its warehouse was lost."""
    for number in sorted(state_generations(settings.kafka, settings.group), reverse=True):
        states = newest_progress(settings.kafka, state_topic(settings.group, number, "patient")).values()
        begun = [state for state in states if state is not None]
        if number == current and begun:
            return None
        if number < current and begun and not any(getattr(state, "retired", 0) for state in begun):
            return number
    return None
