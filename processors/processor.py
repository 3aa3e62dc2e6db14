"""What a processor is: state and a record in; state, facts, rows, alert transitions and dead letters out.

A processor folds the records of one partition in the order of the log. It reads and writes its state through a `StateStore` of bytes,
knows the time only from ticks, and never does I/O: the same records give the same output in a replay and behind Kafka. Its runtime calls

    fold(record)   for each record, in order,
    flush()        at the end of a batch: rows are computed once a patient and batch,
    work()         as often as it likes, where it doesn't want `flush` to do all that ticks left to be done,
    save()         before a checkpoint: what changed goes into the store as bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from schemas.facts import Fact, Reason

GENERATION_BITS = 48


@dataclass(frozen=True, slots=True)
class Tick:
    """The time, as the log says it: `now` in nanoseconds since the epoch."""

    now: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the log: its offset (of a replay: its reading position), and a fact or a tick."""

    position: int
    item: Fact | Tick


@dataclass(slots=True)
class Row:
    """One row for a table of `schemas.rows`, or for a side table of the warehouse; `values` as it will stand in JSON."""

    table: str
    patient: str
    values: dict[str, Any]


@dataclass(slots=True)
class Transition:
    """An alert changed: its row as it now stands, and what happened (`opened`, `resolved`, …), at which instant (ns)."""

    alert_id: str
    patient: str
    transition: str
    at: int
    row: dict[str, Any]


@dataclass(slots=True)
class DeadLetter:
    """The record at `position` can't be used; `error` says what is wrong, without any of its values.

    `erased`: its subject was forgotten before it came, so that neither its id nor its payload is kept, whatever the reason.
    """

    position: int
    reason: Reason
    error: str
    event_id: str
    erased: bool = False


@dataclass(slots=True)
class Output:
    """What folding a batch made. `facts` (and the ticks a stage forwards) go on to the next stage.

    `applied` counts the records that are in the state for good; `waiting` how many more of them wait there for one that is missing.
    """

    facts: list[Fact | Tick] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    applied: int = 0
    duplicates: int = 0
    waiting: int = 0


class Processor(Protocol):
    """A fold over one partition."""

    def fold(self, record: Record, out: Output) -> None:
        """Take one record; what follows at once (facts, dead letters, transitions) is added to `out`."""

    def flush(self, out: Output, *, ticks: bool = True) -> None:
        """Add the rows that changed since the last flush to `out`; without `ticks` what they left to be done stays for `work`."""

    @property
    def waiting(self) -> tuple[int, int] | None:
        """Position and instant (ns) of the first tick that left anything to be done."""

    def work(self, out: Output) -> bool:
        """Do a small part of what ticks left to be done; False when nothing is left."""

    def put_off(self) -> None:
        """Leave the next such part, which failed, to the next tick."""

    def save(self) -> None:
        """Write what changed since the last save to the store."""


def revision(generation: int, position: int) -> int:
    """The revision of a row made from all up to `position`: generation · 2⁴⁸ + 1 + position."""
    return (generation << GENERATION_BITS) + 1 + position
