"""How much a recording has moved so far, and in which units it is: samples in; sums out, and the sample at which they are enough.

Gravity turns against the sensor as the gyroscope says: d(acc)/dt = acc × gyr. The slope of the one on the other is about 1 in rad/s, and
0.017 when the gyroscope speaks in degrees. State is carried from sample to sample: how samples are cut into calls can't show.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from processors.kernels.twist import relative

PATH, SLOPE_XX, SLOPE_XY, POWER, PEAK, BEFORE = 0, 1, 2, 3, 4, 5  # BEFORE: the last row (12)
EXCITATION_FLOATS = 17
TAKEN, T_LAST = 0, 1
EXCITATION_INTS = 2

IN_DEGREES = 0.13  # a slope less than this
LEAST_SHARE = 0.01  # of |acc|² |gyr|²: less of it in acc × gyr tells no slope
LEAST_RATE = 0.1  # rad/s: slower is rest
GREATEST_RATE = 35.0  # rad/s: 2000 deg/s, which no joint reaches
GAP_S = 0.25


def excitation_state() -> tuple[np.ndarray, np.ndarray]:
    """The state before the first sample: float64 (EXCITATION_FLOATS,) and int64 (EXCITATION_INTS,)."""
    return np.zeros(EXCITATION_FLOATS), np.zeros(EXCITATION_INTS, np.int64)


@njit(cache=True, nogil=True)
def gyro_in_degrees(floats: np.ndarray) -> bool:
    """Whether the gyroscope speaks in degrees a second, by what was seen so far."""
    tells = floats[SLOPE_XX] > LEAST_SHARE * floats[POWER]
    return (tells and floats[SLOPE_XY] < IN_DEGREES * floats[SLOPE_XX]) or (not tells and floats[PEAK] > GREATEST_RATE)


@njit(cache=True, nogil=True)
def excite_imus(floats: np.ndarray, ints: np.ndarray, instants: np.ndarray, samples: np.ndarray, enough: float) -> bool:
    """Take samples, float32 (n, 12), until the faster sensor has turned by `enough` (rad) in all: whether it has. `instants`: int64 (n,).

    `ints[TAKEN]` counts the samples up to the one that made it enough; those after it aren't looked at.
    """
    now = np.empty(12)
    for i in range(samples.shape[0]):
        ints[TAKEN] += 1
        finite = True
        for c in range(12):
            now[c] = float(samples[i, c])
            finite = finite and abs(now[c]) < 1e6
        if not finite:
            continue
        t = instants[i]
        dt = (t - ints[T_LAST]) * 1e-9
        begun = ints[T_LAST] != 0
        ints[T_LAST] = t
        fastest = 0.0
        for s in range(0, 12, 6):
            w0, w1, w2 = now[s + 3], now[s + 4], now[s + 5]
            rate = w0 * w0 + w1 * w1 + w2 * w2
            fastest = max(fastest, rate)
            if begun and 0.0 < dt < GAP_S:
                for k in range(3):
                    m, n = s + (k + 1) % 3, s + (k + 2) % 3
                    x = now[m] * now[n + 3] - now[n] * now[m + 3]
                    x = 0.5 * (x + floats[BEFORE + m] * floats[BEFORE + n + 3] - floats[BEFORE + n] * floats[BEFORE + m + 3])
                    floats[SLOPE_XX] += x * x
                    floats[SLOPE_XY] += x * (now[s + k] - floats[BEFORE + s + k]) / dt
                floats[POWER] += rate * (now[s] ** 2 + now[s + 1] ** 2 + now[s + 2] ** 2)
        for c in range(12):
            floats[BEFORE + c] = now[c]
        fastest = np.sqrt(fastest)
        floats[PEAK] = max(floats[PEAK], fastest)
        if fastest > LEAST_RATE and begun and 0.0 < dt < GAP_S:
            floats[PATH] += fastest * dt
            if floats[PATH] >= enough and (not gyro_in_degrees(floats) or floats[PATH] * np.pi / 180.0 >= enough):
                return True
    return False


@njit(cache=True, nogil=True)
def excite_quaternions(floats: np.ndarray, ints: np.ndarray, instants: np.ndarray, samples: np.ndarray, enough: float) -> bool:
    """Take samples, float32 (n, 8), until the joint has turned by `enough` (rad) in all. As `excite_imus`."""
    for i in range(samples.shape[0]):
        ints[TAKEN] += 1
        w, x, y, z = relative(samples, i)
        norm = np.sqrt(w * w + x * x + y * y + z * z)
        if not (0.5 <= norm <= 2.0):
            continue
        t = instants[i]
        dt = (t - ints[T_LAST]) * 1e-9
        begun = ints[T_LAST] != 0
        ints[T_LAST] = t
        w, x, y, z = w / norm, x / norm, y / norm, z / norm
        if begun and 0.0 < dt < GAP_S:
            w0, x0, y0, z0 = floats[BEFORE], floats[BEFORE + 1], floats[BEFORE + 2], floats[BEFORE + 3]
            sign = 1.0 if w * w0 + x * x0 + y * y0 + z * z0 >= 0.0 else -1.0
            step = 2.0 * np.sqrt((w - sign * w0) ** 2 + (x - sign * x0) ** 2 + (y - sign * y0) ** 2 + (z - sign * z0) ** 2)
            if step > LEAST_RATE * dt:
                floats[PATH] += step
        floats[BEFORE], floats[BEFORE + 1], floats[BEFORE + 2], floats[BEFORE + 3] = w, x, y, z
        if floats[PATH] >= enough:
            return True
    return False
