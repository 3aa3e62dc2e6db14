"""`rtm forget --rewrite` on a real Kafka, killed at every step: the log without a patient, everything else as it was, nobody told twice."""

import os
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from schemas.codecs import make_fact
from schemas.events import FORGOTTEN
from schemas.instants import SECOND
from streams.cli import run as run_cli
from streams.demo.running import Running
from streams.forget.log_files import note_cuts, noted_cuts
from streams.kafka import server as kafka_server
from streams.kafka.placement import partition_of
from streams.settings import load_settings
from streams.warehouse.compare import ORDER_TABLES, compare_tables, read_tables
from streams.warehouse.connection import open_warehouse
from streams.warehouse.erasure import erase_requested, request_erasure
from streams.warehouse.migrations import migrate
from streams.worker.progress import progress_of
from tests.conftest import REQUIRED
from tests.streams.live_log import BEGIN, DAY, TICK_S, header, last_tick, read_all, send, send_tick, small_log, wait_for_tick
from tests.streams.rebuild.test_restore import embedded
from tests.streams.warehouse.test_erasure import everywhere
from tests.streams.worker.test_worker_checkpoint import FACTS, HOME, piece, with_owners

GONE = "p001"
STEPS = ("copying", "the state goes on", "deleting")
TABLES = tuple(table for table in ORDER_TABLES if table != "sensor_chunks")
QUICK = "log.retention.check.interval.ms=500\nlog.initial.task.delay.ms=500\n"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """A broker that looks for files to delete twice a second, not every five minutes; its folder."""
    folder = tmp_path_factory.mktemp("quick-kafka")
    try:
        started = kafka_server.start(folder, port=0, properties=QUICK)
    except kafka_server.KafkaError as error:
        if REQUIRED:
            pytest.fail(f"RTM_REQUIRE_KAFKA=1, and no Kafka: {error}")
        pytest.skip(f"no Kafka: {error}")
    yield started.bootstrap, folder
    kafka_server.stop(folder)


def contents(records):
    return [(record.partition, record.key, record.value, tuple(record.headers)) for record in records]


def on_disk(folder, text):
    """The files of the topic that hold a text which its first writer did not compress."""
    return [path.name for place in Path(folder, "data").glob("rtm.events.v1-*") for path in place.iterdir() if text in path.read_bytes()]


def held(dsn):
    """The generations whose rows a warehouse has."""
    with open_warehouse(dsn) as warehouse:
        return warehouse.query("SELECT DISTINCT generation FROM rtm.sessions_revisions ORDER BY generation").rows


def rewrite_killed_at(step, environment):
    """Run it in a process of its own and kill that as soon as it tells of a step; whether it came to tell."""
    with subprocess.Popen(
        [sys.executable, "-c", "from streams.cli import main; main()", "forget", "--rewrite"],
        env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if step in line:
                process.kill()
                return True
    return False


def test_the_log_without_a_patient_killed_at_every_step(broker, tmp_path, monkeypatch, capsys):
    kafka, folder = broker
    dsn = f"chdb://{tmp_path}/warehouse"
    settings = {"RTM_KAFKA": kafka, "RTM_PARTITIONS": "2", "RTM_CLOCK": "log", "RTM_TICK_S": str(TICK_S), "RTM_WORKER_TIMEOUT_S": "3"}
    for name, value in (settings | {"RTM_WAREHOUSE": dsn}).items():
        monkeypatch.setenv(name, value)
    facts = small_log(patients=3, days=6)
    early, late = ([fact for fact in facts if (fact.recorded < BEGIN + 4 * DAY) is first] for first in (True, False))

    with Running(tmp_path, settings):
        send(kafka, early)
        now = BEGIN + 4 * DAY
        send_tick(kafka, now, partitions=2)
        wait_for_tick(kafka, now, partitions=2, seconds=120)
        assert run_cli(["forget", GONE, "--request", "r-1", "--live", "--wait", "120"]) == 0
        send(kafka, [make_fact("rtm.report.pain.v1", GONE, "/test", "refused", now, {"nrs": 3}, recorded=now)])
        send_tick(kafka, now + 3600 * SECOND, partitions=2)
        wait_for_tick(kafka, now + 3600 * SECOND, partitions=2, seconds=120)
        assert run_cli(["forget", "--rewrite"]) == 1
        assert "still has members: end workers" in capsys.readouterr().err

    before = read_all(kafka, "rtm.events.v1")
    stay = [
        record for record in before if record.key != GONE.encode() or header(record, "ce_type") == "rtm.patient.forgotten.v1"
    ]  # fmt: skip
    assert len(before) - len(stay) > 10
    assert on_disk(folder, b"refused")
    for step in STEPS:
        assert rewrite_killed_at(step, dict(os.environ)), step
        assert set(contents(stay)) <= set(contents(read_all(kafka, "rtm.events.v1"))), "nothing is lost when it is killed"
    assert run_cli(["forget", "--rewrite", "--json"]) == 0
    assert run_cli(["forget", "--rewrite"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert orjson.loads(said[0])["patients"] == 1
    assert said[1] == "0 records of 1 erased patients are gone from rtm.events.v1, 0 beside them stand anew"
    after = read_all(kafka, "rtm.events.v1")
    assert contents(after) == contents(stay)
    give_up = time.monotonic() + 120
    while on_disk(folder, b"refused"):
        assert time.monotonic() < give_up, "Kafka still has files of before"
        time.sleep(0.2)

    told = len(read_all(kafka, "rtm.alerts.v1"))
    with Running(tmp_path, settings):
        send(kafka, late)
        send_tick(kafka, last_tick(6), partitions=2)
        wait_for_tick(kafka, last_tick(6), partitions=2, seconds=120)
        assert run_cli(["reconcile", "--wait", "120"]) == 0
        assert run_cli(["rebuild", "--switch", "--quiet"]) == 0
    assert held(dsn) == [(1,), (2,)]
    assert run_cli(["rebuild", "--prune"]) == 0
    assert "generation 2 stays; rows dropped of: 1" in capsys.readouterr().out
    assert held(dsn) == [(2,)]
    with open_warehouse(dsn) as warehouse:
        ours = read_tables(warehouse, TABLES)
        assert everywhere(warehouse, GONE) == []
        assert warehouse.query("SELECT request_id FROM rtm.forgotten FINAL").rows == [("r-1",)]
        assert warehouse.query("SELECT generation FROM rtm.current_generation").rows == [(2,)]
    theirs = embedded(tmp_path / "embedded", [fact for fact in facts if fact.subject != GONE], last_tick(6))
    assert {name: each.only_left[:2] + each.only_right[:2] for name, each in compare_tables(ours, theirs).items() if not each.equal} == {}
    assert ours["sessions"]
    changes = [header(record, "ce_source") + header(record, "ce_id") for record in read_all(kafka, "rtm.alerts.v1")]
    assert len(changes) >= told
    assert len(set(changes)) == len(changes), "nobody is told of an alert twice"


def erased(dsn, subject):
    """A warehouse that has the record of an erasure."""
    with open_warehouse(dsn) as warehouse:
        migrate(warehouse)
        request_erasure(warehouse, subject, "r-1")
        erase_requested(warehouse)


def test_a_copy_that_somebody_disturbed_is_made_anew_and_what_is_not_folded_is_not_cut_off(fresh_topics, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RTM_KAFKA", fresh_topics)
    monkeypatch.setenv("RTM_WAREHOUSE", f"chdb://{tmp_path}/warehouse")
    erased(f"chdb://{tmp_path}/warehouse", "p000")
    other = next(name for name in (f"q{number}" for number in range(99)) if partition_of(name.encode(), 4) == HOME)
    request = make_fact(FORGOTTEN, "p000", "/rtm/forget", "r-1", BEGIN, {"request_id": "r-1"})
    theirs = [make_fact("rtm.report.pain.v1", other, "/test", f"pain{number}", BEGIN + number, {"nrs": 1}) for number in range(3)]
    send(fresh_topics, [*FACTS, *theirs[:2], request])
    before = read_all(fresh_topics, "rtm.events.v1")
    asked, [first, second] = before[-1], before[-3:-1]

    note_cuts(load_settings(), {HOME: len(before)})
    send(fresh_topics, [theirs[0], theirs[2]])
    assert run_cli(["forget", "--rewrite"]) == 1
    assert "something else wrote to it meanwhile. Nothing is lost" in capsys.readouterr().err

    with_owners(fresh_topics, lambda owner: fold_some(owner, 2))
    assert run_cli(["forget", "--rewrite"]) == 1
    assert f"partition {HOME}: offset 2 isn't folded yet: let workers run" in capsys.readouterr().err
    with_owners(fresh_topics, lambda owner: fold_some(owner, len(before) + 2))
    assert run_cli(["forget", "--rewrite"]) == 0
    after = read_all(fresh_topics, "rtm.events.v1")
    third = next(record for record in after if header(record, "ce_id") == "pain2")
    assert contents(after) == contents([first, second, asked, first, third])
    assert noted_cuts(load_settings()) == {}
    assert progress_of(fresh_topics, "rtm-1-patient-state")[HOME].next_offset == after[-1].offset + 1


async def fold_some(owner, until):
    """Have the state know what lies before an offset."""
    await owner.start()
    await owner.fold(piece(FACTS[:2], owner.next_offset))
    if until > 2:
        await owner.skip_to(until)
