"""The contract's topics on a real broker: made as the catalogue says, compared, never changed."""

import time

import orjson
import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from schemas.topics import TOPICS
from streams.cli import run
from streams.kafka.jars import KafkaError
from streams.kafka.topics import STATE_CONFIG, admin, declare, state_topic, wanted_topics
from tests.conftest import delete_topics

STATES = ("rtm-1-motion-state", "rtm-1-patient-state")
NAMES = (*(topic.name for topic in TOPICS), *STATES)


def until(true):
    """The broker answers a change before all of it is to be seen."""
    give_up = time.monotonic() + 120
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def settings(bootstrap, name):
    with admin(bootstrap) as client:
        described = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], config_filter="all")
    return {setting: entry["value"] for setting, entry in described["topic"][name].items()}


def alter(bootstrap, name, **config):
    wanted = {key.replace("_", "."): value for key, value in config.items()}
    with admin(bootstrap) as client:
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, wanted)])
    until(lambda: wanted.items() <= settings(bootstrap, name).items())


def test_state_topics_are_named_by_group_generation_and_stage():
    assert state_topic("rtm", 1, "motion") == "rtm-1-motion-state"
    assert state_topic("clinic", 12, "patient") == "clinic-12-patient-state"
    assert tuple(wanted_topics("rtm", 1)) == NAMES


def test_every_topic_is_on_the_broker_as_the_catalogue_says(fresh_topics):
    for topic in TOPICS:
        assert dict(topic.config).items() <= settings(fresh_topics, topic.name).items()
    for state in STATES:
        assert STATE_CONFIG.items() <= settings(fresh_topics, state).items()
    with admin(fresh_topics) as client:
        described = {topic["name"]: len(topic["partitions"]) for topic in client.describe_topics(list(NAMES))}
    assert described == dict.fromkeys(NAMES, 4)


def test_what_is_there_as_it_should_be_is_left_and_what_is_missing_is_made(fresh_topics):
    assert declare(fresh_topics, 4, "rtm", 1).made == ()
    delete_topics(fresh_topics, ["rtm.alerts.v1", STATES[0]])
    declared = declare(fresh_topics, 4, "rtm", 1)
    assert declared.made == ("rtm.alerts.v1", STATES[0])
    assert declared.differences == ()
    assert declared.partitions == dict.fromkeys(NAMES, 4)


def test_a_new_generation_gets_state_topics_of_its_own(fresh_topics):
    assert declare(fresh_topics, 4, "rtm", 2).made == ("rtm-2-motion-state", "rtm-2-patient-state")


def test_a_setting_that_differs_is_told_with_its_remedy_and_not_touched(fresh_topics):
    alter(fresh_topics, "rtm.events.v1", retention_ms="3600000", message_timestamp_type="CreateTime")
    differences = declare(fresh_topics, 4, "rtm", 1).differences
    assert [(each.topic, each.setting, each.found, each.wanted) for each in differences] == [
        ("rtm.events.v1", "message.timestamp.type", "CreateTime", "LogAppendTime"),
        ("rtm.events.v1", "retention.ms", "3600000", "-1"),
    ]
    assert differences[1].remedy.endswith("--entity-name rtm.events.v1 --add-config retention.ms=-1")
    assert settings(fresh_topics, "rtm.events.v1")["retention.ms"] == "3600000"


def test_the_told_remedy_mends_it(fresh_topics):
    alter(fresh_topics, STATES[1], cleanup_policy="delete")
    (difference,) = declare(fresh_topics, 4, "rtm", 1).differences
    key, value = difference.remedy.rsplit(" ", 1)[1].split("=")
    alter(fresh_topics, difference.topic, **{key: value})
    assert declare(fresh_topics, 4, "rtm", 1).differences == ()


@pytest.mark.parametrize(("largest", "differs"), [(1 << 20, True), (64 << 20, False)])
def test_a_topic_may_take_larger_records_but_not_smaller_ones(fresh_topics, largest, differs):
    alter(fresh_topics, "rtm.sensor.v1", max_message_bytes=str(largest))
    assert bool(declare(fresh_topics, 4, "rtm", 1).differences) == differs


@pytest.mark.parametrize("partitions", [2, 8])
def test_a_partition_count_is_told_and_never_changed(fresh_topics, partitions):
    declared = declare(fresh_topics, partitions, "rtm", 1)
    assert [(each.topic, each.setting, each.found, each.wanted) for each in declared.differences] == [
        (name, "partitions", "4", str(partitions)) for name in NAMES
    ]
    assert declare(fresh_topics, 4, "rtm", 1).differences == ()


def test_the_command_tells_each_topic_and_ends_with_1_when_one_differs(fresh_topics, monkeypatch, capsys):
    monkeypatch.setenv("RTM_KAFKA", fresh_topics)
    assert run(["topics", "--partitions", "4", "--json"]) == 0
    rows = [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows == [{"topic": name, "state": "as_it_should_be", "partitions": 4, "differences": []} for name in NAMES]

    alter(fresh_topics, "rtm.metrics.v1", retention_ms="1")
    monkeypatch.setenv("RTM_PARTITIONS", "4")
    assert run(["topics"]) == 1
    told = capsys.readouterr()
    assert told.err == ""
    assert "rtm.metrics.v1: differs, 4 partitions\n  retention.ms is 1, must be 2592000000: kafka-configs.sh " in told.out
    assert told.out.endswith(f"{fresh_topics}: 0 made, 1 differ, of 8 topics\n")


@pytest.mark.parametrize("address", ["127.0.0.1:9", "127.0.0.1:99999", "nowhere.invalid:9092"])
def test_an_unreachable_broker_is_told_in_one_line(address, monkeypatch, capsys):
    monkeypatch.setattr("streams.kafka.topics.REACH_TIMEOUT_MS", 300)
    monkeypatch.setenv("RTM_KAFKA", address)
    assert run(["topics"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        f"rtm: no Kafka answers at {address}: start one with rtm kafka start, or set RTM_KAFKA to the address of yours"
    ]


def test_a_refusal_of_the_broker_is_told_in_one_line(kafka):
    with pytest.raises(KafkaError, match=r"refuses \(InvalidPartitionsError\): mend that there and run this again$"):
        declare(kafka, 0, "refused", 1)
