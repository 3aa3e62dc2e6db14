"""What lies in Kafka: topics and offsets in, counts of committed records out.

By reading: transactions' markers take offsets too, so offsets can't be subtracted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from aiokafka import TopicPartition  # type: ignore[import-untyped]
from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError as ClientError  # type: ignore[import-untyped]

from schemas.topics import DEAD_LETTERS, DELIVERIES
from streams.dispatch.records import TELLS
from streams.kafka.jars import KafkaError
from streams.kafka.security import client_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.kafka.reading import Reader

Place = tuple[str, int, int]
"""Topic (or file), partition (or its number), offset (or line)."""


class _Delivery(msgspec.Struct):
    alert_id: str
    transition: str
    endpoint: str
    attempt: int
    webhook_id: str
    outcome: str


_delivery = msgspec.json.Decoder(_Delivery).decode


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Distinct rows, distinct webhooks that told somebody of an open alert, and whether the topic still begins at its beginning."""

    rows: int
    told: int
    whole: bool


def count_records(reader: Reader, since: Mapping[Any, int], until: Mapping[Any, int]) -> Counter[Any]:
    """Committed records from `since` up to `until`, by partition."""
    return Counter(TopicPartition(record.topic, record.partition) for record in reader.records(since, until))


def read_dead_letters(reader: Reader) -> set[Place]:
    """The places of all records that are told of in rtm.dead-letters.v1, each once."""
    places = reader.places(DEAD_LETTERS.name)
    found: set[Place] = set()
    for record in reader.records(reader.begins(places), reader.ends(places)):
        said = dict(record.headers)
        try:
            found.add((said["rtm-topic"].decode(), int(said["rtm-partition"]), int(said["rtm-offset"])))
        except (KeyError, ValueError, AttributeError):
            continue  # the sink buries it, under its own place
    return found


def read_deliveries(reader: Reader) -> Deliveries:
    """What rtm.deliveries.v1 holds."""
    places = reader.places(DELIVERIES.name)
    begins = reader.begins(places)
    rows: set[tuple[str, str, str, int]] = set()
    told: set[tuple[str, str, str]] = set()
    for record in reader.records(begins, reader.ends(places)):
        try:
            row = _delivery(record.value)
        except (msgspec.DecodeError, TypeError):
            continue
        rows.add((row.alert_id, row.transition, row.endpoint, row.attempt))
        if row.outcome == "delivered" and row.transition in TELLS:
            told.add((row.webhook_id, row.alert_id, row.endpoint))
    return Deliveries(len(rows), len(told), not any(begins.values()))


def committed_offsets(bootstrap: str, group: str) -> dict[Any, int]:
    """The offsets that a group has committed, by partition; empty where it never did."""

    async def ask() -> dict[Any, int]:
        client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **client_arguments())
        try:
            await client.start()
            found = await client.list_consumer_group_offsets(group)
            return {place: meta.offset for place, meta in found.items() if meta.offset >= 0}
        finally:
            await client.close()

    try:
        return asyncio.run(ask())
    except (ClientError, OSError) as error:
        raise KafkaError(f"the offsets of group {group} can't be read ({type(error).__name__}): is Kafka at {bootstrap} well?") from None
