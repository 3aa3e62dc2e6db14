"""Sessions of walking and of posture: what is measured, what isn't, and what becomes of it in the daily table."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from processors.kernels.sparc import sparc
from processors.policy import Policy
from processors.processor import Output, Record, Tick
from processors.store import MemoryStore
from processors.topology import Pipeline
from schemas.codecs import decode_line, make_fact
from tests.processors.test_motion import HOUR, HZ, T0, cut, derived, fold, reps, sessions, signal, tick


def walk(stride_s, seconds=60, noise=0.2):
    """A shank's angular rate: a stance, a swing twice as fast, by harmonics; about an axis of its own."""
    rng = np.random.default_rng(3)
    phase = 2 * np.pi * np.arange(seconds * HZ) / HZ / stride_s
    rate = 1.6 * np.sin(phase) + 1.1 * np.sin(2 * phase + 0.8) + 0.5 * np.sin(3 * phase + 2)
    return rate[:, None] * np.array([0.6, -0.7, 0.3]) + noise * rng.normal(size=(len(phase), 3)) + 0.02


def activities(out):
    return [fact for fact in out.facts if not isinstance(fact, Tick) and fact.type == "rtm.sensor.activity.v1"]


@pytest.mark.parametrize("stride_s", [0.8, 1.07, 1.4, 2.0])
def test_of_a_walk_the_cadence_is_two_steps_a_stride(stride_s):
    out = fold(cut(walk(stride_s), [700, 1500], kind="gyr3", motion="gait"))
    (activity,) = activities(out)
    assert (activity.id, activity.source, activity.data.kind) == ("p1/s1/1/activity", "/rtm/motion", "gait")
    assert activity.data.values["steps_per_min"] == pytest.approx(120 / stride_s, rel=0.01)
    assert activity.data.values["walking_s"] == 60
    assert (activity.data.start, activity.data.end) == (sessions(out)[0].data.start_time, sessions(out)[0].data.end_time)
    assert (sessions(out)[0].data.reps, sessions(out)[0].data.flags, reps(out)) == (0, [], [])
    assert [decode_line(line.strip()) for line in derived(out)]


def test_two_sensors_on_a_leg_tell_the_cadence_by_the_distal_one():
    rate = walk(1.1, noise=0.0) - 0.02
    turned = Rotation.from_rotvec(np.cumsum(rate, axis=0) / HZ)
    thigh, gravity = np.tile([0, 0, 9.81, 0, 0, 0], (3000, 1)), turned.inv().apply([0, 0, 9.81])
    samples = np.concatenate([thigh, gravity, rate], axis=1)
    (activity,) = activities(fold(cut(samples, [900], kind="imu6x2", motion="gait")))
    assert activity.data.values["steps_per_min"] == pytest.approx(120 / 1.1, rel=0.01)


@pytest.mark.parametrize("samples", [np.zeros((1500, 3)), 0.02 * np.random.default_rng(1).normal(size=(1500, 3))], ids=["still", "noise"])
def test_who_does_not_walk_has_no_cadence(samples):
    (activity,) = activities(fold(cut(samples, [600], kind="gyr3", motion="gait")))
    assert activity.data.values == {"walking_s": 0.0}


def test_shaking_without_a_stride_is_no_walk():
    rng = np.random.default_rng(2)
    (activity,) = activities(fold(cut(2 * rng.normal(size=(1500, 3)), [600], kind="gyr3", motion="gait")))
    assert activity.data.values == {"walking_s": 0.0}


def test_of_a_posture_the_inclination_of_both_segments_at_rest():
    leaning = np.radians(30)
    row = [*(9.81 * np.array([np.cos(leaning), 0, np.sin(leaning)])), 0, 0, 0, 0, 0, 9.81, 0, 0, 0]
    samples = np.tile(row, (20 * HZ, 1))
    samples[8 * HZ : 12 * HZ, 3:6] = np.array(row[:3]) / 9.81  # turning about the vertical
    calibration = {"lever_proximal_m": [0.2, 0, 0], "lever_distal_m": [0, 0, -0.1]}
    (activity,) = activities(fold(cut(samples, [300], kind="imu6x2", motion="posture", calibration=calibration)))
    assert activity.data.values == pytest.approx({"rest_s": 16, "inclination_proximal_deg": 30, "inclination_distal_deg": 180}, abs=1e-3)
    (activity,) = activities(fold(cut(samples, [300], kind="imu6x2", motion="posture")))
    assert activity.data.values == pytest.approx({"rest_s": 16, "tilt_change_proximal_deg": 0, "tilt_change_distal_deg": 0}, abs=1e-3)


def test_a_gyroscope_that_stands_off_its_zero_still_rests():
    samples = np.tile([9.81, 0, 0, 0.08, -0.07, 0.05, 0, 9.81, 0, 0, 0, -0.08], (20 * HZ, 1))
    (activity,) = activities(fold(cut(samples, [300], kind="imu6x2", motion="posture")))
    assert activity.data.values["rest_s"] == 20


def test_no_cutting_of_a_walk_shows():
    whole = fold(cut(walk(1.1), [], kind="gyr3", motion="gait", recorded=T0))
    assert derived(fold(cut(walk(1.1), range(37, 3000, 37), kind="gyr3", motion="gait", recorded=T0))) == derived(whole)


def test_a_chunk_that_comes_after_the_close_retracts_the_summary_and_makes_the_next():
    chunks = cut(walk(1.1), [1000, 2000], kind="gyr3", motion="gait", last=False)
    out = fold([*chunks[:2], tick(HOUR), chunks[2]])
    assert [activity.id for activity in activities(out)] == ["p1/s1/1/activity", "p1/s1/2/activity"]
    (retraction,) = [fact for fact in out.facts if not isinstance(fact, Tick) and fact.type == "rtm.fact.retracted.v1"]
    assert (retraction.data.fact_source, retraction.data.fact_id) == ("/rtm/motion", "p1/s1/1/activity")


def test_the_summary_of_a_walk_stands_once_in_the_daily_table_though_it_was_derived_twice():
    enrolled = {
        "episode_id": "e1",
        "timezone": "Europe/Zurich",
        "monitoring_start": "2026-05-01",
        "therapeutic_area": "musculoskeletal",
        "clinic_id": "c1",
        "therapist_id": "t1",
    }
    chunks = cut(walk(1.1), [1000, 2000], kind="gyr3", motion="gait", last=False)
    enrolment = make_fact("rtm.patient.enrolled.v1", "p1", "/care", "e", T0, enrolled, recorded=T0, clinic="c1")
    pipeline, out = Pipeline(Policy(), MemoryStore(), MemoryStore()), Output()
    for position, item in enumerate([enrolment, *chunks[:2], tick(HOUR), chunks[2], tick(2 * HOUR)]):
        pipeline.fold(Record(position, item), out)
        pipeline.flush(out)
    rows = {row.values["name"]: row.values for row in out.rows if row.table == "activity_daily"}
    assert rows["walking_s"]["value_sum"] == 60
    assert rows["steps_per_min"]["value_mean"] == pytest.approx(120 / 1.1, rel=0.01)


def test_smoothness_is_the_reference_value_to_five_digits():
    t = np.arange(-100, 100) / 100
    assert sparc(np.exp(-5 * t**2), 100.0) == pytest.approx(-1.41403, abs=5e-6)
    u = np.arange(0, 201) / 200
    assert sparc(u**2 * (1 - u) ** 2, 100.0) == pytest.approx(-1.40583, abs=5e-6)


@pytest.mark.parametrize(("n", "hz"), [(4, 50.0), (33, 12.0), (64, 100.0), (300, 100.0), (301, 30.0), (4000, 148.3)])
def test_smoothness_is_the_length_of_the_padded_spectrum(n, hz):
    speed = np.abs(np.convolve(np.random.default_rng(n).normal(size=n + 20), np.ones(15))[:n])
    size = 16 * 2 ** int(np.ceil(np.log2(n)))
    spectrum, frequencies = np.abs(np.fft.fft(speed, size)), np.arange(size) * hz / size
    spectrum = (spectrum / spectrum.max())[frequencies <= 10]
    part = spectrum[: np.flatnonzero(spectrum >= 0.05)[-1] + 1]
    assert sparc(speed, hz) == pytest.approx(-np.sum(np.hypot(1 / (len(part) - 1), np.diff(part))), abs=1e-9)


@pytest.mark.parametrize("speed", [np.zeros(50), np.ones(3), np.full(50, np.nan)], ids=["still", "too short", "nan"])
def test_what_does_not_move_has_no_smoothness(speed):
    assert np.isnan(sparc(speed, 50.0))


@pytest.mark.parametrize("kind", ["angle", "gyr3"])
def test_a_sessions_smoothness_is_the_median_of_its_unflagged_repetitions_and_a_tremor_lowers_it(kind):
    smooth = sessions(fold(cut(signal(kind), [300], kind=kind)))[0].data.sparc
    t = np.arange(len(signal(kind))) / HZ
    tremor = np.zeros_like(signal(kind))
    tremor[:, -2 if kind == "gyr3" else 0] = (1.5 if kind == "angle" else 0.6) * np.sin(2 * np.pi * 5 * t)
    shaking = sessions(fold(cut(signal(kind) + tremor, [300], kind=kind)))[0].data.sparc
    assert -3 < smooth < -1
    assert shaking < smooth - 0.3
