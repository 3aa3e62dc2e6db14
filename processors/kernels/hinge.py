"""The angle of a hinge joint from two IMUs without magnetometer: samples in, angles out; causal, and smoothed over a whole recording.

After Seel, Raisch, Schauer 2014 (Sensors 14:6891): the rate about the hinge, integrated, and the angle between both accelerations of the
joint's centre (freed of the lever arms' motion) in the plane of the hinge. Here a Kalman filter of angle and rate bias joins them: how far
a measured angle is believed follows from how well the two sensors agree on that acceleration, which is one vector. The acceleration of a
sample needs its angular acceleration, by central difference: so it corrects the angle one sample later, and the angle stays causal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from processors.kernels.turns import NAN, SATURATED

# float64 state
THETA, BIAS, P00, P01, P11, RATE, MISMATCH = 0, 1, 2, 3, 4, 5, 6
ROW, GYRO_BEFORE, RAW = 7, 19, 25  # the last sample in SI (12), the rates of the one before it (6), the last as it came (12)
HINGE_FLOATS = 37
# int64 state
COUNT, T_LAST, T_BEFORE, SAME = 0, 1, 2, 3  # samples since the last beginning; instants, ns; how often each value came again (12)
HINGE_INTS = 15
# float64 geometry
AXIS, PLANE_X, PLANE_Y, LEVER, ACC_BIAS = 0, 6, 12, 18, 24  # proximal (3) then distal (3) each
GYRO_SCALE, ACC_SCALE, ZERO = 30, 31, 32
HINGE_GEOMETRY = 33
# columns of a history
X_BEFORE, P_BEFORE, X_AFTER, P_AFTER, STEP = 0, 2, 5, 7, 10  # predicted and corrected; STEP in s, 0 where the filter began anew
HISTORY = 11

GYRO_NOISE = 0.01  # rad/s/√Hz: what two gyroscopes and an axis a degree off leave
BIAS_NOISE = 0.001  # rad/s/√s
BIAS_PRIOR = 0.02  # rad/s
ANGLE_PRIOR = 0.3  # rad
ACC_NOISE = 0.3  # m/s²: of a joint's acceleration at rest
MISMATCH_S = 0.3
LEAST_IN_PLANE = 0.5  # m/s²: less of it tells no angle
GAP_S = 0.25
FULL_GYRO = 4.3  # rad/s: 250 deg/s, the smallest range that gyroscopes have, less 2 %
FULL_ACC = 19.2  # m/s²: 2 g, the smallest range that accelerometers have, less 2 %
GREATEST_GYRO, GREATEST_ACC = 600.0, 4000.0  # what no sensor says
DEG = 180.0 / np.pi
TURN = 2.0 * np.pi


def hinge_state() -> tuple[np.ndarray, np.ndarray]:
    """The state before the first sample: float64 (HINGE_FLOATS,) and int64 (HINGE_INTS,)."""
    return np.zeros(HINGE_FLOATS), np.zeros(HINGE_INTS, np.int64)


@njit(cache=True, inline="always")
def _joint_acceleration(row: np.ndarray, gyro_dot: np.ndarray, s: int, geometry: np.ndarray) -> tuple[float, float, float]:
    """The acceleration of the joint's centre in the frame of sensor `s`: along the plane's x and y, and along the axis."""
    o, r = 6 * s, LEVER + 3 * s
    w0, w1, w2 = row[o + 3], row[o + 4], row[o + 5]
    d0, d1, d2 = gyro_dot[3 * s], gyro_dot[3 * s + 1], gyro_dot[3 * s + 2]
    r0, r1, r2 = geometry[r], geometry[r + 1], geometry[r + 2]
    wr = w0 * r0 + w1 * r1 + w2 * r2
    ww = w0 * w0 + w1 * w1 + w2 * w2
    a0 = row[o] - (d1 * r2 - d2 * r1 + w0 * wr - r0 * ww)
    a1 = row[o + 1] - (d2 * r0 - d0 * r2 + w1 * wr - r1 * ww)
    a2 = row[o + 2] - (d0 * r1 - d1 * r0 + w2 * wr - r2 * ww)
    k = 3 * s
    return (
        a0 * geometry[PLANE_X + k] + a1 * geometry[PLANE_X + k + 1] + a2 * geometry[PLANE_X + k + 2],
        a0 * geometry[PLANE_Y + k] + a1 * geometry[PLANE_Y + k + 1] + a2 * geometry[PLANE_Y + k + 2],
        a0 * geometry[AXIS + k] + a1 * geometry[AXIS + k + 1] + a2 * geometry[AXIS + k + 2],
    )


@njit(cache=True, inline="always")
def _measure(row: np.ndarray, gyro_dot: np.ndarray, geometry: np.ndarray) -> tuple[float, float, float]:
    """The angle (rad) by the accelerations, their size in the hinge's plane, and by how much the two sensors differ, squared (m/s²)."""
    proximal: Any = np.int64(0)  # plain 0 and 1 are types of their own to numba, which compiles what takes them once for each
    distal: Any = np.int64(1)
    x1, y1, z1 = _joint_acceleration(row, gyro_dot, proximal, geometry)
    x2, y2, z2 = _joint_acceleration(row, gyro_dot, distal, geometry)
    size1, size2 = np.sqrt(x1 * x1 + y1 * y1), np.sqrt(x2 * x2 + y2 * y2)
    angle = np.arctan2(y1 * x2 - x1 * y2, x1 * x2 + y1 * y2)
    return angle, 0.5 * (size1 + size2), (size1 - size2) ** 2 + (z1 - z2) ** 2


@njit(cache=True, inline="always")
def _correct(floats: np.ndarray, angle: float, size: float, mismatch: float, dt: float) -> None:
    floats[MISMATCH] += dt / (MISMATCH_S + dt) * (mismatch - floats[MISMATCH])
    variance = (ACC_NOISE * ACC_NOISE + mismatch + floats[MISMATCH]) / max(size, LEAST_IN_PLANE) ** 2
    off = angle - floats[THETA]
    off -= TURN * np.floor(off / TURN + 0.5)
    p00, p01 = floats[P00], floats[P01]
    k0, k1 = p00 / (p00 + variance), p01 / (p00 + variance)
    floats[THETA] += k0 * off
    floats[BIAS] += k1 * off
    floats[P00] -= k0 * p00
    floats[P01] -= k0 * p01
    floats[P11] -= k1 * p01


@njit(cache=True, inline="always")
def _predict(floats: np.ndarray, rate: float, dt: float) -> None:
    """Go on by `dt` at the mean `rate` (rad/s, with its bias)."""
    floats[THETA] += dt * (rate - floats[BIAS])
    p01, p11 = floats[P01], floats[P11]
    floats[P00] += dt * (dt * p11 - 2.0 * p01) + GYRO_NOISE * GYRO_NOISE * dt
    floats[P01] = p01 - dt * p11
    floats[P11] = p11 + BIAS_NOISE * BIAS_NOISE * dt


@njit(cache=True, inline="always")
def _usable(floats: np.ndarray, ints: np.ndarray, samples: np.ndarray, i: int, geometry: np.ndarray, now: np.ndarray) -> int:
    """Row `i` in SI to `now`; 0, or the mark for which it is skipped."""
    inside = True  # of every scale, as most rows are: looked at without branches
    for s in range(2):
        for k in range(3):
            acc, gyro = float(samples[i, 6 * s + k]) * geometry[ACC_SCALE], float(samples[i, 6 * s + 3 + k]) * geometry[GYRO_SCALE]
            now[6 * s + k], now[6 * s + 3 + k] = acc - geometry[ACC_BIAS + 3 * s + k], gyro
            inside &= (abs(acc) <= FULL_ACC) & (abs(gyro) <= FULL_GYRO)
    if inside:
        for c in range(12):
            ints[SAME + c] = 0
            floats[RAW + c] = float(samples[i, c])
        return 0
    mark = 0
    for c in range(12):
        raw = float(samples[i, c])
        gyro = c % 6 >= 3
        value = raw * (geometry[GYRO_SCALE] if gyro else geometry[ACC_SCALE])
        if not abs(value) <= (GREATEST_GYRO if gyro else GREATEST_ACC):
            return NAN
        ints[SAME + c] = ints[SAME + c] + 1 if raw == floats[RAW + c] and abs(value) > (FULL_GYRO if gyro else FULL_ACC) else 0
        if ints[SAME + c] >= 2:
            mark = SATURATED
        floats[RAW + c] = raw
        now[c] = value if gyro else value - geometry[ACC_BIAS + c % 6 + 3 * (c // 6)]
    return mark


@njit(cache=True, nogil=True)
def hinge_angles(
    floats: np.ndarray,
    ints: np.ndarray,
    instants: np.ndarray,
    period: float,
    samples: np.ndarray,
    geometry: np.ndarray,
    angles: np.ndarray,
    marks: np.ndarray,
    history: np.ndarray,
) -> None:
    """Angles (deg, float32, shape (n, 1)) of samples, float32 (n, 12), each from itself and those before it.

    `instants` int64 (n,), ns; `period` ns, by which a gap is told. A row that isn't finite, or stands at the end of a sensor's scale
    for the third time, gives NaN and sets NAN or SATURATED in `marks`, uint8 (n,). `history`, float64 (n, HISTORY) or (0, HISTORY), takes
    what `hinge_smooth` needs.
    """
    now = np.empty(12)
    gyro_dot = np.empty(6)
    keep = history.shape[0] > 0
    last = -1
    for i in range(samples.shape[0]):
        mark = _usable(floats, ints, samples, i, geometry, now)
        if mark:
            marks[i] |= mark
            angles[i, 0] = np.nan
            continue
        t = instants[i]
        rate = 0.0
        for k in range(3):
            rate += now[9 + k] * geometry[AXIS + 3 + k] - now[3 + k] * geometry[AXIS + k]
        dt = max(t - ints[T_LAST], 0) * 1e-9
        begins = ints[COUNT] == 0 or (dt > GAP_S and dt > 4e-9 * period)
        if begins:
            for c in range(12):
                floats[ROW + c] = now[c]
            for k in range(6):
                gyro_dot[k] = 0.0
        else:
            span = dt
            before = ROW + 3
            if ints[COUNT] > 1:
                span = max(t - ints[T_BEFORE], 0) * 1e-9
                before = GYRO_BEFORE
            for k in range(3):
                gyro_dot[k] = (now[3 + k] - floats[before + k]) / span if span > 0.0 else 0.0
                other = before + (6 if before == ROW + 3 else 3) + k
                gyro_dot[3 + k] = (now[9 + k] - floats[other]) / span if span > 0.0 else 0.0
        angle, size, mismatch = _measure(floats[ROW : ROW + 12], gyro_dot, geometry)
        if begins:
            angle -= floats[THETA]
            floats[THETA] += angle - TURN * np.floor(angle / TURN + 0.5)
            floats[P00], floats[P01], floats[P11] = ANGLE_PRIOR**2, 0.0, max(floats[P11], BIAS_PRIOR**2)
            floats[MISMATCH] = ACC_NOISE**2
            ints[COUNT] = 0
            dt = 0.0
        else:
            _correct(floats, angle, size, mismatch, dt)
            if keep and last >= 0:
                history[last, X_AFTER], history[last, X_AFTER + 1] = floats[THETA], floats[BIAS]
                history[last, P_AFTER], history[last, P_AFTER + 1], history[last, P_AFTER + 2] = floats[P00], floats[P01], floats[P11]
            _predict(floats, 0.5 * (rate + floats[RATE]), dt)
        if keep:
            history[i, X_BEFORE], history[i, X_BEFORE + 1] = floats[THETA], floats[BIAS]
            history[i, P_BEFORE], history[i, P_BEFORE + 1], history[i, P_BEFORE + 2] = floats[P00], floats[P01], floats[P11]
            for k in range(X_AFTER):
                history[i, X_AFTER + k] = history[i, k]
            history[i, STEP] = dt
            last = i
        for k in range(3):
            floats[GYRO_BEFORE + k] = floats[ROW + 3 + k]
            floats[GYRO_BEFORE + 3 + k] = floats[ROW + 9 + k]
        for c in range(12):
            floats[ROW + c] = now[c]
        floats[RATE] = rate
        ints[T_BEFORE] = ints[T_LAST]
        ints[T_LAST] = t
        ints[COUNT] += 1
        angles[i, 0] = (floats[THETA] + geometry[ZERO]) * DEG


@njit(cache=True, nogil=True)
def hinge_smooth(history: np.ndarray, marks: np.ndarray, zero: float, angles: np.ndarray) -> None:
    """The angles of a whole recording from its history, each from all samples (Rauch, Tung, Striebel 1965); skipped ones stay NaN."""
    x0 = x1 = 0.0
    after = -1
    for i in range(history.shape[0] - 1, -1, -1):
        if marks[i]:
            continue
        det = 0.0
        if after >= 0 and history[after, STEP] > 0.0:
            det = history[after, P_BEFORE] * history[after, P_BEFORE + 2] - history[after, P_BEFORE + 1] ** 2
        if det <= 0.0:
            x0, x1 = history[i, X_AFTER], history[i, X_AFTER + 1]
        else:
            dt = history[after, STEP]
            p00, p01, p11 = history[i, P_AFTER], history[i, P_AFTER + 1], history[i, P_AFTER + 2]
            q00, q01, q11 = history[after, P_BEFORE], history[after, P_BEFORE + 1], history[after, P_BEFORE + 2]
            f00, f01, f10, f11 = p00 - dt * p01, p01, p01 - dt * p11, p11
            d0, d1 = x0 - history[after, X_BEFORE], x1 - history[after, X_BEFORE + 1]
            e0, e1 = (q11 * d0 - q01 * d1) / det, (q00 * d1 - q01 * d0) / det
            x0 = history[i, X_AFTER] + f00 * e0 + f01 * e1
            x1 = history[i, X_AFTER + 1] + f10 * e0 + f11 * e1
        after = i
        angles[i, 0] = (x0 + zero) * DEG
