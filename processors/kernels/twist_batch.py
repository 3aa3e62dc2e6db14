"""Twist angles of many recordings at once, the device innermost: near the speed at which memory gives the samples.

As `twist`, without state: no unwrapping, no marks. atan2 is a polynomial in float32 (Hastings 1955; Abramowitz, Stegun 1964, 4.4.47), the
angle good to 0.002°, so that the compiler can work on several devices with one instruction.
"""

from __future__ import annotations

import numpy as np
from numba import njit

HALF_PI, PI, DEG = np.float32(np.pi / 2), np.float32(np.pi), np.float32(180 / np.pi)
A1, A3, A5, A7, A9 = (np.float32(a) for a in (0.9998660, -0.3302995, 0.1801410, -0.0851330, 0.0208351))
TINY = np.float32(1e-30)


@njit(cache=True, nogil=True, fastmath={"nsz", "contract", "arcp", "reassoc"}, error_model="numpy")
def twist_batch(samples: np.ndarray, axis: np.ndarray, angles: np.ndarray) -> None:
    """Angles (deg, float32, shape (n,)) in (−180, 180] of samples, float32 (8, n): w, x, y, z proximal, then distal; `axis` float32 (3,).

    Rows that aren't finite give what the arithmetic makes of them.

    >>> half = np.float32(np.sqrt(0.5))
    >>> angles = np.zeros(1, np.float32)
    >>> twist_batch(np.array([[1, 0, 0, 0, half, half, 0, 0]], np.float32).T.copy(), np.array([1, 0, 0], np.float32), angles)
    >>> print(round(float(angles[0]), 2))
    90.0
    """
    a0, a1, a2 = axis[0], axis[1], axis[2]
    pw, px, py, pz = samples[0], samples[1], samples[2], samples[3]
    qw, qx, qy, qz = samples[4], samples[5], samples[6], samples[7]
    for i in range(angles.shape[0]):
        w1, x1, y1, z1 = pw[i], px[i], py[i], pz[i]
        w2, x2, y2, z2 = qw[i], qx[i], qy[i], qz[i]
        w = w1 * w2 + x1 * x2 + y1 * y2 + z1 * z2
        x = w1 * x2 - x1 * w2 - y1 * z2 + z1 * y2
        y = w1 * y2 + x1 * z2 - y1 * w2 - z1 * x2
        z = w1 * z2 - x1 * y2 + y1 * x2 - z1 * w2
        s = x * a0 + y * a1 + z * a2
        s = -s if w < np.float32(0) else s
        c = abs(w)
        size = abs(s)
        low, high = min(size, c), max(size, c)
        r = low / (high + TINY)
        square = r * r
        turn = r * (A1 + square * (A3 + square * (A5 + square * (A7 + square * A9))))
        turn = HALF_PI - turn if size > c else turn
        turn = -turn if s < np.float32(0) else turn
        angles[i] = np.float32(2) * turn * DEG
