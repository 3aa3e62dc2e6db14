"""`rtm forget`: a pseudonym in; the request in the log (live) or carried out in the warehouse (embedded), and until when records stay, out.

live        patient.forgotten into both topics ─▶ worker drops the state, issues deletes ─▶ sink erases rows ─▶ the record in rtm.forgotten
embedded    rows erased here and now, and patient.forgotten added to a file of events, for every later replay
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from schemas.codecs import encode_kafka, encode_line, make_fact
from schemas.events import FORGOTTEN
from schemas.instants import SECOND, format_instant, parse_instant
from schemas.topics import EVENTS, SENSOR, TOPICS, Topic
from streams.kafka.outgoing import Outgoing
from streams.kafka.placement import partition_of
from streams.warehouse.erasure import erase_requested, forgotten_requests, request_erasure
from streams.warehouse.migrations import migrate

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.facts import Fact
    from streams.warehouse.connection import Warehouse

SOURCE = "/rtm/forget"
ASK_AGAIN_S = 0.5
_SHOWN = "SELECT kind FROM rtm.generations FINAL WHERE generation IN (SELECT generation FROM rtm.current_generation)"


@dataclass(frozen=True, slots=True)
class Kept:
    """A topic's records of the patient: the date (RFC 3339) by which Kafka drops the newest, None where it keeps them for ever."""

    topic: str
    until: str | None


@dataclass(slots=True)
class Forgotten:
    """What became of a request."""

    request_id: str
    live: bool
    erased: bool
    file: str | None = None
    kept: list[Kept] = field(default_factory=list)


def is_live(warehouse: Warehouse) -> bool:
    """Whether the warehouse shows a live group's rows."""
    return any(row[0] == "live" for row in warehouse.query(_SHOWN).rows)


def pipeline_time(warehouse: Warehouse) -> int:
    """The machine's time, or the pipeline's where that lies behind it, ns: a replay with the request goes no further than before."""
    told = warehouse.query("SELECT now FROM rtm.clock").rows
    now = time.time_ns()
    return min(now, parse_instant(told[0][0])) if told else now


def request_fact(patient: str, request_id: str | None, at: int) -> Fact:
    """The fact that asks for the erasure; the request gets an id of its own where none is given. Unusable for an empty pseudonym."""
    request_id = request_id or str(uuid.uuid4())
    return make_fact(FORGOTTEN, patient, SOURCE, request_id, at, {"request_id": request_id})


def forget_embedded(warehouse: Warehouse, fact: Fact, file: Path) -> Forgotten:
    """Add the request to a file of events, then erase the patient from the warehouse."""
    request_id = fact.id
    migrate(warehouse)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    with file.open("ab") as stream:
        stream.write(encode_line(fact) + b"\n")
    request_erasure(warehouse, fact.subject, request_id)
    erase_requested(warehouse)
    return Forgotten(request_id, live=False, erased=True, file=str(file))


def forget_live(bootstrap: str, fact: Fact) -> Forgotten:
    """Write the request into both topics; KafkaError when they can't be reached."""
    from streams.kafka.writing import Writer, topics_there  # noqa: PLC0415 - embedded needs no Kafka

    topics = topics_there(bootstrap, (EVENTS.name, SENSOR.name))
    key, value, headers = encode_kafka(fact)
    with Writer(bootstrap, "rtm-forget") as writer:
        for name in (EVENTS.name, SENSOR.name):
            writer.send(Outgoing(name, partition_of(key, topics[name].partitions), key, value, headers))
        writer.flush()
    return Forgotten(fact.id, live=True, erased=False, kept=retention(bootstrap))


def retention(bootstrap: str, now: int | None = None) -> list[Kept]:
    """Until when each topic that names patients keeps what is in it now, by its own setting on the cluster."""
    from kafka.admin import ConfigResource, ConfigResourceType  # noqa: PLC0415

    from streams.kafka.topics import admin  # noqa: PLC0415

    keyed = [topic for topic in TOPICS if topic.name != "rtm.deliveries.v1"]
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic.name, ["retention.ms"]) for topic in keyed]
    with admin(bootstrap) as client:
        told = client.describe_configs(asked, config_filter="all")["topic"]
    moment = time.time_ns() if now is None else now
    return [Kept(topic.name, _until(moment, _retention_ms(topic, told))) for topic in keyed]


def _retention_ms(topic: Topic, told: dict[str, dict[str, dict[str, str]]]) -> int:
    setting = told.get(topic.name, {}).get("retention.ms")
    return int(setting["value"]) if setting else topic.retention_ms


def _until(moment: int, retention_ms: int) -> str | None:
    return None if retention_ms < 0 else format_instant((moment + retention_ms * 1_000_000) // SECOND * SECOND)


def await_erased(warehouse: Warehouse, fact: Fact, seconds: float) -> bool:
    """Whether the record of the erasure shows within so many seconds."""
    give_up = time.monotonic() + seconds
    while fact.id not in forgotten_requests(warehouse, fact.subject):
        if time.monotonic() >= give_up:
            return False
        time.sleep(ASK_AGAIN_S)
    return True
