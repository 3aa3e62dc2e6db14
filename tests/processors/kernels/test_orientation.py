"""The orientation of one IMU: of motions that are known, at rest with a bias, cut anywhere, and beside its authors' own package."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from processors.kernels.orientation import BIAS, ORIENTATION_FLOATS, orientation_state, orientations, upward
from processors.kernels.turns import NAN

HZ = 100
G = 9.81


def product(p, q):
    """The quaternions p · q, row by row."""
    (a, b, c, d), (e, f, g, h) = p.T, q.T
    rows = (a * e - b * f - c * g - d * h, a * f + b * e + c * h - d * g, a * g - b * h + c * e + d * f, a * h + b * g - c * f + d * e)
    return np.stack(rows, axis=1)


def about(axis, angle):
    """Rotations by `angle` (rad, (n,)) about a unit vector."""
    return np.concatenate([np.cos(angle / 2)[:, None], np.sin(angle / 2)[:, None] * np.asarray(axis)], axis=1)


def motion(seconds, rest_s=0.0):
    """True orientations, and the samples (accelerations, rates) of a sensor that turns about two axes in one place after a rest."""
    t = np.arange(0, seconds, 1 / HZ)
    moved = np.maximum(t - rest_s, 0)
    true = product(about([0, 0.6, 0.8], 1.2 * np.sin(2 * moved)), about([1, 0, 0], 0.4 + 0.8 * np.sin(3 * moved)))
    conjugate = true * [1, -1, -1, -1]
    step = product(conjugate[:-1], true[1:])
    rates = np.concatenate([np.zeros((1, 3)), 2 * step[:, 1:] * np.sign(step[:, :1]) * HZ])
    up = np.empty((len(t), 3))
    upward(true, up)
    return true, np.concatenate([G * up, rates], axis=1)


def run(samples, cuts=(), hz=HZ, column=0):
    floats, ints = orientation_state()
    samples = np.ascontiguousarray(samples, np.float32)
    n = len(samples)
    found, rest, marks = np.zeros((n, 4)), np.zeros(n, np.uint8), np.zeros(n, np.uint8)
    instants = 1_780_000_000_000_000_000 + (np.arange(n) * (1e9 / hz)).astype(np.int64)
    for a, b in itertools.pairwise([0, *cuts, n]):
        orientations(floats, ints, instants[a:b], 1e9 / hz, samples[a:b], column, found[a:b], rest[a:b], marks[a:b])
        floats, ints = np.frombuffer(bytearray(floats.tobytes())), np.frombuffer(bytearray(ints.tobytes()), np.int64)
    return found, rest, marks, floats


def tilt_error(found, true):
    """Degrees between up as found and as it is."""
    up, wanted = np.empty((len(found), 3)), np.empty((len(true), 3))
    upward(found, up)
    upward(np.ascontiguousarray(true), wanted)
    return np.degrees(np.arccos(np.clip(np.sum(up * wanted, axis=1), -1, 1)))


def test_of_a_clean_motion_the_orientation_is_the_true_one_but_for_its_heading():
    true, samples = motion(60)
    found, _, marks, _ = run(samples)
    assert np.max(tilt_error(found, true)) < 0.05
    turned = np.abs(np.sum(product(found[:1] * [1, -1, -1, -1], found[-1:]) * product(true[:1] * [1, -1, -1, -1], true[-1:])))
    assert np.degrees(2 * np.arccos(min(1.0, turned))) < 0.2
    assert not marks.any()


def test_accelerations_of_the_body_pass_by():
    true, samples = motion(60)
    t = np.arange(len(true)) / HZ
    up, world = np.empty((len(true), 3)), 3.0 * np.sin(2 * np.pi * 1.1 * t)  # along the earth's x axis
    upward(product(true, np.tile(about([0, 1, 0], np.array([-np.pi / 2])), (1, 1))), up)
    conjugate = true * [1, -1, -1, -1]
    along_x = product(product(conjugate, np.tile([[0.0, 1, 0, 0]], (len(true), 1))), true)[:, 1:]
    samples[:, :3] += world[:, None] * along_x
    found, *_ = run(samples)
    assert np.sqrt(np.mean(tilt_error(found, true)[5 * HZ :] ** 2)) < 1.0


def test_at_rest_the_bias_is_learnt_and_the_motion_after_it_freed_of_it():
    rng = np.random.default_rng(1)
    bias = np.array([0.02, -0.015, 0.01])
    true, samples = motion(60, rest_s=15)
    samples[:, 3:] += bias + 0.002 * rng.normal(size=(len(true), 3))
    samples[:, :3] += 0.02 * rng.normal(size=(len(true), 3))
    found, rest, _, floats = run(samples)
    assert np.allclose(floats[BIAS : BIAS + 3], bias, atol=np.radians(0.05))
    assert not rest[: int(1.4 * HZ)].any()
    assert rest[int(1.6 * HZ) : 15 * HZ].all()
    assert not rest[16 * HZ :].any()
    assert np.max(tilt_error(found, true)[15 * HZ :]) < 0.4


def test_a_slow_turn_is_not_taken_for_a_bias():
    samples = np.tile([0, 0, G, 0, 0, 0.2], (20 * HZ, 1))
    _, rest, _, floats = run(samples)
    assert not rest.any()
    assert not floats[BIAS : BIAS + 3].any()


def test_any_cutting_gives_the_same_bits():
    rng = np.random.default_rng(2)
    _, samples = motion(12, rest_s=4)
    samples += 0.01 * rng.normal(size=samples.shape)
    samples[700, 4] = np.nan
    whole = run(samples)
    assert np.isnan(whole[0][700]).all()
    assert whole[2].nonzero()[0].tolist() == [700]
    assert whole[2][700] == NAN
    for cuts in (range(1, len(samples)), [3, 3, 500], sorted(rng.integers(0, len(samples), 20).tolist())):
        assert all(a.tobytes() == b.tobytes() for a, b in zip(run(samples, cuts), whole, strict=True))


def test_after_a_gap_the_tilt_is_sought_anew():
    true, samples = motion(10)
    floats, ints = orientation_state()
    other = np.ascontiguousarray(samples[500:], np.float32)
    n = len(other)
    first = np.tile(np.array([0, 0, G, 0, 0, 0], np.float32), (200, 1))
    found, rest, marks = np.zeros((n, 4)), np.zeros(n, np.uint8), np.zeros(n, np.uint8)
    orientations(floats, ints, np.arange(200) * 10_000_000, 1e7, first, 0, found[:200], rest[:200], marks[:200])
    orientations(floats, ints, 10**12 + np.arange(n) * 10_000_000, 1e7, other, 0, found, rest, marks)
    assert np.max(tilt_error(found, true[500:])) < 0.1


def test_the_second_sensor_of_a_row_is_read_from_its_column():
    _, samples = motion(5)
    both = np.concatenate([np.zeros_like(samples), samples], axis=1)
    assert np.array_equal(run(both, column=6)[0], run(samples)[0])
    assert len(orientation_state()[0]) == ORIENTATION_FLOATS


@pytest.mark.parametrize("hz", [50, 100, 285])
def test_it_is_the_filter_of_the_package_of_its_authors(hz):
    vqf = pytest.importorskip("vqf", reason="vqf, the authors' package, couldn't be installed here")
    rng = np.random.default_rng(3)
    _, samples = motion(40, rest_s=10)
    samples += np.concatenate([0.05 * rng.normal(size=(len(samples), 3)), 0.003 * rng.normal(size=(len(samples), 3)) + 0.01], axis=1)
    samples = samples.astype(np.float32)
    found, rest, _, floats = run(samples, hz=hz)
    acc, rates = (np.ascontiguousarray(part, float) for part in (samples[:, :3], samples[:, 3:]))
    theirs = vqf.VQF(1 / hz, motionBiasEstEnabled=False, biasClip=np.degrees(0.09)).updateBatch(rates, acc)
    assert np.max(tilt_error(found, theirs["quat6D"])) < 0.1
    assert np.mean(rest != theirs["restDetected"]) < 0.01
    assert np.allclose(floats[BIAS : BIAS + 3], theirs["bias"][-1], atol=np.radians(0.02))
