"""`rtm forget`, embedded and through a real Kafka, worker and sink: no table names the patient any more, and nothing comes back."""

import threading
import time
from pathlib import Path

import orjson
import pytest

from schemas.codecs import decode_line, make_fact, read_lines
from schemas.instants import SECOND
from streams.cli import run as run_cli
from streams.forget.request import retention
from streams.live_sink.consumer import LiveSink
from streams.replay.files import replay
from streams.settings import Settings
from streams.warehouse.connection import open_warehouse
from streams.warehouse.erasure import forgotten_among
from streams.warehouse.migrations import migrate
from tests.streams.live_log import BEGIN, Workers, last_tick, send, send_tick, small_log, wait_for_tick
from tests.streams.replay.test_replay import LAST_DAY, MACHINE, POLICY, course, lines_of, write
from tests.streams.warehouse.test_erasure import everywhere

REFUSED = "SELECT count(), max(payload), max(event_id) FROM dead_letters WHERE reason = 'forgotten'"


def test_embedded_the_rows_go_at_once_and_the_request_into_a_file_for_later_replays(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    dsn = f"chdb://{tmp_path / 'warehouse'}"
    file = write(tmp_path / "events.jsonl", lines_of(course()))
    with open_warehouse(dsn) as warehouse:
        before = replay([file], warehouse, policy=POLICY, machine_clock=MACHINE)
    assert run_cli(["forget", "p1", "--request", "2026-17", "--warehouse", dsn]) == 0
    assert "erased: no table of the warehouse names the patient any more (request 2026-17)" in capsys.readouterr().out
    [(_, line)] = list(read_lines(".rtm/forgotten.jsonl"))
    request = decode_line(line)
    assert Path(".rtm/forgotten.jsonl").stat().st_mode & 0o777 == 0o600
    assert (request.subject, request.id, request.recorded <= LAST_DAY + 7200 * SECOND) == ("p1", "2026-17", True)
    with open_warehouse(dsn) as warehouse:
        assert everywhere(warehouse, "p1") == []
        assert warehouse.query("SELECT DISTINCT patient_id FROM patients").rows == [("p2",)]
    with open_warehouse(f"chdb://{tmp_path / 'another'}") as another:
        again = replay([file, ".rtm/forgotten.jsonl"], another, policy=POLICY, machine_clock=MACHINE)
        assert again.as_of == before.as_of
        assert everywhere(another, "p1") == []
        assert forgotten_among(another, ["p1", "p2"]) == {"p1"}


def test_wrong_use_is_told(tmp_path, capsys):
    assert run_cli(["forget", ""]) == 2
    assert run_cli(["forget", "p1", "--warehouse", f"chdb://{tmp_path / 'nothing'}"]) == 1
    assert "rtm: " in capsys.readouterr().err


@pytest.fixture
def workers(fresh_topics, tmp_path):
    made = Workers(fresh_topics, tmp_path)
    yield made
    made.stop()


def test_live_worker_and_sink_erase_and_refuse_what_comes_later(workers, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RTM_KAFKA", workers.bootstrap)
    workers.start()
    workers.wait_until_ready()
    stop = threading.Event()
    dsn = f"chdb://{tmp_path / 'warehouse'}"
    with open_warehouse(dsn) as warehouse:
        migrate(warehouse)
        sink = LiveSink(Settings(kafka=workers.bootstrap, sink_age_s=0.1), warehouse, say=str, ready=str)
        thread = threading.Thread(target=sink.run, args=(stop,))
        thread.start()
        try:
            send(workers.bootstrap, small_log(patients=2, days=4))
            bad = make_fact("rtm.report.pain.v1", "p000", "/test", "too late", BEGIN - 50 * 86_400 * SECOND, {"nrs": 1}, recorded=BEGIN)
            send(workers.bootstrap, [bad])
            send_tick(workers.bootstrap, last_tick(4))
            wait_for_tick(workers.bootstrap, last_tick(4), seconds=120)
            assert run_cli(["forget", "p000", "--request", "r-9", "--warehouse", dsn, "--live", "--wait", "120", "--json"]) == 0
            told = orjson.loads(capsys.readouterr().out)
            assert (told["erased"], told["live"], told["request_id"]) == (True, True, "r-9")
            again = [fact for fact in small_log(patients=1, days=6) if fact.recorded > last_tick(4)]
            send(workers.bootstrap, again)
            send_tick(workers.bootstrap, last_tick(6))
            give_up = time.monotonic() + 120
            while warehouse.query(REFUSED).rows[0][0] < len(again):
                assert time.monotonic() < give_up, "what came later is not refused"
                time.sleep(0.2)
        finally:
            stop.set()
            thread.join(60)
        assert everywhere(warehouse, "p000") == []
        assert warehouse.query("SELECT DISTINCT patient_id FROM events").rows == [("p001",)]
        assert warehouse.query(REFUSED).rows[0][1:] == ("", "")
        assert warehouse.query("SELECT request_id FROM rtm.forgotten FINAL").rows == [("r-9",)]


def test_the_retention_of_every_topic_that_names_patients_is_told(fresh_topics):
    kept = {each.topic: each.until for each in retention(fresh_topics, now=0)}
    assert kept == {
        "rtm.sensor.v1": "1970-01-08T00:00:00Z",
        "rtm.events.v1": None,
        "rtm.metrics.v1": "1970-01-31T00:00:00Z",
        "rtm.alerts.v1": "1970-01-31T00:00:00Z",
        "rtm.dead-letters.v1": "1970-01-31T00:00:00Z",
    }
