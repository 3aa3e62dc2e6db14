"""The rhythm of a whole recording: angular rates in; the period with which they come again, and means that bring it out, out.

A repetition may have several bumps, but all three rates come again with it: so its period is a peak of the rates' autocorrelation, taken
as that of a vector.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from processors.kernels.compiled import kernel
from processors.kernels.turns import AFTER_MAX, AFTER_MIN, FLOATS, INTS, turn_finish, turn_step

SHORTER_WINS = 0.85  # of the greatest likeness: a shorter period that good is the repetition, the longer one two of it


@njit(cache=True, nogil=True)
def likeness(rates: np.ndarray, most: int) -> np.ndarray:
    """How like the rates, (n, 3), are to themselves k samples later, −1…1, for k < `most`: float64 (most,).

    >>> t = np.arange(500) / 50
    >>> swing = np.stack((np.sin(np.pi * t), np.zeros(500), np.zeros(500)), axis=1)
    >>> period(likeness(swing, 150))
    100
    """
    n = rates.shape[0]
    found = np.zeros(most)
    for lag in range(min(most, n)):
        both = first = second = 0.0
        for i in range(n - lag):
            for k in range(3):
                a, b = rates[i, k], rates[i + lag, k]
                both += a * b
                first += a * a
                second += b * b
        if first > 0.0 and second > 0.0:
            found[lag] = both / np.sqrt(first * second)
    return found


@kernel
def period(alike: np.ndarray) -> int:
    """The period, in samples, that a likeness shows: its first peak nearly as high as the highest; 0 when it has none above zero."""
    best = 0.0
    for k in range(1, alike.shape[0] - 1):
        if alike[k - 1] < alike[k] >= alike[k + 1]:
            best = max(best, alike[k])
    for k in range(1, alike.shape[0] - 1):
        if best > 0.0 and alike[k - 1] < alike[k] >= alike[k + 1] and alike[k] >= SHORTER_WINS * best:
            return k
    return 0


@njit(cache=True, nogil=True)
def centred_mean(rows: np.ndarray, half: int) -> np.ndarray:
    """Means over the 2 · `half` + 1 rows of (n, m) around each; at the ends over as many as there are on both sides."""
    n, m = rows.shape
    sums = np.zeros((n + 1, m))
    for i in range(n):
        for k in range(m):
            sums[i + 1, k] = sums[i, k] + rows[i, k]
    found = np.empty((n, m))
    for i in range(n):
        wide = min(half, i, n - 1 - i)
        for k in range(m):
            found[i, k] = (sums[i + wide + 1, k] - sums[i - wide, k]) / (2 * wide + 1)
    return found


@njit(cache=True, nogil=True)
def swing_size(signal: np.ndarray, half: int) -> np.ndarray:
    """By how much a signal, (n,), varies within `half` samples on either side of each: greatest less least, float64 (n,)."""
    n = signal.shape[0]
    found = np.empty(n)
    for sign in (1.0, -1.0):
        queue = np.empty(n, np.int64)
        head = tail = taken = 0
        for i in range(n):
            while taken < min(n, i + half + 1):
                while tail > head and sign * signal[queue[tail - 1]] <= sign * signal[taken]:
                    tail -= 1
                queue[tail] = taken
                tail += 1
                taken += 1
            while queue[head] < i - half:
                head += 1
            found[i] = signal[queue[head]] if sign > 0.0 else found[i] - signal[queue[head]]
    return found


@njit(cache=True, nogil=True)
def signal_reps(
    instants: np.ndarray,
    signal: np.ndarray,
    hysteresis: np.ndarray,
    peaks: np.ndarray,
    flags: np.ndarray,
    times: np.ndarray,
    values: np.ndarray,
) -> int:
    """The repetitions of a whole signal, one as its end leaves it too: how many, in the rows of `times` and `values` as `turns` has them.

    Of n samples: `instants` int64, ns; `signal` and its `hysteresis`; `peaks` the speeds whose greatest is told; `flags` int64, bits.
    """
    floats, ints = np.zeros(FLOATS), np.zeros(INTS, np.int64)
    floats[AFTER_MIN], floats[AFTER_MAX] = np.inf, -np.inf
    return int(_signal_reps(floats, ints, instants, signal, hysteresis, peaks, flags, times, values))


@kernel
def _signal_reps(
    floats: np.ndarray,
    ints: np.ndarray,
    instants: np.ndarray,
    signal: np.ndarray,
    hysteresis: np.ndarray,
    peaks: np.ndarray,
    flags: np.ndarray,
    times: np.ndarray,
    values: np.ndarray,
) -> int:
    """As `signal_reps`, from the state of `turns` before the first sample."""
    found = 0
    for i in range(signal.shape[0]):
        dt = (instants[i] - instants[i - 1]) * 1e-9 if i else 0.0
        x = signal[i]
        found += turn_step(floats, ints, instants[i], x, hysteresis[i], x, peaks[i], flags[i], dt, times, values, found)
    if signal.shape[0]:
        found += turn_finish(floats, ints, hysteresis[-1], times[found:], values[found:])
    return found
