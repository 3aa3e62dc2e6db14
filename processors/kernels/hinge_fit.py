"""How well axes, lever arms and accelerometer biases explain the motion of two IMUs on a hinge joint, and where better ones lie.

In: samples with their angular accelerations, and parameters; out: the parameters at the least cost. The residuals, each over its
scale: the rates perpendicular to the hinge have one size (Seel, Schauer, Raisch 2012); the joint's centre has one acceleration, so one
size in the hinge's plane and one part along it (Seel, Raisch, Schauer 2014); and that acceleration is by and large gravity. Weights
are Cauchy's: what doesn't fit counts little.
"""

from __future__ import annotations

import numpy as np
from numba import njit

ROW = 18  # acc, gyr of the proximal, then of the distal sensor (12); angular accelerations (3, 3)
SIDE = 8  # of one sensor's parameters: its axis, by two tangents (2), lever arm (3), accelerometer bias (3)
PARAMETERS = 2 * SIDE  # the proximal sensor's, the distal one's
RATE_SCALE, RATE_SHARE = 0.05, 0.03  # rad/s; of both rates
JOINT_SCALE = 0.3  # m/s²
GRAVITY, GRAVITY_SCALE = 9.81, 1.0  # m/s²
ENOUGH = 1e-6  # of the cost: a step that gains less is the last
LEAST_DAMPING, GREATEST_DAMPING = 1e-6, 1e6


@njit(cache=True, nogil=True)
def turned_axes(p: np.ndarray, axes: np.ndarray, tangents: np.ndarray) -> np.ndarray:
    """Both axes, float64 (6,), turned by their parameters along their tangents, float64 (4, 3)."""
    return _turned(p, axes, tangents)[0]


@njit(cache=True, nogil=True)
def _turned(p: np.ndarray, axes: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `turned_axes`; and by how much they move with each of these parameters, float64 (4, 3)."""
    out, slopes = np.empty(6), np.empty((4, 3))
    for s in range(2):
        length = 0.0
        for k in range(3):
            out[3 * s + k] = axes[3 * s + k] + p[SIDE * s] * tangents[2 * s, k] + p[SIDE * s + 1] * tangents[2 * s + 1, k]
            length += out[3 * s + k] ** 2
        length = np.sqrt(length)
        for k in range(3):
            out[3 * s + k] /= length
        for m in range(2 * s, 2 * s + 2):
            along = 0.0
            for k in range(3):
                along += out[3 * s + k] * tangents[m, k]
            for k in range(3):
                slopes[m, k] = (tangents[m, k] - along * out[3 * s + k]) / length
    return out, slopes


@njit(cache=True, nogil=True)
def _by_acceleration(g0: float, g1: float, g2: float, row: np.ndarray, s: int, out: np.ndarray) -> None:
    """How a value changes with lever arm and bias of sensor `s`, to its part of `out`, that changes by `g` with the acceleration of the

    joint's centre.
    """
    o, d, p = 6 * s + 3, 12 + 3 * s, SIDE * s
    w0, w1, w2 = row[o], row[o + 1], row[o + 2]
    d0, d1, d2 = row[d], row[d + 1], row[d + 2]
    gw, ww = g0 * w0 + g1 * w1 + g2 * w2, w0 * w0 + w1 * w1 + w2 * w2
    out[p + 2] = ww * g0 - gw * w0 - (g1 * d2 - g2 * d1)
    out[p + 3] = ww * g1 - gw * w1 - (g2 * d0 - g0 * d2)
    out[p + 4] = ww * g2 - gw * w2 - (g0 * d1 - g1 * d0)
    out[p + 5], out[p + 6], out[p + 7] = -g0, -g1, -g2


@njit(cache=True, nogil=True)
def _side(
    row: np.ndarray, s: int, axes: np.ndarray, turns: np.ndarray, p: np.ndarray, slopes: np.ndarray
) -> tuple[float, float, float, float, float]:
    """Of sensor `s`: rate across the axis; the joint's acceleration in the plane, along the axis, in all; the rate.

    `slopes`, float64 (4, PARAMETERS), takes the derivatives of the first four by the sensor's parameters: of the distal sensor negative,
    but for the last, since the residuals are differences.
    """
    o, d, r, b, j = 6 * s, 12 + 3 * s, SIDE * s + 2, SIDE * s + 5, 3 * s
    j0, j1, j2 = axes[j], axes[j + 1], axes[j + 2]
    w0, w1, w2 = row[o + 3], row[o + 4], row[o + 5]
    d0, d1, d2 = row[d], row[d + 1], row[d + 2]
    r0, r1, r2 = p[r], p[r + 1], p[r + 2]
    c0, c1, c2 = w1 * j2 - w2 * j1, w2 * j0 - w0 * j2, w0 * j1 - w1 * j0
    across = np.sqrt(c0 * c0 + c1 * c1 + c2 * c2)
    wr = w0 * r0 + w1 * r1 + w2 * r2
    ww = w0 * w0 + w1 * w1 + w2 * w2
    a0 = row[o] - p[b] - (d1 * r2 - d2 * r1 + w0 * wr - r0 * ww)
    a1 = row[o + 1] - p[b + 1] - (d2 * r0 - d0 * r2 + w1 * wr - r1 * ww)
    a2 = row[o + 2] - p[b + 2] - (d0 * r1 - d1 * r0 + w2 * wr - r2 * ww)
    along = a0 * j0 + a1 * j1 + a2 * j2
    square = a0 * a0 + a1 * a1 + a2 * a2
    plane, size = np.sqrt(max(square - along * along, 0.0)), np.sqrt(square)
    sign = 1.0 - 2.0 * s
    by_across = sign / across if across > 0.0 else 0.0
    by_plane = sign / plane if plane > 0.0 else 0.0
    by_size = 1.0 / size if size > 0.0 else 0.0
    for m in range(2):
        t0, t1, t2 = turns[2 * s + m, 0], turns[2 * s + m, 1], turns[2 * s + m, 2]
        at = a0 * t0 + a1 * t1 + a2 * t2
        crossed = c0 * (w1 * t2 - w2 * t1) + c1 * (w2 * t0 - w0 * t2) + c2 * (w0 * t1 - w1 * t0)
        k = SIDE * s + m
        slopes[0, k], slopes[1, k], slopes[2, k] = crossed * by_across, -along * at * by_plane, sign * at
    _by_acceleration((a0 - along * j0) * by_plane, (a1 - along * j1) * by_plane, (a2 - along * j2) * by_plane, row, s, slopes[1])
    _by_acceleration(sign * j0, sign * j1, sign * j2, row, s, slopes[2])
    _by_acceleration(a0 * by_size, a1 * by_size, a2 * by_size, row, s, slopes[3])
    return across, plane, along, size, np.sqrt(ww)


@njit(cache=True, nogil=True)
def normal_equations(
    rows: np.ndarray,
    weight: float,
    p: np.ndarray,
    axes: np.ndarray,
    tangents: np.ndarray,
    matrix: np.ndarray,
    vector: np.ndarray,
) -> float:
    """JᵀWJ into the lower half of `matrix` (16, 16) and JᵀWr into `vector` (16,) at parameters `p`; the cost Σ `weight` · ln(1 + r²).

    `rows` float64 (n, ROW) in SI; `axes` float64 (6,), unit vectors from which parameters turn along `tangents`, float64 (4, 3).
    """
    turned, turns = _turned(p, axes, tangents)
    slopes = np.zeros((4, PARAMETERS))
    across, plane, along, size = slopes[0], slopes[1], slopes[2], slopes[3]
    matrix[:] = 0.0
    vector[:] = 0.0
    cost = 0.0
    for i in range(rows.shape[0]):
        row = rows[i]
        across1, plane1, along1, size1, rate1 = _side(row, 0, turned, turns, p, slopes)
        across2, plane2, along2, size2, rate2 = _side(row, 1, turned, turns, p, slopes)
        by_rate = 1.0 / (RATE_SCALE + RATE_SHARE * (rate1 + rate2))
        r0, r1, r2 = (across1 - across2) * by_rate, (plane1 - plane2) / JOINT_SCALE, (along1 - along2) / JOINT_SCALE
        r3, r4 = (size1 - GRAVITY) / GRAVITY_SCALE, (size2 - GRAVITY) / GRAVITY_SCALE
        s0, s1, s2, s3, s4 = 1.0 + r0 * r0, 1.0 + r1 * r1, 1.0 + r2 * r2, 1.0 + r3 * r3, 1.0 + r4 * r4
        cost += weight * np.log(s0 * s1 * s2 * s3 * s4)
        w0, w1, w2 = weight / s0 * by_rate, weight / s1 / JOINT_SCALE, weight / s2 / JOINT_SCALE
        v1, v2 = w1 / JOINT_SCALE, w2 / JOINT_SCALE
        for k in range(PARAMETERS):
            vector[k] += w1 * r1 * plane[k] + w2 * r2 * along[k]
            a1, a2 = v1 * plane[k], v2 * along[k]
            for j in range(k + 1):
                matrix[k, j] += a1 * plane[j] + a2 * along[j]
        for k in (0, 1, SIDE, SIDE + 1):
            a0 = w0 * across[k]
            vector[k] += a0 * r0
            for j in (0, 1, SIDE, SIDE + 1):
                matrix[k, j] += a0 * by_rate * across[j]
        for s in range(2):
            w, r = (weight / s4 / GRAVITY_SCALE, r4) if s else (weight / s3 / GRAVITY_SCALE, r3)
            v = w / GRAVITY_SCALE
            for k in range(SIDE * s + 2, SIDE * s + SIDE):
                vector[k] += w * r * size[k]
                a = v * size[k]
                for j in range(SIDE * s + 2, k + 1):
                    matrix[k, j] += a * size[j]
    return cost


@njit(cache=True, nogil=True)
def _solve(matrix: np.ndarray, vector: np.ndarray) -> bool:
    """The solution of `matrix` · x = `vector` to `vector`, by Cholesky's factor in the matrix's lower half; False where it has none."""
    n = vector.shape[0]
    for k in range(n):
        for j in range(k + 1):
            left = matrix[k, j]
            for m in range(j):
                left -= matrix[k, m] * matrix[j, m]
            if j < k:
                matrix[k, j] = left / matrix[j, j]
            elif left > 0.0:
                matrix[k, k] = np.sqrt(left)
            else:
                return False
        left = vector[k]
        for m in range(k):
            left -= matrix[k, m] * vector[m]
        vector[k] = left / matrix[k, k]
    for k in range(n - 1, -1, -1):
        left = vector[k]
        for m in range(k + 1, n):
            left -= matrix[m, k] * vector[m]
        vector[k] = left / matrix[k, k]
    return True


@njit(cache=True, nogil=True)
def descend(
    rows: np.ndarray,
    weight: float,
    axes: np.ndarray,
    tangents: np.ndarray,
    start: np.ndarray,
    prior: np.ndarray,
    p: np.ndarray,
    most: int,
) -> float:
    """Gauss–Newton with Levenberg's damping, from parameters `p` and to `p`, in `most` steps at the most; the cost there.

    `prior`, float64 (16,), is the weight by which each parameter is held at `start`.
    """
    matrix, vector = np.empty((PARAMETERS, PARAMETERS)), np.empty(PARAMETERS)
    next_matrix, next_vector = np.empty((PARAMETERS, PARAMETERS)), np.empty(PARAMETERS)
    damped, step, there = np.empty((PARAMETERS, PARAMETERS)), np.empty(PARAMETERS), np.empty(PARAMETERS)
    cost = normal_equations(rows, weight, p, axes, tangents, matrix, vector)
    for k in range(PARAMETERS):
        cost += prior[k] * (p[k] - start[k]) ** 2
    damping = 1e-3
    for _ in range(most):
        for k in range(PARAMETERS):
            for j in range(k):
                damped[k, j] = matrix[k, j]
            damped[k, k] = (1.0 + damping) * (matrix[k, k] + prior[k])
            step[k] = -(vector[k] + prior[k] * (p[k] - start[k]))
        next_cost = np.inf
        if _solve(damped, step):
            for k in range(PARAMETERS):
                there[k] = p[k] + step[k]
            next_cost = normal_equations(rows, weight, there, axes, tangents, next_matrix, next_vector)
            for k in range(PARAMETERS):
                next_cost += prior[k] * (there[k] - start[k]) ** 2
        if next_cost < cost:
            gained, cost, damping = cost - next_cost, next_cost, max(damping / 5, LEAST_DAMPING)
            for k in range(PARAMETERS):
                p[k] = there[k]
            if gained < ENOUGH * cost:
                break
            matrix, next_matrix = next_matrix, matrix
            vector, next_vector = next_vector, vector
        else:
            damping *= 8
            if damping > GREATEST_DAMPING:
                break
    return cost
