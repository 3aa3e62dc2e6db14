"""`rtm rebuild` on a real Kafka beside a running system: no differences; then a doctored row, which it tells. `test_restore` switches."""

import orjson
import pytest
from kafka import KafkaProducer

from streams.cli import run
from streams.demo.running import Running
from streams.kafka.placement import partition_of
from tests.conftest import empty
from tests.streams.live_log import TICK_S, last_tick, read_all, send, send_tick, small_log, wait_for_tick


@pytest.fixture
def rebuild(kafka, tmp_path, monkeypatch, capsys):
    """Runs `rtm rebuild --json`; its exit status and its lines."""
    monkeypatch.setenv("RTM_KAFKA", kafka)
    monkeypatch.setenv("RTM_TICK_S", str(TICK_S))

    def run_it(*more):
        status = run(["rebuild", "--json", "--warehouse", f"chdb://{tmp_path}/warehouse", *more])
        told = capsys.readouterr()
        assert not told.err.startswith("rtm: "), told.err
        return status, [orjson.loads(line) for line in told.out.splitlines()]

    return run_it


def doctor_a_row(kafka):
    """A row of the running generation as no fold makes it."""
    key = ("p001", "2026-03-03")
    row = {"patient_id": key[0], "local_date": key[1], "nrs_max": 99, "nrs_mean": 99, "reports": 1, "baseline_nrs": None, "flare": False}
    row |= {"clinic_id": "c1", "updated_at": "2026-03-03T00:00:00Z", "issued_at": "2026-03-03T00:00:00Z", "deleted": 0}
    row |= {"generation": 1, "revision": (1 << 48) + (1 << 40)}
    producer = KafkaProducer(bootstrap_servers=kafka)
    place = partition_of(key[0].encode(), 2)
    producer.send("rtm.metrics.v1", value=orjson.dumps(row), key=key[0].encode(), headers=[("table", b"pain_daily")], partition=place).get(
        30
    )
    producer.close()


def test_a_rebuild_has_no_differences_and_tells_a_doctored_row(kafka, tmp_path, rebuild):
    empty(kafka)
    settings = {"RTM_KAFKA": kafka, "RTM_PARTITIONS": "2", "RTM_CLOCK": "log", "RTM_TICK_S": str(TICK_S), "RTM_WORKER_TIMEOUT_S": "3"}
    facts = small_log(patients=3, days=4)
    with Running(tmp_path, settings):
        send(kafka, facts)
        send_tick(kafka, last_tick(4), partitions=2)
        wait_for_tick(kafka, last_tick(4), partitions=2, seconds=120)
        told = len(read_all(kafka, "rtm.alerts.v1"))
        status, [summary] = rebuild("--diff")
        assert (status, summary["current"], summary["successor"]) == (0, 1, 2)
        assert summary["read"] > len(facts) // 2
        doctor_a_row(kafka)
        status, [summary, differing] = rebuild("--diff")
        assert (status, summary["read"]) == (1, 0)
        assert (differing["table"], differing["only_current"], differing["only_successor"]) == ("pain_daily", 1, 1)
        assert differing["examples"] == ['{"patient_id":"p001","local_date":"2026-03-03"}']
        assert len(read_all(kafka, "rtm.alerts.v1")) == told, "a rebuild tells nobody of alerts"


def test_where_nothing_shows_yet_nothing_is_pruned(tmp_path, capsys):
    warehouse = ("--warehouse", f"chdb://{tmp_path}/warehouse")
    assert run(["migrate", *warehouse]) == 0
    assert run(["rebuild", "--prune", *warehouse]) == 1
    assert "doesn't show a generation of group rtm: nothing is pruned" in capsys.readouterr().err
