"""When each sample of a session was taken: chunks' first instants and stated rates in, one grid of instants out.

While chunks follow one another as their rate says, all their samples lie on one grid, counted from its anchor: so it doesn't show where
the session was cut. Where the first instants tell another rate than the header, they are believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from processors.kernels.grid import grid_instants
from schemas.instants import LAST, SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

Run = tuple[int, int, float, int]
"""Samples on a grid: its anchor (ns), the number of the first on it, its period (ns), how many."""

ASSUMED_PERIOD = SECOND / 50
SHORTEST_PERIOD, LONGEST_PERIOD = 1e4, 1e9
"""Periods that a rate may have, ns: 100 kHz to 1 Hz; a header beyond is no rate."""

LEAST_SPAN = SECOND / 2
"""What a chunk must span, ns, to tell a rate."""

RATE_TOLERANCE = 0.01
LEAST_SLACK = 5e6
"""How far a chunk may begin beside the grid, ns, and stay on it; half a sample at least."""

_RATIO_RANGE = (0.5, 2.0)


def stated_period(rate_hz: float) -> float | None:
    """The period that a header says, ns; None where it says none."""
    period = SECOND / rate_hz if rate_hz > 0 else 0.0
    return period if SHORTEST_PERIOD <= period <= LONGEST_PERIOD else None


def instants(run: Run) -> NDArray[np.int64]:
    """When the samples of a run were taken, int64 (n,), ns."""
    anchor, first, period, rows = run
    found = np.empty(rows, np.int64)
    grid_instants(anchor, first, period, found)
    return found


class Grid(msgspec.Struct, array_like=True, gc=False):
    """Where the next sample lies: `anchor` + ⌊count · period⌋. `ratio` is the true period over the stated one."""

    anchor: int = 0
    count: int = 0
    period: float = 0.0
    ratio: float = 1.0
    told: float = 1.0
    begun: bool = False
    last_t0: int = 0
    last_n: int = 0

    @property
    def next_instant(self) -> int:
        """The instant of the next sample, should it follow."""
        return self.anchor + int(self.count * self.period)

    def learn_first(self, t0: int, n: int, rate_hz: float, next_t0: int | None) -> str | None:
        """Begin with the session's first samples; `next_t0` is where the chunk after them begins, when known. A flag, or None."""
        period = stated_period(rate_hz)
        implied = (next_t0 - t0) / n if next_t0 is not None else 0.0
        if period is None:
            usable = SHORTEST_PERIOD <= implied <= LONGEST_PERIOD
            self.period = implied if usable else ASSUMED_PERIOD
            self._anchor(t0)
            return "rate_corrected" if usable else "rate_assumed"
        ratio = implied / period
        flag = None
        if n * period >= LEAST_SPAN and _RATIO_RANGE[0] < ratio < _RATIO_RANGE[1] and abs(ratio - 1) > RATE_TOLERANCE:
            self.ratio = self.told = round(ratio, 3)
            flag = "rate_corrected"
        self.period = period * self.ratio
        self._anchor(t0)
        return flag

    def follow(self, t0: int, rate_hz: float, contiguous: bool) -> str | None:
        """Place a later chunk: on the grid where it begins near enough to it, else the grid begins anew there. A flag, or None."""
        period = stated_period(rate_hz)
        beside = t0 - self.next_instant
        flag = None
        if contiguous and period is not None and self.last_n * period >= LEAST_SPAN:
            ratio = (t0 - self.last_t0) / (self.last_n * period)
            again = abs(ratio - self.told) <= RATE_TOLERANCE
            self.told = round(ratio, 3)
            if again and _RATIO_RANGE[0] < ratio < _RATIO_RANGE[1] and abs(ratio - self.ratio) > RATE_TOLERANCE:
                self.ratio = 1.0 if abs(ratio - 1) <= RATE_TOLERANCE else self.told
                flag = "rate_corrected" if self.ratio != 1.0 else None
        wanted = self.period if period is None else period * self.ratio
        if wanted != self.period or abs(beside) > max(self.period / 2, LEAST_SLACK):
            self.period = wanted
            self._anchor(t0)
        return flag

    def _anchor(self, t0: int) -> None:
        self.anchor, self.count = t0, 0
        self.begun = True

    def take(self, t0: int, n: int) -> int:
        """Count `n` samples of a chunk that begins at `t0`; the number of the first on the grid."""
        first = self.count
        self.last_t0, self.last_n = t0, n
        self.count += n
        overrun = self.next_instant - LAST
        if overrun > 0:
            self.anchor -= overrun
        return first
