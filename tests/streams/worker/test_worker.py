"""The worker on a real Kafka: the same tables as the embedded fold, also when it is killed or frozen; nothing lost, nothing twice."""

import asyncio
import signal
import threading
import time
from collections import Counter

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaProducer

from schemas.codecs import encode_kafka
from schemas.events import CHUNK
from schemas.topics import EVENTS, SENSOR
from streams.cli import run
from streams.kafka.placement import partition_of
from streams.worker.changelog import ChangelogStore, Progress
from tests.streams.live_log import (
    Workers,
    embedded_tables,
    header,
    last_tick,
    live_tables,
    read_all,
    send,
    send_tick,
    small_log,
    wait_for_tick,
)


@pytest.fixture
def workers(fresh_topics, tmp_path):
    made = Workers(fresh_topics, tmp_path)
    yield made
    made.stop()


def facts_of_the_log(bootstrap):
    """How often each fact stands in rtm.events.v1, by its key; ticks aside."""
    records = [record for record in read_all(bootstrap, EVENTS.name) if record.key is not None]
    return Counter((record.key, header(record, "ce_source"), header(record, "ce_id")) for record in records)


def assert_exact(bootstrap, facts):
    """Every table as the embedded fold has it, every derived fact once, every sent fact once applied."""
    assert live_tables(bootstrap) == embedded_tables(facts, last_tick())
    assert set(facts_of_the_log(bootstrap).values()) == {1}
    assert not read_all(bootstrap, "rtm.dead-letters.v1")


def test_the_worker_makes_the_rows_that_the_embedded_fold_makes(workers):
    facts = small_log()
    worker = workers.start()
    workers.wait_until_ready()
    send(workers.bootstrap, facts)
    send_tick(workers.bootstrap, last_tick())
    wait_for_tick(workers.bootstrap, last_tick())
    assert_exact(workers.bootstrap, facts)
    told = workers.log(0).read_text()
    assert told.count("\n") == 1
    assert "worker ready: motion 0-3, patient 0-3; group rtm-1" in told
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(120) == 0
    assert workers.log(0).read_text() == told


def test_what_cannot_be_used_becomes_a_dead_letter_with_its_own_bytes_and_headers(workers):
    facts = small_log(patients=1, days=3)
    chunk = next(fact for fact in facts if fact.type == CHUNK)
    pain = next(fact for fact in facts if fact.type == "rtm.report.pain.v1")
    home = partition_of(b"p000", 4)
    key, value, headers = encode_kafka(pain)
    unknown = [(name, b"rtm.report.mood.v1" if name == "ce_type" else content) for name, content in headers]
    cases = [
        ("misplaced", EVENTS.name, (home + 1) % 4, key, value, headers),
        ("misplaced", EVENTS.name, partition_of(b"p001", 4), b"p001", value, headers),
        ("misplaced", EVENTS.name, home, None, value, headers),
        ("misplaced", SENSOR.name, home, key, value, headers),
        ("misplaced", EVENTS.name, home, *encode_kafka(chunk)),
        ("unparsable", EVENTS.name, home, key, b"\xff{", headers),
        ("unknown_type", EVENTS.name, home, key, value, [*unknown, ("odd", b"\xff\x00")]),
        ("invalid", EVENTS.name, home, key, b'{"nrs":11}', headers),
        ("invalid", EVENTS.name, home, key, None, headers),
        ("conflict", EVENTS.name, home, key, b'{"nrs":0}', headers),
    ]
    producer = KafkaProducer(bootstrap_servers=workers.bootstrap)
    send(workers.bootstrap, facts)
    sent = {}
    for reason, topic, partition, key, value, headers in cases:
        placed = producer.send(topic, key=key, value=value, headers=headers, partition=partition).get(10)
        sent[topic, partition, placed.offset] = (reason, key, value, headers)
    producer.close()
    workers.start()
    workers.wait_until_ready()
    send_tick(workers.bootstrap, last_tick())
    wait_for_tick(workers.bootstrap, last_tick())
    told = {}
    for letter in read_all(workers.bootstrap, "rtm.dead-letters.v1"):
        original = [(name, content) for name, content in letter.headers if not name.startswith("rtm-")]
        place = (header(letter, "rtm-topic"), int(header(letter, "rtm-partition")), int(header(letter, "rtm-offset")))
        assert place not in told
        told[place] = (header(letter, "rtm-reason"), letter.key, letter.value, original)
        assert header(letter, "rtm-event-id") in {pain.id, chunk.id}
        assert int(header(letter, "rtm-received-at")) > 0
        assert "p00" not in header(letter, "rtm-error")
    assert told == sent
    assert live_tables(workers.bootstrap) == embedded_tables(facts, last_tick())


def test_a_worker_killed_three_times_in_the_middle_loses_nothing_and_repeats_nothing(workers):
    facts = small_log(patients=8)
    sending = threading.Thread(target=send, args=(workers.bootstrap, facts, 4, 0.13))
    workers.start()
    workers.wait_until_ready()
    sending.start()
    for _ in range(3):
        time.sleep(1.3)
        workers.running[-1].kill()
        workers.running[-1].wait()
        workers.start()
        workers.wait_until_ready()
    sending.join()
    send_tick(workers.bootstrap, last_tick())
    wait_for_tick(workers.bootstrap, last_tick())
    assert_exact(workers.bootstrap, facts)


def test_a_frozen_worker_that_wakes_after_another_took_over_changes_nothing(workers):
    facts = small_log(patients=8)
    sending = threading.Thread(target=send, args=(workers.bootstrap, facts, 4, 0.15))
    frozen = workers.start()
    workers.wait_until_ready()
    sending.start()
    time.sleep(1)
    frozen.send_signal(signal.SIGSTOP)
    workers.start()
    workers.wait_until_ready()
    time.sleep(1)
    frozen.send_signal(signal.SIGCONT)
    sending.join()
    send_tick(workers.bootstrap, last_tick())
    wait_for_tick(workers.bootstrap, last_tick())
    assert_exact(workers.bootstrap, facts)
    assert frozen.poll() in {None, 75}


def test_a_worker_that_is_fenced_says_so_and_asks_to_be_started_anew(workers):
    facts = small_log(patients=1, days=2)
    worker = workers.start()
    workers.wait_until_ready()
    home = partition_of(b"p000", 4)

    async def take_over():
        producer = AIOKafkaProducer(bootstrap_servers=workers.bootstrap, transactional_id=f"rtm-1-{EVENTS.name}-{home}")
        await producer.start()
        await producer.stop()

    asyncio.run(take_over())
    send(workers.bootstrap, facts)
    status = worker.wait(60)
    told = workers.log(0).read_text().splitlines()[1:]
    assert told == [f"rtm: {EVENTS.name}, partition {home}, offset 0: fenced, another worker has taken the partition over; this one stops"]
    assert status == 75


@pytest.fixture
def rtm_worker(monkeypatch, capsys):
    """Runs `rtm worker` in this process, against a Kafka; its exit status and what it told."""

    def run_it(bootstrap, **settings):
        for name, value in {"kafka": bootstrap, "clock": "log", **settings}.items():
            monkeypatch.setenv(f"RTM_{name.upper()}", value)
        status = run(["worker"])
        return status, capsys.readouterr().err

    return run_it


def test_a_state_that_knows_more_than_the_log_stops_the_worker_with_1(fresh_topics, rtm_worker):
    store = ChangelogStore()
    store.put_progress(Progress(next_offset=5))
    producer = KafkaProducer(bootstrap_servers=fresh_topics)
    ((key, value),) = store.changes()
    producer.send("rtm-1-motion-state", key=key, value=value, partition=3).get(10)
    producer.close()
    status, told = rtm_worker(fresh_topics)
    assert status == 1
    assert told == (
        "rtm: rtm.sensor.v1, partition 3: the state knows offset 4, but the topic ends before 0; was it made anew? "
        "Give the workers another RTM_GENERATION\n"
    )


def test_a_state_of_a_newer_version_stops_the_worker_with_1(fresh_topics, rtm_worker):
    producer = KafkaProducer(bootstrap_servers=fresh_topics)
    producer.send("rtm-1-patient-state", key=b"clock", value=b"\xff", partition=2).get(10)
    producer.close()
    status, told = rtm_worker(fresh_topics)
    assert status == 1
    assert told.startswith("rtm: rtm.events.v1, partition 2, offset 0: state of version 255 was written by a newer rtm")
    assert told.count("\n") == 1


def test_a_worker_without_kafka_or_topics_says_what_to_do_and_exits_with_1(kafka, rtm_worker):
    status, told = rtm_worker("127.0.0.1:9")
    assert status == 1
    assert told == "rtm: no Kafka answers at 127.0.0.1:9: start one with rtm kafka start, or set RTM_KAFKA to the address of yours\n"
    status, told = rtm_worker(kafka, group="nobody")
    assert status == 1
    assert told.count("\n") == 1
    assert "nobody-1-motion-state" in told
    assert told.endswith("rtm topics declares them\n")
