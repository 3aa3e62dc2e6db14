"""One derivation of a session: its chunks in the order of `seq` in, repetitions as they close and the session at its end out.

`advance` and `finish` move a `Course` on, which is state alone. The session processor decides which chunk is next; a derivation made anew
begins with a new course. Where axes or units must be found from the session's own motion, a course first only watches; when it has seen
enough (`ripe`), or at the end, `settle` finds them and begins again with the chunks that are held.
"""

from __future__ import annotations

from functools import cache
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from processors.kernels import angle_reps, excitation, gyro_reps
from processors.kernels.turns import GAP, NAN, PARTIAL, REP_END, REP_FLAGS, REP_HOLD, REP_MAX, REP_MIN, REP_PEAK, REP_START, SATURATED, SEEN
from processors.motion_activity import SUMMARISED
from processors.motion_calibration import enough, find_joint
from processors.motion_joint import angle_state, angles, given_joint
from processors.motion_state import Chunk, Course, Repetition, Summary
from processors.motion_timing import instants
from processors.motion_trace import Trace
from schemas.instants import LAST, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BITS = ((GAP, "gap"), (NAN, "nan"), (PARTIAL, "partial"), (SATURATED, "saturated"))
GREATEST_ANGLE_DEG = 200.0
GREATEST_RATE_DEG_S = 2000.0
"""What no joint reaches: a repetition beyond it is an outlier."""

NO_MARKS = np.zeros(0, np.uint8)
NO_MARKS.flags.writeable = False

SENSED = frozenset({"quat2", "imu6x2"})
"""Kinds whose angles follow from a joint's sensors."""


def _flag(course: Course, name: str) -> None:
    if name not in course.flags:
        course.flags.append(name)


@cache
def _names(bits: int) -> tuple[str, ...]:
    return tuple(name for bit, name in BITS if bits & bit)


def _begin(course: Course, chunk: Chunk) -> None:
    course.clinic, course.exercise_id = chunk.clinic, chunk.exercise_id
    course.joint, course.motion, course.side, course.kind = chunk.joint, chunk.motion, chunk.side, chunk.kind
    course.start = chunk.t0
    course.calibration = chunk.calibration
    if not course.counts:
        if course.kind not in SUMMARISED[course.motion or ""]:
            _flag(course, "unsupported_kind")
        return
    floats, ints = gyro_reps.gyro_state() if course.kind == "gyr3" else angle_reps.angle_state()
    course.floats, course.ints = floats.tobytes(), ints.tobytes()
    if course.kind not in SENSED:
        return
    if course.sensors is None:
        course.enough = enough(course.kind, course.calibration)
    if course.enough is not None:
        floats, ints = excitation.excitation_state()
        course.angle_floats, course.angle_ints = floats.tobytes(), ints.tobytes()
        return
    course.sensors = course.sensors or given_joint(course.calibration or {})
    for name in course.sensors.flags:
        _flag(course, name)
    course.angle_floats, course.angle_ints = angle_state(course.kind)


def advance(course: Course, chunk: Chunk, trace: Trace | None = None) -> list[Repetition]:
    """Take the chunk with the least `seq` not yet taken; the repetitions that closed. `trace` takes the signal along."""
    if not course.kind:
        _begin(course, chunk)
    if chunk.seq > course.next_seq:
        _flag(course, "gap")
        course.gap = True
    course.next_seq = chunk.seq + 1
    if chunk.kind != course.kind:
        _flag(course, "mixed_kind")
        course.gap = True
        course.recorded = max(course.recorded, chunk.recorded)
        return []
    if not chunk.rows:
        course.recorded = max(course.recorded, chunk.recorded)
        return []
    if not course.grid.begun:
        if course.first is None:
            course.first, course.first_gap, course.gap = chunk, course.gap, False
            return []
        closed = _start_grid(course, None if course.gap else chunk.t0, trace)
        return closed + _follow(course, chunk, trace)
    return _follow(course, chunk, trace)


def _start_grid(course: Course, next_t0: int | None, trace: Trace | None) -> list[Repetition]:
    """Fold the first samples, which have waited for the instant at which those after them begin (None: it tells nothing)."""
    first, course.first = course.first, None
    if first is None:
        return []
    flag = course.grid.learn_first(first.t0, first.rows, first.rate_hz, next_t0)
    if flag:
        _flag(course, flag)
    return _fold(course, first, GAP if course.first_gap else 0, trace)


def _follow(course: Course, chunk: Chunk, trace: Trace | None) -> list[Repetition]:
    flag = course.grid.follow(chunk.t0, chunk.rate_hz, not course.gap)
    if flag:
        _flag(course, flag)
    bits = GAP if course.gap else 0
    course.gap = False
    return _fold(course, chunk, bits, trace)


def _state(course: Course) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return np.frombuffer(bytearray(course.floats)), np.frombuffer(bytearray(course.ints), np.int64)


def _fold(course: Course, chunk: Chunk, bits: int, trace: Trace | None) -> list[Repetition]:
    """Fold a chunk's samples into the kernels."""
    course.recorded = max(course.recorded, chunk.recorded)
    course.sample_bytes += len(chunk.samples)
    rows, grid = chunk.rows, course.grid
    first = grid.take(chunk.t0, rows)
    run = grid.anchor, first, grid.period, rows
    samples = np.frombuffer(chunk.samples, "<f4").reshape(rows, -1)
    if trace is not None and trace.samples_only:
        trace.add(run, samples)
        return []
    if course.enough is not None:
        _watch(course, instants(run), samples)
        return []
    marks = NO_MARKS
    signal = samples
    if course.sensors is not None and course.floats:
        if trace is not None and trace.angles is not None:
            signal, marks = trace.replay(rows)
        else:
            state = course.angle_floats, course.angle_ints
            signal, marks, state = angles(course.kind, course.sensors, state, instants(run), grid.period, samples)
            course.angle_floats, course.angle_ints = state
    if trace is not None and trace.angles is None:
        trace.add(run, samples, signal, marks)
    if not course.floats:
        return []
    floats, ints = _state(course)
    times, values = np.empty((rows // 2 + 2, 4), np.int64), np.empty((rows // 2 + 2, 3))
    if course.kind == "gyr3":
        found = gyro_reps.gyro_reps(floats, ints, grid.anchor, first, grid.period, signal, bits, times, values)
    else:
        found = angle_reps.angle_reps(floats, ints, grid.anchor, first, grid.period, signal, marks, bits, times, values)
    course.floats, course.ints = floats.tobytes(), ints.tobytes()
    return repetitions(course, times[:found], values[:found])


def _watch(course: Course, instants: NDArray[np.int64], samples: NDArray[np.float32]) -> None:
    """Only see how much the joint moves, until that is enough."""
    if course.ripe or course.enough is None:
        return
    floats, ints = np.frombuffer(bytearray(course.angle_floats)), np.frombuffer(bytearray(course.angle_ints), np.int64)
    kernel = excitation.excite_quaternions if course.kind == "quat2" else excitation.excite_imus
    course.ripe = bool(kernel(floats, ints, instants, samples, course.enough))
    course.angle_floats, course.angle_ints = floats.tobytes(), ints.tobytes()


def recording(chunks: list[Chunk]) -> Trace:
    """Instants and samples of chunks, as a course takes them."""
    trace, course = Trace(samples_only=True), Course(derivation=0)
    for chunk in chunks:
        advance(course, chunk, trace)
    _start_grid(course, None, trace)
    return trace


def settle(course: Course, chunks: list[Chunk], trace: Trace | None = None) -> list[Repetition]:
    """A course that only watched is ripe, or at its end: find the joint from what it saw, and begin again with its chunks."""
    seen = recording(chunks)
    taken = int(np.frombuffer(course.angle_ints, np.int64)[excitation.TAKEN])
    sensors = find_joint(course.kind, course.calibration, course.motion, seen.instants[:taken], seen.samples[:taken])
    again = Course(derivation=course.derivation, sensors=sensors, recorded=max((chunk.recorded for chunk in chunks), default=0))
    for name in Course.__struct_fields__:
        setattr(course, name, getattr(again, name))
    return [rep for chunk in chunks for rep in advance(course, chunk, trace)]


def repetitions(course: Course, times: NDArray[np.int64], values: NDArray[np.float64]) -> list[Repetition]:
    """The next repetitions of a course, of the rows that a kernel wrote."""
    return [_repetition(course, *row) for row in zip(times.tolist(), values.tolist(), strict=True)]


def _repetition(course: Course, times: list[int], values: list[float]) -> Repetition:
    course.reps += 1
    has_angles = course.kind != "gyr3"
    low, high, peak = values[REP_MIN], values[REP_MAX], values[REP_PEAK]
    flags = list(_names(times[REP_FLAGS]))
    if peak > GREATEST_RATE_DEG_S or (has_angles and max(abs(low), abs(high)) > GREATEST_ANGLE_DEG):
        flags.append("outlier")
        _flag(course, "outlier")
    flags.sort()
    if has_angles and "gap" not in flags and "outlier" not in flags:
        course.roms.append(high - low)
    return Repetition(
        number=course.reps,
        start=min(times[REP_START], LAST),
        end=min(times[REP_END], LAST),
        recorded=course.recorded,
        min_deg=low if has_angles else None,
        max_deg=high if has_angles else None,
        peak_rate_deg_s=peak,
        hold_s=times[REP_HOLD] / SECOND if has_angles else None,
        flags=flags,
    )


def finish(course: Course, held: Callable[[], list[Chunk]], trace: Trace | None = None) -> tuple[list[Repetition], Summary]:
    """The session ends: what was still open and counts, and the session itself. `held`: the chunks that it has taken."""
    closed = _start_grid(course, None, trace)
    if course.enough is not None:
        closed = settle(course, held(), trace) + _start_grid(course, None, trace)
    if course.floats:
        gyro = course.kind == "gyr3"
        kernel = gyro_reps.gyro_finish if gyro else angle_reps.angle_finish
        floats, ints = _state(course)
        times, values = np.zeros((1, 4), np.int64), np.zeros((1, 3))
        found = kernel(floats, ints, times, values)
        closed += repetitions(course, times[:found], values[:found])
        course.floats, course.ints = floats.tobytes(), ints.tobytes()
        for name in _names(int(ints[SEEN] | ints[gyro_reps.MARKED if gyro else angle_reps.MARKED])):
            _flag(course, name)
    grid = course.grid
    end = grid.anchor + int((grid.count - 1) * grid.period) if grid.count else course.start
    return closed, Summary(
        end=max(min(end, LAST), course.start),
        rom_best_deg=max(course.roms, default=None),
        rom_median_deg=median(course.roms) if course.roms else None,
        flags=sorted(course.flags),
    )
