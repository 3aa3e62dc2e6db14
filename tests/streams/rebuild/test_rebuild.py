"""`rtm rebuild` on a real Kafka beside a running system: no differences; then a doctored row, which it tells, and which a switch mends."""

import orjson
import pytest
from kafka import KafkaProducer

from processors.policy import Policy
from streams.cli import run
from streams.demo.running import Running
from streams.kafka.placement import partition_of
from streams.replay.folding import fold_records
from streams.warehouse.compare import ORDER_TABLES, compare_rows, read_tables
from streams.warehouse.connection import open_warehouse
from streams.warehouse.generations import begin, complete
from streams.warehouse.sink import RowSink
from tests.conftest import empty
from tests.streams.live_log import BEGIN, DAY, TICK_S, last_tick, read_all, send, send_tick, small_log, wait_for_tick

HALF = BEGIN + 3 * DAY + DAY // 2


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
    place = partition_of(key[0].encode(), 4)
    producer.send("rtm.metrics.v1", value=orjson.dumps(row), key=key[0].encode(), headers=[("table", b"pain_daily")], partition=place).get(
        30
    )
    producer.close()


def test_a_rebuild_has_no_differences_tells_a_doctored_row_and_takes_over(kafka, tmp_path, rebuild):
    empty(kafka)
    settings = {"RTM_KAFKA": kafka, "RTM_PARTITIONS": "4", "RTM_CLOCK": "log", "RTM_TICK_S": str(TICK_S), "RTM_WORKER_TIMEOUT_S": "3"}
    facts = small_log(patients=3, days=6)
    early = [fact for fact in facts if fact.recorded <= HALF]
    with Running(tmp_path, settings):
        send(kafka, early)
        send_tick(kafka, HALF)
        wait_for_tick(kafka, HALF, seconds=120)
        told = len(read_all(kafka, "rtm.alerts.v1"))
        status, [summary] = rebuild()
        assert (status, summary["current"], summary["successor"]) == (0, 1, 2)
        assert summary["read"] > len(early) // 2
        status, [summary] = rebuild("--diff")
        assert (status, summary["read"]) == (0, 0)
        doctor_a_row(kafka)
        status, [_, differing] = rebuild("--diff")
        assert status == 1
        assert (differing["table"], differing["only_current"], differing["only_successor"]) == ("pain_daily", 1, 1)
        assert differing["examples"] == ['{"patient_id":"p001","local_date":"2026-03-03"}']
        assert len(read_all(kafka, "rtm.alerts.v1")) == told, "a rebuild tells nobody of alerts"
        status, [summary] = rebuild("--switch")
        assert (status, summary["switched"]) == (0, True)
    with Running(tmp_path, settings) as again:
        [topics] = [line for line in again.lines if line.startswith("topics ready")]
        assert topics.endswith("generation 2")
        send(kafka, [fact for fact in facts if fact.recorded > HALF])
        send_tick(kafka, last_tick(6))
        wait_for_tick(kafka, last_tick(6), seconds=120, generation=2)
    with open_warehouse(f"chdb://{tmp_path}/warehouse") as warehouse:
        ours = read_tables(warehouse)
        embedded = begin(warehouse, "replay", "files")
        sink = RowSink(warehouse, embedded)
        for out in fold_records(facts, Policy(tick_s=TICK_S, generation=embedded), as_of=last_tick(6)):
            sink.add([row for row in out.rows if row.table != "chunk_admissions"])
        sink.flush()
        complete(warehouse, embedded)
        theirs = read_tables(warehouse)
    for table in set(ORDER_TABLES) - {"sensor_chunks"}:
        compared = compare_rows(ours[table], theirs[table])
        assert compared.equal, (table, compared.only_left[:2], compared.only_right[:2])
    assert ours["sessions"]
