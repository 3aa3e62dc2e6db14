"""`rtm reconcile` on a real Kafka and a running system: nothing differs; then something is lost by hand, and it says what."""

import os
import subprocess
import sys
import time

import orjson
import pytest
from kafka import KafkaProducer

from schemas.codecs import encode_kafka
from schemas.events import CHUNK
from schemas.topics import DEAD_LETTERS, EVENTS
from streams.cli import run
from streams.demo.running import Running
from streams.kafka.placement import partition_of
from streams.reconcile.line import Line
from streams.warehouse.connection import open_warehouse
from tests.conftest import empty
from tests.streams.live_log import last_tick, send, send_tick, small_log, wait_for_tick


@pytest.fixture
def reconcile(monkeypatch, capsys):
    """Runs `rtm reconcile --json`; its exit status, its lines, what it told."""

    def run_it(kafka, folder, *more):
        monkeypatch.setenv("RTM_KAFKA", kafka)
        status = run(["reconcile", "--json", "--warehouse", f"chdb://{folder}/warehouse", *more])
        told = capsys.readouterr()
        return status, [orjson.loads(line) for line in told.out.splitlines()], told.err

    return run_it


def badly_placed(kafka, facts):
    """A record that can't be read, one in the wrong partition, and one twice."""
    pain = next(fact for fact in facts if fact.type == "rtm.report.pain.v1")
    key, value, headers = encode_kafka(pain)
    home = partition_of(key, 4)
    producer = KafkaProducer(bootstrap_servers=kafka)
    producer.send(EVENTS.name, key=key, value=b"{", headers=headers, partition=home)
    producer.send(EVENTS.name, key=key, value=value, headers=headers, partition=(home + 1) % 4)
    producer.send(EVENTS.name, key=key, value=value, headers=headers, partition=home)
    producer.flush()
    producer.close()


def without_one_chunk(facts):
    """The second chunk of the last session is missing: the third waits for it."""
    chunks = [fact for fact in facts if fact.type == CHUNK]
    missing = chunks[-2]
    return [fact for fact in facts if fact is not missing]


def test_all_counts_agree_and_what_is_lost_is_named(kafka, tmp_path, reconcile):
    empty(kafka)
    settings = {"RTM_KAFKA": kafka, "RTM_PARTITIONS": "4", "RTM_CLOCK": "log", "RTM_TICK_S": "3600", "RTM_WORKER_TIMEOUT_S": "3"}
    facts = without_one_chunk(small_log(patients=3, days=4))
    with Running(tmp_path, settings):
        send(kafka, facts)
        badly_placed(kafka, facts)
        send_tick(kafka, last_tick(3) - 86_400_000_000_000)
        wait_for_tick(kafka, last_tick(3) - 86_400_000_000_000, seconds=120)
        status, lines, _ = reconcile(kafka, tmp_path)
        assert [line for line in lines if line["state"] != "equal"] == []
        assert status == 0
        until_kept(tmp_path, len(lines))
        send_tick(kafka, last_tick(4))
        wait_for_tick(kafka, last_tick(4), seconds=120)
        status, again, _ = reconcile(kafka, tmp_path)
        assert status == 0
    counted = [line for line in again if line["check"] == "counted"]
    assert sum(line["expected"] for line in counted if line["topic"] == "rtm.sensor.v1") == sum(f.type == CHUNK for f in facts) + 2 * 4
    assert {line["what"] for line in again if line["check"] == "dead letters kept"} == {"misplaced", "unparsable"}
    assert {line["what"] for line in again if line["check"] == "rows stored"} >= {
        "events",
        "adherence_daily",
        "chunk_admissions",
        "sessions",
    }
    losses(kafka, tmp_path, reconcile)


def losses(kafka, folder, reconcile):
    producer = KafkaProducer(bootstrap_servers=kafka)
    headers = [("rtm-topic", b"rtm.events.v1"), ("rtm-partition", b"0"), ("rtm-offset", b"99999"), ("rtm-reason", b"invalid")]
    producer.send(DEAD_LETTERS.name, value=b"", headers=headers).get(30)
    producer.close()
    status, _, told = reconcile(kafka, folder, "--wait", "0")
    assert status == 1
    assert "the sink (group rtm-1-sink) is behind by 1 records of rtm.dead-letters.v1" in told
    from kafka.structs import OffsetAndMetadata, TopicPartition

    from streams.kafka.topics import admin

    with admin(kafka) as client:
        offsets = {TopicPartition(DEAD_LETTERS.name, number): OffsetAndMetadata(1000, "", -1) for number in range(4)}
        client.alter_group_offsets("rtm-1-sink", offsets)
    with open_warehouse(f"chdb://{folder}/warehouse") as warehouse:
        warehouse.command("ALTER TABLE rtm.rom_daily_revisions DELETE WHERE patient_id = 'p001' SETTINGS mutations_sync = 2")
        warehouse.command("ALTER TABLE rtm.dead_letters_rows DELETE WHERE reason = 'unparsable' SETTINGS mutations_sync = 2")
    send(kafka, [fact for fact in small_log(patients=1, days=5) if fact.type == "rtm.report.pain.v1"][:3])
    status, lines, _ = reconcile(kafka, folder, "--whole")
    assert status == 1
    assert [line["said"] for line in lines if line["check"] == "in kafka" and line["said"]] == ["3 more are not read yet"]
    differing = {(line["check"], line["what"]) for line in lines if line["state"] == "differs"}
    assert differing == {("rows stored", "rom_daily"), ("dead letters kept", "unparsable"), ("dead letters stored", "")}


def until_kept(folder, count):
    """Until the lines stand in the table, through Kafka and the sink."""
    give_up = time.monotonic() + 60
    while True:
        with open_warehouse(f"chdb://{folder}/warehouse", read_only=True) as warehouse:
            if warehouse.query("SELECT count() FROM rtm.reconciliation").rows == [(count,)]:
                return
        assert time.monotonic() < give_up, "the lines of the reconciliation did not come into the table"
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("expected", "found", "most", "unknown", "state"),
    [
        (5, 5, 5, False, "equal"),
        (5, 6, 7, False, "equal"),
        (5, 4, 5, False, "differs"),
        (5, 8, 7, False, "differs"),
        (5, 4, 5, True, "unknown"),
    ],
)
def test_a_count_must_lie_between_those_before_and_after(expected, found, most, unknown, state):
    assert Line("rows stored", expected, found, most, unknown=unknown).state == state


def test_without_a_warehouse_it_says_what_to_do(tmp_path, reconcile, monkeypatch):
    for name in [name for name in os.environ if name.startswith("RTM_")]:
        monkeypatch.delenv(name)
    status, _, told = reconcile("127.0.0.1:9", tmp_path)
    assert status == 1
    assert told.count("\n") == 1
    assert "there is no warehouse at" in told


def test_a_kafka_that_is_away_is_one_line_without_the_clients_own(tmp_path):
    warehouse = ("--warehouse", f"chdb://{tmp_path}/warehouse")
    program = [sys.executable, "-c", "from streams.cli import main; main()"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RTM_")} | {"RTM_KAFKA": "127.0.0.1:9"}
    subprocess.run([*program, "migrate", *warehouse], env=environment, capture_output=True, check=True)
    told = subprocess.run([*program, "reconcile", *warehouse], env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert told.stderr.startswith("rtm: no Kafka answers at 127.0.0.1:9")
    assert told.stderr.count("\n") == 1
