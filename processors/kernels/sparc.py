"""Smoothness of a movement: its speed in, SPARC (spectral arc length) out.

Balasubramanian, Melendez-Calderon, Roby-Brami, Burdet 2015 (J NeuroEng Rehabil 12:112), with the paper's settings: the spectrum of the
speed, padded with zeros to sixteen times its length, over its greatest; its length up to 10 Hz or to the last frequency of 5 %.

The padded spectrum is that of the speed turned by r sixteenths of a bin, r = 0 … 15, each unpadded. The speed is real, so r and 16 - r
mirror each other: nine short transforms, side by side, are the long one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit

PAD = 16
COLUMNS = PAD // 2 + 1
GREATEST_HZ = 10.0
LEAST_SHARE = 0.05
LARGEST = 1 << 18
KEPT = 1 << 16
LEAST_SAMPLES = 8


@njit(cache=True)
def circle(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines of `size` equal steps of a turn, float64 (size,)."""
    cosines, sines = np.empty(size), np.empty(size)
    for k in range(size):
        cosines[k], sines[k] = np.cos(2.0 * np.pi * k / size), np.sin(2.0 * np.pi * k / size)
    return cosines, sines


@njit(cache=True)
def transform(real: np.ndarray, imaginary: np.ndarray, cosines: np.ndarray, sines: np.ndarray) -> None:
    """The discrete Fourier transform of each column in place, radix 2: float64 (n, COLUMNS) each, n a power of two.

    `cosines`, `sines`: of a whole turn in a multiple of n steps.
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
            for r in range(COLUMNS):
                real[i, r], real[j, r] = real[j, r], real[i, r]
                imaginary[i, r], imaginary[j, r] = imaginary[j, r], imaginary[i, r]
    half = 1
    while half < n:
        stride = cosines.shape[0] // (2 * half)
        for start in range(0, n, 2 * half):
            for k in range(half):
                a, b = start + k, start + k + half
                c, s = cosines[k * stride], sines[k * stride]
                for r in range(COLUMNS):
                    x, y = real[b, r] * c + imaginary[b, r] * s, imaginary[b, r] * c - real[b, r] * s
                    real[b, r], imaginary[b, r] = real[a, r] - x, imaginary[a, r] - y
                    real[a, r], imaginary[a, r] = real[a, r] + x, imaginary[a, r] + y
        half *= 2


@njit(cache=True)
def _length(speed: np.ndarray, hz: float, real: np.ndarray, imaginary: np.ndarray, cosines: np.ndarray, sines: np.ndarray) -> float:
    """SPARC; `real` and `imaginary`, float64 (the power of two that holds the speed, COLUMNS), are written to."""
    n, whole = speed.shape[0], real.shape[0]
    size = PAD * whole
    step = cosines.shape[0] // size
    for i in range(whole):
        for r in range(COLUMNS):
            real[i, r] = speed[i] * cosines[step * r * i] if i < n else 0.0
            imaginary[i, r] = -speed[i] * sines[step * r * i] if i < n else 0.0
    transform(real, imaginary, cosines, sines)
    greatest = 0.0
    for i in range(whole):
        for r in range(COLUMNS):
            real[i, r] = real[i, r] * real[i, r] + imaginary[i, r] * imaginary[i, r]
            greatest = max(greatest, real[i, r])
    if not greatest > 0.0 or not np.isfinite(greatest):
        return np.nan
    count = min(int(GREATEST_HZ * size / hz) + 1, size)
    while count > 1 and (count - 1) * hz / size > GREATEST_HZ:
        count -= 1
    first = last = -1
    for k in range(count):
        if _power(real, k) >= LEAST_SHARE * LEAST_SHARE * greatest:
            last = k
            if first < 0:
                first = k
    if last <= first:
        return np.nan
    apart = 1.0 / (last - first)
    length, before = 0.0, np.sqrt(_power(real, first) / greatest)
    for k in range(first + 1, last + 1):
        now = np.sqrt(_power(real, k) / greatest)
        length += np.sqrt(apart * apart + (now - before) * (now - before))
        before = now
    return -length


@njit(cache=True, inline="always")
def _power(powers: np.ndarray, k: int) -> Any:
    """The power at frequency `k` of the padded spectrum."""
    r = k % PAD
    return powers[k // PAD, r] if r < COLUMNS else powers[powers.shape[0] - 1 - k // PAD, PAD - r]


@njit(cache=True)
def _sparc(speed: np.ndarray, hz: float, cosines: np.ndarray, sines: np.ndarray) -> float:
    whole = cosines.shape[0] // PAD
    return _length(speed, hz, np.empty((whole, COLUMNS)), np.empty((whole, COLUMNS)), cosines, sines)


@njit(cache=True)
def angle_sparcs(
    instants: np.ndarray, angles: np.ndarray, firsts: np.ndarray, ends: np.ndarray, cosines: np.ndarray, sines: np.ndarray
) -> np.ndarray:
    """SPARC of each stretch `firsts` … `ends` (int64 (m,), the end not in it) of angles, float32 (n, 1); float64 (m,).

    `instants` int64 (n,), ns; `cosines`, `sines` as `turn` has them for the longest. NaN as `sparc`, and where an angle isn't finite.
    """
    found = np.full(firsts.shape[0], np.nan)
    real = imaginary = np.empty((0, COLUMNS))
    for m in range(firsts.shape[0]):
        first, end = firsts[m], ends[m]
        n = end - first
        if n < LEAST_SAMPLES or n > LARGEST or instants[end - 1] <= instants[first]:
            continue
        finite = True
        speed = np.empty(n)
        for i in range(n):
            finite = finite and np.isfinite(angles[first + i, 0])
            after, before = min(i + 1, n - 1), max(i - 1, 0)
            speed[i] = abs(float(angles[first + after, 0]) - float(angles[first + before, 0])) / (after - before)
        if not finite:
            continue
        whole = 1
        while whole < n:
            whole *= 2
        if whole != real.shape[0]:
            real, imaginary = np.empty((whole, COLUMNS)), np.empty((whole, COLUMNS))
        hz = 1e9 * (n - 1) / (instants[end - 1] - instants[first])
        found[m] = _length(speed, hz, real, imaginary, cosines, sines)
    return found


_kept = lru_cache(16)(circle)


def turn(longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines for speeds of up to `longest` samples."""
    size = PAD << max(min(longest, LARGEST) - 1, 0).bit_length()
    return _kept(size) if size <= KEPT else circle(size)


def sparc(speed: np.ndarray, hz: float) -> float:
    """SPARC of a speed profile, float64 (n,), any unit, sampled at `hz`; NaN when nothing moves or there are fewer than four samples.

    >>> t = np.arange(-100, 100) / 100
    >>> print(round(sparc(np.exp(-5 * t**2), 100.0), 5))
    -1.41403
    """
    if not 4 <= len(speed) <= LARGEST or not hz > 0.0:
        return float("nan")
    return float(_sparc(speed, float(hz), *turn(len(speed))))
