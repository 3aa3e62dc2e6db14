"""What the whole suite shares: a real Kafka, one a session, for tests that ask for it; no example of hypothesis fails for taking long."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import settings

from streams.kafka import server as kafka_server
from streams.kafka.jars import KafkaError
from streams.kafka.topics import admin, declare

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
REQUIRED = os.environ.get("RTM_REQUIRE_KAFKA") == "1"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each worker of `pytest -n` has a broker of its own; the tests of a file stay together: they share topics and what runs on them."""
    for item in items:
        if "kafka" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(f"kafka {item.path.name}"))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory):
    """The address of a real broker of this test session; skipped where none can be had, failed with RTM_REQUIRE_KAFKA=1."""
    folder: Path = tmp_path_factory.mktemp("kafka")
    try:
        broker = kafka_server.start(folder, port=0)
    except KafkaError as error:
        if REQUIRED:
            pytest.fail(f"RTM_REQUIRE_KAFKA=1, and no Kafka: {error}")
        pytest.skip(f"no Kafka: {error}")
    yield broker.bootstrap
    kafka_server.stop(folder)


def delete_topics(bootstrap: str, names: list[str]) -> None:
    """Delete the topics and wait until they are gone: the broker answers before all of it knows."""
    with admin(bootstrap) as client:
        if names:
            client.delete_topics(names)
        give_up = time.monotonic() + 120
        while set(names) & set(client.list_topics()):
            assert time.monotonic() < give_up, "deleted topics are still there after 120 s"
            time.sleep(0.02)


def delete_groups(bootstrap: str) -> None:
    """Delete every consumer group, once its members have left or timed out.

    The offsets that a group committed may outlive a deleted topic for a while; in a new topic of that name they would skip records.
    """
    give_up = time.monotonic() + 60
    with admin(bootstrap) as client:
        while groups := [group["group_id"] for group in client.list_groups()]:
            client.delete_groups(groups)
            assert time.monotonic() < give_up, f"consumer groups are still there after 60 s: {groups}"
            time.sleep(0.02)


def empty(bootstrap: str) -> None:
    """Leave nothing of earlier tests on the broker: no topic of ours, no group with its offsets."""
    with admin(bootstrap) as client:
        topics = [name for name in client.list_topics() if not name.startswith("__")]
    delete_topics(bootstrap, topics)
    delete_groups(bootstrap)


@pytest.fixture
def fresh_topics(kafka: str) -> str:
    """The address of that broker with nothing in it but the declared topics, empty, 4 partitions each, of group `rtm`, generation 1."""
    empty(kafka)
    assert not declare(kafka, partitions=4, group="rtm", generation=1).differences
    return kafka
