"""What is known of a joint's sensors, and the angles that follow from it: samples of `quat2` or `imu6x2` in, degrees out.

A `Joint` comes from the calibration that a chunk brings, or from the session's own motion (`motion_calibration`). Angles are causal here;
the final pass smooths them.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from processors.kernels import hinge, twist

if TYPE_CHECKING:
    from numpy.typing import NDArray

Vector = tuple[float, float, float]
ZERO: Vector = (0.0, 0.0, 0.0)
STANDARD_GRAVITY = 9.80665


class Joint(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Axes (unit vectors, each sensor's frame), lever arms from the joint's centre (m), accelerometer biases (m/s²), units, zero."""

    axis_proximal: Vector
    axis_distal: Vector = ZERO
    lever_proximal: Vector = ZERO
    lever_distal: Vector = ZERO
    bias_proximal: Vector = ZERO
    bias_distal: Vector = ZERO
    gyro_scale: float = 1.0
    acc_scale: float = 1.0
    zero_deg: float = 0.0
    flags: list[str] = []


def vector(values: Any) -> Vector:
    """Three numbers as a vector."""
    x, y, z = (float(value) for value in values)
    return x, y, z


def _unit(v: Vector) -> Vector:
    length = math.sqrt(_dot(v, v))
    return (v[0] / length, v[1] / length, v[2] / length) if length > 0 else v


def given_joint(calibration: dict[str, Any]) -> Joint:
    """The joint as a calibration with an axis says it."""
    distal = calibration.get("axis_distal")
    return Joint(
        axis_proximal=_unit(vector(calibration["axis_proximal"])),
        axis_distal=ZERO if distal is None else _unit(vector(distal)),
        lever_proximal=vector(calibration.get("lever_proximal_m", ZERO)),
        lever_distal=vector(calibration.get("lever_distal_m", ZERO)),
        zero_deg=float(calibration.get("zero_deg", 0.0)),
    )


def cross(a: Vector, b: Vector) -> Vector:
    """The vector product."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def plane(axis_proximal: Vector, axis_distal: Vector) -> tuple[Vector, Vector, Vector, Vector]:
    """Directions x and y of the hinge's plane: x proximal, x distal, y proximal, y distal.

    The distal ones are the proximal ones turned as the distal axis is turned from the proximal one by the least rotation: so the angle
    between them is the twist about the axis.
    """
    least = min(range(3), key=lambda k: abs(axis_proximal[k]))
    p0, p1, p2 = axis_proximal
    share = axis_proximal[least]
    x0, x1, x2 = ((1.0 if k == least else 0.0) - share * p for k, p in enumerate(axis_proximal))
    length = math.sqrt(x0 * x0 + x1 * x1 + x2 * x2)
    x = (x0 / length, x1 / length, x2 / length)
    y = cross((p0, p1, p2), x)
    turn, cosine = cross(axis_proximal, axis_distal), _dot(axis_proximal, axis_distal)
    if cosine < -1 + 1e-12:
        return x, x, y, (-y[0], -y[1], -y[2])

    def turned(v: Vector) -> Vector:
        along, across = _dot(turn, v) / (1 + cosine), cross(turn, v)
        return (
            v[0] * cosine + across[0] + turn[0] * along,
            v[1] * cosine + across[1] + turn[1] * along,
            v[2] * cosine + across[2] + turn[2] * along,
        )

    return x, turned(x), y, turned(y)


def geometry(joint: Joint) -> NDArray[np.float64]:
    """What the hinge kernel needs of a joint, float64 (HINGE_GEOMETRY,): not to be written to."""
    return _geometry(
        *(joint.axis_proximal, joint.axis_distal, joint.lever_proximal, joint.lever_distal, joint.bias_proximal, joint.bias_distal),
        *(joint.gyro_scale, joint.acc_scale, joint.zero_deg),
    )


@lru_cache(1024)
def _geometry(axis_proximal: Vector, axis_distal: Vector, *rest: Any) -> NDArray[np.float64]:
    """Both axes and the directions of their plane, the levers and biases, the scales and the zero: as the hinge kernel has them."""
    *others, gyro_scale, acc_scale, zero_deg = rest
    vectors = (axis_proximal, axis_distal, *plane(axis_proximal, axis_distal), *others)
    return np.array([*(number for v in vectors for number in v), gyro_scale, acc_scale, math.radians(zero_deg)])


def angle_state(kind: str) -> tuple[bytes, bytes]:
    """The state of the angle before the first sample."""
    if kind == "quat2":
        return twist.twist_state().tobytes(), b""
    floats, ints = hinge.hinge_state()
    return floats.tobytes(), ints.tobytes()


NO_HISTORY = np.zeros((0, hinge.HISTORY))


def angles(
    kind: str,
    joint: Joint,
    state: tuple[bytes, bytes],
    instants: NDArray[np.int64],
    period: float,
    samples: NDArray[np.float32],
    history: NDArray[np.float64] = NO_HISTORY,
) -> tuple[NDArray[np.float32], NDArray[np.uint8], tuple[bytes, bytes]]:
    """Angles (deg, (n, 1)), marks (n,) and the state after samples at `instants` (ns), `period` ns apart."""
    found, marks = np.empty((len(samples), 1), np.float32), np.zeros(len(samples), np.uint8)
    floats = np.frombuffer(bytearray(state[0]))
    if kind == "quat2":
        twist.twist_angles(floats, samples, np.array(joint.axis_proximal), joint.zero_deg, found, marks)
        return found, marks, (floats.tobytes(), b"")
    ints = np.frombuffer(bytearray(state[1]), np.int64)
    hinge.hinge_angles(floats, ints, instants, period, samples, geometry(joint), found, marks, history)
    return found, marks, (floats.tobytes(), ints.tobytes())


def frozen(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Samples as the kernels want them: C-contiguous and not writeable, as those of a chunk are."""
    rows = np.ascontiguousarray(samples).view()
    rows.flags.writeable = False
    return rows
