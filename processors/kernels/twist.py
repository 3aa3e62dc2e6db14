"""Twist angles: two segments' orientations in, the angle between them about one axis out.

The twist of q is the rotation about the axis that is left when the swing perpendicular to it is taken away: 2 atan2(v · axis, w)
(Dobrowolski 2015, "Swing-twist decomposition in Clifford algebra").
"""

from __future__ import annotations

import numpy as np
from numba import njit

from processors.kernels.turns import NAN

ANGLE, BEGUN = 0, 1
TWIST_FLOATS = 2
LEAST_NORM, MOST_NORM = 0.5, 2.0  # of a product of two quaternions that are meant to be units
DEG = 180.0 / np.pi


def twist_state() -> np.ndarray:
    """The state before the first sample: float64 (TWIST_FLOATS,)."""
    return np.zeros(TWIST_FLOATS)


@njit(cache=True, inline="always")
def relative(samples: np.ndarray, i: int) -> tuple[float, float, float, float]:
    """q₁⁻¹ · q₂ of row `i` (w, x, y, z of the proximal, then of the distal segment), in the proximal frame; not normalised."""
    w1, x1, y1, z1 = float(samples[i, 0]), -float(samples[i, 1]), -float(samples[i, 2]), -float(samples[i, 3])
    w2, x2, y2, z2 = float(samples[i, 4]), float(samples[i, 5]), float(samples[i, 6]), float(samples[i, 7])
    return (
        w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
        w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
        w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
        w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
    )


@njit(cache=True, nogil=True)
def twist_angles(floats: np.ndarray, samples: np.ndarray, axis: np.ndarray, zero_deg: float, angles: np.ndarray, marks: np.ndarray) -> None:
    """Angles (deg, float32, shape (n, 1)) of samples, float32 (n, 8), about `axis`, a unit vector in the proximal frame.

    The first lies in (−180, 180] + `zero_deg`, each later one within half a turn of the one before. A row that isn't finite or no pair of
    unit quaternions gives NaN and sets NAN in `marks`, uint8 (n,).

    >>> half = np.sqrt(0.5)
    >>> angles, marks = np.zeros((1, 1), np.float32), np.zeros(1, np.uint8)
    >>> twist_angles(twist_state(), np.array([[1, 0, 0, 0, half, half, 0, 0]], np.float32), np.array([1.0, 0, 0]), 0.0, angles, marks)
    >>> print(round(float(angles[0, 0]), 4))
    90.0
    """
    for i in range(samples.shape[0]):
        w, x, y, z = relative(samples, i)
        norm = np.sqrt(w * w + x * x + y * y + z * z)
        if not (LEAST_NORM <= norm <= MOST_NORM):
            angles[i, 0] = np.nan
            marks[i] |= NAN
            continue
        if w < 0.0:
            w, x, y, z = -w, -x, -y, -z
        angle = 2.0 * np.arctan2(x * axis[0] + y * axis[1] + z * axis[2], w) * DEG
        before = floats[ANGLE]
        angle -= 360.0 * np.ceil((angle - before) / 360.0 - 0.5)
        floats[ANGLE] = angle
        floats[BEGUN] = 1.0
        angles[i, 0] = angle + zero_deg


@njit(cache=True, nogil=True)
def increments(samples: np.ndarray, sums: np.ndarray, least: float) -> int:
    """The sums Σ v·vᵀ, float64 (3, 3), of the relative rotation's increments v (rad, proximal frame) larger than `least`; how many.

    Their principal direction is the axis about which the joint moves.
    """
    count = 0
    begun = False
    w0 = x0 = y0 = z0 = 0.0
    for i in range(samples.shape[0]):
        w, x, y, z = relative(samples, i)
        norm = np.sqrt(w * w + x * x + y * y + z * z)
        if not (LEAST_NORM <= norm <= MOST_NORM):
            continue
        w, x, y, z = w / norm, x / norm, y / norm, z / norm
        if begun:
            c = w * w0 + x * x0 + y * y0 + z * z0
            v0 = -w * x0 + x * w0 - y * z0 + z * y0
            v1 = -w * y0 + x * z0 + y * w0 - z * x0
            v2 = -w * z0 - x * y0 + y * x0 + z * w0
            factor = 2.0 if c >= 0.0 else -2.0
            v0, v1, v2 = factor * v0, factor * v1, factor * v2
            if v0 * v0 + v1 * v1 + v2 * v2 > least * least:
                count += 1
                sums[0, 0] += v0 * v0
                sums[0, 1] += v0 * v1
                sums[0, 2] += v0 * v2
                sums[1, 1] += v1 * v1
                sums[1, 2] += v1 * v2
                sums[2, 2] += v2 * v2
        w0, x0, y0, z0 = w, x, y, z
        begun = True
    sums[1, 0], sums[2, 0], sums[2, 1] = sums[0, 1], sums[0, 2], sums[1, 2]
    return count
