"""Samples of a chunk: rows of channels, base64, or a MessagePack binary on the wire; little-endian float32, row-major, inside."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

Kind = Literal["angle", "quat2", "imu6x2", "gyr3"]
CHANNELS: dict[str, int] = {"angle": 1, "quat2": 8, "imu6x2": 12, "gyr3": 3}
"""Channels a row, by kind of chunk."""


def _from_rows(rows: Any, channels: int) -> bytes:
    if not isinstance(rows, list):
        raise ValueError("samples are not rows of channels")  # noqa: TRY004 - pydantic collects ValueError
    if not rows:
        return b""
    try:
        array = np.asarray(rows)
    except ValueError:
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "iuf" or array.ndim != 2 or array.shape[1] != channels:
        raise ValueError(f"samples are not rows of {channels} numbers")
    with np.errstate(over="ignore"):
        return array.astype("<f4").tobytes()


def _from_base64(text: Any) -> bytes:
    if not isinstance(text, str):
        raise ValueError("samples_b64 is not text")  # noqa: TRY004 - pydantic collects ValueError
    try:
        return msgspec.convert(text, bytes)
    except msgspec.ValidationError:
        raise ValueError("samples_b64 is not base64") from None


def read_samples(data: dict[str, Any]) -> dict[str, Any]:
    """The data of a chunk with `samples` as bytes, whichever form they came in; ValueError when they don't fit `kind` and `n`."""
    kind, rows, text, count = (data.get(name) for name in ("kind", "samples", "samples_b64", "n"))
    channels = CHANNELS.get(kind) if isinstance(kind, str) else None
    if channels is None:
        raise ValueError("kind: must be one of " + ", ".join(CHANNELS))
    if (rows is None) == (text is None):
        raise ValueError("a chunk has samples or samples_b64, one of them")
    if text is not None and count is None:
        raise ValueError("samples_b64 needs n, its number of rows")
    samples = _from_base64(text) if text is not None else rows if isinstance(rows, bytes) else _from_rows(rows, channels)
    if len(samples) % (4 * channels):
        raise ValueError(f"samples: {len(samples)} bytes are no whole rows of {channels} float32")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int | float) or count * 4 * channels != len(samples)):
        raise ValueError(f"samples: {len(samples)} bytes do not hold n rows of {channels} float32")
    return {**data, "samples": samples}


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("samples are missing")  # noqa: TRY004 - pydantic collects ValueError
    return value


Samples = Annotated[
    bytes,
    PlainValidator(_bytes),
    PlainSerializer(lambda value: base64.b64encode(value).decode(), return_type=str, when_used="json"),
    WithJsonSchema({"type": "array", "items": {"type": "array", "items": {"type": "number"}}}),
]
"""Samples of a chunk: bytes of little-endian float32, row-major."""


def two_forms_of_samples(schema: dict[str, Any]) -> None:
    """Say in a chunk's JSON Schema that its samples come as rows, or as base64 with their number of rows."""
    schema["properties"]["samples_b64"] = {
        "type": "string",
        "contentEncoding": "base64",
        "description": "little-endian float32, row-major",
    }
    schema["properties"]["n"] = {"type": "integer", "minimum": 0, "description": "rows in the samples"}
    schema["required"].remove("samples")
    schema["oneOf"] = [{"required": ["samples"]}, {"required": ["samples_b64", "n"]}]
