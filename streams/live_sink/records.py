"""What the sink takes from Kafka: a record in, a `Piece` of JSON Lines for one table out. No row is parsed.

rtm.metrics.v1, rtm.deliveries.v1   rows as they are, into the table that the header `table` names
rtm.sensor.v1                       a chunk's raw samples, into chunk_samples; admitted or not, motion says which
rtm.dead-letters.v1                 what its rtm-* headers say, and the original bytes, into dead_letters
"""

from __future__ import annotations

from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import msgspec
import orjson

from processors.processor import DeadLetter
from schemas.codecs import decode_kafka
from schemas.events import CHUNK
from schemas.facts import Reason, Unusable
from schemas.instants import parse_instant
from schemas.topics import DEAD_LETTERS, DELIVERIES, METRICS, SENSOR
from streams.deadletters import Origin, dead_letter_row, samples_values
from streams.redrive.marker import is_marker
from streams.warehouse.dsn import WarehouseError
from streams.warehouse.tables import CHUNK_SAMPLES, base_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOPICS = (METRICS.name, SENSOR.name, DEAD_LETTERS.name, DELIVERIES.name)
"""What the sink reads."""

ROW_TOPICS = frozenset({METRICS.name, DELIVERIES.name})
"""Whose records' values are rows."""

_CHUNK = CHUNK.encode()
_DEFAULT_TABLES = {DELIVERIES.name: "alert_deliveries"}
_REASONS = frozenset(get_args(Reason))


class _Samples(msgspec.Struct):
    samples: bytes


_samples = msgspec.msgpack.Decoder(_Samples).decode


class UnusableRecordError(Exception):
    """The record can't become rows; the message says why, without any of its values."""


class Piece(NamedTuple):
    """The rows of one record: the base table, JSON Lines, their number, the record itself, and whose it is if that must be asked."""

    table: str
    lines: bytes
    rows: int
    record: Any
    subject: str = ""

    def without_payload(self) -> Piece:
        """The same without what it says of a subject who is forgotten; of samples nothing is left."""
        if self.table == CHUNK_SAMPLES.name:
            return Piece(self.table, b"", 0, self.record)
        row = orjson.loads(self.lines) | {"payload": "", "event_id": "", "subject": ""}
        return Piece(self.table, orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE), self.rows, self.record)


def piece_of(record: Any, generation: int) -> Piece | None:
    """The rows of one record of `TOPICS`, None where it brings none. UnusableRecordError when it can't be read."""
    if record.topic == SENSOR.name:
        return _samples_piece(record)
    if record.topic == DEAD_LETTERS.name:
        return None if is_marker(record.headers) else _dead_letter_piece(record, generation)
    if not record.value or record.value.isspace():
        return None
    table = _base_name(record.topic, dict(record.headers).get("table"))
    lines = record.value if record.value.endswith(b"\n") else record.value + b"\n"
    return Piece(table, lines, lines.count(b"\n"), record)


def by_table(topic: str, records: list[Any]) -> Iterator[tuple[str | None, list[Any]]]:
    """Records of one topic in groups: those whose values are rows of a base table as they are, with its name; others, with None.

    The others need `piece_of`, one by one, which costs five times as much.
    """
    if topic not in ROW_TOPICS:
        yield None, records
        return
    named: dict[bytes | None, list[Any]] = {}
    for record in records:
        table = None
        for name, value in record.headers:
            if name == "table":
                table = value
        found = named.get(table)
        if found is None:
            named[table] = [record]
        else:
            found.append(record)
    for table, found in named.items():
        yield (_plain_table(topic, table) if _all_plain([record.value for record in found]) else None), found


def _all_plain(values: list[bytes | None]) -> bool:
    """Whether each is whole lines of JSON objects, as far as its ends tell."""
    try:
        return all(map(bytes.startswith, values, repeat(b"{"))) and all(map(bytes.endswith, values, repeat(b"}\n")))  # type: ignore[arg-type]
    except TypeError:  # a record without a value
        return False


def _plain_table(topic: str, table: bytes | None) -> str | None:
    try:
        return _base_name(topic, table)
    except UnusableRecordError:
        return None


@lru_cache(128)
def _base_name(topic: str, table: bytes | None) -> str:
    named = table or b""
    try:
        return base_table(named.decode("utf-8", "replace") or _DEFAULT_TABLES.get(topic, "")).name
    except WarehouseError:
        raise UnusableRecordError("its header table names no table of the warehouse") from None


def _samples_piece(record: Any) -> Piece | None:
    """What can't be decoded is motion's to tell."""
    if not record.value or not record.key or dict(record.headers).get("ce_type") != _CHUNK:
        return None
    try:
        subject = record.key.decode()
        samples = _samples_of(record)
    except (UnicodeDecodeError, Unusable):
        return None
    values = samples_values(Origin(record.topic, record.partition, record.offset, record.value), subject, samples)
    return Piece(CHUNK_SAMPLES.name, orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE), 1, record, subject)


def _samples_of(record: Any) -> bytes:
    """MessagePack's binary `samples`, the form of the contract, without a look at the rest; every other form as motion reads it."""
    try:
        return _samples(record.value).samples
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return decode_kafka(record.key, record.value, record.headers).data.samples  # type: ignore[attr-defined,no-any-return]


def _dead_letter_piece(record: Any, generation: int) -> Piece:
    said = {name: value.decode("utf-8", "replace") for name, value in record.headers if value is not None}
    try:
        reason = said["rtm-reason"]
        origin = Origin(said["rtm-topic"], int(said["rtm-partition"]), int(said["rtm-offset"]), record.value or b"")
        received = int(said["rtm-received-at"])
    except (KeyError, ValueError):
        raise UnusableRecordError("it lacks the headers of a dead letter, or they can't be read") from None
    if reason not in _REASONS:
        raise UnusableRecordError("its header rtm-reason is none of the contract's")
    row = dead_letter_row(
        origin,
        DeadLetter(record.offset, reason, said.get("rtm-error", ""), said.get("rtm-event-id", "")),
        clinic=said.get("ce_clinicid", ""),
        recorded=_recorded(said),
        clock=received,
        generation=generation,
        position=record.offset,
        subject=record.key.decode("utf-8", "replace") if record.key else None,
    )
    return Piece(base_table(row.table).name, orjson.dumps(row.values, option=orjson.OPT_APPEND_NEWLINE), 1, record, row.values["subject"])


def _recorded(said: Mapping[str, str]) -> int | None:
    """The recorded time of the original, ns, where it can be read."""
    for name in ("ce_recordedtime", "ce_time"):
        if name in said:
            try:
                return parse_instant(said[name])
            except ValueError:
                return None
    return None
