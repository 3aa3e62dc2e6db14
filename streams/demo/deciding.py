"""How long an alert takes: a short run by the clock on the wall in, the seconds from the event that decides it to its webhook out.

The patient missed a day and wasn't heard of on the next. A check-in for that day, sent now, makes it missed too: two in a row.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from schemas.codecs import encode_kafka, make_fact
from schemas.instants import DAY_SECONDS, SECOND
from schemas.topics import EVENTS
from streams.demo.running import Running, write_routes
from streams.dispatch.receiver import Received, Receiver, new_secret
from streams.kafka.outgoing import Outgoing
from streams.kafka.placement import partition_of
from streams.kafka.writing import Writer, topics_there
from streams.warehouse.connection import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from schemas.facts import Fact

PATIENT = "wall-01"
CLINIC = "clinic-harbour"
SOURCE = "/demo/wall"
DAY = DAY_SECONDS * SECOND
MISSED_DAYS_AGO, UNKNOWN_DAYS_AGO = 3, 2
RULE = "missed_days"
WAIT_S = 60.0
POLL_S = 0.25
STATUS = """
SELECT status FROM rtm.adherence_daily
WHERE patient_id = {patient:String} AND exercise_id = '' AND local_date = {day:Date32}"""


def time_the_delivery(folder: Path, settings: Mapping[str, str]) -> float | None:
    """Run everything over `folder`, send the events, and time the delivery, s; None when none came or it wasn't verified."""
    secret = new_secret()
    with Receiver(secret) as receiver:
        write_routes(folder, receiver.url, secret)
        with Running(folder, {**settings, "RTM_CLOCK": "wall"}) as running:
            today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
            _send(running.kafka, _course(today))
            if not _await_missed(running, (today - timedelta(days=MISSED_DAYS_AGO)).date().isoformat()):
                return None
            sent_at = time.time_ns()
            _send(running.kafka, [_checkin(today, UNKNOWN_DAYS_AGO, recorded=sent_at)])
            told = _await_told(receiver, sent_at)
    return (told.received_at - sent_at) / SECOND if told and told.verified else None


def _await_told(receiver: Receiver, sent_at: int) -> Received | None:
    """Wait for the webhook of the alert that was decided at an instant (ns): those of other rules may have come before."""
    give_up = time.monotonic() + WAIT_S
    while time.monotonic() < give_up:
        for each in list(receiver.received):
            if each.received_at >= sent_at and any(alert["rule_id"] == RULE for alert in orjson.loads(each.body)["alerts"]):
                return each
        receiver.wait_for(len(receiver.received) + 1, POLL_S)
    return None


def _instant(today: datetime, days_ago: int) -> int:
    return int((today - timedelta(days=days_ago)).timestamp()) * SECOND


def _fact(kind: str, name: str, at: int, data: dict[str, Any], recorded: int | None = None) -> Fact:
    return make_fact(f"rtm.{kind}.v1", PATIENT, SOURCE, name, at, data, recorded=recorded, clinic=CLINIC)


def _course(today: datetime) -> list[Fact]:
    """Enrolled five days ago with a plan for every day; one day missed, the next ones not heard of. The plan comes last: before it no rule
    speaks, so that the days read so far don't look like silence."""
    begins = (today - timedelta(days=5)).date().isoformat()
    enrolled = {
        "episode_id": f"{PATIENT}-knee",
        "timezone": "UTC",
        "monitoring_start": begins,
        "therapeutic_area": "musculoskeletal",
        "condition": "made up, to time a delivery",
        "clinic_id": CLINIC,
        "therapist_id": "therapist-1",
    }
    exercise = {"exercise_id": "heel-slide", "name": "Heel slide", "joint": "knee", "sets": 1, "reps": 10}
    plan = {"plan_id": "knee", "version": 1, "effective_from": begins, "exercises": [exercise]}
    return [
        _fact("patient.enrolled", "enrolled", _instant(today, 6), enrolled),
        _checkin(today, MISSED_DAYS_AGO),
        _fact("plan.prescribed", "plan", _instant(today, 6), plan),
    ]


def _checkin(today: datetime, days_ago: int, recorded: int | None = None) -> Fact:
    return _fact("report.checkin", f"heard-{days_ago}", _instant(today, days_ago), {"channel": "app"}, recorded)


def _send(bootstrap: str, facts: list[Fact]) -> None:
    """Write facts to the log, and wait until Kafka has them."""
    partitions = topics_there(bootstrap, [EVENTS.name])[EVENTS.name].partitions
    with Writer(bootstrap, "rtm-demo") as writer:
        for fact in facts:
            key, value, headers = encode_kafka(fact)
            writer.send(Outgoing(EVENTS.name, partition_of(key, partitions), key, value, headers))
        writer.flush()


def _await_missed(running: Running, day: str) -> bool:
    """Wait until the table says that the day was missed."""
    give_up = time.monotonic() + WAIT_S
    with open_warehouse(f"clickhouse://{running.http}/rtm", read_only=True) as warehouse:
        while time.monotonic() < give_up:
            running.check()
            rows = warehouse.query(STATUS, {"patient": PATIENT, "day": day}).rows
            if rows and rows[0][0] == "missed":
                return True
            time.sleep(POLL_S)
    return False
