"""Two sensors on a joint: `quat2` and `imu6x2` sessions against courses whose angles are known, calibrated and by their own motion."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from processors.kernels import twist
from processors.kernels.twist_batch import twist_batch
from processors.policy import Policy
from schemas.instants import SECOND
from tests.processors.test_motion import HOUR, HZ, T0, chunk, cut, derived, fold, reps, sessions, tick

ROM = 70.0
LEVERS = np.array([-0.14, 0.02, 0.01]), np.array([0.16, -0.01, 0.03])


def joint_angle(count=8, rest_s=3):
    """Repetitions of 70 degrees, 3 s each, from a rest and to one, deg."""
    way = (1 - np.cos(np.linspace(0, 2 * np.pi, 3 * HZ, endpoint=False))) / 2 * ROM
    return np.concatenate([np.zeros(rest_s * HZ), np.tile(way, count), np.zeros(rest_s * HZ)])


def unit(values):
    values = np.asarray(values, float)
    return values / np.linalg.norm(values)


class Limbs:
    """Two segments: orientations, rates and accelerations at both sensors, exact by fine differences; noise and bias by seed."""

    def __init__(self, seed=5, noise=1.0, *, proximal_moves=True, angle=None, second_deg=0.0):
        rng = np.random.default_rng(seed)
        self.angle = joint_angle() if angle is None else angle
        self.axes = unit([0.1, 0.95, -0.2]), unit([-0.3, 0.9, 0.25])
        fine = 8
        n = len(self.angle)
        t = np.arange(-fine, n * fine + fine) / (HZ * fine)
        angle = np.radians(np.interp(t, np.arange(n) / HZ, self.angle))
        kernel = np.hanning(2 * fine + 1)
        angle = np.convolve(np.pad(angle, fine, "edge"), kernel / kernel.sum(), "valid")
        sway = 0.25 if proximal_moves else 0.0
        swing = sway * np.stack([np.sin(1.3 * t + 1), 0.8 * np.sin(0.9 * t), 0.6 * np.sin(1.7 * t + 2)], axis=1)
        proximal = Rotation.from_rotvec([0.3, -1.2, 0.4]) * Rotation.from_rotvec(swing)
        seat, _ = Rotation.align_vectors(self.axes[0], self.axes[1])
        second = np.radians(second_deg) * np.sin(2.3 * t)[:, None] * unit(np.cross(self.axes[0], [0, 0, 1]))
        distal = proximal * Rotation.from_rotvec(angle[:, None] * self.axes[0]) * Rotation.from_rotvec(second) * seat
        centre = 0.05 * np.stack([np.sin(1.1 * t), np.cos(1.9 * t), np.sin(0.7 * t + 1)], axis=1) * (1 if proximal_moves else 0)
        step = 1 / (HZ * fine)
        self.samples = np.zeros((n, 12))
        for first, turned, lever in ((0, proximal, LEVERS[0]), (6, distal, LEVERS[1])):
            place = centre + turned.apply(lever)
            force = (place[2:] - 2 * place[1:-1] + place[:-2]) / step**2 + [0, 0, 9.81]
            rate = (turned[:-2].inv() * turned[2:]).as_rotvec() / (2 * step)
            self.samples[:, first : first + 3] = turned[1:-1].inv().apply(force)[fine - 1 :: fine][:n]
            self.samples[:, first + 3 : first + 6] = rate[fine - 1 :: fine][:n]
        self.quaternions = np.concatenate(
            [turned[fine : fine + n * fine : fine].as_quat()[:, [3, 0, 1, 2]] for turned in (proximal, distal)], axis=1
        )
        for first, size, bias in ((0, 0.03, 0.03), (3, 0.004, 0.01), (6, 0.03, 0.03), (9, 0.004, 0.01)):
            self.samples[:, first : first + 3] += noise * (size * rng.normal(size=(n, 3)) + bias * rng.normal(size=3))

    @property
    def calibration(self):
        names = ("axis_proximal", "axis_distal", "lever_proximal_m", "lever_distal_m")
        return dict(zip(names, ([float(x) for x in v] for v in (*self.axes, *LEVERS)), strict=True))


@cache
def limbs(seed=5, noise=1.0):
    return Limbs(seed, noise)


def session_of(samples, kind, edges=(400, 800), *, policy=Policy(), **more):  # noqa: B008
    return fold(cut(samples, list(edges), kind=kind, **more), policy=policy)


def told(out):
    return [(fact.data.derivation, fact.data.reps, fact.data.flags) for fact in sessions(out)]


def extents(out, derivation=1):
    return [fact.data.rom_deg for fact in reps(out, derivation)]


def test_orientations_and_an_axis_become_the_repetitions_of_their_twist():
    out = session_of(limbs().quaternions, "quat2", calibration={"axis_proximal": limbs().calibration["axis_proximal"], "zero_deg": 5.0})
    assert told(out) == [(1, 8, [])]
    assert extents(out) == pytest.approx([ROM] * 8, abs=0.5)
    assert [fact.data.min_deg for fact in reps(out)] == pytest.approx([5] * 8, abs=0.5)
    assert [(fact.time - T0) / SECOND for fact in reps(out)] == pytest.approx([3 + 3 * n for n in range(8)], abs=0.3)


def test_the_batch_kernel_gives_the_twist_of_every_device():
    rng = np.random.default_rng(4)
    samples = rng.normal(size=(3000, 2, 4))
    samples = np.ascontiguousarray((samples / np.linalg.norm(samples, axis=2, keepdims=True)).reshape(3000, 8), "<f4")
    axis, batch, one = unit([0.6, -0.2, 0.8]), np.zeros(3000, np.float32), np.zeros((1, 1), np.float32)
    twist_batch(np.ascontiguousarray(samples.T), axis.astype(np.float32), batch)
    for i in range(3000):
        twist.twist_angles(twist.twist_state(), samples[i : i + 1], axis, 0.0, one, np.zeros(1, np.uint8))
        assert abs((batch[i] - one[0, 0] + 180) % 360 - 180) < 0.003


@pytest.mark.parametrize("motion", ["flexion", "extension"])
def test_without_an_axis_the_orientations_own_motion_tells_it_and_which_way_is_positive(motion):
    out = session_of(limbs().quaternions, "quat2", motion=motion)
    assert told(out) == [(1, 8, ["self_calibrated"]), (2, 8, ["self_calibrated", "smoothed"])]
    for derivation in (1, 2):
        assert extents(out, derivation) == pytest.approx([ROM] * 8, abs=0.5)
        assert [fact.data.max_deg if motion == "flexion" else -fact.data.min_deg for fact in reps(out, derivation)] == pytest.approx(
            [ROM] * 8, abs=0.5
        )


def test_either_sign_of_a_quaternion_is_the_same_orientation():
    flipped = limbs().quaternions * np.repeat(np.random.default_rng(1).choice([-1, 1], (len(limbs().angle), 2)), 4, axis=1)
    calibration = {"axis_proximal": limbs().calibration["axis_proximal"]}
    assert derived(session_of(flipped, "quat2", calibration=calibration)) == derived(
        session_of(limbs().quaternions, "quat2", calibration=calibration)
    )


def test_two_imus_and_a_calibration_become_repetitions_and_the_final_pass_is_the_second_derivation():
    out = session_of(limbs().samples, "imu6x2", calibration=limbs().calibration | {"zero_deg": 3.0})
    assert told(out) == [(1, 8, []), (2, 8, ["smoothed"])]
    assert extents(out, 1) == pytest.approx([ROM] * 8, abs=1.0)
    assert extents(out, 2) == pytest.approx([ROM] * 8, abs=0.7)
    assert [fact.data.min_deg for fact in reps(out, 2)] == pytest.approx([3] * 8, abs=1.0)
    assert all(session.data.sparc is not None and -4 < session.data.sparc < -1 for session in sessions(out))
    assert all(fact.recorded == max(row.recorded for row in sessions(out)) for fact in reps(out, 2))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_a_calibration_the_session_finds_axes_and_levers_itself(seed):
    out = session_of(limbs(seed).samples, "imu6x2")
    assert told(out) == [(1, 8, ["self_calibrated"]), (2, 8, ["self_calibrated", "smoothed"])]
    for derivation in (1, 2):
        assert extents(out, derivation) == pytest.approx([ROM] * 8, abs=1.5)
        assert [fact.data.max_deg for fact in reps(out, derivation)] == pytest.approx([ROM] * 8, abs=2.0)


def test_a_thigh_that_rests_is_enough_to_find_the_knees_axis():
    seated = Limbs(proximal_moves=False)
    out = session_of(seated.samples, "imu6x2")
    assert [(derivation, count) for derivation, count, _ in told(out)] == [(1, 8), (2, 8)]
    assert extents(out, 2) == pytest.approx([ROM] * 8, abs=2.0)


def test_knee_extensions_of_ten_degrees_are_counted():
    small = Limbs(angle=joint_angle() / 7)
    for more in ({}, {"calibration": small.calibration}):
        out = session_of(small.samples, "imu6x2", **more)
        assert {count for _, count, _ in told(out)} == {8}
        assert extents(out, 2) == pytest.approx([ROM / 7] * 8, abs=1.0)


def degrees(samples):
    return samples * np.tile([1, 1, 1, 57.29578, 57.29578, 57.29578], 2)


def in_g(samples):
    return samples / np.tile([9.80665, 9.80665, 9.80665, 1, 1, 1], 2)


def swapped(samples):
    return samples[:, [*range(6, 12), *range(6)]]


def skewed(samples):
    return np.concatenate([samples[:-2, :6], samples[2:, 6:]], axis=1)


def holes(samples):
    samples = samples.copy()
    samples[700:703] = np.nan
    return samples


def saturated(samples):
    samples = samples.copy()
    samples[700:706, 10] = 4.36
    return samples


@pytest.mark.parametrize(
    ("change", "flags", "accurate"),
    [
        (degrees, ["gyroscope_deg_s"], True),
        (in_g, ["accelerometer_g"], True),
        (lambda samples: in_g(degrees(samples)), ["accelerometer_g", "gyroscope_deg_s"], True),
        (swapped, ["sensors_swapped"], False),
        (skewed, ["sensors_skewed"], False),
        (holes, ["nan"], True),
        (saturated, ["saturated"], True),
    ],
    ids=["deg/s", "g", "both", "swapped", "skewed", "nan", "saturated"],
)
def test_what_is_wrong_with_two_sensors_is_recognised_and_flagged(change, flags, accurate):
    out = session_of(change(limbs().samples), "imu6x2", calibration=limbs().calibration)
    assert [fact.data.flags for fact in sessions(out)] == [flags, sorted([*flags, "smoothed"])]
    if accurate:
        assert [fact.data.reps for fact in sessions(out)] == [8, 8]
        unflagged = [fact.data.rom_deg for fact in reps(out, 2) if not fact.data.flags]
        assert len(unflagged) >= 7
        assert unflagged == pytest.approx([ROM] * len(unflagged), abs=1.0)


@pytest.mark.parametrize("kind", ["quat2", "imu6x2"])
@pytest.mark.parametrize(("second_deg", "flagged"), [(0, False), (8, False), (30, True)])
def test_a_joint_that_turns_about_a_second_axis_is_no_hinge_and_says_so(kind, second_deg, flagged):
    two_axes = Limbs(second_deg=second_deg)
    out = session_of(two_axes.samples if kind == "imu6x2" else two_axes.quaternions, kind)
    assert [("not_a_hinge" in session.data.flags) for session in sessions(out)] == [flagged] * 2


def test_units_are_recognised_without_a_calibration_too():
    out = session_of(in_g(degrees(limbs().samples)), "imu6x2")
    assert sessions(out)[0].data.flags == ["accelerometer_g", "gyroscope_deg_s", "self_calibrated"]
    assert extents(out, 2) == pytest.approx([ROM] * 8, abs=1.5)


edges = st.lists(st.integers(0, len(joint_angle())), max_size=20).map(sorted)
KINDS = {
    "quat2": lambda: (limbs().quaternions, {}),
    "imu6x2": lambda: (limbs().samples, {}),
    "calibrated imu6x2": lambda: (limbs().samples, {"calibration": limbs().calibration}),
}


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(list(KINDS)), edges)
def test_no_cutting_shows(kind, edges):
    samples, more = KINDS[kind]()
    one, many = (session_of(samples, kind.split()[-1], cuts, recorded=T0, **more) for cuts in ((), edges))
    assert derived(many) == derived(one)


@pytest.mark.parametrize("kind", KINDS)
def test_a_restart_between_any_two_chunks_shows_nowhere(kind):
    samples, more = KINDS[kind]()
    chunks = cut(samples, range(30, len(samples), 30), kind=kind.split()[-1], **more)
    assert repr(fold(chunks, save_every=1)) == repr(fold(chunks))


def test_a_chunk_that_comes_after_the_final_pass_makes_the_next_derivations():
    chunks = cut(limbs().samples, [400, 800, 1200], kind="imu6x2", calibration=limbs().calibration, last=False)
    out = fold([*chunks[:2], chunks[3], tick(HOUR), chunks[2]])
    assert [(derivation, count) for derivation, count, _ in told(out)][2:] == [(3, 8), (4, 8)]
    assert "gap" in told(out)[0][2]


def test_beyond_its_limit_a_session_has_no_final_pass_and_says_so():
    out = session_of(limbs().samples, "imu6x2", calibration=limbs().calibration, policy=Policy(final_pass_bytes=10_000))
    assert told(out) == [(1, 8, ["no_final_pass"])]
    assert sessions(out)[0].data.sparc is None


def test_two_sensors_at_rest_have_no_repetition_and_no_second_derivation():
    still = Limbs(proximal_moves=False, angle=np.zeros(20 * HZ))
    for more in ({}, {"calibration": still.calibration}):
        assert [(derivation, count) for derivation, count, _ in told(session_of(still.samples, "imu6x2", **more))] == [(1, 0)]


def test_an_open_session_that_waits_for_its_axes_is_small_beside_its_chunks():
    from processors.store import MemoryStore

    store = MemoryStore()
    fold(cut(limbs().samples[:300], range(10, 300, 10), kind="imu6x2", last=False), store=store)
    assert max(len(blob) for key, blob in store.blobs.items() if key.startswith((b"s/", b"t/"))) < 4096


def test_a_session_that_an_older_version_left_open_goes_on():
    from processors.motion_session import Session
    from processors.motion_state import Course
    from processors.shelf import pack, unpack
    from processors.store import MemoryStore
    from tests.processors.test_motion import signal

    store, chunks = MemoryStore(), cut(signal("angle"), [200, 400])
    fold(chunks[:2], store=store)
    for key, blob in list(store.blobs.items()):
        if key.startswith(b"s/"):
            fields = unpack(blob, list)
            assert len(fields) == len(Session.__struct_fields__)
            fields[-1] = fields[-1][: Course.__struct_fields__.index("calibration")]  # as it was before two sensors were read
            store.put(key, pack(fields))
    went_on, whole = derived(fold(chunks[2:], store=store)), derived(fold(chunks))
    assert 1 < len(went_on) < len(whole)
    assert went_on == whole[-len(went_on) :]


def test_samples_of_one_chunk_alone_are_calibrated_too():
    out = fold([chunk(0, limbs().samples, T0, kind="imu6x2", last=True)])
    assert [count for _, count, _ in told(out)] == [8, 8]
