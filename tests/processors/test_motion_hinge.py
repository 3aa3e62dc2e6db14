"""How exact the angle of a hinge joint is: two recordings with an optical reference (dfjimu), read from ../shared/data.

`python -m tests.processors.test_motion_hinge` prints the table of docs/motion.md.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from processors.kernels import hinge
from processors.motion_calibration import ENOUGH_TO_CALIBRATE, find_joint
from processors.motion_final import smoothed_angles
from processors.motion_joint import angle_state, angles, frozen, given_joint
from schemas.instants import SECOND

DATA = Path(__file__).parents[3] / "shared" / "data"
T0 = 1_780_000_000_000_000_000


@cache
def recording(name):
    """Samples, instants, reference angle (deg) and calibration, as the data's README says."""
    path = DATA / f"hinge_1D_{name}.npz"
    if not path.exists():
        pytest.skip("the hinge recordings aren't there: ../shared/data/hinge_1D_02.npz and _03.npz")
    data = np.load(path)
    first, second = (Rotation.from_quat(data[key][:, [1, 2, 3, 0]]) for key in ("q1_ref", "q2_ref"))
    relative = first.inv() * second
    steps = (relative[1:] * relative[:-1].inv()).as_rotvec()
    axis = np.linalg.eigh(steps.T @ steps)[1][:, 2]
    axis *= np.sign(axis[1])
    distal = relative.inv().apply(axis).mean(axis=0)
    quaternion = relative.as_quat()
    twist = np.unwrap(2 * np.arctan2(quaternion[:, :3] @ axis, quaternion[:, 3]), period=2 * np.pi)
    calibration = {
        "axis_proximal": axis.tolist(),
        "axis_distal": (distal / np.linalg.norm(distal)).tolist(),
        "lever_proximal_m": (-data["r_12"]).tolist(),
        "lever_distal_m": (-data["r_21"]).tolist(),
    }
    samples = np.ascontiguousarray(data["sensor"], np.float32)
    instants = T0 + (np.arange(len(samples)) * (SECOND / float(data["fs"]))).astype(np.int64)
    return frozen(samples), instants, np.degrees(twist), calibration


def rmse(estimate, reference, *, offset=True, lag=0.0):
    """Estimate[1:] against reference[:-1]; with `lag`, against the reference so much of a sample later, one number or each sample's."""
    at = np.arange(len(estimate))
    off = ((estimate - np.interp(at - 1 + lag, at, reference))[1:] + 180) % 360 - 180
    return float(np.sqrt(np.mean((off - (0 if offset else np.mean(off))) ** 2)))


def reference_clock(name):
    """By how much (samples) the reference's sample of the same number lies later than README's whole sample says, at each sample.

    The two clocks are independent: an offset and a rate, by a line through the lags that correlate the angle's rates best, 5 s at a time.
    """
    samples, instants, reference, calibration = recording(name)
    joint = find_joint("imu6x2", calibration, None, instants, samples, given_joint(calibration))
    rate, at = np.gradient(smoothed_angles("imu6x2", joint, instants, samples)[0][:, 0]), np.arange(len(samples))
    reference_rate, lags = np.gradient(reference), np.arange(-1, 1.5, 0.02)
    middles, found = [], []
    for first in range(0, len(samples) - 250, 250):
        part = at[max(first, 3) : first + 250]
        likeness = [np.corrcoef(rate[part], np.interp(part - 1 + lag, at, reference_rate))[0, 1] for lag in lags]
        middles.append(part.mean())
        found.append(lags[int(np.argmax(likeness))])
    return np.polyval(np.polyfit(middles, found, 1), at)


def causal(samples, instants, joint):
    return angles("imu6x2", joint, angle_state("imu6x2"), instants, SECOND / 50, samples)[0][:, 0]


def watched(samples, instants):
    """How many samples a session watches before it calibrates itself."""
    from processors.kernels import excitation

    floats, ints = excitation.excitation_state()
    assert excitation.excite_imus(floats, ints, instants, samples, ENOUGH_TO_CALIBRATE)
    return int(ints[excitation.TAKEN])


def estimates(name):
    """By name of the way: angles and the axis that they are about."""
    samples, instants, _, calibration = recording(name)
    online = given_joint(calibration)
    seen = watched(samples, instants)
    self_online = find_joint("imu6x2", None, None, instants[:seen], samples[:seen])
    final = find_joint("imu6x2", calibration, None, instants, samples, online)
    self_final = find_joint("imu6x2", None, None, instants, samples, self_online)
    sense = np.sign(np.dot(self_online.axis_proximal, calibration["axis_proximal"]))
    return {
        "causal, calibrated": causal(samples, instants, online),
        "final pass, calibrated": smoothed_angles("imu6x2", final, instants, samples)[0][:, 0],
        "causal, self-calibrated": sense * causal(samples, instants, self_online),
        "final pass, self-calibrated": sense * smoothed_angles("imu6x2", self_final, instants, samples)[0][:, 0],
    }


@pytest.mark.parametrize(("name", "most"), [("02", 1.1), ("03", 0.7)])
def test_the_causal_angle_of_a_calibrated_hinge_is_as_exact_as_a_plain_filter_and_better(name, most):
    samples, instants, reference, calibration = recording(name)
    assert rmse(causal(samples, instants, given_joint(calibration)), reference) <= most


@pytest.mark.parametrize("name", ["02", "03"])
def test_the_final_pass_is_within_half_a_degree_and_better_than_the_causal_angle_by_aligned_clocks(name):
    found, reference, clock = estimates(name), recording(name)[2], reference_clock(name)
    assert rmse(found["final pass, calibrated"], reference, lag=clock) < 0.5
    for way in ("calibrated", "self-calibrated"):
        final, online = (rmse(found[f"{how}, {way}"], reference, lag=clock, offset=False) for how in ("final pass", "causal"))
        assert final < min(online, 0.45)


@pytest.mark.parametrize("name", ["02", "03"])
def test_by_whole_samples_the_final_pass_is_about_as_far_off_as_the_reference_is_from_itself(name):
    found, reference = estimates(name), recording(name)[2]
    itself = rmse(np.interp(np.arange(len(reference)) - 1 + reference_clock(name), np.arange(len(reference)), reference), reference)
    assert rmse(found["final pass, calibrated"], reference) < itself + 0.1


def test_both_recordings_show_the_same_rate_of_the_two_clocks():
    drifts = [np.ptp(clock) / len(clock) * 1e6 for clock in map(reference_clock, ("02", "03"))]
    assert all(100 < drift < 210 for drift in drifts)


@pytest.mark.parametrize("name", ["02", "03"])
def test_axes_found_from_the_first_seconds_cost_next_to_nothing(name):
    found, reference = estimates(name), recording(name)[2]
    for way in ("causal", "final pass"):
        own = rmse(found[f"{way}, self-calibrated"], reference, offset=False)
        assert own <= rmse(found[f"{way}, calibrated"], reference, offset=False) + 0.2


def test_the_angle_is_causal():
    samples, instants, _, calibration = recording("03")
    joint = given_joint(calibration)
    changed = samples.copy()
    changed[500:] = 0
    assert np.array_equal(causal(frozen(changed), instants, joint)[:500], causal(samples, instants, joint)[:500])


def test_the_smoother_is_what_a_plain_two_pass_filter_in_matrices_gives():
    samples, instants, _, calibration = recording("03")
    joint = given_joint(calibration)
    history = np.zeros((len(samples), hinge.HISTORY))
    found, marks, _ = angles("imu6x2", joint, angle_state("imu6x2"), instants, SECOND / 50, samples, history)
    hinge.hinge_smooth(history, marks, 0.0, found)

    def covariance(p):
        return np.array([[p[0], p[1]], [p[1], p[2]]])

    x = history[-1, hinge.X_AFTER : hinge.X_AFTER + 2]
    expected = [x[0]]
    for now, after in zip(history[-2::-1], history[:0:-1], strict=True):
        step = np.array([[1, -after[hinge.STEP]], [0, 1]])
        filtered, predicted = covariance(now[hinge.P_AFTER : hinge.STEP]), covariance(after[hinge.P_BEFORE : hinge.X_AFTER])
        gain = filtered @ step.T @ np.linalg.inv(predicted)
        x = now[hinge.X_AFTER : hinge.P_AFTER] + gain @ (x - after[hinge.X_BEFORE : hinge.P_BEFORE])
        expected.append(x[0])
    assert np.allclose(np.degrees(expected[::-1]), found[:, 0], atol=1e-3)


def main() -> None:
    names = ("02", "03")
    found, references = {name: estimates(name) for name in names}, {name: recording(name)[2] for name in names}
    clocks = {name: reference_clock(name) for name in names}
    for name in names:
        found[name]["the reference itself"] = np.interp(np.arange(len(clocks[name])) - 1 + clocks[name], *numbered(references[name]))
        print(f"{name}: the reference lies {1 - clocks[name][0]:.2f} to {1 - clocks[name][-1]:.2f} of a sample ahead")
    print("| way | whole sample: 02 | 03 | offset removed | clocks aligned: 02 | 03 | offset removed |\n|---|---|---|---|---|---|---|")
    for way in found["02"]:
        cells = []
        for lag in (dict.fromkeys(names, 0.0), clocks):
            plain, free = (
                [rmse(found[name][way], references[name], lag=lag[name], offset=kept) for name in names] for kept in (True, False)
            )
            cells += ["–", "–"] if "self-" in way else [f"{value:.2f}°" for value in plain]
            cells.append(", ".join(f"{value:.2f}°" for value in free))
        print(f"| {way} | {' | '.join(cells)} |")


def numbered(values):
    return np.arange(len(values)), values


if __name__ == "__main__":
    main()
