"""Smoothness from the frequencies that can count is that from all of them."""

import numpy as np
import pytest

from processors.kernels import sparc


def speeds(hz, noise, seed):
    """A bump or more a second or three, up to twelve seconds of them."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(rng.uniform(0.5, 12) * hz)) / hz
    moved = sum(rng.random() * np.sin(2 * np.pi * rng.choice([0.2, 0.5, 1.5]) * t + 6 * rng.random()) for _ in range(3))
    return np.abs(moved + noise * rng.normal(size=len(t)))


@pytest.mark.parametrize("hz", [25.0, 50.0, 100.0, 400.0])
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.3])
def test_few_frequencies_tell_what_all_tell(hz, noise):
    for seed in range(30):
        speed, work = speeds(hz, noise, seed), np.empty((4, sparc.MOST_FREQUENCIES))
        few = sparc._few(speed, hz, work)
        assert np.isinf(few) or few == pytest.approx(sparc._all(speed, hz), rel=1e-10, nan_ok=True)


def test_a_smooth_movement_needs_few_frequencies():
    speed = np.abs(np.sin(np.arange(300) * np.pi / 150))
    size = sparc.PAD * sparc._room(len(speed))
    assert sparc._reach(speed, size, 100.0, np.empty((4, sparc.MOST_FREQUENCIES))) < sparc._band(size, 100.0) // 4


@pytest.mark.parametrize("speed", [np.zeros(100), np.full(100, np.nan), np.full(100, np.inf), np.ones(3)])
def test_what_has_no_smoothness(speed):
    assert np.isnan(sparc.sparc(speed, 100.0))


def test_a_stretch_with_too_many_frequencies_is_transformed():
    rng = np.random.default_rng(3)
    angles = np.cumsum(rng.normal(size=(4000, 1)), axis=0).astype(np.float32)
    instants, ends = np.arange(4000) * 40_000_000, np.array([4000])
    (found,) = sparc.angle_sparcs(instants, angles, ends - 4000, ends)
    speed = np.empty(4000)
    hz = sparc._speeds(instants, angles, 0, 4000, speed)
    assert np.isinf(sparc._few(speed, hz, np.empty((4, sparc.MOST_FREQUENCIES))))
    assert found == sparc._all(speed, hz)
