"""Whether two sensors move as a hinge that was found for them says: its joint and all samples in; strays and skew out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from processors.motion_joint import Joint

    Doubles = NDArray[np.float64]

LEAST_ROWS = 100
MOVING_RATE = 0.2  # rad/s
STRAY_SHARE = 0.08  # of the energy of the motion between the segments
SKEW_SEARCH_S, SKEW_CORRELATION, SKEW_RATE = 0.25, 0.8, 0.03


def strays(joint: Joint, rows: Doubles) -> bool:
    """Whether the segments turn against each other about other axes too: then the rates across the hinge aren't of one size."""
    if len(rows) < LEAST_ROWS:
        return False
    sizes = [np.sum(rows[:, c : c + 3] ** 2, axis=1) for c in (3, 9)]
    across = [
        np.sqrt(np.sum(np.cross(rows[:, c : c + 3], np.array(axis)) ** 2, axis=1))
        for c, axis in ((3, joint.axis_proximal), (9, joint.axis_distal))
    ]
    about = np.sum(rows[:, 9:12] * np.array(joint.axis_distal), axis=1) - np.sum(rows[:, 3:6] * np.array(joint.axis_proximal), axis=1)
    moving = np.maximum(*sizes) > MOVING_RATE**2
    if int(np.sum(moving)) < LEAST_ROWS:
        return False
    stray = float(np.sum((across[0] - across[1])[moving] ** 2))
    return stray > STRAY_SHARE * (stray + float(np.sum(about[moving] ** 2)))


def skew(joint: Joint, instants: NDArray[np.int64], rows: Doubles) -> float:
    """By how much (s) the two sensors' clocks differ, by the rates across the axes, which are one; 0 where they don't tell."""
    if len(rows) < 100:
        return 0.0
    period = float(np.median(np.diff(instants))) * 1e-9
    most = int(SKEW_SEARCH_S / period) if period > 0 else 0
    across = []
    for first, axis in ((3, joint.axis_proximal), (9, joint.axis_distal)):
        size = np.sqrt(np.sum(np.cross(rows[:, first : first + 3], np.array(axis)) ** 2, axis=1))
        across.append(size - np.mean(size))
    if most < 1 or len(rows) < 4 * most or min(float(np.std(size)) for size in across) < SKEW_RATE:
        return 0.0
    inner = across[0][most:-most]
    likeness = []
    for lag in range(-most, most + 1):
        other = across[1][most + lag : len(rows) - most + lag]
        likeness.append(float(np.sum(inner * other) / np.sqrt(np.sum(inner**2) * np.sum(other**2))))
    best = int(np.argmax(likeness))
    if likeness[best] < SKEW_CORRELATION or best in {0, 2 * most}:
        return 0.0
    left, middle, right = likeness[best - 1 : best + 2]
    return abs(best - most + 0.5 * (left - right) / (left - 2 * middle + right)) * period
