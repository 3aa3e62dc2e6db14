"""One run of the pipeline in this process: facts and ticks in the log's order in; rows, alert transitions and dead letters out, by slice.

Nothing here knows of files or of a warehouse: `streams.replay.lane` puts those around it, tests and measurements use `fold_records`.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
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
    """The pipeline, its state saved after every so many records."""

    def __init__(self, policy: Policy, motion_store: StateStore, patient_store: StateStore) -> None:
        self._pipeline = Pipeline(policy, motion_store, patient_store)
        self._out = Output()
        self._unsaved = 0

    def fold(self, position: int, item: Fact | Tick) -> None:
        """Fold one fact or tick, which stands at that position of the log."""
        self._pipeline.fold(Record(position, item), self._out)
        self._unsaved += 1

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
        if self._unsaved >= SAVE_RECORDS:
            self._pipeline.save()
            self._unsaved = 0


def fold_records(
    facts: Iterable[Fact],
    policy: Policy,
    *,
    as_of: int | None = None,
    motion_store: StateStore | None = None,
    patient_store: StateStore | None = None,
    slice_records: int = SLICE_RECORDS,
) -> Iterator[Output]:
    """Fold facts, in the order given, into one `Output` a slice; facts and ticks have positions from 0.

    Facts recorded after `as_of` (ns) are left out; by default it is the newest recorded time, rounded up to the grid of ticks. Without
    stores the state is held in memory. A fact recorded before the one in front of it makes no tick.
    """
    folding = Folding(policy, motion_store or MemoryStore(), patient_store or MemoryStore())
    clock, positions = Clock(policy.tick_s), count()
    held = 0
    for fact in facts:
        if as_of is not None and fact.recorded > as_of:
            continue
        for tick in clock.before(fact.recorded):
            folding.fold(next(positions), tick)
        folding.fold(next(positions), fact)
        held += 1
        if held == slice_records:
            yield folding.take()
            held = 0
    if as_of is None and clock.newest is not None:
        as_of = grid_after(clock.newest, policy.tick_s)
    if as_of is not None:
        for tick in clock.at(as_of):
            folding.fold(next(positions), tick)
    yield folding.take()
