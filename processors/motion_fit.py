"""The fit of a hinge: a session's rows and what its calibration says in; axes, lever arms and biases that explain the motion best out.

A few rows choose where to begin and lead most of the way; many say where it ends. The least cost is sought by `kernels/hinge_fit`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from processors.kernels import hinge_fit
from processors.kernels.hinge_fit import BLOCK, PARAMETERS, ROW, SIDE
from processors.motion_joint import ZERO, Joint, Vector, cross, plane, vector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

MANY_ROWS, FEW_ROWS = 1500, 200
MOST_ITERATIONS, FEW_ITERATIONS = 40, 12
CORRELATION_S = 0.1  # residuals nearer to each other than this tell nothing new
FREE_AXIS, HELD_AXIS = 1.0, 0.01  # rad
FREE_LEVER, HELD_LEVER = 0.3, 0.002  # m
BIAS = 0.05  # m/s²: what accelerometers have when they leave the factory
GAP_S = 0.25
SWAPPED_SHARE, CLEARLY = 0.5, 0.65
EXCHANGED = [*range(6, 12), *range(6), *range(15, 18), *range(12, 15)]
"""The columns of a row as if it were the other sensor's."""


class Rows(NamedTuple):
    """The rows of a session at some `places` (int64 (n,)), as the fit has them in `blocks`, and the weight of each."""

    places: NDArray[np.int64]
    blocks: Doubles
    weight: float


class HingeFit:
    """A session's rows, float64 (n, 12) in SI at `instants` (int64 (n,), ns), and the calibration that it was given."""

    def __init__(self, given: dict[str, Any], instants: NDArray[np.int64], rows: Doubles) -> None:
        self._given, self._rows = given, rows
        span = (instants[2:] - instants[:-2]) * 1e-9
        near = (span > 0) & (span < 2 * GAP_S)
        self._middles = np.flatnonzero(near) + 1  # rows that have two neighbours, neither of them far
        period = (float(np.median(span[near])) if len(self._middles) else 0.04) / 2
        self._many, self._few = self._thinned(instants, MANY_ROWS, period), self._thinned(instants, FEW_ROWS, period)
        self._few_cost = 0.0
        self._prior, self._start = np.empty(PARAMETERS), np.zeros(PARAMETERS)
        for first, name in ((0, "proximal"), (SIDE, "distal")):
            axis, lever = HELD_AXIS if f"axis_{name}" in given else FREE_AXIS, HELD_LEVER if f"lever_{name}_m" in given else FREE_LEVER
            self._start[first + 2 : first + 5] = given.get(f"lever_{name}_m", ZERO)
            self._prior[first : first + SIDE] = 1 / np.array([axis] * 2 + [lever] * 3 + [BIAS] * 3) ** 2

    def joint(self) -> tuple[Joint, float]:
        """The joint that explains the rows best, what is given held, and the cost of it by row."""
        starts = self._starts()
        tried = [self._descend(self._few, axes, self._start.copy(), FEW_ITERATIONS) for axes in starts]
        best = 0
        if len(starts) > 1:
            few = self._rows[self._few.places]
            best = int(np.argmin([cost + _handedness(few, axes) * self._few.weight for axes, _, cost in tried]))
        _, p, self._few_cost = tried[best]
        axes, p, cost = self._descend(self._many, starts[best], p, MOST_ITERATIONS)
        levers, biases = (vector(p[2:5]), vector(p[SIDE + 2 : SIDE + 5])), (vector(p[5:8]), vector(p[SIDE + 5 :]))
        return Joint(vector(axes[:3]), vector(axes[3:]), *levers, *biases), self._by_row(cost)

    def swapped(self, cost: float) -> bool:
        """Whether the calibration, with both axes, explains the exchanged sensors much better than these, which cost so much by row.

        Asked of few rows first, and of many where these don't refuse it.
        """
        axes = self._starts()[0]
        _, p, few_cost = self._descend(_exchanged(self._few), axes, self._start.copy(), FEW_ITERATIONS)
        if few_cost >= CLEARLY * self._few_cost:
            return False
        swapped = self._descend(_exchanged(self._many), axes, p, MOST_ITERATIONS)[2]
        return self._by_row(swapped) < SWAPPED_SHARE * cost

    def _starts(self) -> list[Doubles]:
        """Axes from which to descend: those given; else where the sensors turn most, and the opposite."""
        found = []
        for name, first in (("axis_proximal", 3), ("axis_distal", 9)):
            if name in self._given:
                found.append([np.array(self._given[name], float)])
            else:
                found.append(list(_principal(self._rows[self._middles, first : first + 3])[:2]))
        signs = (1.0, -1.0) if any(len(axes) > 1 for axes in found) else (1.0,)
        return [np.concatenate([a, b * sign]) for a in found[0] for b in found[1] for sign in signs]

    def _thinned(self, instants: NDArray[np.int64], most: int, period: float) -> Rows:
        """Every so manieth row, `most` at the most."""
        step = max(1, -(-len(self._middles) // most))
        places = self._middles[::step]
        blocks = np.zeros((-(-len(places) // BLOCK), ROW, BLOCK))
        hinge_fit.fit_rows(self._rows, instants, places, blocks)
        return Rows(places, blocks, step * period / CORRELATION_S)

    def _by_row(self, cost: float) -> float:
        return cost / max(self._many.weight * len(self._many.places), 1e-12)

    def _descend(self, rows: Rows, axes: Doubles, p: Doubles, most: int) -> tuple[Doubles, Doubles, float]:
        """Descend from `axes` turned as `p` says; the axes, the parameters (`p` itself) and the cost there."""
        tangents = np.array(_tangents(axes[:3]) + _tangents(axes[3:]))
        places, blocks, weight = rows
        cost = float(hinge_fit.descend(blocks, len(places), weight, axes, tangents, self._start, self._prior, p, most))
        turned: Doubles = hinge_fit.turned_axes(p, axes, tangents)
        return turned, p, cost


def _exchanged(rows: Rows) -> Rows:
    return rows._replace(blocks=np.ascontiguousarray(rows.blocks[:, EXCHANGED]))


def _principal(rates: Doubles) -> Doubles:
    """Principal directions of rates (n, 3), the strongest first, as rows."""
    moments = np.array([[float(np.sum(rates[:, i] * rates[:, j])) for j in range(3)] for i in range(3)])
    return np.ascontiguousarray(np.linalg.eigh(moments)[1].T[::-1])


def _tangents(axis: Doubles) -> list[Vector]:
    """Two directions across an axis and each other."""
    along = vector(axis)
    least = min(range(3), key=lambda k: abs(along[k]))
    x, y, z = cross(along, (float(least == 0), float(least == 1), float(least == 2)))
    length = math.sqrt(x * x + y * y + z * z)
    first = (x / length, y / length, z / length)
    return [first, cross(along, first)]


def _handedness(rows: Doubles, axes: Doubles) -> float:
    """How badly the rates across the axes, as vectors, fit each other at the angle that the accelerations say: a wrong sign shows here."""
    if not len(rows):
        return 0.0
    x1, x2, y1, y2 = (np.array(v) for v in plane(vector(axes[:3]), vector(axes[3:])))
    a1, w1, a2, w2 = rows[:, :3], rows[:, 3:6], rows[:, 6:9], rows[:, 9:12]

    def part(values: Doubles, direction: Doubles) -> Doubles:
        size: Doubles = np.sum(values * direction, axis=1)
        return size

    angle = np.arctan2(part(a1, y1), part(a1, x1)) - np.arctan2(part(a2, y2), part(a2, x2))
    cos, sin = np.cos(angle), np.sin(angle)
    off_x = part(w1, x1) - (cos * part(w2, x2) - sin * part(w2, y2))
    off_y = part(w1, y1) - (sin * part(w2, x2) + cos * part(w2, y2))
    scale = hinge_fit.RATE_SCALE + 0.2 * (np.abs(part(w1, x1)) + np.abs(part(w1, y1)))
    return float(np.sum(np.log1p((off_x**2 + off_y**2) / scale**2)))
