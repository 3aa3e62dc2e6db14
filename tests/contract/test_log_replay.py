"""`rtm replay --log` over the log that the live run left: the same tables, and the same alerts with the same ids."""

import pytest

from schemas.instants import parse_instant
from streams.replay.files import ReplayError
from streams.replay.log import parse_source, replay_log
from streams.warehouse.compare import ORDER_TABLES, read_dead_letters, read_tables
from streams.warehouse.connection import open_warehouse
from tests.contract.cases import CASES
from tests.contract.runtimes import POLICY, Live

NOT_IN_THE_LOG = ("sensor_chunks",)


def test_the_log_replayed_tells_what_live_told(live: Live, tmp_path):
    tables = [name for name in (*ORDER_TABLES, "alerts") if name not in NOT_IN_THE_LOG]
    with open_warehouse(f"chdb://{tmp_path}/log") as warehouse:
        summary = replay_log(live.bootstrap, warehouse, policy=POLICY)
        replayed = read_tables(warehouse, tables)
        dead = read_dead_letters(warehouse)
    told = {name: [row for case in CASES for row in live.told(case).rows.get(name, [])] for name in tables}
    assert summary.ticks > 0
    assert dead == {"conflict": 1, "forgotten": 1, "future": 1, "misplaced": 2, "too_late": 1}
    assert {name: len(rows) for name, rows in replayed.items()} == {name: len(rows) for name, rows in told.items()}
    assert _alerts(replayed["alerts"]) == _alerts(told["alerts"])


def _alerts(rows: list[dict]) -> list[tuple]:
    return sorted((row["alert_id"], row["status"], parse_instant(row["opened_at"]), row["reason"]) for row in rows)


def test_a_broker_that_is_not_there_is_told_in_one_line(tmp_path):
    with open_warehouse(f"chdb://{tmp_path}") as warehouse, pytest.raises(ReplayError, match=r"no Kafka answers at 127\.0\.0\.1:1"):
        replay_log("127.0.0.1:1", warehouse)


@pytest.mark.parametrize("source", ["127.0.0.1:9092", "kafka://", "kafka://host", "kafka://host:port", "file:///log"])
def test_a_source_of_another_form_is_refused(source: str):
    with pytest.raises(ValueError, match="kafka://host:port"):
        parse_source(source)


def test_several_hosts_are_one_source():
    assert parse_source("kafka://a:9092,b:9093/") == "a:9092,b:9093"
