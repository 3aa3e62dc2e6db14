"""What the dispatcher reads and writes on Kafka.

rtm.alerts.v1 ─▶ AlertChange
Plan  ─▶ rtm.deliveries.v1     before a message is first sent: what it says and to whom, in a header; no row
Tried ─▶ rtm.deliveries.v1     a row of alert_deliveries for each of the message's alerts
      └▶ rtm.events.v1         that somebody was told: rtm.alert.notified.v1, of a later step rtm.alert.escalated.v1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from processors.processor import revision
from processors.routing import OPENINGS
from schemas.codecs import encode_kafka, make_fact
from schemas.instants import format_instant, parse_instant
from schemas.topics import DELIVERIES, EVENTS
from streams.dispatch.messages import AlertChange, Message, Notice
from streams.kafka.outgoing import ALERT_CHANGED, Outgoing
from streams.kafka.placement import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from schemas.facts import Fact

DISPATCH_SOURCE = "/rtm/dispatch"
NOTIFIED = "rtm.alert.notified.v1"
ESCALATED = "rtm.alert.escalated.v1"
TELLS = OPENINGS | {"escalated"}
"""What is told of an alert that is open: the log then says who was told."""

PLAN_HEADER = "rtm-plan"
NOBODY = ""
"""The endpoint of what reaches nobody."""


class _Row(msgspec.Struct):
    alert_id: str
    episode_id: str
    severity: str
    status: str
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


class Part(msgspec.Struct, frozen=True):
    """What a message says of one alert. In ns: `since` it is open, `at` what is told of; `earlier` attempts were made under other ids."""

    alert_id: str
    patient: str
    clinic: str
    therapist: str
    episode_id: str
    severity: str
    rule_id: str
    opened_at: str
    updated_at: str
    issued_at: str
    transition: str
    since: int
    at: int
    step: int
    person: str | None
    partition: int
    offset: int
    earlier: int = 0


class Plan(msgspec.Struct, frozen=True):
    """A message before it is sent: its id, where it goes, what it says, since when it is planned (ns by this machine's clock)."""

    webhook_id: str
    endpoint: str
    planned_at: int
    parts: tuple[Part, ...]

    def message(self, link: Callable[[Part, Plan], str | None]) -> Message:
        """What is sent; the same each time."""
        notices = tuple(
            Notice(
                part.alert_id, part.episode_id, part.severity, part.rule_id, part.transition, part.opened_at, part.step,
                link(part, self) if part.transition in TELLS else None,
            )
            for part in self.parts
        )  # fmt: skip
        return Message(self.webhook_id, max(part.at for part in self.parts), notices)


_decode_plan = msgspec.json.Decoder(Plan).decode


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one attempt, or of a message that was not sent (attempt 0): when, the status, the outcome, how long it took."""

    attempt: int
    outcome: str
    sent_at: int
    status: int | None = None
    latency_ms: float = 0.0


def read_change(value: bytes | None, headers: Iterable[tuple[str, bytes | None]], partition: int = 0, offset: int = 0) -> AlertChange:
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
    return AlertChange(changed.transition, at, msgspec.structs.asdict(changed.row), patient, partition, offset)


def plan_record(plan: Plan, partitions: int) -> Outgoing:
    """The plan, to lie before its first attempt. No row: whoever reads rows passes over an empty value."""
    key = plan.parts[0].alert_id.encode()
    return Outgoing(DELIVERIES.name, partition_of(key, partitions), key, b"", [(PLAN_HEADER, msgspec.json.encode(plan))])


def read_plan(headers: Iterable[tuple[str, bytes | None]]) -> Plan | None:
    """The plan in a record's headers, if there is one that can be read."""
    text = dict(headers).get(PLAN_HEADER)
    if text is None:
        return None
    try:
        return _decode_plan(text)
    except msgspec.DecodeError:
        return None


def delivery_records(plan: Plan, tried: Tried, generation: int, partitions: int) -> list[Outgoing]:
    """One row of alert_deliveries for each alert of the message; with the plan beside it where nothing was sent."""
    headers = [("content-type", b"application/x-ndjson"), ("table", b"alert_deliveries")]
    if tried.attempt == 0:
        headers.append((PLAN_HEADER, msgspec.json.encode(plan)))
    return [_delivery_record(plan, part, tried, generation, partitions, headers) for part in plan.parts]


def _delivery_record(plan: Plan, part: Part, tried: Tried, generation: int, partitions: int, headers: list[tuple[str, bytes]]) -> Outgoing:
    key = part.alert_id.encode()
    row: dict[str, Any] = {
        "alert_id": part.alert_id,
        "transition": part.transition,
        "endpoint": plan.endpoint,
        "attempt": tried.attempt and part.earlier + tried.attempt,
        "webhook_id": plan.webhook_id,
        "sent_at": format_instant(tried.sent_at),
        "status_code": tried.status,
        "outcome": tried.outcome,
        "latency_ms": round(tried.latency_ms, 3),
        "clinic_id": part.clinic,
        "updated_at": part.updated_at,
        "revision": revision(generation, part.offset),
        "issued_at": format_instant(tried.sent_at),
    }
    return Outgoing(DELIVERIES.name, partition_of(key, partitions), key, orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE), list(headers))


def told_fact(part: Part, endpoint: str, told_at: int) -> Fact:
    """The fact that somebody was told of an open alert at the instant `told_at` (ns); of a reopened alert under an id of its own."""
    name = f"{part.alert_id}/{part.step}/{endpoint}"
    if part.transition == "reopened" or (part.transition == "escalated" and format_instant(part.since) != part.opened_at):
        name += f"/{format_instant(part.since)}"
    data: dict[str, Any] = {"alert_id": part.alert_id, "step": part.step, "endpoint": endpoint}
    if therapist := part.person or part.therapist:
        data["therapist_id"] = therapist
    kind = ESCALATED if part.step > 1 else NOTIFIED
    return make_fact(kind, part.patient, DISPATCH_SOURCE, name, told_at, data, clinic=part.clinic or None)


def told_record(fact: Fact, partitions: int) -> Outgoing:
    """The fact for the log."""
    key, value, headers = encode_kafka(fact)
    return Outgoing(EVENTS.name, partition_of(key, partitions), key, value, headers)
