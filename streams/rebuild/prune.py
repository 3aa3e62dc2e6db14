"""What rebuilds have left behind: a warehouse and the running generation in; the rows of all others dropped, and what of Kafka may go, out.

A generation that a switch has retired keeps its state topics: they hold the mark by which a worker that is started with its number stops,
rather than fold the log and tell everybody anew. One that was begun and never made current loses them: nobody has run it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.kafka.topics import STAGES, admin, state_topic
from streams.rebuild.plan import RebuildError
from streams.up import state_generations
from streams.warehouse.generations import current as shown_generation
from streams.warehouse.generations import drop_others

if TYPE_CHECKING:
    from streams.settings import Settings
    from streams.warehouse.connection import Warehouse


@dataclass(frozen=True, slots=True)
class Pruned:
    """The generation that stays; whose rows are gone; state topics that are gone, and those of retired generations, which stay."""

    current: int
    generations: list[int]
    deleted: list[str]
    retired: list[str]


def prune(settings: Settings, warehouse: Warehouse) -> Pruned:
    """Drop what is of other generations of the group than the one that shows. RebuildError, KafkaError, WarehouseError."""
    current = shown_generation(warehouse)
    source = f"group {settings.group}"
    of_generation = "SELECT source FROM rtm.generations FINAL WHERE generation = {g:UInt32}"
    shown = None if current is None else {row[0] for row in warehouse.query(of_generation, {"g": current}).rows}
    if current is None or shown != {source}:
        raise RebuildError(f"the warehouse doesn't show a generation of group {settings.group}: nothing is pruned beside it")
    others = [number for number in state_generations(settings.kafka, settings.group) if number != current]
    with admin(settings.kafka) as client:
        there = set(client.list_topics())
        of = {number: [name for stage in STAGES if (name := state_topic(settings.group, number, stage)) in there] for number in others}
        begun = [name for number in others if number > current for name in of[number]]
        if begun:
            client.delete_topics(begun)
    retired = [name for number in others if number < current for name in of[number]]
    return Pruned(current, drop_others(warehouse, source, current), begun, retired)
