"""Repetitions by the rhythm of a whole recording of angular rates: samples and the repetitions found online in; better ones out, if any.

Of the turning angle about each axis what changes slower than a repetition is taken away (its mean over one period) and the second harmonic
too (a mean over half a period): what is left swings out and back once a repetition, however many bumps that has, and its principal
direction tells the turns. Nothing of this knows an exercise; where no rhythm shows, what was found online stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from processors.kernels.gyro_reps import DEG, FULL_SCALE, GAP_S
from processors.kernels.rhythm import centred_mean, likeness, period, signal_reps, swing_size
from processors.kernels.turns import NAN, REP_END, REP_START, SATURATED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from processors.motion_state import Repetition

    Doubles = NDArray[np.float64]

LONGEST_PERIOD_S = 10.0
LEAST_LIKENESS = 0.5
SAME_PERIOD, TWICE = (0.7, 1.4), (1.6, 2.6)
"""The period over the usual repetition found online: it confirms that, or shows that two of them are one. Else it isn't believed."""

SMOOTH_S = 0.04
OF_SWING = 0.35  # hysteresis, of the greatest swing within a period to either side …
OF_ALL = 0.3  # … which is taken as this part of the session's usual one at least


def rhythmic_reps(
    instants: NDArray[np.int64], samples: NDArray[np.float32], online: list[Repetition]
) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """`times` and `values` (columns as in `turns`, peaks in deg/s) of the repetitions in samples, (n, 3), rad/s; None without a rhythm
    or with a gap.

    `instants` in ns, evenly spaced but for what is skipped.
    """
    usable = np.all(np.isfinite(samples), axis=1)
    flags = _marks(samples, usable)
    instants, rates = instants[usable], samples[usable].astype(np.float64)
    if len(online) < 2 or len(instants) < 3:
        return None
    step = float(np.median(np.diff(instants))) * 1e-9
    if float(np.max(np.diff(instants))) * 1e-9 > max(GAP_S, 4 * step):
        return None
    rates -= np.mean(rates, axis=0)
    cycle = _period(rates, step)
    usual = float(np.median([rep.end - rep.start for rep in online])) * 1e-9
    if cycle is None or not any(low <= cycle * step / usual <= high for low, high in (SAME_PERIOD, TWICE)):
        return None
    signal = _swing(rates, step, cycle)
    usual_swing = 2.0 * float(np.sqrt(2.0 * np.mean(signal**2)))
    hysteresis = OF_SWING * np.maximum(swing_size(signal, cycle), OF_ALL * usual_swing)
    speed = np.abs(np.sum(rates * _principal(rates), axis=1)) * DEG
    times, values = np.zeros((len(signal) // 2 + 2, 4), np.int64), np.zeros((len(signal) // 2 + 2, 3))
    found = signal_reps(instants, signal, hysteresis, speed, flags, times, values)
    times, values = times[:found], values[:found]
    # The mean over a period looks ahead and back into the rests: the first repetition doesn't begin, the last doesn't end there.
    times[:1, REP_START] = np.clip(times[:1, REP_START], online[0].start, times[:1, REP_END])
    times[-1:, REP_END] = np.clip(times[-1:, REP_END], times[-1:, REP_START], online[-1].end)
    return times, values


def _period(rates: Doubles, step: float) -> int | None:
    """The rhythm's period in samples `step` seconds apart, of which the recording has three at least; None where none shows."""
    smooth = rates
    for _ in range(2):
        smooth = centred_mean(smooth, max(1, round(SMOOTH_S / step)))
    every = max(1, round(0.02 / step))
    alike = likeness(np.ascontiguousarray(smooth[::every]), min(int(LONGEST_PERIOD_S / step), len(rates) // 3) // every)
    found = int(period(alike))
    return found * every if found and alike[found] >= LEAST_LIKENESS else None


def _swing(rates: Doubles, step: float, cycle: int) -> Doubles:
    """The signal that swings once a period of `cycle` samples."""
    half, turned = cycle // 2, np.cumsum(rates, axis=0) * step
    slow = centred_mean(turned, half)
    slow[:half], slow[len(slow) - half :] = slow[half], slow[len(slow) - half - 1]
    swings = centred_mean(turned - slow, cycle // 4)
    signal: Doubles = np.sum(swings * _principal(swings), axis=1)
    return signal


def _principal(rows: Doubles) -> Doubles:
    moments = np.array([[float(np.sum(rows[:, i] * rows[:, j])) for j in range(3)] for i in range(3)])
    direction: Doubles = np.linalg.eigh(moments)[1][:, 2]
    return direction


def _marks(samples: NDArray[np.float32], usable: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The bits of each usable sample, as the online kernel sets them."""
    marks = np.zeros(len(samples) + 1, np.int64)
    marks[1:][~usable] = NAN
    rows = samples[usable]
    again = (rows[1:] == rows[:-1]) & (np.abs(rows[1:]) > FULL_SCALE)
    stands = np.any(again[1:] & again[:-1], axis=1)
    found = marks[:-1][usable]
    found[2:][stands] |= SATURATED
    return found
