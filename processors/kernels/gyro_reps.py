"""Repetitions in one segment's angular rate: samples in (rad/s, three axes), repetitions with their peak rate out; no angles.

The axis that moves most is followed by one step of power iteration a sample on a fading covariance; the rate about it is integrated to a
pseudo-angle that leaks only while the segment moves, so that a rest or a hold keeps its place and a slow repetition its extent. Turns are
sought in the pseudo-angle; the hysteresis follows its spread over the last seconds. The gyroscope's bias is learnt at rest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.kernels.compiled import kernel
from processors.kernels.turns import (
    AFTER_MAX,
    AFTER_MIN,
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

SMOOTH, RATE_MEAN, BIAS, QUIET, AXIS, COVARIANCE = (FLOATS + k for k in (0, 3, 6, 9, 12, 15))
ANGLE, MEAN, SPREAD, HYSTERESIS = (FLOATS + k for k in range(24, 28))
BEFORE = FLOATS + 28
GYRO_FLOATS = FLOATS + 31
MARKED, SAME = INTS, INTS + 1
GYRO_INTS = INTS + 4

SMOOTH_S = 0.18
AXIS_S = 8.0
RATE_MEAN_S = 10.0
SPREAD_S = 3.2
LEAK_S = 0.6
LEAK_RATE = 1.0  # rad/s: at this rate the leak has half its strength
LEAST_RAD = 0.05
OF_SPREAD = 0.7
QUIET_S = 1.0
QUIET_RATE = 0.045  # rad/s
BIAS_S = 2.0
GAP_S = 0.25
LONGEST_STEP_S = 0.25
FULL_SCALE = 4.3  # rad/s: 250 deg/s, the smallest range that gyroscopes have, less 2 %
DEG = 180.0 / np.pi


def gyro_state() -> tuple[np.ndarray, np.ndarray]:
    """The state before the first sample: float64 (GYRO_FLOATS,) and int64 (GYRO_INTS,)."""
    floats, ints = np.zeros(GYRO_FLOATS), np.zeros(GYRO_INTS, np.int64)
    floats[AFTER_MIN], floats[AFTER_MAX] = np.inf, -np.inf
    floats[AXIS : AXIS + 3] = 3**-0.5
    return floats, ints


@kernel
def _follow_axis(floats: np.ndarray, gain: float) -> None:
    for k in range(3):
        away = floats[SMOOTH + k] - floats[RATE_MEAN + k]
        for j in range(3):
            other = floats[SMOOTH + j] - floats[RATE_MEAN + j]
            floats[COVARIANCE + 3 * k + j] += gain * (away * other - floats[COVARIANCE + 3 * k + j])
    x = y = z = 0.0
    for j in range(3):
        x += floats[COVARIANCE + j] * floats[AXIS + j]
        y += floats[COVARIANCE + 3 + j] * floats[AXIS + j]
        z += floats[COVARIANCE + 6 + j] * floats[AXIS + j]
    length = np.sqrt(x * x + y * y + z * z)
    if length > 1e-12:
        floats[AXIS] = x / length
        floats[AXIS + 1] = y / length
        floats[AXIS + 2] = z / length


@kernel
def gyro_reps(
    floats: np.ndarray,
    ints: np.ndarray,
    anchor: int,
    first: int,
    period: float,
    samples: np.ndarray,
    flags: int,
    times: np.ndarray,
    values: np.ndarray,
) -> int:
    """Fold samples, shape (n, 3), rad/s, into the state; how many repetitions closed. Arguments as of `angle_reps`; peaks in deg/s."""
    found: Any = np.int64(0)  # a plain 0 is a type of its own to numba, which compiles what takes it once more
    ints[MARKED] |= flags
    for i in range(samples.shape[0]):
        if not (np.isfinite(samples[i, 0]) and np.isfinite(samples[i, 1]) and np.isfinite(samples[i, 2])):
            ints[MARKED] |= NAN
            continue
        t = anchor + int((first + i) * period)
        count = ints[SAMPLES]
        dt = 0.0 if count == 0 else max(t - ints[T_LAST], 0) * 1e-9
        if dt > GAP_S and dt > 4e-9 * period:
            ints[MARKED] |= GAP
        dt = min(dt, LONGEST_STEP_S)
        share = 1.0 / (count + 1)
        still = True
        rate_mean = max(dt / (RATE_MEAN_S + dt), share)
        for k in range(3):
            w = float(samples[i, k])
            ints[SAME + k] = ints[SAME + k] + 1 if w == floats[BEFORE + k] and abs(w) > FULL_SCALE else 0
            if ints[SAME + k] >= 2:
                ints[MARKED] |= SATURATED
            floats[BEFORE + k] = w
            floats[SMOOTH + k] += dt / (SMOOTH_S + dt) * (w - floats[SMOOTH + k])
            floats[RATE_MEAN + k] += rate_mean * (floats[SMOOTH + k] - floats[RATE_MEAN + k])
            floats[QUIET + k] += max(dt / (QUIET_S + dt), share) * (abs(w - floats[BIAS + k]) - floats[QUIET + k])
            still = still and floats[QUIET + k] <= QUIET_RATE
        if still:
            for k in range(3):
                floats[BIAS + k] += dt / (BIAS_S + dt) * (floats[BEFORE + k] - floats[BIAS + k])
        _follow_axis(floats, max(dt / (AXIS_S + dt), share))
        rate = 0.0
        sharp = 0.0
        for k in range(3):
            rate += (floats[SMOOTH + k] - floats[BIAS + k]) * floats[AXIS + k]
            sharp += (floats[BEFORE + k] - floats[BIAS + k]) * floats[AXIS + k]
        speed = abs(rate)
        angle = floats[ANGLE]
        angle += (rate - angle * speed / ((speed + LEAK_RATE) * LEAK_S)) * dt
        floats[ANGLE] = angle
        gain = max(dt / (SPREAD_S + dt), share)
        floats[MEAN] += gain * (angle - floats[MEAN])
        away = angle - floats[MEAN]
        floats[SPREAD] += gain * (away * away - floats[SPREAD])
        h = max(LEAST_RAD, OF_SPREAD * np.sqrt(floats[SPREAD]))
        floats[HYSTERESIS] = h
        found += turn_step(floats, ints, t, angle, h, angle, abs(sharp) * DEG, ints[MARKED], dt, times, values, found)
        ints[MARKED] = 0
    return int(found)


@kernel
def gyro_finish(floats: np.ndarray, ints: np.ndarray, times: np.ndarray, values: np.ndarray) -> int:
    """The session ends: 1 when an open repetition counts (in row 0), else 0."""
    return turn_finish(floats, ints, floats[HYSTERESIS], times, values)
