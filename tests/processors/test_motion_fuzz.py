"""Mutated chunks: bytes, fields and samples changed at random. Nothing raises; every chunk is applied, a duplicate or a dead letter.

`RTM_FUZZ_CHUNKS=100000 pytest tests/processors/test_motion_fuzz.py` is the long run (3,000 by default).
"""

from __future__ import annotations

import base64
import os
import random

import numpy as np
import orjson

from processors.motion import MotionProcessor
from processors.policy import Policy
from processors.processor import Output, Record, Tick
from processors.store import MemoryStore
from schemas.codecs import decode_line
from schemas.facts import Unusable
from schemas.instants import SECOND, format_instant
from schemas.samples import CHANNELS
from tests.processors.test_motion import HOUR, T0, signal
from tests.processors.test_motion_joint import limbs

COUNT = int(os.environ.get("RTM_FUZZ_CHUNKS", "3000"))
SESSION_CHUNKS = 6
ODD = (
    *(None, True, "", "x", "nan", -1, 0, 1, 1.5, 2**53, 2**63, -(2**70), 1e300, -1e-300, [], {}, [[]], [1, 2, 3], [0, 0, 0], [0, 1, 0]),
    *(
        "gait",
        "posture",
        "quat2",
        "gyr3",
        "imu6x2",
        "angle",
        T0,
        T0 + 3600 * SECOND,
        T0 - 50 * 86400 * SECOND,
        {"axis_proximal": [1, 0, 0]},
    ),
)
VALUES = (0.0, -0.0, np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-40, 4.36, 4.36, 39.2, 250.0)


def recordings():
    return {"angle": signal("angle"), "gyr3": signal("gyr3"), "quat2": limbs().quaternions[:700], "imu6x2": limbs().samples[:700]}


def samples_of(rng, recording):
    """A piece of a recording, its values changed at random."""
    first, length = rng.randrange(600), rng.choice([0, 1, 2, 3, 50, 100])
    samples = np.array(recording[first : first + length], "<f4")
    for _ in range(rng.choice([0, 0, 1, 5]) if len(samples) else 0):
        row, column, rows = rng.randrange(len(samples)), rng.randrange(samples.shape[1]), rng.choice([1, 3, 40])
        part = samples[row : row + rows, slice(column, column + 1) if rng.random() < 0.5 else slice(None)]
        with np.errstate(all="ignore"):
            if rng.random() < 0.5:
                part[:] = rng.choice(VALUES)
            else:
                part *= np.float32(rng.choice([1e20, 57.3, -1, 0.1]))
    raw = samples.tobytes()
    return raw[: rng.randrange(len(raw))] if raw and rng.random() < 0.03 else raw


def line_of(rng, number, recorded, all_recordings):
    """The line of a chunk, mutated or not."""
    session = number // SESSION_CHUNKS
    kind = rng.choice(list(CHANNELS)) if rng.random() < 0.05 else list(CHANNELS)[session % 4]
    raw = samples_of(rng, all_recordings[kind])
    seq = number % SESSION_CHUNKS if rng.random() < 0.9 else rng.randrange(12)
    data = {
        "device_id": "d",
        "session_id": f"s{session}",
        "joint": "knee",
        "motion": ("flexion", "extension", "gait", "posture")[session // 4 % 16 % 7 % 4],
        "side": "left",
        "seq": seq,
        "t0_ns": recorded - 3 * SECOND + seq * 2 * SECOND + rng.choice([0, 0, 0, rng.randrange(-(10**10), 10**10)]),
        "rate_hz": 50,
        "kind": kind,
        "samples_b64": base64.b64encode(raw).decode(),
        "n": len(raw) // (4 * CHANNELS[kind]),
        "last": number % SESSION_CHUNKS == SESSION_CHUNKS - 1,
    }
    if session % 3 == 0:
        data["calibration"] = limbs().calibration
    event = {
        "specversion": "1.0",
        "type": "rtm.sensor.chunk.v1",
        "source": "/device",
        "id": f"c{number}",
        "subject": f"p{session % 7}",
        "time": format_instant(recorded - SECOND),
        "recordedtime": format_instant(recorded),
        "data": data,
    }
    if rng.random() < 0.4:
        target = rng.choice([event, data, data, data.get("calibration", data)])
        name = rng.choice(list(target))
        if rng.random() < 0.3:
            target.pop(name)
        else:
            target[name] = rng.choice(ODD)
    text = orjson.dumps(event) if not _too_large(event) else str(event).encode()
    if rng.random() < 0.05:
        at = rng.randrange(len(text))
        text = text[:at] + bytes([rng.randrange(256)]) * rng.randrange(3) + text[at + 1 :]
    return text


def _too_large(value):
    if isinstance(value, dict):
        return any(_too_large(item) for item in value.values())
    if isinstance(value, list):
        return any(_too_large(item) for item in value)
    return isinstance(value, int) and not -(2**63) <= value < 2**64


def test_no_mutated_chunk_raises_and_every_one_is_accounted_for():
    rng = random.Random(20261123)
    processor, out, all_recordings = MotionProcessor(Policy(), MemoryStore()), Output(), recordings()
    unusable = other = told = 0
    for number in range(COUNT):
        recorded = T0 + number * SECOND
        try:
            item = decode_line(line_of(rng, number, recorded, all_recordings))
        except Unusable:
            unusable += 1
            continue
        if isinstance(item, Tick) or item.type != "rtm.sensor.chunk.v1":
            other += 1
            continue
        processor.fold(Record(number, item), out)
        if number % 500 == 499:
            processor.fold(Record(number, Tick(recorded)), out)
            processor.save()
        for fact in out.facts:
            told += not isinstance(fact, Tick)
        out.facts.clear()
    processor.fold(Record(COUNT, Tick(T0 + (COUNT + HOUR) * SECOND)), out)
    assert out.applied + out.duplicates + len(out.dead) + unusable + other == COUNT
    assert out.applied > 0.5 * COUNT
    assert unusable > 0.05 * COUNT
    assert told > COUNT / SESSION_CHUNKS / 2
    assert len(out.rows) == out.applied
