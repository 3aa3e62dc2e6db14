"""The final pass over a session that closed: its chunks in; its smoothness, its doubts, and where it knows better, its repetitions anew.

Angles that a filter made online are made again from the whole recording: axes, lever arms and biases found from all of it, and each angle
from the samples after it too. Repetitions are then counted in these as they were online. In angular rates they are sought again by the
rhythm of the whole (`motion_rhythm`).
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from processors.kernels import hinge
from processors.kernels.sparc import LEAST_SAMPLES, angle_sparcs, sparc
from processors.motion_calibration import find_joint
from processors.motion_course import advance, finish, repetitions, settle
from processors.motion_joint import Joint, angle_state, angles, frozen
from processors.motion_rhythm import rhythmic_reps
from processors.motion_state import Chunk, Course, Repetition, Summary
from processors.motion_trace import Trace, samples_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

DOUBTS = frozenset({"sensors_swapped", "sensors_skewed", "not_a_hinge"})


class Derivation(msgspec.Struct, frozen=True):
    """All that one derivation tells, and the signal that it was made from."""

    course: Course
    reps: list[Repetition]
    summary: Summary
    trace: Trace


def derive(derivation: int, joint: Joint | None, chunks: list[Chunk], trace: Trace) -> Derivation:
    """A derivation of all chunks with a joint that is known."""
    course = Course(derivation=derivation, sensors=joint, recorded=max((chunk.recorded for chunk in chunks), default=0))
    reps = [rep for chunk in chunks for rep in advance(course, chunk, trace)]
    closing, summary = finish(course, lambda: chunks, trace)
    return Derivation(course, reps + closing, summary, trace)


def final_pass(course: Course, chunks: list[Chunk], told: Derivation | None = None) -> tuple[float | None, list[str], Derivation | None]:
    """Of a finished course: its `sparc`, the doubts that all of it raises, and the smoothed derivation where it knows better.

    `told`: what it told, where that is at hand.
    """
    online = told or derive(course.derivation, course.sensors, chunks, Trace(signal_only=True))
    smoothness = session_sparc(online)
    joint = course.sensors
    if course.kind == "gyr3":
        return smoothness, [], _by_rhythm(online)
    if joint is None or not course.floats or not (course.kind == "imu6x2" or "self_calibrated" in joint.flags):
        return smoothness, [], None
    instants, samples = online.trace.instants, frozen(samples_of(course.kind, chunks))
    better = find_joint(course.kind, course.calibration, course.motion, instants, samples, joint)
    doubts = sorted(DOUBTS.intersection(better.flags))
    smooth, marks = smoothed_angles(course.kind, better, instants, samples)
    again = derive(course.derivation + 1, better, chunks, Trace(angles=frozen(smooth), marks=marks))
    if not online.reps and not again.reps:
        return smoothness, doubts, None
    summary = msgspec.structs.replace(again.summary, flags=sorted([*again.summary.flags, "smoothed"]))
    again = Derivation(again.course, again.reps, summary, online.trace.with_signal(smooth, marks))
    return smoothness, doubts, msgspec.structs.replace(again, summary=msgspec.structs.replace(summary, sparc=session_sparc(again)))


def _by_rhythm(online: Derivation) -> Derivation | None:
    """The derivation whose repetitions the session's rhythm tells, where it tells another number of them."""
    found = rhythmic_reps(online.trace.instants, online.trace.signal, online.reps)
    if found is None or len(found[0]) == len(online.reps):
        return None
    course = msgspec.structs.replace(online.course, derivation=online.course.derivation + 1, reps=0, flags=list(online.course.flags))
    reps = repetitions(course, *found)
    summary = msgspec.structs.replace(online.summary, flags=sorted({*online.summary.flags, *course.flags, "smoothed"}))
    again = Derivation(course, reps, summary, online.trace)
    return msgspec.structs.replace(again, summary=msgspec.structs.replace(summary, sparc=session_sparc(again)))


def smoothed_angles(
    kind: str, joint: Joint, instants: NDArray[np.int64], samples: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Angles (deg, (n, 1)) of a whole recording, each from all of it, and the marks (n,) of those that were skipped."""
    period = float(np.median(np.diff(instants))) if len(instants) > 1 else 2e7
    history = np.zeros((len(samples), hinge.HISTORY)) if kind == "imu6x2" else np.zeros((0, hinge.HISTORY))
    found, marks, _ = angles(kind, joint, angle_state(kind), instants, period, samples, history)
    if kind == "imu6x2":
        hinge.hinge_smooth(history, marks, float(np.radians(joint.zero_deg)), found)
    marks.flags.writeable = False
    return found, marks


def session_sparc(derivation: Derivation) -> float | None:
    """The median SPARC over a derivation's unflagged repetitions; None where there is none."""
    instants, signal = derivation.trace.instants, derivation.trace.signal
    times = np.array([(rep.start, rep.end) for rep in derivation.reps if not rep.flags], np.int64).reshape(-1, 2)
    firsts, ends = np.searchsorted(instants, times[:, 0]), np.searchsorted(instants, times[:, 1], side="right")
    if not len(times):
        return None
    if signal.shape[1] == 1:
        values = angle_sparcs(instants, signal, firsts, ends).tolist()
    else:
        values = [_rate_sparc(instants[first:end], signal[first:end]) for first, end in zip(firsts, ends, strict=True)]
    found = [value for value in values if np.isfinite(value)]
    return median(found) if found else None


def _rate_sparc(instants: NDArray[np.int64], rates: NDArray[np.float32]) -> float:
    """SPARC of angular rates, (n, 3), along the direction that moves most."""
    if len(instants) < LEAST_SAMPLES or not np.all(np.isfinite(rates)) or instants[-1] <= instants[0]:
        return float("nan")
    period = float(instants[-1] - instants[0]) / (len(instants) - 1) * 1e-9
    wide = rates.astype(np.float64)
    moments = np.array([[float(np.sum(wide[:, i] * wide[:, j])) for j in range(3)] for i in range(3)])
    return sparc(np.abs(np.sum(wide * np.linalg.eigh(moments)[1][:, 2], axis=1)), 1 / period)


def whole_session(chunks: list[Chunk], most_bytes: int) -> tuple[Derivation, Derivation | None]:
    """What a session tells whose chunks, by ascending `seq`, are all there: its first derivation, and the smoothed one, if any."""
    course = Course(derivation=1)
    for number, chunk in enumerate(chunks):
        advance(course, chunk)
        if course.ripe:
            settle(course, chunks[: number + 1])
    finish(course, lambda: chunks)
    online = derive(1, course.sensors, chunks, Trace())
    smoothness, doubts, better = (None, ["no_final_pass"], None) if course.sample_bytes > most_bytes else final_pass(course, chunks)
    summary = msgspec.structs.replace(online.summary, sparc=smoothness, flags=sorted({*online.summary.flags, *doubts}))
    return msgspec.structs.replace(online, summary=summary), better
