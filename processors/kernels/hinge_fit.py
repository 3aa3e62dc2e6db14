"""How well axes, lever arms and accelerometer biases explain the motion of two IMUs on a hinge joint, and where better ones lie.

In: samples with their angular accelerations, and parameters; out: the normal equations of a Gauss–Newton step. The residuals, each over its
scale: the rates perpendicular to the hinge have one size (Seel, Schauer, Raisch 2012); the joint's centre has one acceleration, so one
size in the hinge's plane and one part along it (Seel, Raisch, Schauer 2014); and that acceleration is by and large gravity. Weights
are Cauchy's: what doesn't fit counts little.
"""

from __future__ import annotations

import numpy as np
from numba import njit

ROW = 18  # acc, gyr of the proximal, then of the distal sensor (12); angular accelerations (3, 3)
PARAMETERS = 16  # axes, each by two tangents (2, 2), lever arms (3, 3), accelerometer biases (3, 3)
RESIDUALS = 5
RATE_SCALE, RATE_SHARE = 0.05, 0.03  # rad/s; of both rates
JOINT_SCALE = 0.3  # m/s²
GRAVITY, GRAVITY_SCALE = 9.81, 1.0  # m/s²
STEP = 1e-5


@njit(cache=True)
def _residuals(row: np.ndarray, axes: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    across1, plane1, along1, size1, rate1 = _sides(row, 0, axes, p)
    across2, plane2, along2, size2, rate2 = _sides(row, 1, axes, p)
    out[0] = (across1 - across2) / (RATE_SCALE + RATE_SHARE * (rate1 + rate2))
    out[1] = (plane1 - plane2) / JOINT_SCALE
    out[2] = (along1 - along2) / JOINT_SCALE
    out[3] = (size1 - GRAVITY) / GRAVITY_SCALE
    out[4] = (size2 - GRAVITY) / GRAVITY_SCALE


@njit(cache=True)
def _sides(row: np.ndarray, s: int, axes: np.ndarray, p: np.ndarray) -> tuple[float, float, float, float, float]:
    """Of sensor `s`: rate across the axis; the joint's acceleration in the plane, along the axis, in all; the rate."""
    o, d, r, b, j = 6 * s, 12 + 3 * s, 4 + 3 * s, 10 + 3 * s, 3 * s
    j0, j1, j2 = axes[j], axes[j + 1], axes[j + 2]
    w0, w1, w2 = row[o + 3], row[o + 4], row[o + 5]
    d0, d1, d2 = row[d], row[d + 1], row[d + 2]
    r0, r1, r2 = p[r], p[r + 1], p[r + 2]
    across = np.sqrt((w1 * j2 - w2 * j1) ** 2 + (w2 * j0 - w0 * j2) ** 2 + (w0 * j1 - w1 * j0) ** 2)
    wr = w0 * r0 + w1 * r1 + w2 * r2
    ww = w0 * w0 + w1 * w1 + w2 * w2
    a0 = row[o] - p[b] - (d1 * r2 - d2 * r1 + w0 * wr - r0 * ww)
    a1 = row[o + 1] - p[b + 1] - (d2 * r0 - d0 * r2 + w1 * wr - r1 * ww)
    a2 = row[o + 2] - p[b + 2] - (d0 * r1 - d1 * r0 + w2 * wr - r2 * ww)
    along = a0 * j0 + a1 * j1 + a2 * j2
    size = a0 * a0 + a1 * a1 + a2 * a2
    return across, np.sqrt(max(size - along * along, 0.0)), along, np.sqrt(size), np.sqrt(ww)


@njit(cache=True)
def turned_axes(p: np.ndarray, axes: np.ndarray, tangents: np.ndarray) -> np.ndarray:
    """Both axes, float64 (6,), turned by the first four parameters along their tangents, float64 (4, 3)."""
    out = np.empty(6)
    for s in range(2):
        length = 0.0
        for k in range(3):
            out[3 * s + k] = axes[3 * s + k] + p[2 * s] * tangents[2 * s, k] + p[2 * s + 1] * tangents[2 * s + 1, k]
            length += out[3 * s + k] ** 2
        out[3 * s : 3 * s + 3] /= np.sqrt(length)
    return out


@njit(cache=True)
def normal_equations(
    rows: np.ndarray,
    weight: float,
    p: np.ndarray,
    axes: np.ndarray,
    tangents: np.ndarray,
    matrix: np.ndarray,
    vector: np.ndarray,
) -> float:
    """JᵀWJ into `matrix` (16, 16) and JᵀWr into `vector` (16,) at parameters `p`; the cost Σ `weight` · ln(1 + r²).

    `rows` float64 (n, ROW) in SI; `axes` float64 (6,), unit vectors from which the first four parameters turn.
    """
    turned = np.empty((PARAMETERS + 1, 6))
    moved = np.empty((PARAMETERS + 1, PARAMETERS))
    for k in range(PARAMETERS + 1):
        moved[k] = p
        if k < PARAMETERS:
            moved[k, k] += STEP
        turned[k] = turned_axes(moved[k], axes, tangents)
    here = np.empty(RESIDUALS)
    slopes = np.empty((PARAMETERS, RESIDUALS))
    matrix[:] = 0.0
    vector[:] = 0.0
    cost = 0.0
    for i in range(rows.shape[0]):
        _residuals(rows[i], turned[PARAMETERS], p, here)
        for k in range(PARAMETERS):
            _residuals(rows[i], turned[k], moved[k], slopes[k])
            for m in range(RESIDUALS):
                slopes[k, m] = (slopes[k, m] - here[m]) / STEP
        for m in range(RESIDUALS):
            square = 1.0 + here[m] * here[m]
            w = weight / square
            cost += weight * np.log(square)
            for k in range(PARAMETERS):
                vector[k] += w * slopes[k, m] * here[m]
                for j in range(k + 1):
                    matrix[k, j] += w * slopes[k, m] * slopes[j, m]
    for k in range(PARAMETERS):
        for j in range(k):
            matrix[j, k] = matrix[k, j]
    return cost
