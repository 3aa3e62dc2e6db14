"""One replay under way: the lines in their order in; batches for the lanes, the clock's ticks, dead letters and rows for the sink out.

The clock stands here, in one place: of each batch it hears which lines are valid and when they were recorded, and says which ticks come
between them. A batch is a slice: rows of a patient and day are computed once in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from schemas.codecs import decode_line
from schemas.facts import Unusable
from streams.deadletters import Origin, dead_letter_row
from streams.replay.lane import Line, Refused
from streams.replay.summary import Place
from streams.replay.ticks import Clock, grid_after
from streams.warehouse.sink import Encoded

if TYPE_CHECKING:
    from processors.policy import Policy
    from streams.progress import Progress
    from streams.replay.lanes import Lanes
    from streams.replay.sorting import Entry, Sorter
    from streams.replay.summary import Summary
    from streams.warehouse.sink import SinkBeside

SLICE_RECORDS = 16_384
"""Lines of a batch: rows of a day are computed once in it, so that a large one saves work."""
SLICE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines of a replay; `begin` is the number of the first in the reading's order."""

    begin: int
    entries: list[Entry]

    def lines(self) -> list[Line]:
        """What the lanes need of them."""
        return [Line(number, entry[2], entry[3], entry[5]) for number, entry in enumerate(self.entries, self.begin)]


@dataclass(slots=True)
class Run:
    """A replay from its first line to its last; `read` every line in order, then `end`. Both raise LaneError and WarehouseError."""

    lanes: Lanes
    sink: SinkBeside
    summary: Summary
    names: list[str]
    policy: Policy
    as_of: int | None
    machine_clock: int
    max_record: int
    waiting: Sorter
    progress: Progress
    _clock: Clock = field(init=False)
    _any_waiting: bool = False
    _entries: list[Entry] = field(default_factory=list)
    _bytes: int = 0
    _number: int = 0
    _decoding: Batch | None = None
    _folding: Batch | None = None
    _last: Entry | None = None

    def __post_init__(self) -> None:
        self._clock = Clock(self.policy.tick_s)

    def read(self, entry: Entry) -> None:
        """Take the next line."""
        if entry[4] and entry[0] > (self.machine_clock if self.as_of is None else self.as_of):
            self.summary.left_out += 1
            return
        self._entries.append(entry)
        self._bytes += len(entry[5])
        if len(self._entries) == SLICE_RECORDS or self._bytes >= SLICE_BYTES:
            self._hand_in()

    def end(self) -> None:
        """Fold what is in hand, make the last tick, and see that every row is in the warehouse."""
        self._hand_in()
        self._hand_in()  # a batch without lines, for the last tick: all before it is settled now
        if self.as_of is None and self._clock.newest is not None:
            self.as_of = grid_after(self._clock.newest, self.policy.tick_s)
        if self._any_waiting:
            self._release()
        self.lanes.verdicts()
        self.lanes.fold([] if self.as_of is None else [(2 * self._number, tick.now) for tick in self._clock.at(self.as_of)])
        for batch in (self._folding, self._decoding):
            if batch is not None:
                self._collect(batch)
        self.sink.flush()
        self.summary.as_of = self.as_of
        self.summary.ticks = self._clock.ticks

    def _hand_in(self) -> None:
        """Hand in the next batch to be decoded; settle the one before it, so that it is folded; collect what the one before that made."""
        batch = Batch(self._number, self._entries)
        self._entries, self._bytes = [], 0
        self._number += len(batch.entries)
        self.lanes.decode(batch.lines())
        decoded, self._decoding = self._decoding, batch
        folded, self._folding = self._folding, decoded
        if decoded is not None:
            self._settle(decoded)
        if folded is not None:
            self._collect(folded)

    # -- settling: the clock, and what can't be read -----------------------------------------------------------------------------------

    def _settle(self, batch: Batch) -> None:
        """Make the ticks between the valid lines of a decoded batch, set the others aside, and have it folded."""
        verdicts, ticks = self.lanes.verdicts(), list[tuple[int, int]]()
        for number, entry in enumerate(batch.entries, batch.begin):
            verdict = verdicts[number]
            if verdict is None:
                self.summary.ticks_ignored += 1
            elif isinstance(verdict, Refused):
                self._set_aside(number, entry, verdict)
            else:
                ticks += [(2 * number, tick.now) for tick in self._clock.before(verdict)]
                if self._any_waiting:
                    self._release()
        self.lanes.fold(ticks)
        self.progress.advance(len(batch.entries))

    def _set_aside(self, number: int, entry: Entry, refused: Refused) -> None:
        """A dead letter; unless it may lie after the default as-of, which only a later valid record decides, so that it waits."""
        newest = self._clock.newest
        if newest is None or (self.as_of is None and entry[4] and entry[0] > grid_after(newest, self.policy.tick_s)):
            self.waiting.add(entry)
            self._any_waiting = True
            return
        self._bury(number, entry, refused)

    def _release(self) -> None:
        """What waited is a dead letter up to the newest valid record's grid instant, and left out beyond it."""
        for entry in self.waiting.entries():
            if self.as_of is not None and entry[4] and entry[0] > self.as_of:
                self.summary.left_out += 1
                continue
            try:
                decode_line(entry[5], self.max_record)
            except Unusable as dead:
                self._bury(self._number, entry, Refused(dead.reason, dead.error, dead.event_id, dead.recorded))
        self.waiting.close()
        self._any_waiting = False

    # -- collecting: rows, and what could not be used ----------------------------------------------------------------------------------

    def _collect(self, batch: Batch) -> None:
        """Hand over the rows that a folded batch made."""
        dead: list[tuple[int, Refused]] = []
        for made in self.lanes.made():
            dead += made.dead
            self.summary.count(made)
            self.sink.add(made.rows)
        for position, refused in sorted(dead, key=_position):
            self._bury_folded(batch, position, refused)
        if batch.entries:
            self._last = batch.entries[-1]

    def _bury_folded(self, batch: Batch, position: int, refused: Refused) -> None:
        """A dead letter of the pipeline: the line at its position; of a fact derived at a tick, the line behind the tick, or the last."""
        place = position // 2 - batch.begin
        entry = batch.entries[place] if place < len(batch.entries) else self._last
        if entry is not None:
            recorded = entry[0] if refused.recorded is None else refused.recorded
            self._bury(position // 2, entry, replace(refused, recorded=recorded), clock=recorded)

    def _bury(self, number: int, entry: Entry, refused: Refused, clock: int | None = None) -> None:
        origin = Origin(self.names[entry[2]], entry[2], entry[3], entry[5])
        row = dead_letter_row(
            origin,
            refused,
            clinic=refused.clinic,
            recorded=refused.recorded,
            clock=self._clock.stream if clock is None else clock,
            generation=self.policy.generation,
            position=2 * number + 1,
        )
        self.summary.count_dead(refused.reason, Place(origin.topic, origin.partition, origin.offset, refused.error))
        encoded = Encoded()
        encoded.add([row], self.policy.generation)
        self.summary.rows += encoded.rows
        self.sink.add(encoded)


def _position(dead: tuple[int, Refused]) -> int:
    return dead[0]
