"""What a rewrite asks of Kafka besides records: cuts noted, new files begun, old records deleted, all of rtm.events.v1.

The cuts are the offsets of a group `<group>-rewrite` that has no members: whoever looks at the cluster sees that a rewrite is under way,
and a run on another machine goes on.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kafka import OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError

from schemas.topics import EVENTS
from streams.kafka.jars import KafkaError
from streams.kafka.topics import admin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from streams.settings import Settings

ROLL_MS = "1"
"""segment.ms while new files are to begin: the next record begins one. Kafka deletes whole files only, and never the one in use."""
SETTLE_S = 1.0
"""A broker tells of a changed setting shortly before its partitions heed it."""
COORDINATOR_S = 60.0
AGAIN_S = 0.5


def note_cuts(settings: Settings, cuts: Mapping[int, int]) -> None:
    """Note where the partitions are cut. KafkaError."""
    offsets = {TopicPartition(EVENTS.name, number): OffsetAndMetadata(cut, "", -1) for number, cut in cuts.items()}
    with admin(settings.kafka) as client:
        answers = _patiently(lambda: client.alter_group_offsets(_group(settings), offsets))
    if any(getattr(answer, "errno", 0) for answer in answers.values()):
        raise KafkaError(f"Kafka at {settings.kafka} did not take the offsets of group {_group(settings)}: run this again")


def noted_cuts(settings: Settings) -> dict[int, int]:
    """Where a run that didn't end has cut the partitions; empty where none is under way. KafkaError."""
    with admin(settings.kafka) as client:
        found = _patiently(lambda: client.list_group_offsets({_group(settings): None}))[_group(settings)]
    return {place.partition: int(each.offset) for place, each in found.items() if place.topic == EVENTS.name and each.offset >= 0}


def forget_cuts(settings: Settings) -> None:
    """The rewrite is over, or begins anew. KafkaError."""
    with admin(settings.kafka) as client:
        _patiently(lambda: client.delete_groups([_group(settings)]))


def lagging_partitions(bootstrap: str) -> list[int]:
    """The partitions of which a replica is not in sync: it would not begin the new file where its leader does. KafkaError."""
    with admin(bootstrap) as client:
        [topic] = client.describe_topics([EVENTS.name])
    return [each["partition_index"] for each in topic["partitions"] if set(each["isr_nodes"]) != set(each["replica_nodes"])]


@contextmanager
def new_files(bootstrap: str) -> Iterator[None]:
    """While this is open, the first record that is written to a partition begins a new file of it. KafkaError."""
    with admin(bootstrap) as client:
        former = _own_setting(client)
        client.alter_configs([_resource({"segment.ms": ROLL_MS})])
        time.sleep(SETTLE_S)
        try:
            yield
        finally:
            if former is None:
                client.reset_configs([_resource(["segment.ms"])])
            else:
                client.alter_configs([_resource({"segment.ms": former})])


def _own_setting(client: Any) -> str | None:
    """What segment.ms the topic itself sets, None where it leaves it to the broker, or an earlier run left ours."""
    told = client.describe_configs([_resource(["segment.ms"])], config_filter="all")["topic"][EVENTS.name]["segment.ms"]
    return None if told["config_source"] != "DYNAMIC_TOPIC_CONFIG" or told["value"] == ROLL_MS else str(told["value"])


def _resource(settings: Any) -> Any:
    return ConfigResource(ConfigResourceType.TOPIC, EVENTS.name, settings)


def delete_before(bootstrap: str, partition: int, offset: int) -> None:
    """Have nobody read what lies before an offset any more; Kafka then deletes the files. KafkaError when it doesn't."""
    place = TopicPartition(EVENTS.name, partition)
    with admin(bootstrap) as client:
        answer = client.delete_records({place: offset})[place]
    if answer.get("error_code") or answer["low_watermark"] < offset:
        raise KafkaError(f"{EVENTS.name}, partition {partition}: Kafka did not delete what lies before offset {offset}; run this again")


def _group(settings: Settings) -> str:
    return f"{settings.group}-rewrite"


def _patiently(ask: Callable[[], Any]) -> Any:
    """Ask again while the cluster makes the topic of the groups, which it does at the first question."""
    give_up = time.monotonic() + COORDINATOR_S
    while True:
        try:
            return ask()
        except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError):
            if time.monotonic() > give_up:
                raise
            time.sleep(AGAIN_S)
