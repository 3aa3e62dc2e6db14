"""How far a group's state has come, seen from outside: a state topic in, the newest `Progress` of each partition out.

Every checkpoint writes it last in its transaction, so it is looked for from the end, in steps that grow; the state itself isn't read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError as ClientError

from processors.shelf import NewerStateError, unpack
from streams.kafka.jars import KafkaError
from streams.worker.changelog import PROGRESS_KEY, Progress

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_STEP = 64
STEP_GROWS = 16
POLL_MS = 500


def newest_progress(bootstrap: str, topic: str) -> dict[int, Progress | NewerStateError | None]:
    """By partition of a state topic: its newest progress, None where none was written yet, the error where a newer version wrote it.

    KafkaError where it can't be read.
    """
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=bootstrap.split(","),
            client_id="rtm-progress",
            group_id=None,
            isolation_level="read_committed",
            enable_auto_commit=False,
            bootstrap_timeout_ms=5_000,
        )
    except (ClientError, OSError, ValueError):
        raise KafkaError(f"no Kafka answers at {bootstrap}: start one with rtm kafka start, or set RTM_KAFKA") from None
    try:
        return _newest(consumer, [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())])
    except ClientError as error:
        raise KafkaError(f"{topic} can't be read ({type(error).__name__}): is Kafka at {bootstrap} well?") from None
    finally:
        consumer.close(autocommit=False)


def _newest(consumer: Any, places: list[TopicPartition]) -> dict[int, Progress | NewerStateError | None]:
    found: dict[int, Progress | NewerStateError | None] = {place.partition: None for place in places}
    begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
    until, step = dict(ends), FIRST_STEP
    left = [place for place in places if begins[place] < ends[place]]
    while left:
        since = {place: max(begins[place], ends[place] - step) for place in left}
        blobs = _last(consumer, since, {place: until[place] for place in left})
        for place, blob in blobs.items():
            found[place.partition] = _read(blob)
        until |= since
        left = [place for place in left if place not in blobs and since[place] > begins[place]]
        step *= STEP_GROWS
    return found


def _last(consumer: Any, since: dict[TopicPartition, int], until: dict[TopicPartition, int]) -> dict[TopicPartition, bytes]:
    """The last progress between two offsets of each partition, where there is one."""
    consumer.assign(list(since))
    for place, offset in since.items():
        consumer.seek(place, offset)
    found: dict[TopicPartition, bytes] = {}
    left = set(since)
    while left:
        for place, records in consumer.poll(timeout_ms=POLL_MS).items():
            for record in _before(records, until[place]):
                if record.key == PROGRESS_KEY and record.value is not None:
                    found[place] = record.value
        for place in [place for place in left if consumer.position(place) >= until[place]]:
            left.discard(place)
            consumer.pause(place)
    return found


def _before(records: Iterable[Any], offset: int) -> Iterable[Any]:
    return (record for record in records if record.offset < offset)


def _read(blob: bytes) -> Progress | NewerStateError:
    try:
        return unpack(blob, Progress)
    except NewerStateError as error:
        return error
