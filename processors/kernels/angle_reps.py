"""Repetitions in a joint's angle: samples in (deg), repetitions with their extremes, peak rate and hold out.

The turns are sought in the angle after a light low-pass; the hysteresis follows the angle's spread over the last seconds, the usual
repetition, and the noise as the second differences show it. No parameter knows an exercise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.kernels.compiled import kernel
from processors.kernels.turns import (
    AFTER_MAX,
    AFTER_MIN,
    BIG,
    FLOATS,
    GAP,
    INTS,
    NAN,
    SAMPLES,
    SATURATED,
    T_LAST,
    turn_finish,
    turn_step,
)

SMOOTH, MEAN, SPREAD, NOISE, BEFORE, BEFORE2, HYSTERESIS = (FLOATS + k for k in range(7))
ANGLE_FLOATS = FLOATS + 7
MARKED, ANCHOR = INTS, INTS + 1
ANGLE_INTS = INTS + 2

SMOOTH_S = 0.05
SPREAD_S = 3.0
NOISE_S = 2.0
LEAST_DEG = 3.5  # turns smaller than this are never sought
OF_SPREAD = 0.65  # of the standard deviation
OF_USUAL = 0.25  # of the usual swing
OF_NOISE = 1.8  # of the mean absolute second difference: about eight standard deviations of what the low-pass leaves of white noise
MOST_NOISE_DEG = 10.0
GAP_S = 0.25


def angle_state() -> tuple[np.ndarray, np.ndarray]:
    """The state before the first sample: float64 (ANGLE_FLOATS,) and int64 (ANGLE_INTS,)."""
    floats, ints = np.zeros(ANGLE_FLOATS), np.zeros(ANGLE_INTS, np.int64)
    floats[AFTER_MIN], floats[AFTER_MAX] = np.inf, -np.inf
    return floats, ints


@kernel
def angle_reps(
    floats: np.ndarray,
    ints: np.ndarray,
    anchor: int,
    first: int,
    period: float,
    samples: np.ndarray,
    marks: np.ndarray,
    flags: int,
    times: np.ndarray,
    values: np.ndarray,
) -> int:
    """Fold samples, shape (n, 1), deg, into the state; how many repetitions closed, written to the rows of `times` and `values`.

    Sample i is of the instant `anchor` + ⌊(`first` + i) · `period`⌋ ns. `flags` mark the first sample (a gap before it).
    Samples that aren't finite are skipped and mark the next one: with SATURATED where `marks`, uint8 (n,) or (0,), says so, else with NAN.
    `times` is int64 and `values` float64, n // 2 + 1 rows or more, columns as in `turns`.
    """
    found: Any = np.int64(0)  # a plain 0 is a type of its own to numba, which compiles what takes it once more
    ints[MARKED] |= flags
    for i in range(samples.shape[0]):
        x = float(samples[i, 0])
        if not np.isfinite(x):
            mark = marks[i] if marks.shape[0] else 0
            ints[MARKED] |= mark if mark & SATURATED else NAN
            continue
        t = anchor + int((first + i) * period)
        count = ints[SAMPLES]
        if count == 0:
            dt = 0.0
            floats[SMOOTH] = x
            floats[MEAN] = x
            floats[BEFORE] = x
            floats[BEFORE2] = x
        else:
            dt = max(t - ints[T_LAST], 0) * 1e-9
        if dt > GAP_S and dt > 4e-9 * period:
            ints[MARKED] |= GAP
        old = floats[SMOOTH]
        smooth = old + dt / (SMOOTH_S + dt) * (x - old)
        floats[SMOOTH] = smooth
        peak = abs(smooth - old) / dt if dt > 0.0 and dt <= GAP_S else 0.0
        gain = max(dt / (SPREAD_S + dt), 1.0 / (count + 1))
        floats[MEAN] += gain * (smooth - floats[MEAN])
        away = smooth - floats[MEAN]
        floats[SPREAD] += gain * (away * away - floats[SPREAD])
        bend = abs(x - 2.0 * floats[BEFORE] + floats[BEFORE2])
        floats[NOISE] += max(dt / (NOISE_S + dt), 1.0 / (count + 1)) * (bend - floats[NOISE])
        shown = max(min(floats[BEFORE], floats[BEFORE2]), min(max(floats[BEFORE], floats[BEFORE2]), x))
        floats[BEFORE2] = floats[BEFORE]
        floats[BEFORE] = x
        h = max(LEAST_DEG, OF_SPREAD * np.sqrt(floats[SPREAD]), OF_USUAL * floats[BIG], min(OF_NOISE * floats[NOISE], MOST_NOISE_DEG))
        floats[HYSTERESIS] = h
        found += turn_step(floats, ints, t, smooth, h, shown, peak, ints[MARKED], dt, times, values, found)
        ints[MARKED] = 0
    return int(found)


@kernel
def angle_finish(floats: np.ndarray, ints: np.ndarray, times: np.ndarray, values: np.ndarray) -> int:
    """The session ends: 1 when an open repetition counts (in row 0), else 0."""
    return turn_finish(floats, ints, floats[HYSTERESIS], times, values)
