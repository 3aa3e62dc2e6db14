"""Repetitions by a recording's rhythm: a movement with several bumps counts once; without a rhythm what was found online stands."""

from __future__ import annotations

import numpy as np
import pytest

from processors.kernels.turns import NAN, REP_END, REP_FLAGS, REP_PEAK, REP_START
from processors.motion_rhythm import rhythmic_reps
from tests.processors.kernels.test_repetitions import CASES, HZ, PERIOD, T0, count, course, rate_of
from tests.processors.test_motion import cut, fold, reps, sessions


class Online:
    """A repetition as the online pass found it."""

    def __init__(self, times):
        self.start, self.end = int(times[REP_START]), int(times[REP_END])


def by_rhythm(rates):
    instants = T0 + (np.arange(len(rates)) * PERIOD).astype(np.int64)
    samples = np.ascontiguousarray(rates, np.float32)
    return rhythmic_reps(instants, samples, [Online(times) for times in count("gyr3", rates)[0]])


def two_bumps(reps, uneven):
    """A segment that goes out and back twice a repetition about one axis, once about another one by the share `uneven` of that."""
    t = np.arange(0, 2.0 * reps, 1 / HZ)
    rates = np.zeros((len(t), 3))
    rates[:, 0], rates[:, 1] = 2.0 * np.sin(2 * np.pi * t), 2.0 * uneven * np.sin(np.pi * t)
    still = np.zeros((2 * HZ, 3))
    return np.concatenate([still, rates, still])


@pytest.mark.parametrize("uneven", [0.5, 0.6, 0.7, 0.8])
def test_a_movement_with_two_bumps_is_one_repetition(uneven):
    rates = two_bumps(10, uneven)
    assert len(count("gyr3", rates)[0]) > 10
    times, _ = by_rhythm(rates)
    assert len(times) == 10
    assert np.allclose(np.diff(times[:, REP_START]) / 1e9, 2.0, atol=0.3)


def test_the_derivation_that_knows_better_stands_beside_the_first():
    out = fold(cut(two_bumps(10, 0.6), [300, 800], kind="gyr3"))
    first, better = sessions(out)
    assert (first.data.derivation, better.data.derivation) == (1, 2)
    assert better.data.reps == len(reps(out, 2)) == 10
    assert better.data.flags == ["smoothed"]
    assert all(rep.data.min_deg is None and rep.data.peak_rate_deg_s > 50 for rep in reps(out, 2))


@pytest.mark.parametrize("seed", [1, 2])
def test_where_one_bump_is_one_repetition_the_rhythm_counts_as_exactly(seed):
    rng = np.random.default_rng(seed)
    wrong, told = [], 0
    for case in CASES:
        wanted = int(rng.integers(5, 15))
        found = by_rhythm(rate_of(rng, course(rng, wanted, *case)))
        told += found is not None
        if found is not None and len(found[0]) != wanted:
            wrong.append((case, wanted, len(found[0])))
    assert told > 0.9 * len(CASES)
    assert len(wrong) <= 0.01 * len(CASES), wrong


def test_without_a_rhythm_nothing_is_told():
    rng = np.random.default_rng(3)
    assert by_rhythm(0.01 * rng.normal(size=(3000, 3))) is None
    parts = [course(rng, 1, period, extent, 0.0, rest) for period, extent, rest in ((1, 60, 4), (4, 20, 1), (2, 90, 9), (7, 40, 2))]
    assert by_rhythm(rate_of(rng, np.concatenate(parts))) is None


def test_a_repetition_tells_its_peak_rate_and_what_touched_it():
    t = np.arange(0, 20, 1 / HZ)
    rates = np.zeros((len(t), 3))
    rates[:, 1] = np.radians(90) * np.sin(np.pi * t)
    rates[250] = np.nan  # 5 s: the third
    times, values = by_rhythm(rates)
    assert np.allclose(values[1:-1, REP_PEAK], 90, rtol=0.02)
    assert [k for k, row in enumerate(times) if row[REP_FLAGS] & NAN] == [2]


def test_a_gap_leaves_what_was_found_online():
    rates = two_bumps(10, 0.6)
    instants = T0 + (np.arange(len(rates)) * PERIOD).astype(np.int64)
    instants[500:] += 10**9
    online = [Online(times) for times in count("gyr3", rates)[0]]
    assert rhythmic_reps(instants, rates.astype(np.float32), online) is None
