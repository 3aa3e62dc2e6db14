"""Smoothness of a movement: its speed in, SPARC (spectral arc length) out.

Balasubramanian, Melendez-Calderon, Roby-Brami, Burdet 2015 (J NeuroEng Rehabil 12:112), with the paper's settings: the spectrum of the
speed, padded with zeros to sixteen times its length, over its greatest; its length up to 10 Hz or to the last frequency of 5 %. A speed is
nowhere negative, so its spectrum is greatest at 0 Hz.

Of a movement that is smooth few frequencies reach 5 %: the speed's second differences bound all beyond. Those that are left are looked at
one by one (Goertzel's recurrence, Reinsch's form); where they are too many, by the Fourier transform of all.

The padded spectrum is that of the speed turned by r sixteenths of a bin, r = 0 … 15, each unpadded. The speed is real, so r and 16 - r
mirror each other: nine short transforms, side by side, are the long one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAD = 16
PARTS = PAD // 2 + 1
GREATEST_HZ = 10.0
LEAST_SHARE = 0.05
LARGEST = 1 << 18
KEPT = 1 << 12
MOST_FREQUENCIES = 1 << 12
MOST_STEPS = 1 << 20  # samples times frequencies: beyond them the transform is quicker
MEANS_S, MOST_MEANS = 0.04, 8
SAFELY = 1 + 1e-9  # a bound is computed with rounding
LEAST_SAMPLES = 8


def _turns(size: int) -> NDArray[np.complex128]:
    """By what the samples of a speed are turned, complex (PARTS, size)."""
    turns: NDArray[np.complex128] = np.exp(-2j * np.pi * np.outer(np.arange(PARTS), np.arange(size)) / (PAD * size))
    return turns


_short = lru_cache(16)(_turns)


def _kept(size: int) -> NDArray[np.complex128]:
    """As `_turns`, found once where they are not too many to be kept."""
    return _short(size) if size <= KEPT else _turns(size)


@njit(cache=True, nogil=True)
def _speeds(instants: np.ndarray, angles: np.ndarray, first: int, end: int, speed: np.ndarray) -> float:
    """The speed at each sample of a stretch to `speed`; the rate of its samples, Hz, 0 where it has none."""
    last = end - 1
    for i in range(first, end):
        if not np.isfinite(angles[i, 0]):
            return 0.0
    if end - first < LEAST_SAMPLES or instants[last] <= instants[first]:
        return 0.0
    for i in range(first, end):
        after, before = min(i + 1, last), max(i - 1, first)
        speed[i - first] = abs(float(angles[after, 0]) - float(angles[before, 0])) / (after - before)
    return float(1e9 * (last - first) / (instants[last] - instants[first]))


@njit(cache=True, nogil=True)
def _band(size: int, hz: float) -> int:
    """How many frequencies of a padded spectrum of `size` lie up to GREATEST_HZ."""
    count = min(int(GREATEST_HZ * size / hz) + 1, size)
    while count > 1 and (count - 1) * hz / size > GREATEST_HZ:
        count -= 1
    return count


@njit(cache=True, nogil=True)
def _bend(speed: np.ndarray, means: int, work: np.ndarray) -> float:
    """By how much the slope of a speed changes in all, from rest and to rest, after so many means of five. `work`: as `_few`'s."""
    n = speed.shape[0]
    long = n + 4 * means
    now, then = work[0], work[1]
    for i in range(long + 4):
        now[i] = then[i] = 0.0
    for i in range(n):
        now[i + 4] = speed[i]
    for _ in range(means):
        for i in range(4, long + 4):
            then[i] = 0.0625 * (now[i] + now[i - 4]) + 0.25 * (now[i - 1] + now[i - 3]) + 0.375 * now[i - 2]
        now, then = then, now
    bend = before = slope = 0.0
    for i in range(4, long + 4):
        step = now[i] - before
        bend += abs(step - slope)
        before, slope = now[i], step
    return bend + abs(before + slope) + before


@njit(cache=True, nogil=True)
def _left(k: int, size: int, means: int) -> float:
    """What two differences and so many means leave of frequency `k`."""
    half = np.pi * k / size
    return float(4.0 * np.sin(half) ** 2 * np.cos(half) ** (4 * means))


@njit(cache=True, nogil=True)
def _reach(speed: np.ndarray, size: int, hz: float, work: np.ndarray) -> int:
    """Behind how many of a padded spectrum's first frequencies all others up to GREATEST_HZ are less than LEAST_SHARE of the greatest.

    What changes by no more than `bend` in all in its slope has at ω no more than `bend` / (2 sin ω/2)². Noise bends much: so it is asked of
    the speed after `means` binomial means of five neighbours, each of which leaves cos⁴ ω/2 of it. `work`: as `_few`'s.
    """
    count = _band(size, hz)
    means = min(max(int(MEANS_S * hz), 1), MOST_MEANS)
    if 2 * count > size or speed.shape[0] + 4 * means + 4 > work.shape[1]:
        return count
    least, share = _bend(speed, means, work) * SAFELY, LEAST_SHARE * np.sum(speed)
    greatest = min(count - 1, int(np.arctan(1.0 / np.sqrt(2.0 * means)) / np.pi * size))
    if not min(_left(count - 1, size, means), _left(greatest, size, means)) * share > least:
        return count
    low = 0
    while low < greatest:  # up to where it is greatest, more and more is left
        middle = (low + greatest) // 2
        if _left(middle, size, means) * share > least:
            greatest = middle
        else:
            low = middle + 1
    return low


@njit(cache=True, nogil=True, error_model="numpy")
def _powers(speed: np.ndarray, size: int, powers: np.ndarray, work: np.ndarray) -> None:
    """The power of a speed, float64 (n,), padded to `size`, at its first frequencies, to `powers` (m,); `work` float64 (3, m)."""
    bend, value, change = work[0], work[1], work[2]
    n, m = speed.shape[0], powers.shape[0]
    for k in range(m):
        bend[k] = 4.0 * np.sin(np.pi * k / size) ** 2
        value[k] = change[k] = 0.0
    for i in range(0, n - 1, 2):
        one, two = speed[i], speed[i + 1]
        for k in range(m):
            changed = change[k] + (one - bend[k] * value[k])
            reached = value[k] + changed
            changed += two - bend[k] * reached
            value[k], change[k] = reached + changed, changed
    for k in range(m):
        if n % 2:
            change[k] += speed[n - 1] - bend[k] * value[k]
            value[k] += change[k]
        powers[k] = change[k] * change[k] + bend[k] * value[k] * (value[k] - change[k])


@njit(cache=True, nogil=True)
def _length(powers: np.ndarray) -> float:
    """SPARC of the powers of a spectrum, float64 (m,), that reach as far as one may be of LEAST_SHARE; NaN where there is none."""
    greatest, last = powers[0], powers.shape[0] - 1
    if not (greatest > 0.0 and np.isfinite(greatest)):
        return np.nan
    while last > 0 and powers[last] < LEAST_SHARE * LEAST_SHARE * greatest:
        last -= 1
    if last == 0:
        return np.nan
    apart = 1.0 / last
    length, before = 0.0, 1.0
    for k in range(1, last + 1):
        now = np.sqrt(powers[k] / greatest)
        length += np.sqrt(apart * apart + (now - before) * (now - before))
        before = now
    return -length


@njit(cache=True, nogil=True)
def _room(samples: int) -> int:
    """The power of two that holds so many."""
    size = 1
    while size < samples:
        size *= 2
    return size


@njit(cache=True, nogil=True)
def _few(speed: np.ndarray, hz: float, work: np.ndarray) -> float:
    """SPARC of a speed, float64 (n,), at `hz`, from the frequencies that count alone; infinite where they are too many.

    `work`: float64 (4, the most frequencies).
    """
    size = PAD * _room(speed.shape[0])
    count = _reach(speed, size, hz, work)
    if count > work.shape[1] or count * speed.shape[0] > MOST_STEPS:
        return np.inf
    _powers(speed, size, work[3, :count], work)
    return float(_length(work[3, :count]))


@njit(cache=True, nogil=True)
def _few_of_each(
    instants: np.ndarray, angles: np.ndarray, firsts: np.ndarray, ends: np.ndarray, speed: np.ndarray, work: np.ndarray, found: np.ndarray
) -> None:
    """As `_few` of each stretch of angles, to `found`, float64 (m,); NaN where it has no speed. `speed`: float64 (the longest,)."""
    for m in range(firsts.shape[0]):
        count, hz = ends[m] - firsts[m], _speeds(instants, angles, firsts[m], ends[m], speed)
        found[m] = _few(speed[:count], hz, work) if hz > 0.0 else np.nan


@njit(cache=True, nogil=True)
def _transformed_powers(spectra: np.ndarray, powers: np.ndarray) -> None:
    """The power at the first frequencies of a padded spectrum, whose transforms are complex (PARTS, n), to `powers` (m,)."""
    for k in range(powers.shape[0]):
        r = k % PAD
        value = spectra[r, k // PAD] if r < PARTS else spectra[PAD - r, spectra.shape[1] - 1 - k // PAD]
        powers[k] = value.real * value.real + value.imag * value.imag


def _all(speed: NDArray[np.float64], hz: float) -> float:
    """SPARC of a speed by the transform of all frequencies."""
    room = _room(len(speed))
    parts = np.zeros((PARTS, room), np.complex128)
    parts[:, : len(speed)] = speed * _kept(room)[:, : len(speed)]
    powers = np.empty(_band(PAD * room, hz))
    _transformed_powers(np.fft.fft(parts), powers)
    return float(_length(powers))


def angle_sparcs(
    instants: NDArray[np.int64], angles: NDArray[np.float32], firsts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    """SPARC of each stretch `firsts` … `ends` (int64 (m,), the end not in it) of angles, float32 (n, 1); float64 (m,).

    `instants` int64 (n,), ns. NaN as `sparc`, and where an angle isn't finite.
    """
    found, speed = np.empty(len(firsts)), np.empty(int(np.max(ends - firsts, initial=0)))
    _few_of_each(instants, angles, firsts, ends, speed, np.empty((4, MOST_FREQUENCIES)), found)
    for m in np.flatnonzero(np.isinf(found)):
        count, hz = ends[m] - firsts[m], _speeds(instants, angles, firsts[m], ends[m], speed)
        found[m] = _all(speed[:count], hz) if count <= LARGEST else np.nan
    return found


def sparc(speed: NDArray[np.float64], hz: float) -> float:
    """SPARC of a speed profile, float64 (n,), any unit, nowhere negative, sampled at `hz`; NaN when nothing moves or there are fewer than

    four samples.

    >>> t = np.arange(-100, 100) / 100
    >>> print(round(sparc(np.exp(-5 * t**2), 100.0), 5))
    -1.41403
    """
    if not 4 <= len(speed) <= LARGEST or not hz > 0.0:
        return float("nan")
    found = float(_few(speed, hz, np.empty((4, MOST_FREQUENCIES))))
    return _all(speed, hz) if np.isinf(found) else found
