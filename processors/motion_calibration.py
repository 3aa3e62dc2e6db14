"""A joint's sensors as the session's own motion shows them: samples in; axes, lever arms, biases, units and doubts out.

What a calibration says is held; what it leaves out is found: hinge axes from the gyroscopes, lever arms and accelerometer biases from the
accelerations, by one Gauss–Newton fit (`kernels/hinge_fit`), the zero at the session's first pose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from processors.kernels import excitation, hinge_fit, twist
from processors.kernels.hinge_fit import PARAMETERS, ROW, SIDE
from processors.motion_doubts import STRAY_SHARE, skew, strays
from processors.motion_joint import STANDARD_GRAVITY, ZERO, Joint, angle_state, angles, frozen, given_joint, plane, vector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

ENOUGH_TO_CALIBRATE, ENOUGH_FOR_UNITS = 15.0, 3.0
"""By how much (rad) a joint must have turned until its axes, or its sensors' units alone, are judged."""

FIT_ROWS, START_ROWS = 1500, 200
CORRELATION_S = 0.1  # residuals nearer to each other than this tell nothing new
FREE_AXIS, HELD_AXIS = 1.0, 0.01  # rad
FREE_LEVER, HELD_LEVER = 0.3, 0.002  # m
BIAS = 0.05  # m/s²: what accelerometers have when they leave the factory
LEAST_NORM = 3.0  # m/s²: a median less than this is in g
GAP_S = 0.25
MOST_ITERATIONS, START_ITERATIONS = 40, 12
LEAST_INCREMENT = 0.002  # rad
MOST_SKEW_S = 0.02
SWAPPED_SHARE = 0.5


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
    usable = np.all(np.isfinite(samples) & (np.abs(samples) < 1e6), axis=1)
    rows, flags = samples[usable].astype(np.float64), []
    gyro_scale, acc_scale = sensor_units(instants[usable], samples[usable]) if online is None else (online.gyro_scale, online.acc_scale)
    if gyro_scale != 1.0:
        flags.append("gyroscope_deg_s")
    if acc_scale != 1.0:
        flags.append("accelerometer_g")
    for first in (0, 6):
        rows[:, first : first + 3] *= acc_scale
        rows[:, first + 3 : first + 6] *= gyro_scale
    axes = all(name in given for name in ("axis_proximal", "axis_distal"))
    whole = axes and all(name in given for name in ("lever_proximal_m", "lever_distal_m"))
    zero = float(given.get("zero_deg", 0.0))
    if whole and online is None:
        return _with(given_joint(given), gyro_scale=gyro_scale, acc_scale=acc_scale, flags=flags)
    fit, period = _fit_rows(instants[usable], rows)
    joint, cost = _fit(given, fit, period)
    if whole:
        swapped = _fit(given, fit[:, [*range(6, 12), *range(6), *range(15, 18), *range(12, 15)]], period)[1]
        if len(fit) and swapped < SWAPPED_SHARE * cost:
            flags.append("sensors_swapped")
    else:
        flags.append("self_calibrated")
    if "sensors_swapped" not in flags and strays(joint, rows):
        flags.append("not_a_hinge")
    if skew(joint, instants[usable], rows) > MOST_SKEW_S:
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
    found = _run(kind, joint, instants, samples[: min(len(samples), 5000)])
    first = found[np.isfinite(found)][:1]
    return _with(joint, zero_deg=joint.zero_deg - (float(first[0]) - joint.zero_deg if len(first) else 0.0))


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


def _fit_rows(instants: NDArray[np.int64], rows: Doubles) -> tuple[Doubles, float]:
    """Rows with their angular accelerations by central differences, (n, ROW), where neither neighbour is far; the median period, s."""
    if len(rows) < 3:
        return np.zeros((0, ROW)), 0.02
    span = (instants[2:] - instants[:-2]) * 1e-9
    near = (span > 0) & (span < 2 * GAP_S)
    middle = rows[1:-1][near]
    dots = [(rows[2:, c : c + 3] - rows[:-2, c : c + 3])[near] / span[near, None] for c in (3, 9)]
    return np.concatenate([middle, *dots], axis=1), float(np.median(span)) / 2


def _principal(rates: Doubles) -> Doubles:
    """Principal directions of rates (n, 3), the strongest first, as rows."""
    moments = np.array([[float(np.sum(rates[:, i] * rates[:, j])) for j in range(3)] for i in range(3)])
    return np.ascontiguousarray(np.linalg.eigh(moments)[1].T[::-1])


def _tangents(axis: Doubles) -> list[Doubles]:
    first = np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))])
    first /= np.sqrt(np.sum(first * first))
    return [first, np.cross(axis, first)]


def _thinned(rows: Doubles, most: int) -> tuple[Doubles, int]:
    step = max(1, -(-len(rows) // most))
    return np.ascontiguousarray(rows[::step]), step


def _fit(given: dict[str, Any], rows: Doubles, period: float) -> tuple[Joint, float]:
    """The joint that explains the rows best, what is given held, and the cost of it by row."""
    few, step = _thinned(rows, START_ROWS)
    proximal = [np.array(given["axis_proximal"], float)] if "axis_proximal" in given else list(_principal(rows[:, 3:6])[:2])
    distal = [np.array(given["axis_distal"], float)] if "axis_distal" in given else list(_principal(rows[:, 9:12])[:2])
    signs = (1.0,) if "axis_distal" in given and "axis_proximal" in given else (1.0, -1.0)
    start, prior = np.zeros(PARAMETERS), np.empty(PARAMETERS)
    for first, name in ((0, "proximal"), (SIDE, "distal")):
        axis_held, lever_held = f"axis_{name}" in given, f"lever_{name}_m" in given
        start[first + 2 : first + 5] = given.get(f"lever_{name}_m", ZERO)
        deviations = [HELD_AXIS if axis_held else FREE_AXIS] * 2 + [HELD_LEVER if lever_held else FREE_LEVER] * 3 + [BIAS] * 3
        prior[first : first + SIDE] = 1 / np.array(deviations) ** 2
    starts = [np.concatenate([a, b * sign]) for a in proximal for b in distal for sign in signs]
    weight = step * period / CORRELATION_S
    tried = [_descend(few, weight, axes, start, prior, start.copy(), START_ITERATIONS) for axes in starts]
    best = 0
    if len(starts) > 1:
        best = int(np.argsort([cost + _handedness(few, axes) * weight for axes, _, cost in tried])[0])
    many, step = _thinned(rows, FIT_ROWS)
    weight = step * period / CORRELATION_S
    axes, p, cost = _descend(many, weight, starts[best], start, prior, tried[best][1], MOST_ITERATIONS)
    levers, biases = (vector(p[2:5]), vector(p[SIDE + 2 : SIDE + 5])), (vector(p[5:8]), vector(p[SIDE + 5 :]))
    return Joint(vector(axes[:3]), vector(axes[3:]), *levers, *biases), cost / max(weight * len(many), 1e-12)


def _descend(
    rows: Doubles, weight: float, axes: Doubles, start: Doubles, prior: Doubles, p: Doubles, most: int
) -> tuple[Doubles, Doubles, float]:
    """Descend from `axes` turned as `p` says; the axes, the parameters (`p` itself) and the cost there."""
    tangents = np.array(_tangents(axes[:3]) + _tangents(axes[3:]))
    cost = float(hinge_fit.descend(rows, weight, axes, tangents, start, prior, p, most))
    turned: Doubles = hinge_fit.turned_axes(p, axes, tangents)
    return turned, p, cost


def _handedness(rows: Doubles, axes: Doubles) -> float:
    """How badly the rates across the axes, as vectors, fit each other at the angle that the accelerations say: a wrong sign shows here."""
    if not len(rows):
        return 0.0
    x1, x2, y1, y2 = (np.array(v) for v in plane(vector(axes[:3]), vector(axes[3:])))
    a1, w1, a2, w2 = rows[:, :3], rows[:, 3:6], rows[:, 6:9], rows[:, 9:12]

    def part(values: Doubles, direction: Doubles) -> Doubles:
        size: Doubles = np.sum(values * direction, axis=1)
        return size

    angle = np.arctan2(part(a1, y1), part(a1, x1)) - np.arctan2(part(a2, y2), part(a2, x2))
    cos, sin = np.cos(angle), np.sin(angle)
    off_x = part(w1, x1) - (cos * part(w2, x2) - sin * part(w2, y2))
    off_y = part(w1, y1) - (sin * part(w2, x2) + cos * part(w2, y2))
    scale = hinge_fit.RATE_SCALE + 0.2 * (np.abs(part(w1, x1)) + np.abs(part(w1, y1)))
    return float(np.sum(np.log1p((off_x**2 + off_y**2) / scale**2)))
