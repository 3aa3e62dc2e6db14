"""Turning points of a one-dimensional signal, and the repetitions between them: one sample in, at most one repetition out.

A swing runs from one turning point to the next; a turn is confirmed when the signal has come back from its extremum by more than the
hysteresis `h` (which the front ends adapt to the signal). Two swings, away and back, are one repetition. State is one float64 array and
one int64 array, carried from sample to sample: how samples are cut into calls can't show. Times are integer nanoseconds. What runs at
every sample is inlined into the front ends: a call that passes arrays costs as much as the step itself.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from processors.kernels.compiled import kernel

# float64 state
EXTREME, BASE, LOW, HIGH, BIG, FIRST_RANGE = 0, 1, 2, 3, 4, 5
SWING_MIN, SWING_MAX, SWING_PEAK = 6, 7, 8  # from the swing's base to its extremum
AFTER_MIN, AFTER_MAX, AFTER_PEAK = 9, 10, 11  # since the extremum: they go to the swing if it goes on, else to the next one
AWAY_MIN, AWAY_MAX, AWAY_PEAK = 12, 13, 14  # the repetition's first swing, once it is confirmed
LEVELS = 15  # six levels that the swing reached, each 1/40 beyond the last
FLOATS = 21

# int64 state
DIRECTION, SWINGS, REPS, CLOSED, T_EXTREME, T_LEFT, SAMPLES, T_LAST = 0, 1, 2, 3, 4, 5, 6, 7
START, HOLD_FROM, HOLD_TO, SWING_FLAGS, AFTER_FLAGS, AWAY_FLAGS, LEVEL_AT = 8, 9, 10, 11, 12, 13, 14
LEVEL_TIMES = 15
SEEN = 21  # every flag so far
INTS = 22
RING = 6

# columns of the repetitions found
REP_START, REP_END, REP_HOLD, REP_FLAGS = 0, 1, 2, 3  # int64: ns, ns, ns, bits
REP_MIN, REP_MAX, REP_PEAK = 0, 1, 2  # float64

GAP, NAN, SATURATED, PARTIAL = 1, 2, 4, 8

STILL = 0.25  # of h: movement less than this is rest
FORGET_S = 3.0  # a resting level is forgotten in this time
LEVEL_RATIO = 0.975
HOLD_BAND = 0.10  # of a swing: within it of the far turn is hold
BORDER_BAND = 0.05  # of a swing: within it of the near turn is rest
BORDER_SHARE = 0.2  # of a repetition: a shorter stay at the near turn is no rest, the border is the turn itself
REST_NS = 1_500_000_000  # so long without a new extremum after coming back closes a repetition
BACK_SHARE = 0.6  # of the way out: so far back counts as come back
LAST_SHARE = 0.44  # of the usual swing: a last swing that large, not confirmed any more, counts
LEARN = 0.3
LONE_H = 2.0  # a single movement in a session counts when it is so many h large …
LONE_PER_S = 0.4  # … and as fast as this part of h a second


@kernel
def _entered(floats: np.ndarray, ints: np.ndarray, share: float) -> int:
    """The time when the swing came within `share` of its extremum (to one level)."""
    reach = abs(floats[EXTREME] - floats[BASE])
    best: int = ints[T_EXTREME]
    for k in range(RING):
        if floats[LEVELS + k] >= (1.0 - share) * reach and ints[LEVEL_TIMES + k] < best:
            best = ints[LEVEL_TIMES + k]
    return best


@njit(cache=True, inline="always")
def _reach(floats: np.ndarray, ints: np.ndarray, t: int, x: float) -> None:
    """The swing goes on: `x` is its new extremum."""
    floats[EXTREME] = x
    ints[T_EXTREME] = t
    ints[T_LEFT] = t
    floats[SWING_MIN] = min(floats[SWING_MIN], floats[AFTER_MIN])
    floats[SWING_MAX] = max(floats[SWING_MAX], floats[AFTER_MAX])
    floats[SWING_PEAK] = max(floats[SWING_PEAK], floats[AFTER_PEAK])
    ints[SWING_FLAGS] |= ints[AFTER_FLAGS]
    floats[AFTER_MIN] = np.inf
    floats[AFTER_MAX] = -np.inf
    floats[AFTER_PEAK] = 0.0
    ints[AFTER_FLAGS] = 0
    size = abs(x - floats[BASE])
    last = ints[LEVEL_AT]
    if size * LEVEL_RATIO >= floats[LEVELS + last]:
        last = (last + 1) % RING
        ints[LEVEL_AT] = last
        floats[LEVELS + last] = size
        ints[LEVEL_TIMES + last] = t


@kernel
def _begin(floats: np.ndarray, ints: np.ndarray, t: int, x: float, base: float, direction: int) -> None:
    """A swing begins at `base`; what was seen since that turn is its own."""
    ints[DIRECTION] = direction
    floats[BASE] = base
    for k in range(RING):
        floats[LEVELS + k] = 0.0
        ints[LEVEL_TIMES + k] = t
    floats[SWING_MIN] = np.inf
    floats[SWING_MAX] = -np.inf
    floats[SWING_PEAK] = 0.0
    ints[SWING_FLAGS] = 0
    _reach(floats, ints, t, x)


@kernel
def _emit(floats: np.ndarray, ints: np.ndarray, end: int, times: np.ndarray, values: np.ndarray, row: int) -> None:
    """Write the open repetition, both its swings, to `row`."""
    times[row, REP_START] = ints[START]
    times[row, REP_END] = max(end, ints[START])
    times[row, REP_HOLD] = ints[HOLD_TO] - ints[HOLD_FROM]
    times[row, REP_FLAGS] = ints[AWAY_FLAGS] | ints[SWING_FLAGS]
    values[row, REP_MIN] = min(floats[AWAY_MIN], floats[SWING_MIN])
    values[row, REP_MAX] = max(floats[AWAY_MAX], floats[SWING_MAX])
    values[row, REP_PEAK] = max(floats[AWAY_PEAK], floats[SWING_PEAK])
    ints[REPS] += 1
    ints[CLOSED] = 1


@kernel
def _keep_way_out(floats: np.ndarray, ints: np.ndarray) -> None:
    """The first swing is confirmed: keep it until the way back is."""
    floats[AWAY_MIN] = floats[SWING_MIN]
    floats[AWAY_MAX] = floats[SWING_MAX]
    floats[AWAY_PEAK] = floats[SWING_PEAK]
    ints[AWAY_FLAGS] = ints[SWING_FLAGS]
    floats[FIRST_RANGE] = abs(floats[EXTREME] - floats[BASE])
    ints[HOLD_FROM] = _entered(floats, ints, HOLD_BAND)
    ints[HOLD_TO] = ints[T_LEFT]
    ints[CLOSED] = 0


@kernel
def _near_border(floats: np.ndarray, ints: np.ndarray) -> tuple[int, int]:
    """Where a repetition ends and where the next begins: both at the turn, or before and after a rest."""
    entered = _entered(floats, ints, BORDER_BAND)
    if ints[T_LEFT] - entered < BORDER_SHARE * (ints[T_EXTREME] - ints[START]):
        return ints[T_EXTREME], ints[T_EXTREME]
    return entered, ints[T_LEFT]


@njit(cache=True, inline="always")
def turn_step(
    floats: np.ndarray,
    ints: np.ndarray,
    t: int,
    x: float,
    h: float,
    shown: float,
    peak: float,
    flags: int,
    dt: float,
    times: np.ndarray,
    values: np.ndarray,
    row: int,
) -> int:
    """Take one sample; 1 when it closed a repetition, which is then written to `times[row]` and `values[row]`, else 0.

    `t` in ns; `x` the signal that turns are sought in, `h` its hysteresis (same unit); `shown` the value for the extremes, `peak` the
    rate for the peak rate; `flags` bits that touch this sample; `dt` in s since the sample before.
    """
    if ints[SAMPLES] == 0:
        floats[LOW] = x
        floats[HIGH] = x
        ints[START] = t
    ints[SAMPLES] += 1
    ints[T_LAST] = t
    floats[AFTER_MIN] = min(floats[AFTER_MIN], shown)
    floats[AFTER_MAX] = max(floats[AFTER_MAX], shown)
    floats[AFTER_PEAK] = max(floats[AFTER_PEAK], peak)
    ints[AFTER_FLAGS] |= flags
    ints[SEEN] |= flags
    direction = ints[DIRECTION]
    if direction == 0:
        forget = min(1.0, dt / FORGET_S)
        floats[LOW] = min(x, floats[LOW] + forget * (x - floats[LOW]))
        floats[HIGH] = max(x, floats[HIGH] + forget * (x - floats[HIGH]))
        if x - floats[LOW] <= STILL * h and floats[HIGH] - x <= STILL * h:
            ints[START] = t
            floats[AFTER_MIN] = min(floats[LOW], shown)
            floats[AFTER_MAX] = max(floats[HIGH], shown)
            floats[AFTER_PEAK] = peak
            ints[AFTER_FLAGS] = flags
        elif x - floats[LOW] > h or floats[HIGH] - x > h:
            rising = x - floats[LOW] > h
            _begin(floats, ints, t, x, floats[LOW] if rising else floats[HIGH], 1 if rising else -1)
        return 0
    back = (floats[EXTREME] - x) * direction
    if back < 0.0:
        _reach(floats, ints, t, x)
        return 0
    size = abs(floats[EXTREME] - floats[BASE])
    coming_back = ints[SWINGS] % 2 == 1
    if back > h:
        floats[BIG] = size if ints[SWINGS] == 0 else floats[BIG] + LEARN * (size - floats[BIG])
        found = 0
        if coming_back:
            end, start = _near_border(floats, ints)
            if ints[CLOSED] == 0:
                _emit(floats, ints, end, times, values, row)
                found = 1
            ints[START] = start
        else:
            _keep_way_out(floats, ints)
        ints[SWINGS] += 1
        _begin(floats, ints, t, x, floats[EXTREME], -direction)
        return found
    band = BORDER_BAND if coming_back else HOLD_BAND
    if back <= max(band * size, STILL * h):
        ints[T_LEFT] = t
    if coming_back and ints[CLOSED] == 0 and t - ints[T_EXTREME] > REST_NS and size >= BACK_SHARE * floats[FIRST_RANGE]:
        _emit(floats, ints, _entered(floats, ints, BORDER_BAND), times, values, row)
        return 1
    return 0


@kernel
def turn_finish(floats: np.ndarray, ints: np.ndarray, h: float, times: np.ndarray, values: np.ndarray) -> int:
    """The signal ends: 1 when a repetition was open that counts (written to row 0), else 0."""
    if ints[DIRECTION] == 0:
        return 0
    size = abs(floats[EXTREME] - floats[BASE])
    if ints[SWINGS] % 2 == 1:
        if ints[CLOSED] == 1:
            return 0
        partial = size < BACK_SHARE * floats[FIRST_RANGE]
        end, _ = _near_border(floats, ints)
        _emit(floats, ints, end, times, values, 0)
        if partial:
            times[0, REP_FLAGS] |= PARTIAL
        return 1
    if ints[SWINGS] == 0:
        seconds = (ints[T_EXTREME] - ints[START]) * 1e-9
        counts = size >= LONE_H * h and size >= LONE_PER_S * h * seconds
    else:
        counts = size >= LAST_SHARE * floats[BIG]
    if not counts:
        return 0
    _keep_way_out(floats, ints)
    _emit(floats, ints, ints[T_LAST], times, values, 0)
    times[0, REP_FLAGS] |= PARTIAL
    return 1
