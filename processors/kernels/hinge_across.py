"""The rates of two sensors across a hinge, which are one rate where it is one: rows and axes in; rates, strays and likeness out."""

from __future__ import annotations

import numpy as np
from numba import njit

GREATEST = 1e6  # what no sensor says


@njit(cache=True, nogil=True)
def usable_rows(samples: np.ndarray, rows: np.ndarray, places: np.ndarray) -> int:
    """How many samples, float32 (n, 12), are finite and no nonsense: they go to `rows`, float64 (n, 12), their numbers to `places` (n,)."""
    count = 0
    for i in range(samples.shape[0]):
        usable = True
        for c in range(12):
            usable = usable and abs(samples[i, c]) < GREATEST
            rows[count, c] = samples[i, c]
        if usable:
            places[count] = i
            count += 1
    return count


@njit(cache=True, nogil=True)
def rates_across(rows: np.ndarray, proximal: np.ndarray, distal: np.ndarray, moving: float, across: np.ndarray) -> tuple[int, float, float]:
    """Each sensor's rate across its axis to `across`, float64 (2, n); of the samples where one turns faster than `moving`: how many,

    the sum of the squares of what the two rates across differ by, and of the rate about the hinge. `rows` float64 (n, 12), rad/s.
    """
    count, stray, about = 0, 0.0, 0.0
    for i in range(rows.shape[0]):
        v0, v1, v2 = rows[i, 3], rows[i, 4], rows[i, 5]
        w0, w1, w2 = rows[i, 9], rows[i, 10], rows[i, 11]
        x, y, z = v1 * proximal[2] - v2 * proximal[1], v2 * proximal[0] - v0 * proximal[2], v0 * proximal[1] - v1 * proximal[0]
        first = np.sqrt(x * x + y * y + z * z)
        x, y, z = w1 * distal[2] - w2 * distal[1], w2 * distal[0] - w0 * distal[2], w0 * distal[1] - w1 * distal[0]
        second = np.sqrt(x * x + y * y + z * z)
        across[0, i], across[1, i] = first, second
        if max(v0 * v0 + v1 * v1 + v2 * v2, w0 * w0 + w1 * w1 + w2 * w2) > moving * moving:
            turn = w0 * distal[0] + w1 * distal[1] + w2 * distal[2] - v0 * proximal[0] - v1 * proximal[1] - v2 * proximal[2]
            count += 1
            stray += (first - second) ** 2
            about += turn * turn
    return count, stray, about


@njit(cache=True, nogil=True)
def likeness(first: np.ndarray, second: np.ndarray, most: int) -> np.ndarray:
    """How alike `first` is to `second` so many samples later, by their correlation as they are, float64 (2 · most + 1,): -most … most."""
    products, squares = np.zeros(2 * most + 1), np.zeros(2 * most + 1)
    own = 0.0
    for i in range(most, first.shape[0] - most):
        own += first[i] * first[i]
        for lag in range(2 * most + 1):
            other = second[i - most + lag]
            products[lag] += first[i] * other
            squares[lag] += other * other
    return products / np.sqrt(own * squares)
