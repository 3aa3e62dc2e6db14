"""The clock of a replay: records in the order of their recorded times in, the same with ticks between them out.

Before the first record recorded at or after a grid instant stands the tick of that instant; of grid instants with no record between
them only the last one is made. The last tick is the as-of, which ends the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from processors.processor import Tick
from schemas.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator


def grid_after(instant: int, tick_s: int) -> int:
    """The first grid instant at or after `instant`; both in ns since the epoch."""
    step = tick_s * SECOND
    return -(-instant // step) * step


class Clock:
    """Says which tick comes before a record; `now` is the newest tick, None before the first."""

    def __init__(self, tick_s: int) -> None:
        self._step = tick_s * SECOND
        self.now: int | None = None
        self.newest: int | None = None
        self.ticks = 0

    @property
    def stream(self) -> int:
        """The stream's clock: the greater of `now` and the newest recorded time; 0 before anything was read."""
        return max((instant for instant in (self.now, self.newest) if instant is not None), default=0)

    def before(self, recorded: int) -> Iterator[Tick]:
        """The tick, if any, that comes before a record recorded at that instant."""
        yield from self.at(recorded // self._step * self._step)
        self.newest = recorded if self.newest is None else max(self.newest, recorded)

    def at(self, instant: int) -> Iterator[Tick]:
        """The tick of that instant, unless it has been reached."""
        if self.now is None or instant > self.now:
            self.now = instant
            self.ticks += 1
            yield Tick(instant)
