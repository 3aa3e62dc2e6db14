"""Smoothness of a movement: its speed in, SPARC (spectral arc length) out.

Balasubramanian, Melendez-Calderon, Roby-Brami, Burdet 2015 (J NeuroEng Rehabil 12:112), with the paper's settings: the spectrum of the
speed, padded with zeros to sixteen times its length, over its greatest; its length up to 10 Hz or to the last frequency of 5 %. A speed is
nowhere negative, so its spectrum is greatest at 0 Hz.

The padded spectrum is that of the speed turned by r sixteenths of a bin, r = 0 … 15, each unpadded. The speed is real, so r and 16 - r
mirror each other: nine short transforms, side by side, are the long one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

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
AT_ONCE = 1 << 10  # samples of as many speeds as are transformed together: more don't stay near the processor
LEAST_SAMPLES = 8


def _turns(size: int) -> NDArray[np.complex128]:
    """By what the samples of a speed are turned, complex (PARTS, size)."""
    turns: NDArray[np.complex128] = np.exp(-2j * np.pi * np.outer(np.arange(PARTS), np.arange(size)) / (PAD * size))
    return turns


_few = lru_cache(16)(_turns)


def _kept(size: int) -> NDArray[np.complex128]:
    """As `_turns`, found once where they are not too many to be kept."""
    return _few(size) if size <= KEPT else _turns(size)


@njit(cache=True, nogil=True)
def _angle_speeds(
    instants: np.ndarray, angles: np.ndarray, firsts: np.ndarray, ends: np.ndarray, turns: np.ndarray, parts: np.ndarray, hz: np.ndarray
) -> None:
    """The speed of each stretch, turned, to `parts`, complex (m, PARTS, n); its rate to `hz` (m,), 0 where it has none."""
    for m in range(firsts.shape[0]):
        hz[m] = 0.0
        first, last = firsts[m], ends[m] - 1
        finite = True
        for i in range(first, last + 1):
            finite = finite and np.isfinite(angles[i, 0])
        if not finite or last - first + 1 < LEAST_SAMPLES or instants[last] <= instants[first]:
            continue
        hz[m] = 1e9 * (last - first) / (instants[last] - instants[first])
        for i in range(first, last + 1):
            after, before = min(i + 1, last), max(i - 1, first)
            speed = abs(float(angles[after, 0]) - float(angles[before, 0])) / (after - before)
            for r in range(PARTS):
                parts[m, r, i - first] = speed * turns[r, i - first]
        for r in range(PARTS):
            for i in range(last + 1 - first, parts.shape[2]):
                parts[m, r, i] = 0.0


@njit(cache=True, inline="always")
def _power(spectra: np.ndarray, m: int, k: int) -> Any:
    """The power at frequency `k` of a padded spectrum."""
    r = k % PAD
    value = spectra[m, r, k // PAD] if r < PARTS else spectra[m, PAD - r, spectra.shape[2] - 1 - k // PAD]
    return value.real * value.real + value.imag * value.imag


@njit(cache=True, nogil=True)
def _lengths(spectra: np.ndarray, hz: np.ndarray) -> np.ndarray:
    """SPARC, float64 (m,), of the transforms of speeds at rates `hz` (m,), complex (m, PARTS, n); NaN where there is none."""
    size = PAD * spectra.shape[2]
    still: Any = np.int64(0)  # a plain 0 is a type of its own to numba, which compiles what takes it once more
    found = np.full(hz.shape[0], np.nan)
    for m in range(hz.shape[0]):
        greatest = _power(spectra, m, still)
        if not (hz[m] > 0.0 and greatest > 0.0 and np.isfinite(greatest)):
            continue
        count = min(int(GREATEST_HZ * size / hz[m]) + 1, size)
        while count > 1 and (count - 1) * hz[m] / size > GREATEST_HZ:
            count -= 1
        last = count - 1
        while last > 0 and _power(spectra, m, last) < LEAST_SHARE * LEAST_SHARE * greatest:
            last -= 1
        if last == 0:
            continue
        apart = 1.0 / last
        length, before = 0.0, 1.0
        for k in range(1, last + 1):
            now = np.sqrt(_power(spectra, m, k) / greatest)
            length += np.sqrt(apart * apart + (now - before) * (now - before))
            before = now
        found[m] = -length
    return found


def _room(samples: int) -> int:
    """The power of two that holds so many."""
    return 1 << max(samples - 1, 0).bit_length()


def angle_sparcs(
    instants: NDArray[np.int64], angles: NDArray[np.float32], firsts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    """SPARC of each stretch `firsts` … `ends` (int64 (m,), the end not in it) of angles, float32 (n, 1); float64 (m,).

    `instants` int64 (n,), ns. NaN as `sparc`, and where an angle isn't finite.
    """
    found = np.full(len(firsts), np.nan)
    rooms = np.array([_room(count) for count in (ends - firsts).tolist()], np.int64)
    for size in sorted({room for room in rooms.tolist() if room <= LARGEST}):
        alike, most = np.flatnonzero(rooms == size), max(1, AT_ONCE // size)
        turns = _kept(size)
        parts, hz = np.zeros((most, PARTS, size), np.complex128), np.empty(most)
        spectra = np.empty_like(parts)
        for begin in range(0, len(alike), most):
            places = alike[begin : begin + most]
            _angle_speeds(instants, angles, firsts[places], ends[places], turns, parts, hz)
            found[places] = _lengths(np.fft.fft(parts, out=spectra), hz[: len(places)])
    return found


def sparc(speed: NDArray[np.float64], hz: float) -> float:
    """SPARC of a speed profile, float64 (n,), any unit, sampled at `hz`; NaN when nothing moves or there are fewer than four samples.

    >>> t = np.arange(-100, 100) / 100
    >>> print(round(sparc(np.exp(-5 * t**2), 100.0), 5))
    -1.41403
    """
    if not 4 <= len(speed) <= LARGEST or not hz > 0.0:
        return float("nan")
    parts = np.zeros((1, PARTS, _room(len(speed))), np.complex128)
    parts[0, :, : len(speed)] = speed * _kept(parts.shape[2])[:, : len(speed)]
    return float(_lengths(np.fft.fft(parts), np.array([hz]))[0])
