"""Whether two sensors move as a hinge that was found for them says: its joint and all samples in; strays and skew out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from processors.kernels import hinge_across

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from processors.motion_joint import Joint

    Doubles = NDArray[np.float64]

LEAST_ROWS = 100
MOVING_RATE = 0.2  # rad/s
STRAY_SHARE = 0.08  # of the energy of the motion between the segments
SKEW_SEARCH_S, SKEW_CORRELATION, SKEW_RATE = 0.25, 0.8, 0.03


def across(joint: Joint, rows: Doubles) -> tuple[Doubles, bool]:
    """The sensors' rates across the hinge (2, n), and whether the segments turn against each other about other axes too.

    Then these two rates aren't of one size.
    """
    rates = np.empty((2, len(rows)))
    moving, stray, about = hinge_across.rates_across(rows, np.array(joint.axis_proximal), np.array(joint.axis_distal), MOVING_RATE, rates)
    return rates, moving >= LEAST_ROWS and stray > STRAY_SHARE * (stray + about)


def skew(instants: NDArray[np.int64], rates: Doubles) -> float:
    """By how much (s) the two sensors' clocks differ, by the rates across the axes, which are one; 0 where they don't tell."""
    rows = rates.shape[1]
    if rows < LEAST_ROWS:
        return 0.0
    period = float(np.median(np.diff(instants))) * 1e-9
    most = int(SKEW_SEARCH_S / period) if period > 0 else 0
    if most < 1 or rows < 4 * most or min(float(np.std(size)) for size in rates) < SKEW_RATE:
        return 0.0
    likeness = hinge_across.likeness(rates[0] - np.mean(rates[0]), rates[1] - np.mean(rates[1]), most)
    best = int(np.argmax(likeness))
    if likeness[best] < SKEW_CORRELATION or best in {0, 2 * most}:
        return 0.0
    left, middle, right = (float(value) for value in likeness[best - 1 : best + 2])
    return abs(best - most + 0.5 * (left - right) / (left - 2 * middle + right)) * period
