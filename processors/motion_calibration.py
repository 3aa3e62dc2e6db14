"""A joint's sensors as the session's own motion shows them: samples in; axes, lever arms, biases, units and doubts out.

What a calibration says is held; what it leaves out is found: hinge axes from the gyroscopes, lever arms and accelerometer biases from the
accelerations, by one Gauss–Newton fit (`motion_fit`), the zero at the session's first pose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from processors.kernels import excitation, hinge_across, twist
from processors.motion_doubts import STRAY_SHARE, across, skew
from processors.motion_fit import HingeFit
from processors.motion_joint import STANDARD_GRAVITY, Joint, angle_state, angles, frozen, given_joint, vector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

ENOUGH_TO_CALIBRATE, ENOUGH_FOR_UNITS = 15.0, 3.0
"""By how much (rad) a joint must have turned until its axes, or its sensors' units alone, are judged."""

LEAST_NORM = 3.0  # m/s²: a median less than this is in g
LEAST_INCREMENT = 0.002  # rad
MOST_SKEW_S = 0.02


def enough(kind: str, calibration: dict[str, Any] | None) -> float | None:
    """By how much (rad) the joint must have turned before its angles are told; None: they are told at once."""
    given = calibration or {}
    if kind == "quat2":
        return None if "axis_proximal" in given else ENOUGH_TO_CALIBRATE
    whole = all(name in given for name in ("axis_proximal", "axis_distal", "lever_proximal_m", "lever_distal_m"))
    return ENOUGH_FOR_UNITS if whole else ENOUGH_TO_CALIBRATE


def find_joint(
    kind: str,
    calibration: dict[str, Any] | None,
    motion: str | None,
    instants: NDArray[np.int64],
    samples: NDArray[np.float32],
    online: Joint | None = None,
) -> Joint:
    """The joint of a session's samples at their instants (ns).

    Online, a whole calibration stands as it is, with the sensors' units. In the final pass `online` is what was found then: its sense of
    flexion and its units stand, and biases and small errors of the calibration are found too.

    Without a calibrated axis, the angle of the first sample is zero and flexion positive: the movement goes that way from the first pose,
    and the other way when `motion` is an extension.
    """
    given = calibration or {}
    if kind == "quat2":
        return _twist_joint(given, motion, instants, samples, online)
    rows, places = np.empty(samples.shape), np.empty(len(samples), np.int64)
    count = hinge_across.usable_rows(samples, rows, places)
    rows, flags = rows[:count], list[str]()
    at, used = (instants, samples) if count == len(samples) else (instants[places[:count]], samples[places[:count]])
    gyro_scale, acc_scale = sensor_units(at, used) if online is None else (online.gyro_scale, online.acc_scale)
    if gyro_scale != 1.0:
        flags.append("gyroscope_deg_s")
        for first in (3, 9):
            rows[:, first : first + 3] *= gyro_scale
    if acc_scale != 1.0:
        flags.append("accelerometer_g")
        for first in (0, 6):
            rows[:, first : first + 3] *= acc_scale
    axes = all(name in given for name in ("axis_proximal", "axis_distal"))
    whole = axes and all(name in given for name in ("lever_proximal_m", "lever_distal_m"))
    zero = float(given.get("zero_deg", 0.0))
    if whole and online is None:
        return _with(given_joint(given), gyro_scale=gyro_scale, acc_scale=acc_scale, flags=flags)
    fit = HingeFit(given, at, rows)
    joint, cost = fit.joint()
    if not whole:
        flags.append("self_calibrated")
    elif fit.swapped(cost):
        flags.append("sensors_swapped")
    rates, stray = across(joint, rows)
    if stray and "sensors_swapped" not in flags:
        flags.append("not_a_hinge")
    if skew(at, rates) > MOST_SKEW_S:
        flags.append("sensors_skewed")
    joint = _with(joint, gyro_scale=gyro_scale, acc_scale=acc_scale, zero_deg=zero, flags=flags)
    return joint if axes else _sensed(kind, joint, motion, instants, samples, online)


def _with(joint: Joint, **changed: Any) -> Joint:
    return Joint(**{name: changed.get(name, getattr(joint, name)) for name in Joint.__struct_fields__})


def _sensed(
    kind: str, joint: Joint, motion: str | None, instants: NDArray[np.int64], samples: NDArray[np.float32], online: Joint | None
) -> Joint:
    """The joint with its axis in the sense in which flexion is positive, and zero at its first pose."""
    if online is not None:
        turn = sum(a * b for a, b in zip(joint.axis_proximal, online.axis_proximal, strict=True)) < 0
    else:
        found = _run(kind, joint, instants, samples)
        away = found[np.isfinite(found)]
        away = away - away[0] if len(away) else np.zeros(1)
        most = float(np.max(np.abs(away)))
        turn = float(np.sum(away[np.abs(away) > 0.25 * most])) < 0
        if motion is not None and "extension" in motion.lower():
            turn = not turn
    if turn:
        joint = _with(joint, axis_proximal=_opposite(joint.axis_proximal), axis_distal=_opposite(joint.axis_distal))
    first: list[float] = []
    for rows in (100, 5000):  # it mostly is the very first
        found = _run(kind, joint, instants, samples[:rows]) if not first else found
        first = found[np.isfinite(found)][:1].tolist()
    return _with(joint, zero_deg=joint.zero_deg - (first[0] - joint.zero_deg if first else 0.0))


def _opposite(axis: tuple[float, float, float]) -> tuple[float, float, float]:
    return -axis[0], -axis[1], -axis[2]


def _run(kind: str, joint: Joint, instants: NDArray[np.int64], samples: NDArray[np.float32]) -> Doubles:
    """Causal angles of samples: for their sense and their first value alone."""
    if not len(samples):
        return np.zeros(0)
    found, _, _ = angles(kind, joint, angle_state(kind), instants[: len(samples)], _period(instants), frozen(samples))
    return found[:, 0].astype(np.float64)


def _period(instants: NDArray[np.int64]) -> float:
    return float(np.median(np.diff(instants))) if len(instants) > 1 else 2e7


def _twist_joint(
    given: dict[str, Any], motion: str | None, instants: NDArray[np.int64], samples: NDArray[np.float32], online: Joint | None
) -> Joint:
    if "axis_proximal" in given:
        return given_joint(given)
    sums = np.zeros((3, 3))
    twist.increments(frozen(samples), sums, LEAST_INCREMENT)
    energies, directions = np.linalg.eigh(sums)
    axis = vector(directions[:, 2])
    flags = ["self_calibrated"]
    if sums[0, 0] + sums[1, 1] + sums[2, 2] > 0 and energies[2] < (1 - STRAY_SHARE) * float(np.sum(energies)):
        flags.insert(0, "not_a_hinge")
    joint = Joint(axis_proximal=axis, zero_deg=float(given.get("zero_deg", 0.0)), flags=flags)
    return _sensed("quat2", joint, motion, instants, samples, online)


def sensor_units(instants: NDArray[np.int64], samples: NDArray[np.float32]) -> tuple[float, float]:
    """The factors that make rad/s and m/s² of what came."""
    floats, ints = excitation.excitation_state()
    if not len(samples):
        return 1.0, 1.0
    rows = frozen(samples)
    excitation.excite_imus(floats, ints, instants, rows, np.inf)
    norm = float(np.median(np.sqrt(np.sum(rows[:, :3].astype(np.float64) ** 2, axis=1))))
    return (float(np.pi / 180) if excitation.gyro_in_degrees(floats) else 1.0), (STANDARD_GRAVITY if 0 < norm < LEAST_NORM else 1.0)
