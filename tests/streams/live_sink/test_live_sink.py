"""The live sink on a real Kafka, into a real chDB: everything arrives, once, whatever dies or goes away in between."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import orjson
import pytest
from kafka import KafkaConsumer, TopicPartition

from processors.processor import Row, revision
from schemas.codecs import encode_kafka
from schemas.instants import format_instant
from schemas.topics import DEAD_LETTERS, DELIVERIES, METRICS, SENSOR
from streams.kafka.jars import KafkaError
from streams.kafka.outgoing import Outgoing, dead_letter_record, row_records, tick_record
from streams.kafka.placement import partition_of
from streams.kafka.writing import Writer
from streams.live_sink.consumer import LiveSink
from streams.live_sink.records import TOPICS
from streams.settings import Settings
from streams.warehouse.chdb_http import serve
from streams.warehouse.connection import WarehouseError, open_warehouse
from streams.warehouse.generations import adopt, current
from streams.warehouse.migrations import migrate
from tests.streams.kafka_records import START, chunk

ROOT = Path(__file__).parents[3]
PARTITIONS = 4
RECEIVED = START + 5
NUMBERS = itertools.count()


def pain_rows(patients, days=1, revision_of=1):
    """One row of pain_daily a patient and day."""
    for patient in range(patients):
        for day in range(days):
            name = f"p{patient}"
            values = {
                "patient_id": name,
                "local_date": f"2026-03-{day + 1:02d}",
                "nrs_max": 3.0,
                "nrs_mean": 2.5,
                "reports": 1,
                "baseline_nrs": None,
                "flare": False,
                "clinic_id": "c1",
                "updated_at": format_instant(START),
                "revision": revision(1, revision_of),
                "issued_at": format_instant(START),
                "deleted": 0,
            }
            yield Row("pain_daily", name, values)


def metrics(patients, **options):
    return list(row_records(pain_rows(patients, **options), 1, PARTITIONS))


def raw(table, value, key=b"p0"):
    return Outgoing(METRICS.name, partition_of(key, PARTITIONS), key, value, [("table", table)] if table is not None else [])


def write(bootstrap, records):
    with Writer(bootstrap) as writer:
        for record in records:
            writer.send(record)
        writer.flush()


def settings(bootstrap, **options):
    return Settings(kafka=bootstrap, **({"sink_age_s": 0.1} | options))


class Said(list):
    """What a sink says, and the sink."""

    sink: LiveSink


@contextmanager
def sinking(configured, warehouse):
    """A sink in a thread; what it says. What it raises is raised at the end."""
    said, failed, stop = Said(), [], threading.Event()

    def run():
        try:
            sink.run(stop)
        except Exception as error:
            failed.append(error)

    sink = said.sink = LiveSink(configured, warehouse, say=said.append, ready=said.append)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield said
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
    if failed:
        raise failed[0]


def until(condition, seconds=20):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it does not come to pass"
        time.sleep(0.1)


def unread(bootstrap):
    """How far the group's offsets are from the ends."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=f"{Settings().group}-1-sink", enable_auto_commit=False)
    places = [TopicPartition(topic, number) for topic in TOPICS for number in range(PARTITIONS)]
    ends = consumer.end_offsets(places)
    missing = sum(end - (consumer.committed(place) or 0) for place, end in ends.items())
    consumer.close(autocommit=False)
    return missing


def count(warehouse, table):
    return warehouse.query(f"SELECT count() FROM {table}").rows[0][0]


@pytest.fixture(autouse=True)
def group(monkeypatch):
    """A group of its own for each test: what one leaves on the broker is none of the next one's business."""
    name = f"sink{next(NUMBERS)}"
    monkeypatch.setenv("RTM_GROUP", name)
    return name


@pytest.fixture
def warehouse(tmp_path):
    with open_warehouse(f"chdb://{tmp_path / 'warehouse'}") as opened:
        migrate(opened)
        yield opened


def test_rows_samples_dead_letters_and_deliveries_arrive_and_are_committed(fresh_topics, warehouse, group):
    one = chunk(1, START)
    key, value, headers = encode_kafka(one)
    place = partition_of(key, PARTITIONS)
    admission = {
        "patient_id": one.subject, "session_id": "s1", "seq": 0, "source": one.source, "event_id": one.id,
        "event_time": format_instant(START), "recorded_time": format_instant(START), "device_id": "d1", "exercise_id": None,
        "joint": "knee", "motion": None, "side": "left", "kind": "angle", "start_time": format_instant(START), "rate_hz": 50.0, "n": 2,
        "last": True, "calibration": None, "clinic_id": "", "updated_at": format_instant(START), "revision": revision(1, 0),
        "issued_at": format_instant(START), "origin": SENSOR.name, "partition": place, "offset": 1,
    }  # fmt: skip
    delivery = {
        "alert_id": "a1", "transition": "opened", "endpoint": "on-call", "attempt": 1, "webhook_id": "w1", "status_code": 204,
        "sent_at": format_instant(START), "outcome": "delivered", "latency_ms": 1.5, "clinic_id": "c1",
        "updated_at": format_instant(START), "revision": revision(1, 0), "issued_at": format_instant(START),
    }  # fmt: skip
    broken = Outgoing(SENSOR.name, place, key, b"\xc1", headers)
    deep = Outgoing(SENSOR.name, place, key, b"\x82\xa1x" + b"\x91" * 100_000 + b"\xc0\xa7samples\xc4\x00", headers)
    text = Outgoing(
        "rtm.events.v1", 2, b"p", b"not json", [("ce_recordedtime", format_instant(RECEIVED - 1).encode()), ("ce_clinicid", b"c9")]
    )
    write(
        fresh_topics,
        [
            *metrics(3),
            *row_records([Row("chunk_admissions", one.subject, admission)], 1, PARTITIONS),
            tick_record(SENSOR.name, place, START),
            Outgoing(SENSOR.name, place, key, value, headers),
            broken,
            deep,
            dead_letter_record(broken, 2, "unparsable", "not MessagePack", "c1", RECEIVED, PARTITIONS),
            dead_letter_record(text, 7, "invalid", "no data", "e7", RECEIVED, PARTITIONS),
            dead_letter_record(text, 8, "forgotten", "", "e8", RECEIVED, PARTITIONS),
            Outgoing(DELIVERIES.name, 0, b"a1", orjson.dumps(delivery), [("table", b"alert_deliveries")]),
        ],
    )
    with sinking(settings(fresh_topics), warehouse) as said:
        until(lambda: unread(fresh_topics) == 0)
    assert said == [f"sink ready: 16 partitions, group {group}-1-sink"]
    assert current(warehouse) == 1
    assert count(warehouse, "pain_daily") == 3
    samples = warehouse.query("SELECT hex(samples), sha256 = lower(hex(SHA256(samples))) FROM sensor_chunks").rows
    assert samples == [(one.data.samples.hex().upper(), 1)]
    assert count(warehouse, "chunk_samples") == 1
    assert warehouse.query("SELECT outcome, status_code FROM alert_deliveries").rows == [("delivered", 204)]
    found = warehouse.query(
        "SELECT topic, partition, offset, reason, error, event_id, payload, clinic_id, received_at FROM dead_letters ORDER BY 1, 3"
    )
    at = format_instant(RECEIVED)
    assert found.rows == [
        ("rtm.events.v1", 2, 7, "invalid", "no data", "e7", "not json", "c9", at),
        ("rtm.events.v1", 2, 8, "forgotten", "", "", "", "", at),
        (SENSOR.name, place, 2, "unparsable", "not MessagePack", "c1", "base64:wQ==", "", at),
    ]


def test_a_bad_batch_is_cut_down_to_the_bad_records_and_the_rest_arrives(fresh_topics, warehouse):
    good = metrics(200)
    [broken] = metrics(1)
    bad = [
        raw(b"pain_daily", b'{"generation":1,"patient_id":"p0","local_date":"never"}\n'),
        raw(b"pain_daily", b'{"generation":1,"patient_id":'),
        raw(b"pain_daily", b'{"generation":1,"patient_id":"p0","no_such_column":1}\n'),
        raw(b"no_such_table", broken.value),
        raw(None, broken.value),
        Outgoing(DEAD_LETTERS.name, 1, b"p0", b"{}", [("rtm-reason", b"crash")]),
    ]
    mixed = [*good[:50], bad[0], bad[1], *good[50:120], *bad[2:], *good[120:], raw(b"pain_daily", b""), raw(b"pain_daily", None)]
    write(fresh_topics, mixed)
    with sinking(settings(fresh_topics), warehouse) as said:
        until(lambda: unread(fresh_topics) == 0 and count(warehouse, "dead_letters") == len(bad))
    assert count(warehouse, "pain_daily") == 200
    assert warehouse.query("SELECT topic, reason, count() FROM dead_letters GROUP BY 1, 2 ORDER BY 1").rows == [
        (DEAD_LETTERS.name, "unparsable", 1),
        (METRICS.name, "unparsable", 5),
    ]
    errors = {row[0] for row in warehouse.query("SELECT error FROM dead_letters").rows}
    assert "its header table names no table of the warehouse" in errors
    assert any("cannot insert into pain_daily_rows" in error for error in errors)
    assert not any("p0" in line or "never" in line for line in [*said, *errors])
    assert bad[0].value.decode() in {row[0] for row in warehouse.query("SELECT payload FROM dead_letters").rows}


DYING = """
import os, signal, sys, threading
from streams.live_sink.consumer import LiveSink
from streams.settings import Settings
from streams.warehouse.connection import Warehouse, open_warehouse
insert = Warehouse.insert
def insert_and_die(self, table, lines):
    insert(self, table, lines)
    if table == "pain_daily_rows":
        os.kill(os.getpid(), signal.SIGKILL)
Warehouse.insert = insert_and_die
settings = Settings(kafka=sys.argv[1], sink_age_s=0.1, worker_timeout_s=6)
LiveSink(settings, lambda: open_warehouse(sys.argv[2])).run(threading.Event())
"""


def test_killed_between_insert_and_commit_nothing_is_lost_and_nothing_is_twice(fresh_topics, tmp_path):
    dsn = f"chdb://{tmp_path / 'warehouse'}"
    write(fresh_topics, metrics(40, days=3))
    dying = subprocess.run([sys.executable, "-c", DYING, fresh_topics, dsn], cwd=ROOT, timeout=120, check=False)
    assert dying.returncode == -signal.SIGKILL
    assert unread(fresh_topics) > 0
    with open_warehouse(dsn) as warehouse:
        before = count(warehouse, "pain_daily")
        assert before > 0
        with sinking(settings(fresh_topics), warehouse):
            until(lambda: unread(fresh_topics) == 0)
        assert count(warehouse, "pain_daily") == 120
        assert count(warehouse, "pain_daily_history") == 120
        assert count(warehouse, "pain_daily_rows") == 120 + before


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def serving(warehouse, port):
    server = serve(warehouse, port, read_only=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_warehouse_that_is_away_is_waited_for_in_bounded_memory_and_gets_everything(fresh_topics, warehouse, group):
    port = free_port()
    configured = settings(fresh_topics, sink_rows=100)
    write(fresh_topics, metrics(300, days=2))
    dsn = f"clickhouse://127.0.0.1:{port}/rtm"
    with sinking(configured, lambda: open_warehouse(dsn)) as said:
        until(lambda: len(said) == 2)
        ready, away = sorted(said)
        assert ready == f"sink ready: 16 partitions, group {group}-1-sink"
        assert "nothing is lost: cannot open ClickHouse at" in away
        until(lambda: said.sink.rows_in_hand >= 100)
        in_hand = said.sink.rows_in_hand
        write(fresh_topics, metrics(300, days=2))
        time.sleep(1.5)
        assert said.sink.rows_in_hand == in_hand
        assert len(said) == 2
        with serving(warehouse, port):
            until(lambda: unread(fresh_topics) == 0)
        assert "takes rows again" in said[2]
        write(fresh_topics, metrics(300, days=3, revision_of=2))
        until(lambda: len(said) == 4)
        assert "nothing is lost: the warehouse does not answer any more" in said[3]
        with serving(warehouse, port):
            until(lambda: unread(fresh_topics) == 0)
        assert "takes rows again" in said[4]
    assert len(said) == 5
    assert count(warehouse, "pain_daily") == 900
    assert count(warehouse, "pain_daily_history") == 1500


def test_a_warehouse_that_hangs_in_the_middle_holds_the_reading_and_gets_everything_when_it_goes_on(fresh_topics, tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "tests.campaign.warehouse", str(tmp_path / "warehouse"), str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert "ready" in server.stdout.readline()
            write(fresh_topics, metrics(20))
            with sinking(settings(fresh_topics, sink_rows=100), lambda: open_warehouse(f"clickhouse://127.0.0.1:{port}/rtm")) as said:
                until(lambda: said.sink.rows == 20, 120)
                server.send_signal(signal.SIGSTOP)
                write(fresh_topics, metrics(30, revision_of=3))
                until(lambda: said.sink._under_way is not None and said.sink._under_way[0].rows, 120)
                write(fresh_topics, metrics(300, days=2))
                until(lambda: said.sink.rows_in_hand >= 100, 120)
                in_hand = said.sink.rows_in_hand
                write(fresh_topics, metrics(300, days=3, revision_of=2))
                time.sleep(1.5)
                assert said.sink.rows_in_hand == in_hand
                server.send_signal(signal.SIGCONT)
                until(lambda: unread(fresh_topics) == 0, 120)
                assert said.sink.rows == 20 + 30 + 600 + 900
        finally:
            server.kill()


def test_it_ends_at_once_while_the_warehouse_is_away_and_commits_nothing(fresh_topics):
    write(fresh_topics, metrics(5))
    with sinking(settings(fresh_topics), lambda: open_warehouse(f"clickhouse://127.0.0.1:{free_port()}/rtm")) as said:
        until(lambda: len(said) == 2)
    assert unread(fresh_topics) == 5


def test_two_sinks_share_the_work_and_one_takes_over_what_the_other_leaves(fresh_topics, warehouse):
    write(fresh_topics, metrics(20))
    with sinking(settings(fresh_topics), warehouse) as first:
        until(lambda: len(first) == 1)
        with sinking(settings(fresh_topics), warehouse) as second:
            until(lambda: len(second) == 1)
            assert "sink ready: 8 partitions" in second[0]
            write(fresh_topics, metrics(20, days=2, revision_of=2))
            until(lambda: unread(fresh_topics) == 0)
        write(fresh_topics, metrics(20, days=3, revision_of=3))
        until(lambda: unread(fresh_topics) == 0)
    assert count(warehouse, "pain_daily") == 60
    assert count(warehouse, "pain_daily_history") == 120


def test_the_command_sinks_until_sigterm_and_has_then_flushed(fresh_topics, tmp_path, group):
    write(fresh_topics, metrics(30))
    with open_warehouse(f"chdb://{tmp_path / 'warehouse'}") as warehouse:
        migrate(warehouse)
    port = free_port()
    environment = os.environ | {"RTM_KAFKA": fresh_topics, "RTM_SINK_AGE_S": "3600", "RTM_METRICS_PORT": str(port)}
    command = [sys.executable, "-c", "from streams.cli import main; main()", "sink", "--warehouse", f"chdb://{tmp_path / 'warehouse'}"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout.readline() == f"sink ready: 16 partitions, group {group}-1-sink\n"
        until(lambda: b"rtm_sink_rows_in_hand 30.0" in urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read())
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "sink stopped: 30 rows, 0 dead letters\n"
        assert process.wait(90) == 0
    assert unread(fresh_topics) == 0
    with open_warehouse(f"chdb://{tmp_path / 'warehouse'}") as warehouse:
        assert count(warehouse, "pain_daily") == 30


def test_an_unreachable_broker_is_one_line(warehouse):
    with pytest.raises(KafkaError, match=r"no Kafka answers at 127\.0\.0\.1:1: start one"):
        LiveSink(settings("127.0.0.1:1"), warehouse).run(threading.Event())


def test_a_generation_is_adopted_once_and_no_other_runs(warehouse):
    adopt(warehouse, 3, "live", "group rtm")
    adopt(warehouse, 3, "live", "group rtm")
    assert current(warehouse) == 3
    adopt(warehouse, 5, "live", "group other")
    adopt(warehouse, 3, "live", "group rtm")
    assert current(warehouse) == 5
    assert warehouse.query("SELECT generation, kind, status FROM generations FINAL ORDER BY 1").rows == [
        (3, "live", "complete"),
        (5, "live", "complete"),
    ]
    with pytest.raises(WarehouseError, match=r"another run's .live.: set RTM_GENERATION=6"):
        adopt(warehouse, 3, "live", "group other")
