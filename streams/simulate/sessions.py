"""A sensed session of a simulated patient: as `motion.session` and `motion.rep`, or, with samples, as the chunks they are derived from."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from schemas.instants import SECOND
from streams.simulate.drafts import DEVICE, MOTION
from streams.simulate.signals import CHUNK_ROWS, RATE_HZ, angle_signal

if TYPE_CHECKING:
    from streams.simulate.life import Life

MILLISECOND = SECOND // 1000


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved, when (ns), from which angle at rest, and how far at best (deg)."""

    day: int
    session_id: str
    exercise_id: str
    joint: str
    motion: str
    side: str
    start: int
    rest: float
    reach: float


def tell(life: Life, moved: Moved, reps: int, random: np.random.Generator, *, samples: bool) -> int:
    """Tell a session of so many repetitions; when it ended (ns)."""
    toward = 1 if moved.reach > moved.rest else -1
    short = random.gamma(1.5, 2.5, reps)
    short[int(random.integers(0, reps))] = 0.0
    peaks = np.round(moved.reach - toward * short, 2).tolist()
    seconds = np.round(random.uniform(2.4, 4.2, reps), 3).tolist()
    wobble = np.round(random.uniform(-0.5, 0.5, reps), 2).tolist()
    if samples:
        return _chunks(life, moved, peaks, seconds, random)
    about: dict[str, Any] = {
        "session_id": moved.session_id,
        "derivation": 1,
        "exercise_id": moved.exercise_id,
        "joint": moved.joint,
        "motion": moved.motion,
        "side": moved.side,
    }
    name = f"{life.subject}/{moved.session_id}/1"
    end = moved.start + sum(int((duration + 0.5) * 1000) for duration in seconds) * MILLISECOND + 2 * SECOND
    recorded, at, ranges = end + 5 * SECOND, moved.start + SECOND, []
    for number, (peak, duration, off) in enumerate(zip(peaks, seconds, wobble, strict=True), 1):
        low, high = sorted((round(moved.rest + off, 2), peak))
        ranges.append(round(high - low, 2))
        data = about | {
            "session_start": moved.start,
            "rep": number,
            "start_time": at,
            "duration_s": duration,
            "min_deg": low,
            "max_deg": high,
            "rom_deg": ranges[-1],
            "peak_rate_deg_s": round(ranges[-1] * 3.1416 / duration, 1),
            "flags": [],
        }
        life.tell("motion.rep", moved.day, at, data, "device", source=MOTION, name=f"{name}/{number}", recorded=recorded)
        at += int((duration + 0.5) * 1000) * MILLISECOND
    data = about | {
        "start_time": moved.start,
        "end_time": end,
        "reps": reps,
        "rom_best_deg": max(ranges),
        "rom_median_deg": float(np.median(ranges)),
        "sparc": round(-1.5 - float(random.random()), 3),
        "flags": [],
    }
    life.tell("motion.session", moved.day, moved.start, data, "device", source=MOTION, name=name, recorded=recorded)
    return end


def _chunks(life: Life, moved: Moved, peaks: list[float], seconds: list[float], random: np.random.Generator) -> int:
    angles = angle_signal(moved.rest, peaks, seconds, random)
    places = range(0, len(angles), CHUNK_ROWS)
    end = moved.start
    for seq, place in enumerate(places):
        piece = angles[place : place + CHUNK_ROWS]
        begin = moved.start + place * SECOND // RATE_HZ
        end = begin + len(piece) * SECOND // RATE_HZ
        data = {
            "device_id": f"{life.subject}-goniometer",
            "session_id": moved.session_id,
            "exercise_id": moved.exercise_id,
            "joint": moved.joint,
            "motion": moved.motion,
            "side": moved.side,
            "seq": seq,
            "t0_ns": begin,
            "rate_hz": RATE_HZ,
            "kind": "angle",
            "samples_b64": base64.b64encode(piece.tobytes()).decode(),
            "n": len(piece),
            "last": seq == len(places) - 1,
        }
        name = f"{moved.session_id}-{seq:03d}"
        life.tell("sensor.chunk", moved.day, begin, data, "device", source=DEVICE, name=name, recorded=end + 2 * SECOND)
    return end
