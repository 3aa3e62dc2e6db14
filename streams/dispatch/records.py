"""What the dispatcher reads and writes on Kafka: an alert's change in; a row for each attempt, and the fact that somebody was told, out.

rtm.alerts.v1 ─▶ AlertChange          Tried ─▶ rtm.deliveries.v1 (one row of alert_deliveries)
                                            └▶ rtm.events.v1 (rtm.alert.notified.v1)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from processors.processor import revision
from schemas.codecs import encode_kafka, make_fact
from schemas.instants import format_instant, parse_instant
from schemas.topics import DELIVERIES, EVENTS
from streams.dispatch.webhooks import AlertChange
from streams.kafka.outgoing import ALERT_CHANGED, Outgoing
from streams.kafka.placement import partition_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.facts import Fact

DISPATCH_SOURCE = "/rtm/dispatch"
NOTIFIED = "rtm.alert.notified.v1"
TELLS = frozenset({"opened", "reopened"})
"""Transitions after which somebody has been told of an open alert."""
SENT = TELLS | {"resolved"}
"""Transitions that are sent; who causes the others knows of them."""

FIRST_STEP = 1


class _Row(msgspec.Struct):
    alert_id: str
    episode_id: str
    severity: str
    rule_id: str
    opened_at: str
    therapist_id: str
    clinic_id: str
    updated_at: str
    issued_at: str


class _Changed(msgspec.Struct):
    transition: str
    at: str
    row: _Row


_decode = msgspec.json.Decoder(_Changed).decode


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one attempt, or of a change that was not sent (attempt 0): when, the status, the outcome, how long it took."""

    attempt: int
    outcome: str
    sent_at: int
    status: int | None = None
    latency_ms: float = 0.0


def read_change(value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> AlertChange:
    """The change that a record of rtm.alerts.v1 tells; ValueError, without any value of it, when it tells none."""
    said = dict(headers)
    if said.get("ce_type") != ALERT_CHANGED.encode():
        raise ValueError(f"not {ALERT_CHANGED}")
    try:
        changed = _decode(value or b"")
        at, _ = parse_instant(changed.at), parse_instant(changed.row.issued_at)
        patient = (said.get("ce_subject") or b"").decode()
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        raise ValueError("its data is not an alert's change") from None
    if not patient:
        raise ValueError("it has no subject")
    return AlertChange(changed.transition, at, msgspec.structs.asdict(changed.row), patient)


def delivery_record(change: AlertChange, endpoint: str, tried: Tried, generation: int, offset: int, partitions: int) -> Outgoing:
    """One row of alert_deliveries; `offset` is where the change lies in rtm.alerts.v1."""
    key = change.alert_id.encode()
    row: dict[str, Any] = {
        "alert_id": change.alert_id,
        "transition": change.transition,
        "endpoint": endpoint,
        "attempt": tried.attempt,
        "webhook_id": change.webhook_id,
        "sent_at": format_instant(tried.sent_at),
        "status_code": tried.status,
        "outcome": tried.outcome,
        "latency_ms": round(tried.latency_ms, 3),
        "clinic_id": change.row["clinic_id"],
        "updated_at": change.row["updated_at"],
        "revision": revision(generation, offset),
        "issued_at": format_instant(tried.sent_at),
    }
    headers = [("content-type", b"application/x-ndjson"), ("table", b"alert_deliveries")]
    return Outgoing(DELIVERIES.name, partition_of(key, partitions), key, orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE), headers)


def notified_fact(change: AlertChange, endpoint: str, told_at: int) -> Fact:
    """The fact that somebody was told of an open alert at the instant `told_at` (ns); of a reopened alert under an id of its own."""
    name = f"{change.alert_id}/{FIRST_STEP}/{endpoint}"
    if change.transition != "opened":
        name += f"/{format_instant(change.at)}"
    data = {"alert_id": change.alert_id, "step": FIRST_STEP, "endpoint": endpoint}
    if change.row["therapist_id"]:
        data["therapist_id"] = change.row["therapist_id"]
    return make_fact(NOTIFIED, change.patient, DISPATCH_SOURCE, name, told_at, data, clinic=change.row["clinic_id"] or None)


def notified_record(fact: Fact, partitions: int) -> Outgoing:
    """The fact for the log."""
    key, value, headers = encode_kafka(fact)
    return Outgoing(EVENTS.name, partition_of(key, partitions), key, value, headers)
