"""One derivation of a session: its chunks in the order of `seq` in, repetitions as they close and the session at its end out.

A `Course` is state alone (it is stored between chunks); `advance` and `finish` move it on. The session processor decides which chunk is
next; a derivation made anew begins with a new course.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from processors.kernels import angle_reps, gyro_reps
from processors.kernels.turns import GAP, NAN, PARTIAL, REP_END, REP_FLAGS, REP_HOLD, REP_MAX, REP_MIN, REP_PEAK, REP_START, SATURATED, SEEN
from processors.motion_timing import Grid
from schemas.instants import LAST, SECOND
from schemas.samples import CHANNELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

BITS = ((GAP, "gap"), (NAN, "nan"), (PARTIAL, "partial"), (SATURATED, "saturated"))
GREATEST_ANGLE_DEG = 200.0
GREATEST_RATE_DEG_S = 2000.0
"""What no joint reaches: a repetition beyond it is an outlier."""

SUMMARISED_MOTIONS = frozenset({"gait", "posture"})


class Chunk(msgspec.Struct, array_like=True, frozen=True):
    """An admitted chunk, as it is held: what its derivations need of it."""

    seq: int
    recorded: int
    clinic: str | None
    exercise_id: str | None
    joint: str
    motion: str | None
    side: str
    t0: int
    rate_hz: float
    kind: str
    last: bool
    calibration: dict[str, Any] | None
    samples: bytes

    @property
    def rows(self) -> int:
        """How many samples it has."""
        return len(self.samples) // (4 * CHANNELS[self.kind])


class Repetition(msgspec.Struct, array_like=True, frozen=True):
    """A repetition that closed. Instants in ns; `recorded` is the greatest of the chunks up to the one that closed it."""

    number: int
    start: int
    end: int
    recorded: int
    min_deg: float | None
    max_deg: float | None
    peak_rate_deg_s: float
    hold_s: float | None
    flags: list[str]

    @property
    def rom_deg(self) -> float | None:
        """Its extent, deg."""
        return None if self.min_deg is None or self.max_deg is None else self.max_deg - self.min_deg


class Course(msgspec.Struct, array_like=True):
    """Where a derivation stands."""

    derivation: int
    clinic: str | None = None
    exercise_id: str | None = None
    joint: str = ""
    motion: str | None = None
    side: str = ""
    kind: str = ""
    start: int = 0
    recorded: int = 0
    next_seq: int = 0
    reps: int = 0
    roms: list[float] = []
    flags: list[str] = []
    grid: Grid = msgspec.field(default_factory=Grid)
    first: Chunk | None = None  # the first samples wait for the next chunk, which tells the rate
    first_gap: bool = False  # chunks are missing before them
    gap: bool = False  # chunks are missing before the next samples
    floats: bytes = b""
    ints: bytes = b""

    @property
    def counts(self) -> bool:
        """Whether repetitions can be counted in it."""
        return self.kind in {"angle", "gyr3"} and self.motion not in SUMMARISED_MOTIONS


def _flag(course: Course, name: str) -> None:
    if name not in course.flags:
        course.flags.append(name)


def _names(bits: int) -> list[str]:
    return [name for bit, name in BITS if bits & bit]


def _begin(course: Course, chunk: Chunk) -> None:
    course.clinic, course.exercise_id = chunk.clinic, chunk.exercise_id
    course.joint, course.motion, course.side, course.kind = chunk.joint, chunk.motion, chunk.side, chunk.kind
    course.start = chunk.t0
    if not course.counts:
        _flag(course, "unsupported_kind")
        return
    floats, ints = angle_reps.angle_state() if course.kind == "angle" else gyro_reps.gyro_state()
    course.floats, course.ints = floats.tobytes(), ints.tobytes()


def advance(course: Course, chunk: Chunk) -> list[Repetition]:
    """Take the chunk with the least `seq` not yet taken; the repetitions that closed."""
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
        closed = _start_grid(course, None if course.gap else chunk.t0)
        return closed + _follow(course, chunk)
    return _follow(course, chunk)


def _start_grid(course: Course, next_t0: int | None) -> list[Repetition]:
    """Fold the first samples, which have waited for the instant at which those after them begin (None: it tells nothing)."""
    first, course.first = course.first, None
    if first is None:
        return []
    flag = course.grid.learn_first(first.t0, first.rows, first.rate_hz, next_t0)
    if flag:
        _flag(course, flag)
    return _fold(course, first, GAP if course.first_gap else 0)


def _follow(course: Course, chunk: Chunk) -> list[Repetition]:
    flag = course.grid.follow(chunk.t0, chunk.rate_hz, not course.gap)
    if flag:
        _flag(course, flag)
    bits = GAP if course.gap else 0
    course.gap = False
    return _fold(course, chunk, bits)


def _state(course: Course) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return np.frombuffer(bytearray(course.floats)), np.frombuffer(bytearray(course.ints), np.int64)


def _fold(course: Course, chunk: Chunk, bits: int) -> list[Repetition]:
    """Fold a chunk's samples into the kernel."""
    course.recorded = max(course.recorded, chunk.recorded)
    first = course.grid.take(chunk.t0, chunk.rows)
    if not course.counts:
        return []
    kernel = angle_reps.angle_reps if course.kind == "angle" else gyro_reps.gyro_reps
    floats, ints = _state(course)
    samples = np.frombuffer(chunk.samples, "<f4").reshape(chunk.rows, -1)
    times, values = np.zeros((chunk.rows // 2 + 2, 4), np.int64), np.zeros((chunk.rows // 2 + 2, 3))
    found = kernel(floats, ints, course.grid.anchor, first, course.grid.period, samples, bits, times, values)
    course.floats, course.ints = floats.tobytes(), ints.tobytes()
    return [_repetition(course, times[row], values[row]) for row in range(found)]


def _repetition(course: Course, times: NDArray[np.int64], values: NDArray[np.float64]) -> Repetition:
    course.reps += 1
    angles = course.kind == "angle"
    low, high, peak = (float(values[column]) for column in (REP_MIN, REP_MAX, REP_PEAK))
    flags = _names(int(times[REP_FLAGS]))
    if peak > GREATEST_RATE_DEG_S or (angles and max(abs(low), abs(high)) > GREATEST_ANGLE_DEG):
        flags.append("outlier")
        _flag(course, "outlier")
    flags.sort()
    if angles and not {"gap", "outlier"}.intersection(flags):
        course.roms.append(high - low)
    start, end = min(int(times[REP_START]), LAST), min(int(times[REP_END]), LAST)
    return Repetition(
        number=course.reps,
        start=start,
        end=end,
        recorded=course.recorded,
        min_deg=low if angles else None,
        max_deg=high if angles else None,
        peak_rate_deg_s=peak,
        hold_s=int(times[REP_HOLD]) / SECOND if angles else None,
        flags=flags,
    )


class Summary(msgspec.Struct, frozen=True):
    """A session at its end."""

    end: int
    rom_best_deg: float | None
    rom_median_deg: float | None
    flags: list[str]


def finish(course: Course) -> tuple[list[Repetition], Summary]:
    """The session ends: what was still open and counts, and the session itself."""
    closed = _start_grid(course, None)
    if course.floats:
        kernel = angle_reps.angle_finish if course.kind == "angle" else gyro_reps.gyro_finish
        marked = angle_reps.MARKED if course.kind == "angle" else gyro_reps.MARKED
        floats, ints = _state(course)
        times, values = np.zeros((1, 4), np.int64), np.zeros((1, 3))
        if kernel(floats, ints, times, values):
            closed.append(_repetition(course, times[0], values[0]))
        course.floats, course.ints = floats.tobytes(), ints.tobytes()
        for name in _names(int(ints[SEEN] | ints[marked])):
            _flag(course, name)
    grid = course.grid
    end = grid.anchor + int((grid.count - 1) * grid.period) if grid.count else course.start
    return closed, Summary(
        end=max(min(end, LAST), course.start),
        rom_best_deg=max(course.roms, default=None),
        rom_median_deg=median(course.roms) if course.roms else None,
        flags=sorted(course.flags),
    )
