"""What an earlier dispatcher did with changes that it didn't finish: rtm.deliveries.v1 in, the newest row of each webhook and endpoint out.

So a webhook that was delivered before a kill isn't sent once more, attempts go on counting, and the fact that tells of a delivery is
written with the same content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from kafka import KafkaConsumer, TopicPartition

from schemas.instants import parse_instant
from schemas.topics import DELIVERIES
from streams.dispatch.records import Tried

if TYPE_CHECKING:
    from collections.abc import Mapping

CLOCKS_DIFFER_MS = 60_000
"""Two brokers' clocks may differ by this."""

Done = dict[tuple[str, str], Tried]
"""The newest row by webhook id and endpoint."""


class _Row(msgspec.Struct):
    webhook_id: str
    endpoint: str
    attempt: int
    outcome: str
    sent_at: str
    status_code: int | None = None


_decode = msgspec.json.Decoder(_Row).decode


def done_since(bootstrap: str, since_ms: int) -> Done:
    """What rows say that were written since `since_ms` (by the broker's clock), up to now. Raises what kafka-python raises."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap.split(","), client_id="rtm-dispatch", isolation_level="read_committed", enable_auto_commit=False
    )
    try:
        places = [TopicPartition(DELIVERIES.name, number) for number in consumer.partitions_for_topic(DELIVERIES.name) or ()]
        consumer.assign(places)
        ends: Mapping[TopicPartition, int] = consumer.end_offsets(places)
        starts = consumer.offsets_for_times(dict.fromkeys(places, max(0, since_ms - CLOCKS_DIFFER_MS)))
        for place in places:
            consumer.seek(place, starts[place].offset if starts.get(place) else ends[place])
        found: Done = {}
        while any(consumer.position(place) < ends[place] for place in places):
            for batch in consumer.poll(timeout_ms=200).values():
                for record in batch:
                    row = _decode(record.value)
                    found[row.webhook_id, row.endpoint] = Tried(row.attempt, row.outcome, parse_instant(row.sent_at), row.status_code)
        return found
    finally:
        consumer.close(autocommit=False)
