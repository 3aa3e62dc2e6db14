"""The small job: a record of a patient in, his reps by day so far and their share of the plan out, as one JSON line a record.

A report says how many reps were done; of a chunk the kernel counts them. The state is a patient's reps by day. Whoever runs the job
decodes and validates each record by the product's own `decode_kafka`.
"""

from __future__ import annotations

import numpy as np
import orjson

from processors.kernels.angle_reps import angle_reps, angle_state
from schemas.events import CHUNK
from schemas.facts import Fact
from schemas.instants import format_instant
from schemas.kafka import decode_kafka

PLANNED = 30
HZ = 50
_no_marks = np.zeros(0, np.uint8)


def reps_in(samples: bytes) -> int:
    """Reps in a chunk's angle, float32, deg."""
    angle = np.frombuffer(samples, "<f4").reshape(-1, 1)
    floats, ints = angle_state()
    rows = len(angle) // 2 + 1
    times, values = np.zeros((rows, 4), np.int64), np.zeros((rows, 3))
    return angle_reps(floats, ints, 0, 0, 1e9 / HZ, angle, _no_marks, 0, times, values)


def done(value: bytes, headers) -> tuple[str, int]:
    """Day and reps of a record as it lies in Kafka."""
    return said(decode_kafka(None, value, headers))


def said(fact: Fact) -> tuple[str, int]:
    """Day and reps of a fact."""
    return format_instant(fact.time)[:10], reps_in(fact.data.samples) if fact.type == CHUNK else fact.data.reps_completed


def added(days: dict[str, int], patient: str, day: str, reps: int) -> dict:
    """Add reps to a patient's days; the row that is to be told."""
    total = days[day] = days.get(day, 0) + reps
    return {"patient_id": patient, "day": day, "reps": total, "adherence": min(1.0, total / PLANNED)}


def line(row: dict) -> bytes:
    """A row as bytes."""
    return orjson.dumps(row)
