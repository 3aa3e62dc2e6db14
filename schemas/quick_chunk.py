"""The common case of a chunk, quickly: its MessagePack map in, its model and its payload out, or None where only the model can say.

As in `schemas.quick`, a part of what the model takes is taken, with the same result. What a chunk says of its sensors is the same for a
whole session: it is validated once.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from pydantic import ValidationError

from schemas.events import LARGEST, Calibration, SensorChunk
from schemas.quick import model_of
from schemas.samples import CHANNELS, Kind

Index = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)]


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    """A chunk's fields, as far as they are plain, in the order of the model's."""

    device_id: str
    session_id: str
    joint: str
    side: str
    seq: Index
    t0_ns: Annotated[int, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
    rate_hz: float
    kind: Kind
    last: bool
    samples: bytes
    exercise_id: str | None = None
    motion: str | None = None
    calibration: dict[str, Any] | None = None
    n: Index | None = None


@lru_cache(1024)
def _calibration(said: bytes) -> Calibration | None:
    """The model of a calibration in MessagePack; None where it isn't valid, or says what it doesn't know, or what JSON can't."""
    values = msgspec.msgpack.decode(said)
    try:
        return Calibration.model_validate(values) if values.keys() <= Calibration.model_fields.keys() else None
    except ValidationError:
        return None


def quick_chunk(data: dict[str, Any]) -> tuple[SensorChunk, dict[str, Any]] | None:
    """The model of a chunk's data, and its payload: what it says without its samples."""
    if type(data.get("samples")) is not bytes:  # msgspec takes text for base64
        return None
    try:
        said = msgspec.convert(data, _Said)
    except msgspec.ValidationError:
        return None
    row = 4 * CHANNELS[said.kind]
    if len(said.samples) % row or (said.n is not None and said.n * row != len(said.samples)) or not math.isfinite(said.rate_hz):
        return None
    calibration = None
    if said.calibration is not None and (calibration := _calibration(msgspec.msgpack.encode(said.calibration))) is None:
        return None
    values = {
        "device_id": said.device_id,
        "session_id": said.session_id,
        "exercise_id": said.exercise_id,
        "joint": said.joint,
        "motion": said.motion,
        "side": said.side,
        "seq": said.seq,
        "t0_ns": said.t0_ns,
        "rate_hz": said.rate_hz,
        "kind": said.kind,
        "last": said.last,
        "calibration": calibration,
        "samples": said.samples,
    }
    payload = {name: value for name, value in data.items() if name not in {"samples", "n"}}
    return model_of(SensorChunk, values, set(SensorChunk.model_fields)), payload
