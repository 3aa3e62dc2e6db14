"""Opening a warehouse on a real chDB: what can be opened, and who may hold a folder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streams.warehouse.connection import WarehouseError, open_warehouse
from streams.warehouse.migrations import migrate

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("warehouse") / "a folder"


@pytest.fixture
def warehouse(folder):
    with open_warehouse(f"chdb://{folder}") as opened:
        migrate(opened)
        yield opened


@pytest.mark.parametrize(
    ("dsn", "says"),
    [
        ("", "not a warehouse"),
        ("/tmp/x", "not a warehouse"),
        ("sqlite:///tmp/x", "not a warehouse"),
        ("chdb://relative", "absolute path"),
        ("chdb:///", "absolute path"),
        ("chdb:///tmp/x?y=1", "without '?'"),
        ("clickhouse://", "needs a host"),
        ("clickhouse://u:hunter2@h:port/rtm", "not a ClickHouse address"),
        ("clickhouse://u:hunter2@h/default", "always rtm"),
        ("clickhouse://u:hunter2@127.0.0.1:1/rtm", "is the server up"),
        ("chdb:///dev/null", "is a file"),
        ("chdb:///dev/null/x", "cannot use the folder"),
    ],
)
def test_a_dsn_that_cannot_be_opened_is_one_line_without_the_password(dsn, says):
    with pytest.raises(WarehouseError, match=says) as caught:
        open_warehouse(dsn)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_reading_where_there_is_no_warehouse_makes_none(tmp_path):
    (tmp_path / "empty").mkdir()
    for missing in (tmp_path / "missing", tmp_path / "empty"):
        with pytest.raises(WarehouseError, match="there is no warehouse at"):
            open_warehouse(f"chdb://{missing}", create=False)
        with pytest.raises(WarehouseError, match="there is no warehouse at"):
            open_warehouse(f"chdb://{missing}", read_only=True)
    assert not (tmp_path / "missing").exists()
    assert not list((tmp_path / "empty").iterdir())


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(WarehouseError, match="holds other files"):
        open_warehouse(f"chdb://{tmp_path}")
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


HOLDER = """
import sys
from streams.warehouse.migrations import migrate
from streams.warehouse.connection import open_warehouse
warehouse = open_warehouse(sys.argv[1])
migrate(warehouse)
warehouse.insert("pain_daily", sys.argv[2].encode())
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_held_by_a_process_names_it_and_is_free_with_all_rows_when_that_is_killed(tmp_path):
    dsn = f"chdb://{tmp_path / 'held'}"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, dsn, '{"generation":1,"patient_id":"p1","local_date":"2026-03-01","revision":1}'],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(WarehouseError, match=f"is held by process {holder.pid}:"):
            open_warehouse(dsn)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait(10)
    finally:
        holder.kill()
        holder.communicate()
    with open_warehouse(dsn) as warehouse:
        assert warehouse.query("SELECT patient_id FROM pain_daily_rows").rows == [("p1",)]


def test_one_process_opens_one_folder_at_a_time_in_words_not_in_a_crash(warehouse, tmp_path):
    with pytest.raises(WarehouseError, match="one at a time, close it first"):
        open_warehouse(f"chdb://{tmp_path / 'second'}")
    assert not (tmp_path / "second").exists()


def test_a_folder_may_be_open_twice_in_one_process_and_stays_held_until_both_are_closed(warehouse, folder, tmp_path):
    with open_warehouse(f"chdb://{folder}", read_only=True) as again:
        assert again.query("SELECT count() FROM migrations").rows[0][0] > 0
        with pytest.raises(WarehouseError, match="READONLY"):
            again.command("DROP TABLE pain_daily_rows")
    with pytest.raises(WarehouseError, match="one at a time"):
        open_warehouse(f"chdb://{tmp_path / 'second'}")
    warehouse.close()
    with open_warehouse(f"chdb://{tmp_path / 'second'}") as second:
        assert second.query("SHOW TABLES").rows == []


def test_a_closed_warehouse_says_so(folder):
    warehouse = open_warehouse(f"chdb://{folder}")
    warehouse.close()
    warehouse.close()
    with pytest.raises(WarehouseError, match="closed"):
        warehouse.query("SELECT 1")
