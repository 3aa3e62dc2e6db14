"""`rtm ack`, `rtm snooze`, `rtm close`: an alert's id and who does it in; the fact, in the log or in a file of events, out.

The warehouse tells whose alert it is; the patient stage, which alone changes an alert's state, does the rest.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.codecs import encode_kafka, encode_line, make_fact
from schemas.instants import format_instant, parse_instant
from schemas.topics import EVENTS
from streams.kafka.outgoing import Outgoing
from streams.kafka.placement import partition_of

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

    from schemas.facts import Fact
    from streams.warehouse.connection import Warehouse

    Action = Literal["acknowledged", "snoozed", "closed"]

SOURCE = "/rtm/care"
STANDING = ("open", "acknowledged", "snoozed")
_NOW = "SELECT now FROM rtm.clock"
_ALERT = "SELECT alert_id, patient_id, clinic_id, rule_id, status FROM rtm.alerts WHERE startsWith(alert_id, {name:String}) LIMIT 2"


class ActionError(Exception):
    """What was asked for can't be done with that alert; the message says why."""


@dataclass(frozen=True, slots=True)
class Known:
    """An alert as the warehouse knows it."""

    alert_id: str
    patient: str
    clinic: str
    rule: str
    status: str


def find_alert(warehouse: Warehouse, name: str) -> Known:
    """The alert of that id, or the only one whose id begins so; ActionError when there is none, or it is over."""
    found = warehouse.query(_ALERT, {"name": name}).rows if name else []
    if not found:
        raise ActionError("no such alert in the warehouse: rtm alerts lists those that stand")
    if len(found) > 1:
        raise ActionError("several alerts begin so: give more of the id")
    known = Known(*found[0])
    if known.status not in STANDING:
        raise ActionError(f"the alert is {known.status}: there is nothing left to do")
    return known


def stream_time(warehouse: Warehouse) -> int:
    """The instant (ns) up to which the tables go, or the machine's where that lies before it: when an embedded log goes on."""
    told = warehouse.query(_NOW).rows
    now = time.time_ns()
    return min(now, parse_instant(told[0][0])) if told else now


def action_fact(alert: Known, action: Action, staff: str, at: int, until: int | None = None) -> Fact:
    """The fact that a member of staff did something with an alert at an instant (ns)."""
    data = {"alert_id": alert.alert_id, "staff_id": staff} | ({"until": format_instant(until)} if until is not None else {})
    name = f"{alert.alert_id}/{action}/{format_instant(at)}"
    return make_fact(f"rtm.alert.{action}.v1", alert.patient, SOURCE, name, at, data, clinic=alert.clinic or None)


def send(bootstrap: str, fact: Fact) -> None:
    """Write the fact into the log; KafkaError when it can't be reached."""
    from streams.kafka.writing import Writer, topics_there  # noqa: PLC0415 - embedded needs no Kafka

    partitions = topics_there(bootstrap, (EVENTS.name,))[EVENTS.name].partitions
    key, value, headers = encode_kafka(fact)
    with Writer(bootstrap, "rtm-care") as writer:
        writer.write(Outgoing(EVENTS.name, partition_of(key, partitions), key, value, headers))


def append(file: Path, fact: Fact) -> None:
    """Add the fact to a plain file of events, which is made where there is none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as stream:
        stream.write(encode_line(fact) + b"\n")
