"""Rows about single records, by where they lie: dead letters with their original bytes, raw samples, and which chunks were admitted.

In: a record's place (a topic or a file, its partition or number, its offset or line) and what is to be said of it. Out: rows.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from processors.processor import Row, revision
from schemas.instants import format_instant

if TYPE_CHECKING:
    from schemas.facts import Fact

BASE64_MARK = "base64:"


class Dead(Protocol):
    """What is said of a record that can't be used."""

    @property
    def reason(self) -> str:
        """The contract's word."""

    @property
    def error(self) -> str:
        """What is wrong, without any value of the record."""

    @property
    def event_id(self) -> str:
        """The event's id, as far as it could be read."""

    @property
    def erased(self) -> bool:
        """Whether its subject was forgotten before it came."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record lies, and its bytes as they came."""

    topic: str
    partition: int
    offset: int
    raw: bytes


def payload_text(raw: bytes) -> str:
    """Bytes as text: UTF-8 as it is, anything else as `base64:` and base64. `payload_bytes` is the inverse."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return BASE64_MARK + base64.b64encode(raw).decode()
    return BASE64_MARK + base64.b64encode(raw).decode() if text.startswith(BASE64_MARK) else text


def payload_bytes(text: str) -> bytes:
    """The bytes that `payload_text` wrote."""
    return base64.b64decode(text.removeprefix(BASE64_MARK)) if text.startswith(BASE64_MARK) else text.encode()


def subject_of(raw: bytes) -> str:
    """The subject that a line names, '' where none can be read."""
    try:
        said = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return ""
    subject = said.get("subject") if isinstance(said, dict) else None
    return subject if isinstance(subject, str) else ""


def dead_letter_row(
    origin: Origin,
    dead: Dead,
    *,
    clinic: str,
    recorded: int | None,
    clock: int,
    generation: int,
    position: int,
    subject: str | None = None,
) -> Row:
    """The row of a record that can't be used; `clock` (ns) is the stream's, at which it was read. What was forgotten keeps no payload.

    `subject` is the record's, so that it can be erased; by default the one that its line names.
    """
    received = clock if recorded is None else max(clock, recorded)
    forgotten = dead.erased or dead.reason == "forgotten"
    values: dict[str, Any] = {
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
        "reason": dead.reason,
        "error": dead.error,
        "event_id": "" if forgotten else dead.event_id,
        "received_at": format_instant(received),
        "payload": "" if forgotten else payload_text(origin.raw),
        "subject": "" if forgotten else subject_of(origin.raw) if subject is None else subject,
        "clinic_id": clinic,
        "updated_at": format_instant(received if recorded is None else recorded),
        "revision": revision(generation, position),
        "issued_at": format_instant(received),
    }
    return Row("dead_letters", "", values)


def samples_row(origin: Origin, fact: Fact) -> Row:
    """The row of a chunk's raw samples, admitted or not."""
    return Row("chunk_samples", fact.subject, samples_values(origin, fact.subject, fact.data.samples))  # type: ignore[attr-defined]


def samples_values(origin: Origin, subject: str, samples: bytes) -> dict[str, Any]:
    """The columns of such a row; `samples` are little-endian float32, row-major."""
    return {
        "patient_id": subject,
        "origin": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
        "samples": base64.b64encode(samples).decode(),
        "sha256": hashlib.sha256(samples).hexdigest(),
    }


def place_admission(row: Row, origin: Origin) -> None:
    """Say where an admitted chunk's record lies, in place of its position."""
    del row.values["position"]
    row.values |= {"origin": origin.topic, "partition": origin.partition, "offset": origin.offset}
