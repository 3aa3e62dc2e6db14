"""Structured mode: one CloudEvent as one line of JSON, to a `Fact` and back."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from schemas.envelope import MAX_RECORD, brackets, chunk_samples_text, fact_of, recorded_of
from schemas.events import CHUNK, TICK
from schemas.facts import Fact, Unusable
from schemas.instants import format_instant, parse_instant


class _Times(msgspec.Struct):
    """The two attributes that order a file; whatever else a line holds is skipped over, unparsed."""

    time: Any = None
    recordedtime: Any = None


class _Subject(msgspec.Struct):
    subject: Any = None


_TIMES = msgspec.json.Decoder(_Times)
_SUBJECT = msgspec.json.Decoder(_Subject)
_ILLEGIBLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises of bytes that it can't read, or that nest deeper than it goes."""


def decode_line(line: bytes, max_record: int = MAX_RECORD) -> Fact:
    """The fact in one line of JSON Lines (a CloudEvent in structured mode).

    Raises `Unusable`: `unparsable` (not UTF-8, not JSON, a bare NaN, no object), `unknown_type`, `invalid` (with the path of the field,
    never a value; also what is larger than `max_record` bytes).
    """
    if len(line) > max_record:
        raise Unusable("invalid", f"larger than {max_record} bytes")
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Unusable("unparsable", f"not JSON: {error.msg.split(':')[0]}, column {error.colno}") from None
    if not isinstance(event, dict):
        raise Unusable("unparsable", "not a JSON object")
    return fact_of(event, depth=lambda: brackets(line))


def decode_envelope(line: bytes) -> tuple[int, int] | None:
    """(recorded, event time) of a line, ns, to sort by; None where the recorded time can't be read.

    An event time that can't be read counts as the recorded time: the line is going to be a dead letter, in its place.
    """
    try:
        said = _TIMES.decode(line)
    except _ILLEGIBLE:
        return None
    recorded = recorded_of(said.recordedtime, said.time)
    if recorded is None or said.recordedtime is None:
        return None if recorded is None else (recorded, recorded)
    try:
        return recorded, parse_instant(said.time)
    except ValueError:
        return recorded, recorded


def subject_of(line: bytes) -> bytes:
    """The subject of a line, to share lines out by patient; empty where it can't be read, so that the line is going to be a dead letter."""
    try:
        subject = _SUBJECT.decode(line).subject
    except _ILLEGIBLE:
        return b""
    return subject.encode("utf-8", "replace") if isinstance(subject, str) else b""


def encode_line(fact: Fact) -> bytes:
    """The line of a fact, without its newline: `decode_line(encode_line(fact)) == fact`, but for `derived`, which a file doesn't say."""
    event: dict[str, Any] = {"specversion": "1.0", "id": fact.id, "source": fact.source, "type": fact.type}
    if fact.type != TICK:
        event["subject"] = fact.subject
    event["time"] = format_instant(fact.time)
    event["recordedtime"] = format_instant(fact.recorded)
    event["datacontenttype"] = "application/json"
    event.update(fact.attributes)
    event["data"] = {**fact.payload, **chunk_samples_text(fact)} if fact.type == CHUNK else fact.payload
    return orjson.dumps(event)
