"""A lane of a replay: the patients of one job. Lines of theirs come in, then the ticks among them; rows and dead letters go out.

    batch of lines ─▶ decode ─▶ when the valid ones were recorded ─┐ (the one clock, elsewhere)
                        │                                          ▼
                        └────────▶ fold, with the ticks between, in the order of positions ─▶ pieces of what was made

Which ticks there are follows from the valid lines of all patients, so a lane is asked twice a batch. Line n of the reading stands at
position 2n + 1, the tick before it at 2n: positions, and with them revisions, are the same however many lanes there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from processors.processor import Tick
from schemas.codecs import decode_line
from schemas.events import CHUNK, TICK
from schemas.facts import Reason, Unusable
from streams.collecting import settle
from streams.deadletters import Origin, place_admission, samples_row
from streams.replay.disk_store import DiskStore
from streams.replay.folding import Folding
from streams.warehouse.sink import Encoded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from processors.policy import Policy
    from processors.processor import Output, Transition
    from schemas.facts import Fact

HAND_OVER = 1024
"""After so many facts what was made at once is encoded: what a slice holds back is small."""


class LaneError(Exception):
    """A processor failed at a line: a bug. The message names file and line, and nothing of the record."""


class Line(NamedTuple):
    """A line of a file: its number in the reading's order, from 0, the file's number, the line's in the file, its bytes."""

    number: int
    file: int
    line: int
    raw: bytes

    @property
    def position(self) -> int:
        """Where its record stands."""
        return 2 * self.number + 1


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a line can't be used, as far as it could be read; `recorded` in ns."""

    reason: Reason
    error: str
    event_id: str
    recorded: int | None
    clinic: str = ""
    erased: bool = False


Verdict = int | Refused | None
"""Of a line: when it was recorded (ns), or why it can't be used; None of a tick, which a replay makes itself."""


@dataclass(frozen=True, slots=True, order=True)
class Told:
    """An alert's transition, as far as a summary tells of it; `at` in ns."""

    at: int
    alert_id: str
    transition: str
    rule: str
    reason: str


def tell(change: Transition) -> Told:
    """What a summary tells of a transition."""
    return Told(change.at, change.alert_id, change.transition, str(change.row.get("rule_id", "")), str(change.row.get("reason", "")))


@dataclass(slots=True)
class Made:
    """What folding made: rows, encoded; dead letters by position; transitions; what was applied and what was known already."""

    rows: Encoded = field(default_factory=Encoded)
    dead: list[tuple[int, Refused]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    applied: int = 0
    duplicates: int = 0


class Lane:
    """The fold of some patients; its state lies in `folder` while it runs. `files` are their names by number."""

    def __init__(self, policy: Policy, folder: Path, files: Sequence[str], max_record: int) -> None:
        self._policy, self._files, self._max_record = policy, files, max_record
        self._stores = [DiskStore(folder / "motion.sqlite"), DiskStore(folder / "patient.sqlite")]
        self._folding = Folding(policy, *self._stores)
        self._decoded: list[list[tuple[Line, Fact]]] = []

    def close(self) -> None:
        """Let the state go."""
        for store in self._stores:
            store.close()

    def decode(self, lines: Sequence[Line]) -> list[Verdict]:
        """Decode a batch, to be folded by the call of `fold` that is its turn; a verdict a line."""
        decoded: list[tuple[Line, Fact]] = []
        verdicts: list[Verdict] = []
        for line in lines:
            try:
                fact = decode_line(line.raw, self._max_record)
            except Unusable as dead:
                verdicts.append(Refused(dead.reason, dead.error, dead.event_id, dead.recorded))
                continue
            if fact.type == TICK:
                verdicts.append(None)
            else:
                verdicts.append(fact.recorded)
                decoded.append((line, fact))
        self._decoded.append(decoded)
        return verdicts

    def fold(self, ticks: Sequence[tuple[int, int]]) -> Iterator[Made]:
        """Fold the oldest decoded batch with its ticks (position, instant in ns). Raises LaneError."""
        decoded = self._decoded.pop(0)
        self._facts = {line.position: (line, fact) for line, fact in decoded}
        made, waiting = Made(), iter(ticks)
        tick = next(waiting, None)
        for count, (line, fact) in enumerate(decoded, 1):
            while tick is not None and tick[0] < line.position:
                self._folding.fold(tick[0], Tick(tick[1]))
                tick = next(waiting, None)
            self._fold(line, fact, made)
            if count % HAND_OVER == 0:
                self._add(self._folding.made(), made)
                settle()
        while tick is not None:
            self._folding.fold(tick[0], Tick(tick[1]))
            tick = next(waiting, None)
        for out in self._folding.pieces():
            self._add(out, made)
            yield made
            made = Made()

    def _fold(self, line: Line, fact: Fact, made: Made) -> None:
        try:
            self._folding.fold(line.position, fact)
        except Exception as error:
            where = f"{self._files[line.file]}, line {line.line}"
            raise LaneError(f"{where}: a processor failed with {type(error).__name__}; RTM_DEBUG=1 shows where") from error
        if fact.type == CHUNK:
            made.rows.add([samples_row(self._origin(line), fact)], self._policy.generation)

    def _add(self, out: Output, made: Made) -> None:
        for row in out.rows:
            if row.table == "chunk_admissions":
                place_admission(row, self._origin(self._facts[row.values["position"]][0]))
        made.rows.add(out.rows, self._policy.generation)
        for dead in out.dead:
            _, fact = self._facts.get(dead.position, (None, None))
            recorded, clinic = (None, "") if fact is None else (fact.recorded, fact.clinic or "")
            made.dead.append((dead.position, Refused(dead.reason, dead.error, dead.event_id, recorded, clinic, dead.erased)))
        made.told += map(tell, out.transitions)
        made.applied += out.applied
        made.duplicates += out.duplicates

    def _origin(self, line: Line) -> Origin:
        return Origin(self._files[line.file], line.file, line.line, line.raw)
