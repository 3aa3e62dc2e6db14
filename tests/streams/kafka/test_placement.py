"""Where a record must lie: the first check of every record that is read."""

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.placement import misplacement, partition_of

CHUNK, PAIN, TICK, FORGOTTEN = (f"rtm.{kind}.v1".encode() for kind in ("sensor.chunk", "report.pain", "clock.tick", "patient.forgotten"))
SENSOR, EVENTS = "rtm.sensor.v1", "rtm.events.v1"
HOME = partition_of(b"p", 4)


@given(st.binary(min_size=1, max_size=40), st.integers(1, 64))
def test_the_partition_of_a_key_is_the_one_that_kafkas_default_partitioner_gives(key, partitions):
    numbers = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, numbers, numbers)


def test_murmur2_of_known_keys_is_what_kafkas_own_client_says():
    assert [partition_of(key, 1 << 30) for key in (b"21", b"foobar", b"abc")] == [
        -973932308 & 0x7FFFFFFF & ((1 << 30) - 1),
        -790332482 & 0x7FFFFFFF & ((1 << 30) - 1),
        479470107 & ((1 << 30) - 1),
    ]


@pytest.mark.parametrize(
    ("topic", "partition", "key", "kind", "subject", "wrong"),
    [
        (EVENTS, HOME, b"p", PAIN, b"p", None),
        (SENSOR, HOME, b"p", CHUNK, b"p", None),
        (SENSOR, HOME, b"p", FORGOTTEN, b"p", None),
        (EVENTS, HOME, b"p", FORGOTTEN, b"p", None),
        (SENSOR, HOME + 1, None, TICK, None, None),
        (EVENTS, HOME + 1, b"any", TICK, None, None),
        (EVENTS, HOME, b"p", b"rtm.unknown.v1", b"p", None),
        (EVENTS, HOME, b"p", None, b"p", None),
        (EVENTS, 0, None, PAIN, None, None),
        (EVENTS, HOME, b"p", PAIN, b"q", "its key is not its subject"),
        (EVENTS, HOME, None, PAIN, b"p", "has no key; it must be the subject"),
        (EVENTS, HOME + 1, b"p", PAIN, b"p", "lies in another partition than murmur2 gives its key"),
        (EVENTS, HOME + 1, b"p", PAIN, None, "lies in another partition than murmur2 gives its key"),
        (EVENTS, HOME, b"p", CHUNK, b"p", "belongs in rtm.sensor.v1"),
        (SENSOR, HOME, b"p", PAIN, b"p", "belongs in rtm.events.v1"),
    ],
)
def test_a_record_lies_right_when_its_key_is_its_subject_and_topic_and_partition_are_its_own(topic, partition, key, kind, subject, wrong):
    headers = [(name, value) for name, value in (("ce_type", kind), ("ce_subject", subject)) if value is not None]
    assert misplacement(topic, partition, 4, key, headers) == wrong
