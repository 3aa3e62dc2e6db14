"""The counters on signals whose repetitions are known: how many, when, how far, how fast, how long held; and none where nobody moves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from processors.kernels import angle_reps, gyro_reps
from processors.kernels.turns import GAP, NAN, PARTIAL, REP_END, REP_FLAGS, REP_HOLD, REP_MAX, REP_MIN, REP_PEAK, REP_START, SATURATED

HZ = 50
PERIOD = 1e9 / HZ
T0 = 1_780_000_000_000_000_000


def count(kind, samples, cuts=(), flags=None):
    """All repetitions of a signal that is cut before each number in `cuts`."""
    floats, ints = angle_reps.angle_state() if kind == "angle" else gyro_reps.gyro_state()
    step, end = (angle_reps.angle_reps, angle_reps.angle_finish) if kind == "angle" else (gyro_reps.gyro_reps, gyro_reps.gyro_finish)
    samples = np.ascontiguousarray(samples, np.float32)
    marks = [] if kind == "gyr3" else [np.zeros(0, np.uint8)]
    all_times, all_values = [], []
    edges = [0, *cuts, len(samples)]
    for first, last in itertools.pairwise(edges):
        times, values = np.zeros((len(samples) // 2 + 2, 4), np.int64), np.zeros((len(samples) // 2 + 2, 3))
        found = step(floats, ints, T0, first, PERIOD, samples[first:last], *marks, (flags or {}).get(first, 0), times, values)
        all_times.append(times[:found])
        all_values.append(values[:found])
        floats, ints = np.frombuffer(bytearray(floats.tobytes())), np.frombuffer(bytearray(ints.tobytes()), np.int64)
    times, values = np.zeros((1, 4), np.int64), np.zeros((1, 3))
    found = end(floats, ints, times, values)
    return np.concatenate([*all_times, times[:found]]), np.concatenate([*all_values, values[:found]])


def course(rng, reps, period_s, rom_deg, hold, rest_s):
    """An angle (deg): repetitions of somewhat different length and extent, `hold` of each at the far end and near it, rests around."""
    parts = [np.zeros(int(rest_s * HZ))]
    for _ in range(reps):
        length, extent = period_s * (1 + 0.08 * rng.normal()), rom_deg * (1 + 0.06 * rng.normal())
        way = (1 - np.cos(np.linspace(0, np.pi, max(int(length * (1 - hold) / 2 * HZ), 4)))) / 2 * extent
        parts += [way, np.full(int(length * hold * 0.6 * HZ), extent), way[::-1], np.zeros(int(length * hold * 0.4 * HZ))]
    return np.concatenate([*parts, np.zeros(int(rest_s * HZ))])


def rate_of(rng, angle_deg):
    """The angular rate (rad/s) about some axis, with bias and noise of a phone's gyroscope."""
    axis = rng.normal(size=3)
    rate = np.gradient(np.radians(angle_deg), 1 / HZ)[:, None] * axis / np.linalg.norm(axis)
    return rate + 0.005 * rng.normal(size=rate.shape) + 0.01 * rng.normal(size=3)


CASES = [
    (period_s, rom_deg, hold, rest_s)
    for period_s in (0.7, 1.2, 2.5, 5.0, 8.0)
    for rom_deg in (10, 30, 90, 130)
    for hold in (0.0, 0.4)
    for rest_s in (0.0, 8.0, 30.0)
    if rom_deg / period_s <= 130
]


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_angles_of_any_extent_pace_direction_and_rest_count_exactly_but_for_one_in_a_hundred(noise):
    rng = np.random.default_rng(7)
    wrong = []
    for case in CASES:
        for sign in (1, -1):
            reps = int(rng.integers(3, 15))
            angle = course(rng, reps, *case)
            drift = np.linspace(0, rng.uniform(-6, 6), len(angle))
            found = len(count("angle", (5 + sign * angle + drift + noise * rng.normal(size=len(angle)))[:, None])[0])
            if found != reps:
                wrong.append((case, sign, found - reps))
    assert len(wrong) <= 0.01 * 2 * len(CASES) + 0.5, wrong
    assert all(abs(by) <= 1 for *_, by in wrong)


def test_angular_rates_of_any_extent_pace_and_rest_count_within_one_and_most_exactly():
    rng = np.random.default_rng(8)
    wrong = []
    for case in CASES:
        reps = int(rng.integers(5, 15))
        found = len(count("gyr3", rate_of(rng, course(rng, reps, *case)))[0])
        if found != reps:
            wrong.append((case, found - reps))
    assert len(wrong) <= 0.08 * len(CASES), wrong
    assert all(abs(by) <= 1 for _, by in wrong), wrong


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0, 2.0])
def test_a_resting_joint_that_drifts_has_no_repetition(noise):
    rng = np.random.default_rng(9)
    angle = 30 + np.linspace(0, 20, 30_000) + noise * rng.normal(size=30_000)
    assert len(count("angle", angle[:, None])[0]) == 0


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.02])
def test_a_resting_gyroscope_with_bias_has_no_repetition(noise):
    rng = np.random.default_rng(10)
    assert len(count("gyr3", noise * rng.normal(size=(30_000, 3)) + 0.02 * rng.normal(size=3))[0]) == 0


@pytest.mark.parametrize(("rom", "period_s"), [(10, 2.0), (60, 2.0), (90, 3.0), (120, 6.0)])
def test_of_a_plain_swing_extent_duration_and_peak_rate_are_the_true_ones(rom, period_s):
    t = np.arange(0, 10 * period_s, 1 / HZ)
    times, values = count("angle", (5 + rom / 2 * (1 - np.cos(2 * np.pi * t / period_s)))[:, None])
    assert len(times) == 10
    inner = slice(1, 9)
    assert np.allclose(values[inner, REP_MIN], 5, atol=0.01 * rom + 0.05)
    assert np.allclose(values[inner, REP_MAX], 5 + rom, atol=0.01 * rom)
    assert np.allclose(values[inner, REP_PEAK], np.pi * rom / period_s, rtol=0.04)
    assert np.allclose((times[inner, REP_END] - times[inner, REP_START]) / 1e9, period_s, atol=0.05 * period_s)
    assert np.all(times[1:, REP_START] >= times[:-1, REP_END])


def test_a_hold_and_the_rests_between_repetitions_are_measured():
    way = (1 - np.cos(np.linspace(0, np.pi, 75))) / 2 * 90
    angle = np.concatenate([np.zeros(200)] + [np.concatenate([way, np.full(150, 90.0), way[::-1], np.zeros(100)]) for _ in range(5)])
    times, _ = count("angle", angle[:, None])
    assert len(times) == 5
    assert np.allclose(times[:, REP_HOLD] / 1e9, 3.0 + 0.6, atol=0.15)  # within a tenth of the way: 0.3 s at either side of the 3 s
    assert np.allclose((times[:, REP_START] - T0) / 1e9, 4.0 + 8.0 * np.arange(5), atol=0.4)
    assert np.allclose((times[:, REP_END] - times[:, REP_START]) / 1e9, 6.0, atol=0.5)


@pytest.mark.parametrize("kind", ["angle", "gyr3"])
def test_any_cutting_gives_the_same_bits(kind):
    rng = np.random.default_rng(11)
    angle = course(rng, 6, 2.0, 60, 0.3, 3.0) + 0.3 * rng.normal()
    samples = angle[:, None] if kind == "angle" else rate_of(rng, angle)
    samples[100] = np.nan
    whole = count(kind, samples)
    assert len(whole[0]) == 6
    for cuts in ([*range(1, len(samples))], [7, 7, 400], sorted(rng.integers(0, len(samples), 20).tolist())):
        cut = count(kind, samples, cuts)
        assert cut[0].tobytes() == whole[0].tobytes()
        assert cut[1].tobytes() == whole[1].tobytes()


def test_flags_mark_the_repetitions_that_they_touch_and_no_others():
    t = np.arange(0, 20, 1 / HZ)
    angle = (30 * (1 - np.cos(2 * np.pi * t / 2)))[:, None]
    angle[260] = np.inf  # 5.2 s: the third
    times, _ = count("angle", angle, cuts=[750], flags={750: GAP})  # 15 s: the eighth
    flags = times[:, REP_FLAGS]
    assert [i + 1 for i in range(10) if flags[i] & NAN] == [3]
    assert [i + 1 for i in range(10) if flags[i] & GAP] == [8]


def test_a_last_way_out_without_its_way_back_is_a_partial_repetition():
    t = np.arange(0, 5, 1 / HZ)
    times, _ = count("angle", (30 * (1 - np.cos(2 * np.pi * t / 2)))[:, None])
    assert [int(flags) & PARTIAL for flags in times[:, REP_FLAGS]] == [0, 0, PARTIAL]


def test_a_gyroscope_at_its_end_of_scale_marks_the_repetition():
    rng = np.random.default_rng(12)
    rate = np.clip(rate_of(rng, course(rng, 5, 1.5, 130, 0.0, 1.0)) * 3, -4.363, 4.363)
    times, _ = count("gyr3", rate)
    assert any(flags & SATURATED for flags in times[:, REP_FLAGS])
