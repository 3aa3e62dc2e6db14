"""The orientation of one IMU without magnetometer: accelerations and rates in; the rotation from sensor to earth (z up) and rest, out.

After Laidig & Seel 2023 ("VQF: Highly accurate IMU orientation estimation with bias estimation and magnetic disturbance rejection",
Information Fusion 91:187): the rates, freed of their bias, are integrated; in that slowly drifting frame, in which gravity hardly moves,
the accelerations are averaged by a low-pass of 3 s, and the drift turned back so that this mean points up. At rest the bias is learnt by
a Kalman filter. The heading is that of the beginning and drifts: without a magnetometer it isn't known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from processors.kernels.turns import NAN

# float64 state
GYRO_TURN, TILT = 0, 4  # quaternions w, x, y, z: by the integrated rates; from there to the earth
BIAS, BIAS_P = 8, 11  # rad/s; its variance, (rad/s)²
MEANS = 12  # three low-passes, of up, rates and accelerations: state (3 · 2) each, then the sum while it begins (3)
ORIENTATION_FLOATS = MEANS + 27
# int64 state
COUNT, T_LAST, REST_NS = 0, 1, 2  # samples since the last beginning; ns
ORIENTATION_INTS = 3

UP_S = 3.0
REST_FILTER_S = 0.5
LEAST_REST_NS = 1_500_000_000
REST_GYRO, REST_ACC = 0.035, 0.5  # rad/s, m/s²: farther from their means is movement
GREATEST_BIAS = 0.09  # rad/s: 5 deg/s, what consumer gyroscopes are allowed to have
BIAS_PRIOR = 0.0087  # rad/s: half a degree a second
BIAS_DRIFT = 0.0017 / 10.0  # rad/s/√s: a tenth of a degree a second in 100 s
BIAS_AT_REST = 0.00052  # rad/s: what rest leaves unknown
GAP_S = 0.25
GREATEST = 4000.0  # what no sensor says


def orientation_state() -> tuple[np.ndarray, np.ndarray]:
    """The state before the first sample: float64 (ORIENTATION_FLOATS,) and int64 (ORIENTATION_INTS,)."""
    floats, ints = np.zeros(ORIENTATION_FLOATS), np.zeros(ORIENTATION_INTS, np.int64)
    floats[GYRO_TURN] = floats[TILT] = 1.0
    floats[BIAS_P] = BIAS_PRIOR**2
    return floats, ints


@njit(cache=True, nogil=True)
def _turn(q: np.ndarray, at: int, v: np.ndarray) -> None:
    """Turn `v` by the unit quaternion at `q[at:]`."""
    w, x, y, z = q[at], q[at + 1], q[at + 2], q[at + 3]
    a, b, c = 2.0 * (y * v[2] - z * v[1]), 2.0 * (z * v[0] - x * v[2]), 2.0 * (x * v[1] - y * v[0])
    v0, v1, v2 = v[0] + w * a + y * c - z * b, v[1] + w * b + z * a - x * c, v[2] + w * c + x * b - y * a
    v[0], v[1], v[2] = v0, v1, v2


@njit(cache=True, nogil=True)
def _butterworth(seconds: float, step: float) -> tuple[float, float, float]:
    """Coefficients b0, a1, a2 of the low-pass of second order with this time constant, at samples `step` seconds apart."""
    c = np.tan(np.sqrt(0.5) / seconds * step)
    d = c * c + np.sqrt(2.0) * c + 1.0
    return c * c / d, 2.0 * (c * c - 1.0) / d, (1.0 - np.sqrt(2.0) * c + c * c) / d


@njit(cache=True, nogil=True)
def _low_pass(floats: np.ndarray, at: int, v: np.ndarray, count: int, beginning: float, by: tuple[float, float, float]) -> None:
    """`v` becomes its mean: of all so far while they are no more than the `beginning`, then by the filter `by`."""
    b0, a1, a2 = by
    if count - 1 < beginning:
        for k in range(3):
            floats[at + 6 + k] += v[k]
            v[k] = floats[at + 6 + k] / count
            floats[at + 2 * k], floats[at + 2 * k + 1] = v[k] * (1.0 - b0), v[k] * (b0 - a2)
        return
    for k in range(3):
        x = v[k]
        y = b0 * x + floats[at + 2 * k]
        floats[at + 2 * k] = 2.0 * b0 * x - a1 * y + floats[at + 2 * k + 1]
        floats[at + 2 * k + 1] = b0 * x - a2 * y
        v[k] = y


@njit(cache=True, nogil=True)
def _rests(ints: np.ndarray, gyro: np.ndarray, mean_gyro: np.ndarray, acc: np.ndarray, mean_acc: np.ndarray, dt: float) -> bool:
    """Whether the sensor has rested for long enough."""
    away_gyro = away_acc = 0.0
    slow = True
    for k in range(3):
        away_gyro += (gyro[k] - mean_gyro[k]) ** 2
        away_acc += (acc[k] - mean_acc[k]) ** 2
        slow = slow and abs(mean_gyro[k]) <= GREATEST_BIAS
    if away_gyro >= REST_GYRO**2 or away_acc >= REST_ACC**2 or not slow:
        ints[REST_NS] = 0
        return False
    ints[REST_NS] += int(dt * 1e9)
    return bool(ints[REST_NS] >= LEAST_REST_NS)


@njit(cache=True, nogil=True)
def _learn_bias(floats: np.ndarray, mean: np.ndarray, rests: bool, step: float) -> None:
    drift = BIAS_DRIFT * BIAS_DRIFT * step
    if floats[BIAS_P] < BIAS_PRIOR**2:
        floats[BIAS_P] += drift
    if not rests:
        return
    known = BIAS_AT_REST**2
    gain = floats[BIAS_P] / (floats[BIAS_P] + known * known / drift + known)
    for k in range(3):
        floats[BIAS + k] += gain * (mean[k] - floats[BIAS + k])
    floats[BIAS_P] -= gain * floats[BIAS_P]


@njit(cache=True, nogil=True)
def _integrate(floats: np.ndarray, gyro: np.ndarray, dt: float) -> None:
    x, y, z = gyro[0] - floats[BIAS], gyro[1] - floats[BIAS + 1], gyro[2] - floats[BIAS + 2]
    rate = np.sqrt(x * x + y * y + z * z)
    if rate == 0.0 or dt == 0.0:
        return
    c, s = np.cos(0.5 * rate * dt), np.sin(0.5 * rate * dt) / rate
    x, y, z = s * x, s * y, s * z
    q0, q1, q2, q3 = floats[GYRO_TURN], floats[GYRO_TURN + 1], floats[GYRO_TURN + 2], floats[GYRO_TURN + 3]
    w0, w1 = q0 * c - q1 * x - q2 * y - q3 * z, q0 * x + q1 * c + q2 * z - q3 * y
    w2, w3 = q0 * y - q1 * z + q2 * c + q3 * x, q0 * z + q1 * y - q2 * x + q3 * c
    norm = np.sqrt(w0 * w0 + w1 * w1 + w2 * w2 + w3 * w3)
    floats[GYRO_TURN], floats[GYRO_TURN + 1], floats[GYRO_TURN + 2], floats[GYRO_TURN + 3] = w0 / norm, w1 / norm, w2 / norm, w3 / norm


@njit(cache=True, nogil=True)
def _turn_up(floats: np.ndarray, up: np.ndarray) -> None:
    """Turn the tilt on by the least rotation that brings `up`, in the earth's frame so far, to z."""
    length = np.sqrt(up[0] ** 2 + up[1] ** 2 + up[2] ** 2)
    if length == 0.0:
        return
    half = np.sqrt(max(0.0, 0.5 * (up[2] / length + 1.0)))
    if half > 1e-6:
        c, x, y = half, 0.5 * up[1] / length / half, -0.5 * up[0] / length / half
    else:
        c, x, y = 0.0, 1.0, 0.0
    q0, q1, q2, q3 = floats[TILT], floats[TILT + 1], floats[TILT + 2], floats[TILT + 3]
    w0, w1 = c * q0 - x * q1 - y * q2, c * q1 + x * q0 + y * q3
    w2, w3 = c * q2 - x * q3 + y * q0, c * q3 + x * q2 - y * q1
    norm = np.sqrt(w0 * w0 + w1 * w1 + w2 * w2 + w3 * w3)
    floats[TILT], floats[TILT + 1], floats[TILT + 2], floats[TILT + 3] = w0 / norm, w1 / norm, w2 / norm, w3 / norm


@njit(cache=True, nogil=True)
def orientations(
    floats: np.ndarray,
    ints: np.ndarray,
    instants: np.ndarray,
    period: float,
    samples: np.ndarray,
    column: int,
    found: np.ndarray,
    rest: np.ndarray,
    marks: np.ndarray,
) -> None:
    """Quaternions w, x, y, z, float64 (n, 4), that turn sensor coordinates into the earth's; each from itself and the samples before it.

    `samples`, float32 (n, m), has accelerations (m/s²) in the three columns from `column` on and rates (rad/s) in the next three;
    `instants`, int64 (n,), ns, are about `period` ns apart. `rest`, uint8 (n,), is set where the sensor has rested for 1.5 s; the bias
    is in `floats[BIAS : BIAS + 3]`. A row that isn't finite gives NaN and sets NAN in `marks`, uint8 (n,). After a gap of 0.25 s (and four
    samples) the tilt is sought anew.

    >>> floats, ints = orientation_state()
    >>> samples = np.tile(np.array([9.81, 0, 0, 0, 0, 0], np.float32), (3, 1))  # x points up
    >>> found, rest, marks = np.zeros((3, 4)), np.zeros(3, np.uint8), np.zeros(3, np.uint8)
    >>> orientations(floats, ints, 20_000_000 * np.arange(3), 2e7, samples, 0, found, rest, marks)
    >>> np.round(found[-1] ** 2, 3).tolist()
    [0.5, 0.0, 0.5, 0.0]
    """
    acc, gyro, mean_acc, mean_gyro, up = np.empty(3), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    step = period * 1e-9
    slow, quick = _butterworth(UP_S, step), _butterworth(REST_FILTER_S, step)
    gyro_turn: Any = np.int64(GYRO_TURN)  # plain numbers are types of their own to numba, which compiles what takes them once for each
    tilt: Any = np.int64(TILT)
    up_low: Any = np.int64(MEANS)
    gyro_low, acc_low = up_low + 9, up_low + 18
    for i in range(samples.shape[0]):
        usable = True
        for k in range(3):
            acc[k], gyro[k] = samples[i, column + k], samples[i, column + 3 + k]
            usable = usable and abs(acc[k]) < GREATEST and abs(gyro[k]) < GREATEST
        if not usable:
            for k in range(4):
                found[i, k] = np.nan
            marks[i] |= NAN
            continue
        dt = max(instants[i] - ints[T_LAST], 0) * 1e-9
        if ints[COUNT] == 0 or (dt > GAP_S and dt > 4.0 * step):
            for k in range(MEANS, ORIENTATION_FLOATS):
                floats[k] = 0.0
            ints[COUNT] = ints[REST_NS] = 0
            dt = 0.0
        ints[T_LAST] = instants[i]
        ints[COUNT] += 1
        count = ints[COUNT]
        for k in range(3):
            mean_acc[k], mean_gyro[k] = acc[k], gyro[k]
        _low_pass(floats, acc_low, mean_acc, count, REST_FILTER_S / step, quick)
        _low_pass(floats, gyro_low, mean_gyro, count, REST_FILTER_S / step, quick)
        rests = _rests(ints, gyro, mean_gyro, acc, mean_acc, dt)
        rest[i] = 1 if rests else 0
        _integrate(floats, gyro, dt)
        for k in range(3):
            up[k] = acc[k]
        _turn(floats, gyro_turn, up)
        _low_pass(floats, up_low, up, count, UP_S / step, slow)
        _turn(floats, tilt, up)
        _turn_up(floats, up)
        _learn_bias(floats, mean_gyro, rests, step)
        a0, a1, a2, a3 = floats[TILT], floats[TILT + 1], floats[TILT + 2], floats[TILT + 3]
        b0, b1, b2, b3 = floats[GYRO_TURN], floats[GYRO_TURN + 1], floats[GYRO_TURN + 2], floats[GYRO_TURN + 3]
        found[i, 0] = a0 * b0 - a1 * b1 - a2 * b2 - a3 * b3
        found[i, 1] = a0 * b1 + a1 * b0 + a2 * b3 - a3 * b2
        found[i, 2] = a0 * b2 - a1 * b3 + a2 * b0 + a3 * b1
        found[i, 3] = a0 * b3 + a1 * b2 - a2 * b1 + a3 * b0


@njit(cache=True, nogil=True)
def upward(quaternions: np.ndarray, found: np.ndarray) -> None:
    """Where up is in the sensor's frame, float64 (n, 3), unit vectors, by the quaternions of `orientations`.

    >>> up = np.zeros((1, 3))
    >>> upward(np.array([[1.0, 0, 0, 0]]), up)
    >>> up.tolist()
    [[0.0, 0.0, 1.0]]
    """
    for i in range(quaternions.shape[0]):
        w, x, y, z = quaternions[i, 0], quaternions[i, 1], quaternions[i, 2], quaternions[i, 3]
        found[i, 0], found[i, 1], found[i, 2] = 2.0 * (x * z - w * y), 2.0 * (y * z + w * x), w * w - x * x - y * y + z * z
