"""One run of the pipeline in this process: facts in the log's order in; rows, alert transitions and dead letters out, slice by slice.

Nothing here knows of files or of a warehouse: `streams.replay.files` puts those around it, tests and measurements use `fold_records`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from processors.processor import Output, Record, Tick
from processors.store import MemoryStore, StateStore
from processors.topology import Pipeline
from streams.replay.ticks import Clock, grid_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from processors.policy import Policy
    from schemas.facts import Fact

SLICE_RECORDS = 8192
SAVE_RECORDS = 16_384
PIECE_ROWS = 8192


class Folding:
    """The pipeline with its clock: makes the ticks, and gives every record and tick its position, from 0."""

    def __init__(self, policy: Policy, motion_store: StateStore, patient_store: StateStore) -> None:
        self.clock = Clock(policy.tick_s)
        self.position = 0
        self._pipeline = Pipeline(policy, motion_store, patient_store)
        self._out = Output()
        self._saved = 0

    def add(self, fact: Fact) -> int:
        """Fold the tick due before the fact, if any, and the fact; the fact's position."""
        for tick in self.clock.before(fact.recorded):
            self._fold(tick)
        return self._fold(fact)

    def end(self, as_of: int) -> None:
        """Fold the last tick."""
        for tick in self.clock.at(as_of):
            self._fold(tick)

    def take(self) -> Output:
        """End the slice: what was made since the last one, rows computed."""
        self._pipeline.flush(self._out)
        self._save()
        return self.made()

    def pieces(self) -> Iterator[Output]:
        """End the slice as `take` does, in pieces, so that no more than about PIECE_ROWS rows are held at once."""
        for _ in self._pipeline.issue(self._out):
            if len(self._out.rows) >= PIECE_ROWS:
                yield self.made()
        self._save()
        yield self.made()

    def made(self) -> Output:
        """What was made so far, without ending the slice."""
        held, out = self._out, replace(self._out)
        held.facts, held.rows, held.transitions, held.dead = [], [], [], []
        held.applied = held.duplicates = 0
        return out

    def _save(self) -> None:
        if self.position - self._saved >= SAVE_RECORDS:
            self._pipeline.save()
            self._saved = self.position

    def _fold(self, item: Fact | Tick) -> int:
        position = self.position
        self._pipeline.fold(Record(position, item), self._out)
        self.position += 1
        return position


def fold_records(
    facts: Iterable[Fact],
    policy: Policy,
    *,
    as_of: int | None = None,
    motion_store: StateStore | None = None,
    patient_store: StateStore | None = None,
    slice_records: int = SLICE_RECORDS,
) -> Iterator[Output]:
    """Fold facts, in the order given, into one `Output` a slice.

    Facts recorded after `as_of` (ns) are left out; by default it is the newest recorded time, rounded up to the grid of ticks. Without
    stores the state is held in memory. A fact recorded before the one in front of it makes no tick.
    """
    folding = Folding(policy, motion_store or MemoryStore(), patient_store or MemoryStore())
    held = 0
    for fact in facts:
        if as_of is not None and fact.recorded > as_of:
            continue
        folding.add(fact)
        held += 1
        if held == slice_records:
            yield folding.take()
            held = 0
    if as_of is None and folding.clock.newest is not None:
        as_of = grid_after(folding.clock.newest, policy.tick_s)
    if as_of is not None:
        folding.end(as_of)
    yield folding.take()
