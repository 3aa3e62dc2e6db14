"""What a slice made, as records for Kafka: an `Output` and dead letters in, (topic, partition, key, value, headers) out.

facts, ticks   rtm.events.v1         CloudEvents, in the partition they come from
rows           rtm.metrics.v1        JSON Lines of one patient and table, header `table`
transitions    rtm.alerts.v1         rtm.alert.changed.v1
dead letters   rtm.dead-letters.v1   the original bytes and headers, and headers that say why
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from processors.processor import Tick
from schemas.codecs import encode_kafka, make_fact
from schemas.events import TICK
from schemas.instants import format_instant
from schemas.topics import ALERTS, DEAD_LETTERS, EVENTS, METRICS
from streams.kafka.placement import partition_of
from streams.warehouse.tables import base_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from processors.processor import Row, Transition
    from schemas.facts import Fact, Reason

ROWS_BYTES = 256 * 1024
"""The rows of one record: no more than this, and one."""

CLOCK_SOURCE = "/rtm/clock"
ALERT_SOURCE = "/rtm/patient"
ALERT_CHANGED = "rtm.alert.changed.v1"

HeaderList = list[tuple[str, bytes]]


class Outgoing(NamedTuple):
    """One record to be written."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: HeaderList


def tick_record(topic: str, partition: int, now: int) -> Outgoing:
    """The tick of the instant `now` (ns), for one partition: no key, no subject."""
    fact = make_fact(TICK, "", CLOCK_SOURCE, str(now), now, {})
    _, value, headers = encode_kafka(fact)
    return Outgoing(topic, partition, None, value, headers)


def fact_records(partition: int, facts: Iterable[Fact | Tick]) -> Iterator[Outgoing]:
    """Facts and ticks for the log, in the partition they come from: a patient's derived facts lie with his others."""
    for item in facts:
        if isinstance(item, Tick):
            yield tick_record(EVENTS.name, partition, item.now)
        else:
            key, value, headers = encode_kafka(item)
            yield Outgoing(EVENTS.name, partition, key, value, headers)


def row_records(rows: Iterable[Row], generation: int, partitions: int) -> Iterator[Outgoing]:
    """Rows as records of one patient and table each, in the order in which a table's rows were made."""
    texts: dict[tuple[str, str], bytearray] = {}
    for row in rows:
        values = row.values | {"generation": generation} if base_table(row.table).generations else row.values
        line = orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)
        text = texts.setdefault((row.table, row.patient), bytearray())
        if text and len(text) + len(line) > ROWS_BYTES:
            yield _rows_record(row.table, row.patient, text, partitions)
            text.clear()
        text += line
    for (table, patient), text in texts.items():
        yield _rows_record(table, patient, text, partitions)


def _rows_record(table: str, patient: str, text: bytearray, partitions: int) -> Outgoing:
    key = patient.encode()
    headers = [("content-type", b"application/x-ndjson"), ("table", table.encode())]
    return Outgoing(METRICS.name, partition_of(key, partitions), key, bytes(text), headers)


def alert_records(transitions: Iterable[Transition], generation: int, partitions: int) -> Iterator[Outgoing]:
    """What happened to alerts, each as an event with the alert's row. The same transition always has the same id."""
    for change in transitions:
        key = change.patient.encode()
        headers = [
            ("content-type", b"application/json"),
            ("ce_specversion", b"1.0"),
            ("ce_type", ALERT_CHANGED.encode()),
            ("ce_source", ALERT_SOURCE.encode()),
            ("ce_id", f"{change.alert_id}/{change.row['revision']}/{change.transition}".encode()),
            ("ce_time", format_instant(change.at).encode()),
            ("ce_subject", key),
            ("ce_clinicid", str(change.row["clinic_id"]).encode()),
        ]
        data = {"transition": change.transition, "at": format_instant(change.at), "row": change.row | {"generation": generation}}
        yield Outgoing(ALERTS.name, partition_of(key, partitions), key, orjson.dumps(data), headers)


def dead_letter_record(
    original: Outgoing,
    offset: int,
    reason: Reason,
    error: str,
    event_id: str,
    received_at: int,
    partitions: int,
    *,
    erased: bool = False,
) -> Outgoing:
    """The record that can't be used: its own bytes and headers, and why. Of a forgotten subject only the place is told.

    `original` is the record as it was read, at `offset`; `received_at` (ns) by the stream's clock. `erased`: its subject is forgotten.
    """
    forgotten = erased or reason == "forgotten"
    said: Mapping[str, str] = {
        "rtm-reason": reason,
        "rtm-error": error,
        "rtm-topic": original.topic,
        "rtm-partition": str(original.partition),
        "rtm-offset": str(offset),
        "rtm-event-id": "" if forgotten else event_id,
        "rtm-received-at": str(received_at),
    }
    headers = ([] if forgotten else list(original.headers)) + [(name, value.encode()) for name, value in said.items()]
    key, value = (None, b"") if forgotten else (original.key, original.value)
    return Outgoing(DEAD_LETTERS.name, original.partition % partitions, key, value, headers)
