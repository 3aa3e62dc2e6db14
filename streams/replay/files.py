"""`rtm replay`: files of events in, complete tables of a new generation out, by the same processors as live.

    files ─▶ reading (in order) ─▶ decode ─▶ folding (ticks, pipeline) ─▶ rows ─▶ sink ─▶ generation complete

What can't be decoded or used becomes a dead letter that names file, file number and line. State lives on disk while the replay runs; the
new generation becomes current only when all its rows are there.
"""

from __future__ import annotations

import gc
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from processors.policy import Policy
from schemas.codecs import MAX_RECORD, decode_line
from schemas.events import CHUNK, TICK
from schemas.facts import Fact, Unusable
from streams.deadletters import Origin, dead_letter_row, place_admission, samples_row
from streams.progress import Progress, Silent
from streams.replay.disk_store import DiskStore
from streams.replay.folding import Folding
from streams.replay.reading import Reading
from streams.replay.sorting import Entry, Sorter
from streams.replay.summary import Place, Summary
from streams.replay.ticks import grid_after
from streams.warehouse import generations
from streams.warehouse.migrations import migrate
from streams.warehouse.sink import RowSink, SinkBeside

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from processors.processor import DeadLetter, Output
    from streams.warehouse.connection import Warehouse

SLICE_RECORDS = 16_384
"""A slice of a replay: rows of a day are computed once in it, so that a large one saves work."""
SLICE_BYTES = 16 << 20
HAND_OVER = 1024
"""After so many lines what was made at once goes to the sink: what a slice holds back is small."""
YOUNG_OBJECTS = 50_000
"""How many new objects start a search for cycles: state makes many that stay, and hardly a cycle."""
NAMES_SHOWN = 5
KIND_SHOWN = """
SELECT kind FROM rtm.generations FINAL WHERE generation IN (SELECT generation FROM rtm.current_generation)
"""


class ReplayError(Exception):
    """The replay can't be done as asked."""


def replay(
    files: Sequence[Path | str],
    warehouse: Warehouse,
    *,
    policy: Policy | None = None,
    as_of: int | None = None,
    machine_clock: int | None = None,
    max_record: int = MAX_RECORD,
    force: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Replay files into a new generation of the warehouse, which is migrated first; what it did.

    `as_of` (ns) is the last tick, and what was recorded after it is left out; by default the newest recorded time of a valid record that
    `machine_clock` (ns, by default the machine's) has reached, rounded up to the grid. Raises ReplayError where a live group feeds the
    warehouse (unless `force`), ReadError where a file can't be read, WarehouseError; the former generation then stays current.
    """
    progress = progress or Silent()
    began = time.monotonic()
    paths = [Path(file) for file in files]
    migrate(warehouse)
    if not force:
        refuse_live(warehouse)
    with tempfile.TemporaryDirectory(prefix="rtm-replay-") as folder:
        temporary = Path(folder)
        with Reading(paths, temporary) as reading:
            progress.phase("surveying")
            reading.survey(progress.advance)
            generation = generations.begin(warehouse, "replay", _source(paths))
            policy = replace(policy or Policy(), generation=generation)
            summary = Summary(files=[str(path) for path in paths], generation=generation, lines=reading.lines)
            with (
                DiskStore(temporary / "motion.sqlite") as motion,
                DiskStore(temporary / "patient.sqlite") as patient,
                SinkBeside(RowSink(warehouse, generation)) as sink,
                _seldom_collecting(),
            ):
                run = _Run(
                    folding=Folding(policy, motion, patient),
                    sink=sink,
                    summary=summary,
                    names=[source.name for source in reading.sources],
                    policy=policy,
                    as_of=as_of,
                    machine_clock=time.time_ns() if machine_clock is None else machine_clock,
                    max_record=max_record,
                    waiting=Sorter(temporary / "waiting"),
                    progress=progress,
                )
                progress.phase("replaying", reading.lines)
                for entry in reading.entries():
                    run.read(entry)
                run.end()
            generations.complete(warehouse, generation)
            generations.prune(warehouse)
    summary.seconds = time.monotonic() - began
    return summary


def refuse_live(warehouse: Warehouse) -> None:
    """ReplayError where the views show a live group's rows."""
    if any(row["kind"] == "live" for row in warehouse.query(KIND_SHOWN).records()):
        raise ReplayError("a live group feeds this warehouse: replay into another one, or use --force to show the replay instead")


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Python's search for cycles takes a fifth of a replay's time at its usual threshold."""
    usual = gc.get_threshold()
    gc.set_threshold(YOUNG_OBJECTS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _source(paths: list[Path]) -> str:
    names = ", ".join(path.name for path in paths[:NAMES_SHOWN])
    return names if len(paths) <= NAMES_SHOWN else f"{names} and {len(paths) - NAMES_SHOWN} more"


@dataclass(frozen=True, slots=True)
class _Taken:
    """Of a fact handed to the pipeline in this slice, where it came from, and what its dead letter would say of it."""

    origin: Origin
    recorded: int
    clinic: str


@dataclass(slots=True)
class _Run:
    """One replay under way, entry by entry."""

    folding: Folding
    sink: SinkBeside
    summary: Summary
    names: list[str]
    policy: Policy
    as_of: int | None
    machine_clock: int
    max_record: int
    waiting: Sorter
    progress: Progress
    _any_waiting: bool = False
    _taken: dict[int, _Taken] = field(default_factory=dict)
    _last: _Taken | None = None
    _bytes: int = 0
    _read: int = 0

    def read(self, entry: Entry) -> None:
        """Take the next line."""
        self._read += 1
        if entry[4] and entry[0] > (self.machine_clock if self.as_of is None else self.as_of):
            self.summary.left_out += 1
        else:
            self._decode(entry)
        if len(self._taken) == SLICE_RECORDS or self._bytes >= SLICE_BYTES:
            self._end_slice()
        if self._read == HAND_OVER:
            self._hand_over(self.folding.made())
            self.progress.advance(self._read)
            self._read = 0

    def end(self) -> None:
        """Make the last tick, and see that every row is in the warehouse."""
        newest = self.folding.clock.newest
        if self.as_of is None and newest is not None:
            self.as_of = grid_after(newest, self.policy.tick_s)
        if self._any_waiting:
            self._release()
        if self.as_of is not None:
            self.folding.end(self.as_of)
        self._end_slice()
        self.sink.flush()
        self.summary.as_of = self.as_of
        self.summary.ticks = self.folding.clock.ticks
        self.progress.advance(self._read)

    def _origin(self, entry: Entry) -> Origin:
        _, _, number, line, _, raw = entry
        return Origin(self.names[number], number, line, raw)

    def _decode(self, entry: Entry) -> None:
        try:
            fact = decode_line(entry[5], self.max_record)
        except Unusable as unusable:
            self._set_aside(entry, unusable)
            return
        if fact.type == TICK:
            self.summary.ticks_ignored += 1
            return
        self._take(self._origin(entry), fact)
        if self._any_waiting:
            self._release()

    def _take(self, origin: Origin, fact: Fact) -> None:
        self._last = taken = _Taken(origin, fact.recorded, fact.clinic or "")
        try:
            self._taken[self.folding.add(fact)] = taken
        except Exception as error:
            where = f"{origin.topic}, line {origin.offset}"
            raise ReplayError(f"{where}: a processor failed with {type(error).__name__}; RTM_DEBUG=1 shows where") from error
        self._bytes += len(origin.raw)
        if fact.type == CHUNK:
            row = samples_row(origin, fact)
            self.summary.rows[row.table] += 1
            self.sink.add([row])

    def _set_aside(self, entry: Entry, unusable: Unusable) -> None:
        """A dead letter; unless it may lie after the default as-of, which only a later valid record decides, so that it waits."""
        newest = self.folding.clock.newest
        if newest is None or (self.as_of is None and entry[4] and entry[0] > grid_after(newest, self.policy.tick_s)):
            self.waiting.add(entry)
            self._any_waiting = True
            return
        self._bury(self._origin(entry), unusable, unusable.recorded)

    def _release(self) -> None:
        """What waited is a dead letter up to the newest valid record's grid instant, and left out beyond it."""
        for entry in self.waiting.entries():
            if self.as_of is not None and entry[4] and entry[0] > self.as_of:
                self.summary.left_out += 1
                continue
            try:
                decode_line(entry[5], self.max_record)
            except Unusable as unusable:
                self._bury(self._origin(entry), unusable, unusable.recorded)
        self.waiting.close()
        self._any_waiting = False

    def _bury(self, origin: Origin, dead: Unusable | DeadLetter, recorded: int | None, clinic: str = "") -> None:
        row = dead_letter_row(
            origin,
            dead,
            clinic=clinic,
            recorded=recorded,
            clock=self.folding.clock.stream,
            generation=self.policy.generation,
            position=self.folding.position,
        )
        self.summary.count_dead(dead.reason, Place(origin.topic, origin.partition, origin.offset, dead.error))
        self.summary.rows[row.table] += 1
        self.sink.add([row])

    def _end_slice(self) -> None:
        for out in self.folding.pieces():
            self._hand_over(out)
        self._taken.clear()
        self._bytes = 0

    def _hand_over(self, out: Output) -> None:
        for row in out.rows:
            if row.table == "chunk_admissions":
                place_admission(row, self._taken[row.values["position"]].origin)
        for dead in out.dead:
            self._bury_folded(dead)
        self.summary.count_output(out)
        self.summary.rows.update(row.table for row in out.rows)
        self.sink.add(out.rows)

    def _bury_folded(self, dead: DeadLetter) -> None:
        """A dead letter of the pipeline: the record at its position; of a fact derived at a tick, the one behind the tick, or the last."""
        taken = self._taken.get(dead.position) or self._taken.get(dead.position + 1) or self._last
        if taken is not None:
            self._bury(taken.origin, dead, taken.recorded, taken.clinic)
