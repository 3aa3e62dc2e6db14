"""`rtm replay`: files of events in, complete tables of a new generation out, by the same processors as live.

    files ─▶ reading (in order) ─▶ batches ─▶ lanes (decode) ─▶ the clock ─▶ lanes (fold) ─▶ rows ─▶ sink ─▶ generation complete

What can't be decoded or used becomes a dead letter that names file, file number and line. State lives on disk while the replay runs; the
new generation becomes current only when all its rows are there. Patients may be shared out over several processes: the rows, revisions
included, are the same.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from processors.policy import Policy
from schemas.codecs import MAX_RECORD
from streams.collecting import seldom_collecting
from streams.progress import Progress, Silent
from streams.replay.lane import LaneError
from streams.replay.lanes import Lanes, ManyLanes, OneLane
from streams.replay.reading import Reading
from streams.replay.run import Run
from streams.replay.sorting import Sorter
from streams.replay.summary import Summary
from streams.warehouse import generations
from streams.warehouse.migrations import migrate
from streams.warehouse.sink import RowSink, SinkBeside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.warehouse.connection import Warehouse

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
    jobs: int = 1,
) -> Summary:
    """Replay files into a new generation of the warehouse, which is migrated first; what it did.

    `as_of` (ns) is the last tick, and what was recorded after it is left out; by default the newest recorded time of a valid record that
    `machine_clock` (ns, by default the machine's) has reached, rounded up to the grid. `jobs` processes share the patients. Raises
    ReplayError where a live group feeds the warehouse (unless `force`), ReadError where a file can't be read, WarehouseError; the former
    generation then stays current.
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
            names = [source.name for source in reading.sources]
            with (
                SinkBeside(RowSink(warehouse, generation)) as sink,
                _lanes(jobs, policy, temporary, names, max_record) as lanes,
                seldom_collecting(),
            ):
                run = Run(
                    lanes=lanes,
                    sink=sink,
                    summary=summary,
                    names=names,
                    policy=policy,
                    as_of=as_of,
                    machine_clock=time.time_ns() if machine_clock is None else machine_clock,
                    max_record=max_record,
                    waiting=Sorter(temporary / "waiting"),
                    progress=progress,
                )
                progress.phase("replaying", reading.lines)
                try:
                    for entry in reading.entries():
                        run.read(entry)
                    run.end()
                except LaneError as error:
                    raise ReplayError(str(error)) from error
            generations.complete(warehouse, generation)
            generations.prune(warehouse)
    summary.seconds = time.monotonic() - began
    return summary


def _lanes(jobs: int, policy: Policy, folder: Path, names: list[str], max_record: int) -> Lanes:
    if jobs == 1:
        return OneLane(policy, folder, names, max_record)
    return ManyLanes(jobs, policy, folder, names, max_record)


def refuse_live(warehouse: Warehouse) -> None:
    """ReplayError where the views show a live group's rows."""
    if any(row["kind"] == "live" for row in warehouse.query(KIND_SHOWN).records()):
        raise ReplayError("a live group feeds this warehouse: replay into another one, or use --force to show the replay instead")


def _source(paths: list[Path]) -> str:
    names = ", ".join(path.name for path in paths[:NAMES_SHOWN])
    return names if len(paths) <= NAMES_SHOWN else f"{names} and {len(paths) - NAMES_SHOWN} more"
