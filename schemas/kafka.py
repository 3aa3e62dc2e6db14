"""CloudEvents in Kafka's binary mode: attributes in `ce_*` headers, `data` as the value, the subject as the key.

`data` is JSON; of a `sensor.chunk` MessagePack, with `samples` as a binary of little-endian float32, row-major.
"""

from __future__ import annotations

import base64
import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from schemas.envelope import MAX_DEPTH, MAX_RECORD, QUICK, brackets, fact_of, only_clinic, unusable
from schemas.events import CHUNK, TICK
from schemas.facts import Fact
from schemas.instants import format_instant, parse_instant
from schemas.quick_chunk import quick_chunk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.events import Data
    from schemas.quick import QuickWay

JSON = b"application/json"
MESSAGEPACK = b"application/msgpack"
DERIVED_HEADER = "rtm-derived"
"""A private header: the pipeline made this fact, it isn't judged again."""

_PREFIX = "ce_"
_NEEDED = len(("content-type", "ce_specversion", "ce_type", "ce_source", "ce_id", "ce_time", "ce_subject"))
_QUICK_WAYS: dict[bytes | None, tuple[str, QuickWay | None]] = {name.encode(): (name, way) for name, way in QUICK.items()}
_encode_messagepack = msgspec.msgpack.Encoder().encode
_decode_messagepack = msgspec.msgpack.Decoder(dict[str, Any], ext_hook=lambda _code, content: bytes(content)).decode


def encode_kafka(fact: Fact) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """(key, value, headers) of a fact. `decode_kafka(*encode_kafka(fact)) == fact`. A tick's key is empty."""
    chunk = fact.type == CHUNK
    headers = [
        ("content-type", MESSAGEPACK if chunk else JSON),
        ("ce_specversion", b"1.0"),
        ("ce_type", fact.type.encode()),
        ("ce_source", fact.source.encode()),
        ("ce_id", fact.id.encode()),
        ("ce_time", format_instant(fact.time).encode()),
        ("ce_recordedtime", format_instant(fact.recorded).encode()),
    ]
    key = fact.subject.encode()
    if fact.type != TICK:
        headers.append(("ce_subject", key))
    headers.extend((_PREFIX + name, value.encode()) for name, value in fact.attributes.items())
    if fact.derived:
        headers.append((DERIVED_HEADER, b"1"))
    value = _encode_messagepack({**fact.payload, "samples": fact.data.samples}) if chunk else orjson.dumps(fact.payload)  # type: ignore[attr-defined]
    return key, value, headers


def decode_kafka(
    key: bytes | None,  # noqa: ARG001 - the partition and the key are judged where the partition is known
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
    max_record: int = MAX_RECORD,
) -> Fact:
    """The fact in a Kafka record; `Unusable` as `decode_line` raises it. No value, or an empty one, is no `data`."""
    if value and len(value) <= max_record and (fact := _quickly(value, headers)) is not None:
        return fact
    event: dict[str, Any] = {}
    content_type = JSON
    derived = False
    legible = True
    for name, content in headers:
        if content is None:
            continue
        if name.startswith(_PREFIX):
            try:
                event[name[3:]] = content.decode()
            except UnicodeDecodeError:
                legible = False
        elif name == "content-type":
            content_type = content
        elif name == DERIVED_HEADER:
            derived = content == b"1"
    event.pop("data", None)
    if value is not None and len(value) > max_record:
        raise unusable("invalid", f"larger than {max_record} bytes", event)
    if not legible:
        raise unusable("unparsable", "a header is not UTF-8", event)
    depth = 0
    if value:
        try:
            if content_type.startswith(MESSAGEPACK):
                depth = len(value)
                data = _decode_messagepack(value)
                event["data"] = {name: item if name == "samples" else _json_value(item) for name, item in data.items()}
            else:
                event["data"] = orjson.loads(value)
                depth = brackets(value)
        except orjson.JSONDecodeError as error:
            raise unusable("unparsable", f"not JSON: {error.msg.split(':')[0]}, column {error.colno}", event) from None
        except msgspec.ValidationError:
            raise unusable("invalid", "data: not a map whose keys are text", event) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise unusable("unparsable", "not MessagePack", event) from None
        except RecursionError:
            raise unusable("invalid", "data: nested too deep", event) from None
    return fact_of(event, derived=derived, depth=lambda: depth)


def _quickly(value: bytes, headers: Sequence[tuple[str, bytes | None]]) -> Fact | None:
    """The fact of a record as `encode_kafka` writes it, of a type that has a quick way; None where a closer look is needed."""
    said: dict[str, Any] = dict(headers)
    kind, way = _QUICK_WAYS.get(said.get("ce_type"), ("", None))
    content_type = MESSAGEPACK if kind == CHUNK else None if way is None else JSON
    if content_type is None or said.get("content-type") != content_type or said.get("ce_specversion") != b"1.0":
        return None
    recordedtime, clinicid, derived = said.get("ce_recordedtime"), said.get("ce_clinicid"), said.get(DERIVED_HEADER)
    if len(headers) != _NEEDED + (recordedtime is not None) + (clinicid is not None) + (derived is not None):
        return None  # one stands twice, or isn't known here, or is missing
    try:
        found = _quick_data(way, value)
        source, name, subject = said["ce_source"].decode(), said["ce_id"].decode(), said["ce_subject"].decode()
        time = parse_instant(said["ce_time"].decode())
        recorded = time if recordedtime is None else parse_instant(recordedtime.decode())
        clinic = None if clinicid is None else clinicid.decode()
    except (ValueError, KeyError, AttributeError, RecursionError):  # AttributeError: a header without a value
        return None
    if found is None or not (source and name and subject):
        return None
    return Fact(kind, source, name, subject, time, recorded, *found, clinic, only_clinic(clinic), derived == b"1")


def _quick_data(way: QuickWay | None, value: bytes) -> tuple[Data, dict[str, Any]] | None:
    """The data and the payload of a record, of a chunk where there is no `way`; None, or ValueError, where a closer look is needed."""
    if way is None:
        return quick_chunk(_decode_messagepack(value))
    payload = orjson.loads(value)
    data = way.check(payload)
    if data is None or (not payload.keys() <= way.names and brackets(value) > MAX_DEPTH):
        return None
    return data, payload


def _json_value(value: Any) -> Any:
    """What MessagePack can say and JSON can't, as JSON: binaries and extensions as base64, times as text, NaN as null, keys as text."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name if isinstance(name, str) else str(name): _json_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, datetime) else str(value)
