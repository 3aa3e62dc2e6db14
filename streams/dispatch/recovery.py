"""What an earlier dispatcher knew and did: rtm.alerts.v1 up to where it had read and rtm.deliveries.v1 in; changes, and plans with what
became of them, out.

So escalations go on where they were, a message that was delivered isn't sent once more, one that was only planned is sent as planned,
attempts go on counting, and the fact that tells of a delivery is written with the same content.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError as ClientError

from schemas.instants import parse_instant
from schemas.topics import ALERTS, DELIVERIES
from streams.dispatch.records import Plan, Tried, read_change, read_plan
from streams.kafka.jars import KafkaError
from streams.kafka.security import client_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.dispatch.messages import AlertChange

STEP_MS = 200
LOOK_UP_POLLS = 25


class _Row(msgspec.Struct):
    alert_id: str
    webhook_id: str
    endpoint: str
    attempt: int
    outcome: str
    sent_at: str
    status_code: int | None = None


_decode = msgspec.json.Decoder(_Row).decode


@dataclass(slots=True)
class Past:
    """What was read: changes in each partition's order; plans in the order of their making; the newest row of each alert's message."""

    changes: list[AlertChange] = field(default_factory=list)
    plans: dict[tuple[str, str], Plan] = field(default_factory=dict)
    rows: dict[tuple[str, str, str], Tried] = field(default_factory=dict)

    def of(self, plan: Plan) -> Tried | None:
        """The newest row of a plan's message; of several alerts one that says how it ended, if one does.

        Its attempts are those under the message's own id.
        """
        found = [
            replace(tried, attempt=max(0, tried.attempt - part.earlier))
            for part in plan.parts
            if (tried := self.rows.get((plan.webhook_id, plan.endpoint, part.alert_id)))
        ]
        return max(found, key=lambda tried: (tried.outcome != "failed", tried.attempt), default=None)


def read_past(bootstrap: str, unread: Mapping[int, int]) -> Past:
    """What is retained of these partitions of rtm.alerts.v1, each up to its first unread offset. Raises what kafka-python raises."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap.split(","),
        client_id="rtm-dispatch",
        isolation_level="read_committed",
        enable_auto_commit=False,
        max_poll_records=5000,
        **client_arguments(),
    )
    past = Past()
    try:
        for place, record in _everything(consumer, unread):
            if place.topic == ALERTS.name:
                try:
                    past.changes.append(read_change(record.value, record.headers, record.partition, record.offset))
                except ValueError:
                    continue
            else:
                _read_delivery(record, past, unread)
    finally:
        consumer.close(autocommit=False)
    past.plans = dict(sorted(past.plans.items(), key=lambda item: item[1].planned_at))
    return past


def change_at(bootstrap: str, partition: int, offset: int) -> AlertChange | None:
    """The change that lies at a place of rtm.alerts.v1; None when it isn't kept any more. KafkaError when Kafka can't be reached."""
    place = TopicPartition(ALERTS.name, partition)
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=bootstrap.split(","),
            client_id="rtm-dispatch",
            enable_auto_commit=False,
            max_poll_records=1,
            **client_arguments(),
        )
        try:
            consumer.assign([place])
            if not consumer.beginning_offsets([place])[place] <= offset < consumer.end_offsets([place])[place]:
                return None
            consumer.seek(place, offset)
            for _ in range(LOOK_UP_POLLS):
                for record in consumer.poll(timeout_ms=STEP_MS).get(place, ()):
                    return read_change(record.value, record.headers, partition, offset) if record.offset == offset else None
        finally:
            consumer.close(autocommit=False)
    except ValueError:
        return None
    except ClientError as error:
        raise KafkaError(f"Kafka at {bootstrap} can't be read ({type(error).__name__})") from None
    return None


def _everything(consumer: KafkaConsumer, unread: Mapping[int, int]) -> Iterator[tuple[TopicPartition, Any]]:
    deliveries = [TopicPartition(DELIVERIES.name, number) for number in consumer.partitions_for_topic(DELIVERIES.name) or ()]
    alerts = [TopicPartition(ALERTS.name, number) for number in unread]
    places = [*deliveries, *alerts]
    consumer.assign(places)
    ends: dict[TopicPartition, int] = consumer.end_offsets(places)
    ends |= {place: min(ends[place], unread[place.partition]) for place in alerts}
    starts = consumer.beginning_offsets(places)
    open_places = {place for place in places if starts[place] < ends[place]}
    consumer.seek_to_beginning(*places)
    while open_places:
        for place, batch in consumer.poll(timeout_ms=STEP_MS).items():
            for record in batch:
                if record.offset < ends[place]:
                    yield place, record
        done = {place for place in open_places if consumer.position(place) >= ends[place]}
        open_places -= done
        consumer.pause(*done)


def _read_delivery(record: Any, past: Past, unread: Mapping[int, int]) -> None:
    plan = read_plan(record.headers)
    if plan is not None and any(part.partition in unread for part in plan.parts):
        past.plans.setdefault((plan.webhook_id, plan.endpoint), plan)
    if value := record.value:
        try:
            row = _decode(value)
        except msgspec.DecodeError:
            return
        tried = Tried(row.attempt, row.outcome, parse_instant(row.sent_at), row.status_code)
        past.rows[row.webhook_id, row.endpoint, row.alert_id] = tried
