"""The topics on a cluster: the catalogue of schemas.topics comes in, what was made and what differs goes out.

What is missing is made. What is there is only compared: a setting that differs is told with the command that mends it, and a number of
partitions never changes, because a patient's records would no longer lie in one partition.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError as ClientError
from kafka.errors import KafkaTimeoutError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from schemas.topics import TOPICS
from streams.kafka.jars import KafkaError
from streams.kafka.security import client_arguments, unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Stage = Literal["motion", "patient"]
STAGES: tuple[Stage, ...] = ("motion", "patient")
STATE_CONFIG = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime", "max.compaction.lag.ms": "604800000"}
"""The lag bounds how long a state that was deleted stays on the brokers' disks: without it, for ever where little is written."""
LARGEST_BATCH = 16 << 20
"""max.message.bytes: a record of RTM_MAX_RECORD with its headers, a patient's rows, a session's held chunks; Kafka's default is 1 MiB."""

REACH_TIMEOUT_MS = 5_000


@dataclass(frozen=True, slots=True)
class Difference:
    """A topic on the cluster that isn't as it must be: the setting (or `partitions`), both values, and how to mend it."""

    topic: str
    setting: str
    found: str
    wanted: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Declared:
    """What a declaration came to: every topic with its partitions, those that were made, and what differs on those that were there.

    `missing` are those that only `compare` leaves unmade.
    """

    partitions: Mapping[str, int]
    made: tuple[str, ...]
    differences: tuple[Difference, ...]
    missing: tuple[str, ...] = ()


def state_topic(group: str, generation: int, stage: Stage) -> str:
    """The name of the compacted topic that holds a stage's state, such as `rtm-1-patient-state`."""
    return f"{group}-{generation}-{stage}-state"


def wanted_topics(group: str, generation: int) -> dict[str, dict[str, str]]:
    """Every topic of the live path with its settings: the catalogue's, then the state topics of the group."""
    settings = {topic.name: dict(topic.config) for topic in TOPICS}
    settings |= {state_topic(group, generation, stage): dict(STATE_CONFIG) for stage in STAGES}
    return {name: config | {"max.message.bytes": str(LARGEST_BATCH)} for name, config in settings.items()}


def declare(bootstrap: str, partitions: int, group: str, generation: int) -> Declared:
    """Make what is missing, compare what is there; KafkaError when the cluster can't be reached or refuses."""
    return _declared(bootstrap, partitions, wanted_topics(group, generation), make=True)


def compare(bootstrap: str, partitions: int, group: str, generation: int) -> Declared:
    """Compare what is there, and make nothing; KafkaError when the cluster can't be reached or refuses."""
    return _declared(bootstrap, partitions, wanted_topics(group, generation), make=False)


def _declared(bootstrap: str, partitions: int, wanted: Mapping[str, Mapping[str, str]], *, make: bool) -> Declared:
    with admin(bootstrap) as client:
        found = _partitions(client, list(wanted))
        missing = {name: config for name, config in wanted.items() if name not in found}
        made = _make(client, partitions, missing) if missing and make else ()
        found |= dict.fromkeys(made, partitions)
        beside = [name for name in missing if name not in made]
        found |= _partitions(client, beside) if beside and make else {}
        compared = [name for name in wanted if name in found and name not in made]
        settings = _settings(client, compared, wanted) if compared else {}
    differences = [
        difference
        for name in compared
        for difference in _differences(
            bootstrap, name, {**wanted[name], "partitions": str(partitions)}, settings[name] | {"partitions": str(found[name])}
        )
    ]
    there = {name: found[name] for name in wanted if name in found}
    return Declared(there, made, tuple(differences), tuple(name for name in wanted if name not in there))


def topic_ids(bootstrap: str, names: Sequence[str]) -> dict[str, str]:
    """The id of each topic, which tells a topic from another of its name that was made later; KafkaError."""
    with admin(bootstrap) as client:
        return {topic["name"]: str(topic["topic_id"]) for topic in client.describe_topics(list(names)) if topic.get("topic_id")}


@contextmanager
def admin(bootstrap: str) -> Iterator[Any]:
    """kafka-python's admin client, closed at the end; what it raises becomes a KafkaError of one line."""
    try:
        client = KafkaAdminClient(
            bootstrap_servers=bootstrap.split(","), client_id="rtm", bootstrap_timeout_ms=REACH_TIMEOUT_MS, **client_arguments()
        )
    except (ClientError, OSError, ValueError):
        raise unreachable(bootstrap) from None
    try:
        yield client
    except KafkaTimeoutError:
        raise unreachable(bootstrap) from None
    except ClientError as error:
        raise KafkaError(f"Kafka at {bootstrap} refuses ({type(error).__name__}): mend that there and run this again") from None
    finally:
        client.close()


def _partitions(client: Any, names: list[str]) -> dict[str, int]:
    described = client.describe_topics(names)
    return {topic["name"]: len(topic["partitions"]) for topic in described if topic["error_code"] != UnknownTopicOrPartitionError.errno}


def _make(client: Any, partitions: int, missing: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """Make the topics, with as many replicas as the cluster gives by default; those that somebody else just made are left out."""
    request = {name: {"num_partitions": partitions, "configs": dict(config)} for name, config in missing.items()}
    answers = client.create_topics(request, raise_errors=False)["topics"]
    made = tuple(answer["name"] for answer in answers if answer["error_code"] == 0)
    for answer in answers:
        if answer["error_code"] not in {0, TopicAlreadyExistsError.errno}:
            raise for_code(answer["error_code"])
    client.wait_for_topics(list(made))
    return made


def _settings(client: Any, names: list[str], wanted: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, list(wanted[name])) for name in names]
    described = client.describe_configs(resources, config_filter="all")["topic"]
    for name in names:
        if not described.get(name):  # kafka-python drops the answer's error: no right to read them, or the topic is just being deleted
            raise KafkaError(
                f"the settings of {name} can't be read: grant DescribeConfigs on it, or run this again where it was just deleted"
            )
    return {name: {setting: str(described[name][setting]["value"]) for setting in wanted[name]} for name in names}


def _differences(bootstrap: str, name: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Difference]:
    for setting, value in wanted.items():
        if found[setting] == value or (setting == "max.message.bytes" and found[setting].isdigit() and int(found[setting]) > int(value)):
            continue
        yield Difference(name, setting, found[setting], value, _remedy(bootstrap, name, setting, value, found[setting]))


def _remedy(bootstrap: str, name: str, setting: str, wanted: str, found: str) -> str:
    if setting == "partitions":
        return f"set RTM_PARTITIONS={found}, or delete the topic and what it holds; its number of partitions must never change"
    return (
        f"kafka-configs.sh --bootstrap-server {bootstrap} --alter --entity-type topics --entity-name {name} --add-config {setting}={wanted}"
    )
