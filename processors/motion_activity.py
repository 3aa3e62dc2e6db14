"""What a session of walking or rest shows: its samples in; the values of one `sensor.activity` out.

`gait` (`gyr3`, `imu6x2`): the stride is the period with which the rate about the axis that moves most comes again, by windows of 10 s; two
steps a stride, so the sensor must swing once a stride: a leg or an arm. `posture` (`imu6x2`): where up is while both sensors rest, by the
orientation of each.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from processors.kernels.orientation import BIAS, orientation_state, orientations, upward
from processors.motion_calibration import sensor_units

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

SUMMARISED = {"gait": frozenset({"gyr3", "imu6x2"}), "posture": frozenset({"imu6x2"})}
"""Which kinds tell what of which motion."""

WINDOW_S = 10.0
STRIDE_S = (0.6, 2.5)
LEAST_LIKENESS = 0.5
SHORTER_WINS = 0.85  # of the greatest likeness: a shorter period that good is the stride, the longer one two of it
LEAST_SWING = 0.3  # rad/s, root mean square
REST_RATE = 0.1  # rad/s
REST_S = 1.0
LEAST_SAMPLES = 8
GREATEST = 1e6  # what no sensor says


def summarise(
    motion: str, kind: str, calibration: dict[str, Any] | None, instants: NDArray[np.int64], samples: NDArray[np.float32]
) -> tuple[dict[str, float], list[str]]:
    """The values of the activity, and the flags of its session. Nothing that wasn't measured is in the values."""
    usable = np.all(np.abs(samples) < GREATEST, axis=1)
    instants, samples = instants[usable], samples[usable]
    scale, flags = 1.0, [] if bool(np.all(usable)) else ["nan"]
    if kind == "imu6x2":
        scale, _ = sensor_units(instants, samples)
        if scale != 1.0:
            flags.append("gyroscope_deg_s")
    wide = samples.astype(np.float64)
    if motion == "gait":
        return _gait(instants, wide[:, -3:] * scale), flags
    wide[:, [3, 4, 5, 9, 10, 11]] *= scale
    return _posture(calibration or {}, instants, wide), flags


def _windows(instants: NDArray[np.int64], seconds: float) -> list[slice]:
    """Spans of so many seconds each, the last one left out where it is shorter or has a gap."""
    if len(instants) < 2:
        return []
    numbers = (instants - instants[0]) // int(seconds * 1e9)
    borders = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(instants)]
    period = float(np.median(np.diff(instants)))
    found = [slice(first, last) for first, last in pairwise(borders)]
    return [
        part
        for part in found
        if part.stop - part.start >= LEAST_SAMPLES
        and (part.stop - part.start) * period >= 0.95 * seconds * 1e9
        and instants[part.stop - 1] > instants[part.start]
    ]


def _gait(instants: NDArray[np.int64], rates: Doubles) -> dict[str, float]:
    strides = []
    windows = _windows(instants, WINDOW_S)
    for part in windows:
        inside = rates[part] - np.mean(rates[part], axis=0)
        moments = np.array([[float(np.sum(inside[:, i] * inside[:, j])) for j in range(3)] for i in range(3)])
        swing = np.sum(inside * np.linalg.eigh(moments)[1][:, 2], axis=1)
        period = float(instants[part.stop - 1] - instants[part.start]) / (len(swing) - 1) * 1e-9
        stride = _period(swing, period)
        if stride is not None:
            strides.append(stride)
    values = {"walking_s": WINDOW_S * len(strides)} if windows else {}
    if strides:
        values["steps_per_min"] = 120.0 / float(np.median(strides))
        values["stride_s"] = float(np.median(strides))
    return values


def _period(swing: Doubles, period: float) -> float | None:
    """With which period (s) a signal comes again; None where it doesn't clearly."""
    if float(np.sqrt(np.mean(swing**2))) < LEAST_SWING:
        return None
    first, last = int(STRIDE_S[0] / period), int(STRIDE_S[1] / period) + 1
    if first < 2 or last + 1 >= len(swing) // 2:
        return None
    likeness = []
    for lag in range(first - 1, last + 2):
        a, b = swing[:-lag], swing[lag:]
        likeness.append(float(np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b))))
    peaks = [k for k in range(1, len(likeness) - 1) if likeness[k - 1] <= likeness[k] > likeness[k + 1] and likeness[k] >= LEAST_LIKENESS]
    if not peaks:
        return None
    best = next(k for k in peaks if likeness[k] >= SHORTER_WINS * max(likeness[peak] for peak in peaks))
    left, middle, right = likeness[best - 1 : best + 2]
    return (first - 1 + best + 0.5 * (left - right) / (left - 2 * middle + right)) * period


def _posture(calibration: dict[str, Any], instants: NDArray[np.int64], rows: Doubles) -> dict[str, float]:
    values: dict[str, float] = {}
    windows = _windows(instants, REST_S)
    ups, rates = zip(*(_up_and_rate(instants, rows[:, first : first + 6]) for first in (0, 6)), strict=True)
    fastest = np.maximum(*rates)
    resting = [part for part in windows if float(np.max(fastest[part])) < REST_RATE]
    if windows:
        values["rest_s"] = REST_S * len(resting)
    for side, turned in zip(("proximal", "distal"), ups, strict=True):
        up = np.array([np.mean(turned[part], axis=0) for part in resting])
        lengths = np.sqrt(np.sum(up * up, axis=1)) if len(up) else np.zeros(0)
        if not len(up) or not np.all(lengths > 0):
            continue
        up /= lengths[:, None]
        lever = calibration.get(f"lever_{side}_m")
        along = np.zeros(3) if lever is None else np.array(lever, float)
        name = "inclination" if np.any(along) else "tilt_change"
        along = along / np.sqrt(np.sum(along**2)) if np.any(along) else up[0]
        values[f"{name}_{side}_deg"] = float(np.median(np.degrees(np.arccos(np.clip(np.sum(up * along, axis=1), -1, 1)))))
    return values


def _up_and_rate(instants: NDArray[np.int64], rows: Doubles) -> tuple[Doubles, Doubles]:
    """Up in a sensor's frame, (n, 3), and how fast it turns, (n,), rad/s, without the bias that its rests showed."""
    floats, ints = orientation_state()
    turned, up = np.empty((len(rows), 4)), np.empty((len(rows), 3))
    rest, marks = np.zeros(len(rows), np.uint8), np.zeros(len(rows), np.uint8)
    period = float(np.median(np.diff(instants))) if len(instants) > 1 else 2e7
    orientations(floats, ints, instants, period, np.ascontiguousarray(rows, np.float32), 0, turned, rest, marks)
    upward(turned, up)
    rate = np.sqrt(np.sum((rows[:, 3:] - floats[BIAS : BIAS + 3]) ** 2, axis=1))
    return np.where(np.any(rows[:, :3] != 0, axis=1)[:, None], up, 0.0), rate
