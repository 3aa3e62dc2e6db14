"""How well axes, lever arms and accelerometer biases explain the motion of two IMUs on a hinge joint, and where better ones lie.

In: samples with their angular accelerations, and parameters; out: the parameters at the least cost. The residuals, each over its
scale: the rates perpendicular to the hinge have one size (Seel, Schauer, Raisch 2012); the joint's centre has one acceleration, so one
size in the hinge's plane and one part along it (Seel, Raisch, Schauer 2014); and that acceleration is by and large gravity. Weights
are Cauchy's: what doesn't fit counts little.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from processors.kernels.lanes import dot

ROW = 18  # acc, gyr of the proximal, then of the distal sensor (12); angular accelerations (3, 3)
BLOCK = 64  # rows that are looked at side by side; a multiple of LANES
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
def fit_rows(rows: np.ndarray, instants: np.ndarray, places: np.ndarray, blocks: np.ndarray) -> None:
    """Rows, float64 (n, 12) in SI at `instants`, int64 (n,), ns, with their angular accelerations by central differences: those at `places`

    (m,), each with a neighbour on both sides, to `blocks`, float64 (⌈m / BLOCK⌉, ROW, BLOCK), which is all 0 before.
    """
    for m in range(places.shape[0]):
        i, block, at = places[m], blocks[m // BLOCK], m % BLOCK
        span = (instants[i + 1] - instants[i - 1]) * 1e-9
        for c in range(12):
            block[c, at] = rows[i, c]
        for k in range(3):
            block[12 + k, at] = (rows[i + 1, 3 + k] - rows[i - 1, 3 + k]) / span
            block[15 + k, at] = (rows[i + 1, 9 + k] - rows[i - 1, 9 + k]) / span


# Where the numbers of a block stand in `work`, each of them BLOCK numbers in a row: of every parameter how the residuals change with it, in
# the plane, along the axis, and across it (of an axis) or in all (of a lever or bias); then the residuals; then what both sides see.
IN_PLANE, ALONG, THIRD, OF_PARAMETER = 0, BLOCK, 2 * BLOCK, 3 * BLOCK
RESIDUALS = PARAMETERS * OF_PARAMETER  # in the plane, along, across, in all of the proximal and of the distal sensor
SEEN = RESIDUALS + 5 * BLOCK
RATE_ACROSS, SIZE_IN_PLANE, PART_ALONG, SIZE, RATE, OF_SIDE = 0, BLOCK, 2 * BLOCK, 3 * BLOCK, 4 * BLOCK, 5 * BLOCK
WORK = SEEN + 2 * OF_SIDE


@njit(cache=True, nogil=True, error_model="numpy")
def _see(rows: np.ndarray, p: np.ndarray, axes: np.ndarray, turns: np.ndarray, work: np.ndarray) -> None:
    """Of a block's rows, float64 (ROW * BLOCK,): what each sensor sees, and its derivatives by its parameters, to `work`.

    Those of the distal sensor are negative where the residuals are differences: everywhere but in the size.
    """
    for s in range(2):
        o, d, r, b, j = 6 * s * BLOCK, (12 + 3 * s) * BLOCK, SIDE * s + 2, SIDE * s + 5, 3 * s
        q, seen = SIDE * s * OF_PARAMETER, SEEN + s * OF_SIDE
        j0, j1, j2 = axes[j], axes[j + 1], axes[j + 2]
        r0, r1, r2 = p[r], p[r + 1], p[r + 2]
        b0, b1, b2 = p[b], p[b + 1], p[b + 2]
        t0, t1, t2 = turns[2 * s, 0], turns[2 * s, 1], turns[2 * s, 2]
        u0, u1, u2 = turns[2 * s + 1, 0], turns[2 * s + 1, 1], turns[2 * s + 1, 2]
        sign = 1.0 - 2.0 * s
        g0, g1, g2 = sign * j0, sign * j1, sign * j2
        for i in range(BLOCK):
            w0, w1, w2 = rows[o + 3 * BLOCK + i], rows[o + 4 * BLOCK + i], rows[o + 5 * BLOCK + i]
            d0, d1, d2 = rows[d + i], rows[d + BLOCK + i], rows[d + 2 * BLOCK + i]
            c0, c1, c2 = w1 * j2 - w2 * j1, w2 * j0 - w0 * j2, w0 * j1 - w1 * j0
            across = np.sqrt(c0 * c0 + c1 * c1 + c2 * c2)
            wr, ww = w0 * r0 + w1 * r1 + w2 * r2, w0 * w0 + w1 * w1 + w2 * w2
            a0 = rows[o + i] - b0 - (d1 * r2 - d2 * r1 + w0 * wr - r0 * ww)
            a1 = rows[o + BLOCK + i] - b1 - (d2 * r0 - d0 * r2 + w1 * wr - r1 * ww)
            a2 = rows[o + 2 * BLOCK + i] - b2 - (d0 * r1 - d1 * r0 + w2 * wr - r2 * ww)
            along, square = a0 * j0 + a1 * j1 + a2 * j2, a0 * a0 + a1 * a1 + a2 * a2
            plane, size = np.sqrt(max(square - along * along, 0.0)), np.sqrt(square)
            by_across = sign / across if across > 0.0 else 0.0
            by_plane = sign / plane if plane > 0.0 else 0.0
            by_size = 1.0 / size if size > 0.0 else 0.0
            work[seen + RATE_ACROSS + i], work[seen + SIZE_IN_PLANE + i], work[seen + PART_ALONG + i] = across, plane, along
            work[seen + SIZE + i], work[seen + RATE + i] = size, np.sqrt(ww)
            at = a0 * t0 + a1 * t1 + a2 * t2
            work[q + IN_PLANE + i], work[q + ALONG + i] = -along * at * by_plane, sign * at
            crossed = c0 * (w1 * t2 - w2 * t1) + c1 * (w2 * t0 - w0 * t2) + c2 * (w0 * t1 - w1 * t0)
            work[q + THIRD + i] = crossed * by_across
            at = a0 * u0 + a1 * u1 + a2 * u2
            work[q + OF_PARAMETER + IN_PLANE + i], work[q + OF_PARAMETER + ALONG + i] = -along * at * by_plane, sign * at
            crossed = c0 * (w1 * u2 - w2 * u1) + c1 * (w2 * u0 - w0 * u2) + c2 * (w0 * u1 - w1 * u0)
            work[q + OF_PARAMETER + THIRD + i] = crossed * by_across
            # A value that changes by f with the acceleration of the joint's centre changes so with lever arm and bias.
            f0, f1, f2 = (a0 - along * j0) * by_plane, (a1 - along * j1) * by_plane, (a2 - along * j2) * by_plane
            fw = f0 * w0 + f1 * w1 + f2 * w2
            work[q + 2 * OF_PARAMETER + IN_PLANE + i] = ww * f0 - fw * w0 - (f1 * d2 - f2 * d1)
            work[q + 3 * OF_PARAMETER + IN_PLANE + i] = ww * f1 - fw * w1 - (f2 * d0 - f0 * d2)
            work[q + 4 * OF_PARAMETER + IN_PLANE + i] = ww * f2 - fw * w2 - (f0 * d1 - f1 * d0)
            work[q + 5 * OF_PARAMETER + IN_PLANE + i] = -f0
            work[q + 6 * OF_PARAMETER + IN_PLANE + i] = -f1
            work[q + 7 * OF_PARAMETER + IN_PLANE + i] = -f2
            gw = g0 * w0 + g1 * w1 + g2 * w2
            work[q + 2 * OF_PARAMETER + ALONG + i] = ww * g0 - gw * w0 - (g1 * d2 - g2 * d1)
            work[q + 3 * OF_PARAMETER + ALONG + i] = ww * g1 - gw * w1 - (g2 * d0 - g0 * d2)
            work[q + 4 * OF_PARAMETER + ALONG + i] = ww * g2 - gw * w2 - (g0 * d1 - g1 * d0)
            work[q + 5 * OF_PARAMETER + ALONG + i] = -g0
            work[q + 6 * OF_PARAMETER + ALONG + i] = -g1
            work[q + 7 * OF_PARAMETER + ALONG + i] = -g2
            h0, h1, h2 = a0 * by_size, a1 * by_size, a2 * by_size
            hw = h0 * w0 + h1 * w1 + h2 * w2
            work[q + 2 * OF_PARAMETER + THIRD + i] = ww * h0 - hw * w0 - (h1 * d2 - h2 * d1)
            work[q + 3 * OF_PARAMETER + THIRD + i] = ww * h1 - hw * w1 - (h2 * d0 - h0 * d2)
            work[q + 4 * OF_PARAMETER + THIRD + i] = ww * h2 - hw * w2 - (h0 * d1 - h1 * d0)
            work[q + 5 * OF_PARAMETER + THIRD + i] = -h0
            work[q + 6 * OF_PARAMETER + THIRD + i] = -h1
            work[q + 7 * OF_PARAMETER + THIRD + i] = -h2


@njit(cache=True, nogil=True, error_model="numpy")
def _weigh(weight: float, count: int, work: np.ndarray) -> float:
    """Make residuals of what both sides of a block's `count` rows see, and weigh them and their derivatives by the roots of their weights;

    the rows' part of the cost.
    """
    one, other = SEEN, SEEN + OF_SIDE
    for i in range(BLOCK):
        root = np.sqrt(weight) if i < count else 0.0
        by_rate = 1.0 / (RATE_SCALE + RATE_SHARE * (work[one + RATE + i] + work[other + RATE + i]))
        r0 = (work[one + SIZE_IN_PLANE + i] - work[other + SIZE_IN_PLANE + i]) / JOINT_SCALE
        r1 = (work[one + PART_ALONG + i] - work[other + PART_ALONG + i]) / JOINT_SCALE
        r2 = (work[one + RATE_ACROSS + i] - work[other + RATE_ACROSS + i]) * by_rate
        r3, r4 = (work[one + SIZE + i] - GRAVITY) / GRAVITY_SCALE, (work[other + SIZE + i] - GRAVITY) / GRAVITY_SCALE
        s0, s1, s2, s3, s4 = 1.0 + r0 * r0, 1.0 + r1 * r1, 1.0 + r2 * r2, 1.0 + r3 * r3, 1.0 + r4 * r4
        v0, v1, v2, v3, v4 = root / np.sqrt(s0), root / np.sqrt(s1), root / np.sqrt(s2), root / np.sqrt(s3), root / np.sqrt(s4)
        work[RESIDUALS + i], work[RESIDUALS + BLOCK + i], work[RESIDUALS + 2 * BLOCK + i] = r0 * v0, r1 * v1, r2 * v2
        work[RESIDUALS + 3 * BLOCK + i], work[RESIDUALS + 4 * BLOCK + i] = r3 * v3, r4 * v4
        work[one + i], work[one + BLOCK + i], work[one + 2 * BLOCK + i] = v0 / JOINT_SCALE, v1 / JOINT_SCALE, v2 * by_rate
        work[one + 3 * BLOCK + i], work[one + 4 * BLOCK + i] = v3 / GRAVITY_SCALE, v4 / GRAVITY_SCALE
        work[other + i] = s0 * s1 * s2 * s3 * s4 if i < count else 1.0
    for k in range(PARAMETERS):
        at = k * OF_PARAMETER
        third = SEEN + (2 if k % SIDE < 2 else 3 + k // SIDE) * BLOCK
        for i in range(BLOCK):
            work[at + IN_PLANE + i] *= work[SEEN + i]
            work[at + ALONG + i] *= work[SEEN + BLOCK + i]
            work[at + THIRD + i] *= work[third + i]
    cost = 0.0
    for i in range(BLOCK // 2):
        cost += np.log(work[other + i] * work[other + BLOCK // 2 + i])
    return weight * cost


@njit(cache=True, nogil=True)
def normal_equations(
    blocks: np.ndarray,
    count: int,
    weight: float,
    p: np.ndarray,
    axes: np.ndarray,
    tangents: np.ndarray,
    work: np.ndarray,
    matrix: np.ndarray,
    vector: np.ndarray,
) -> float:
    """JᵀWJ into the lower half of `matrix` (16, 16) and JᵀWr into `vector` (16,) at parameters `p`; the cost Σ `weight` · ln(1 + r²).

    `blocks` float64 (⌈`count` / BLOCK⌉, ROW, BLOCK) in SI; `axes` float64 (6,), unit vectors from which parameters turn along `tangents`,
    float64 (4, 3); `work` float64 (WORK,).
    """
    turned, turns = _turned(p, axes, tangents)
    matrix[:] = 0.0
    vector[:] = 0.0
    cost = 0.0
    for block in range(blocks.shape[0]):
        _see(blocks[block].reshape(ROW * BLOCK), p, turned, turns, work)
        cost += _weigh(weight, min(BLOCK, count - block * BLOCK), work)
        for k in range(PARAMETERS):
            of_axis, at = k % SIDE < 2, k * OF_PARAMETER
            for j in range(k + 1):
                alike = j % SIDE < 2 if of_axis else j % SIDE >= 2 and j // SIDE == k // SIDE
                matrix[k, j] += dot(work, at, j * OF_PARAMETER, OF_PARAMETER if alike else THIRD)
            third = RESIDUALS + (2 if of_axis else 3 + k // SIDE) * BLOCK
            vector[k] += dot(work, at, RESIDUALS, THIRD) + dot(work, at + THIRD, third, BLOCK)
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
    blocks: np.ndarray,
    count: int,
    weight: float,
    axes: np.ndarray,
    tangents: np.ndarray,
    start: np.ndarray,
    prior: np.ndarray,
    p: np.ndarray,
    most: int,
) -> float:
    """Gauss–Newton with Levenberg's damping, from parameters `p` and to `p`, in `most` steps at the most; the cost there.

    `blocks`, `count` as in `normal_equations`; `prior`, float64 (16,), is the weight by which each parameter is held at `start`.
    """
    work = np.empty(WORK)
    matrix, vector = np.empty((PARAMETERS, PARAMETERS)), np.empty(PARAMETERS)
    next_matrix, next_vector = np.empty((PARAMETERS, PARAMETERS)), np.empty(PARAMETERS)
    damped, step, there = np.empty((PARAMETERS, PARAMETERS)), np.empty(PARAMETERS), np.empty(PARAMETERS)
    cost = normal_equations(blocks, count, weight, p, axes, tangents, work, matrix, vector)
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
            next_cost = normal_equations(blocks, count, weight, there, axes, tangents, work, next_matrix, next_vector)
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
