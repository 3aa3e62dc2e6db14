"""Smoothness of a movement: its speed in, SPARC (spectral arc length) out.

Balasubramanian, Melendez-Calderon, Roby-Brami, Burdet 2015 (J NeuroEng Rehabil 12:112), with the paper's settings: the spectrum of the
speed, padded with zeros to sixteen times its length, over its greatest; its length up to 10 Hz or to the last frequency of 5 %.
"""

from __future__ import annotations

import numpy as np
from numba import njit

PAD_LEVEL = 4
GREATEST_HZ = 10.0
LEAST_SHARE = 0.05
LARGEST = 1 << 22


@njit(cache=True)
def transform(real: np.ndarray, imaginary: np.ndarray) -> None:
    """The discrete Fourier transform in place, radix 2: float64 (n,) each, n a power of two.

    >>> real, imaginary = np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(4)
    >>> transform(real, imaginary)
    >>> print(real.round(6), imaginary.round(6))
    [10. -2. -2. -2.] [ 0.  2.  0. -2.]
    """
    n = real.shape[0]
    j = 0
    for i in range(1, n):
        bit = n >> 1
        while j & bit:
            j ^= bit
            bit >>= 1
        j |= bit
        if i < j:
            real[i], real[j] = real[j], real[i]
            imaginary[i], imaginary[j] = imaginary[j], imaginary[i]
    cosines, sines = np.empty(n // 2), np.empty(n // 2)
    for k in range(n // 2):
        cosines[k], sines[k] = np.cos(2.0 * np.pi * k / n), -np.sin(2.0 * np.pi * k / n)
    half = 1
    while half < n:
        stride = n // (2 * half)
        for start in range(0, n, 2 * half):
            for k in range(half):
                a, b = start + k, start + k + half
                c, s = cosines[k * stride], sines[k * stride]
                x, y = real[b] * c - imaginary[b] * s, real[b] * s + imaginary[b] * c
                real[b], imaginary[b] = real[a] - x, imaginary[a] - y
                real[a], imaginary[a] = real[a] + x, imaginary[a] + y
        half *= 2


@njit(cache=True)
def sparc(speed: np.ndarray, hz: float) -> float:
    """SPARC of a speed profile, float64 (n,), any unit, sampled at `hz`; NaN when nothing moves or there are fewer than four samples.

    >>> t = np.arange(-100, 100) / 100
    >>> print(round(sparc(np.exp(-5 * t**2), 100.0), 5))
    -1.41403
    """
    n = speed.shape[0]
    if n < 4 or n > LARGEST >> PAD_LEVEL or not hz > 0.0:
        return np.nan
    size = 1
    while size < n:
        size *= 2
    size <<= PAD_LEVEL
    real, imaginary = np.zeros(size), np.zeros(size)
    real[:n] = speed
    transform(real, imaginary)
    count = min(int(GREATEST_HZ * size / hz) + 1, size)
    while count > 1 and (count - 1) * hz / size > GREATEST_HZ:
        count -= 1
    greatest = 0.0
    for k in range(size):
        real[k] = np.sqrt(real[k] * real[k] + imaginary[k] * imaginary[k])
        greatest = max(greatest, real[k])
    if not greatest > 0.0 or not np.isfinite(greatest):
        return np.nan
    last = -1
    first = -1
    for k in range(count):
        if real[k] >= LEAST_SHARE * greatest:
            last = k
            if first < 0:
                first = k
    if last <= first:
        return np.nan
    step = 1.0 / (last - first)
    length = 0.0
    for k in range(first + 1, last + 1):
        rise = (real[k] - real[k - 1]) / greatest
        length += np.sqrt(step * step + rise * rise)
    return -length
