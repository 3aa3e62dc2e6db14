"""The warehouse on a real chDB: what can be opened, who may hold a folder, and that values come back as they went in."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.instants import FIRST, LAST, format_instant
from streams.migrations import migrate
from streams.warehouse import WarehouseError, open_warehouse

ROOT = Path(__file__).parents[2]
PAIN = {
    "generation": 1,
    "patient_id": "p1",
    "local_date": "2026-03-01",
    "nrs_max": 4,
    "nrs_mean": 3.5,
    "reports": 2,
    "baseline_nrs": None,
    "flare": True,
    "clinic_id": "c1",
    "updated_at": "2026-03-01T08:00:00.000000001Z",
    "revision": 2**64 - 1,
    "issued_at": "2026-03-01T08:01:00Z",
    "deleted": 0,
}


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
from streams.migrations import migrate
from streams.warehouse import open_warehouse
warehouse = open_warehouse(sys.argv[1])
migrate(warehouse)
warehouse.insert("pain_daily", sys.argv[2].encode())
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_held_by_a_process_names_it_and_is_free_with_all_rows_when_that_is_killed(tmp_path):
    dsn = f"chdb://{tmp_path / 'held'}"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, dsn, orjson.dumps(PAIN).decode()], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
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


def test_a_row_comes_back_as_it_went_in(warehouse):
    warehouse.insert("pain_daily", orjson.dumps(PAIN))
    (row,) = warehouse.query("SELECT * FROM pain_daily_rows").records()
    assert row == PAIN


def test_instants_keep_their_nanoseconds_over_the_whole_range(warehouse):
    instants = [FIRST, FIRST + 1, -1, 0, 1, 999_999_999, 10**9, 1_772_000_000_000_000_000, LAST - 1, LAST]
    rows = [PAIN | {"patient_id": f"t{place}", "updated_at": format_instant(instant)} for place, instant in enumerate(instants)]
    warehouse.insert("pain_daily", b"\n".join(map(orjson.dumps, rows)))
    read = warehouse.query("SELECT updated_at FROM pain_daily_rows WHERE startsWith(patient_id, 't') ORDER BY patient_id").rows
    assert [text for (text,) in read] == [format_instant(instant) for instant in instants]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"])), number=st.integers(0, 2**64 - 1))
def test_bound_parameters_are_values_never_sql(warehouse, text, number):
    assert warehouse.query("SELECT {text:String}, {number:UInt64}", {"text": text, "number": number}).rows == [(text, number)]


def test_an_answer_has_columns_types_and_null_for_what_is_no_number(warehouse):
    result = warehouse.query("SELECT 1 AS one, 0 / 0 AS nothing, CAST(NULL, 'Nullable(String)') AS none, ['a'] AS texts")
    assert result.columns == ["one", "nothing", "none", "texts"]
    assert result.types == ["UInt8", "Float64", "Nullable(String)", "Array(String)"]
    assert result.rows == [(1, None, None, ["a"])]


def test_no_more_rows_than_asked_for_are_made_beyond_a_block(warehouse):
    assert 10 <= len(warehouse.query("SELECT number FROM numbers(10_000_000)", max_rows=10).rows) < 1_000_000
    assert len(warehouse.query("SELECT number FROM numbers(100_000)").rows) == 100_000


@pytest.mark.parametrize(
    ("table", "values", "says"),
    [
        ("pain_daily", {"local_date": "geheim"}, "cannot insert into pain_daily_rows, at row 1 of the batch: CANNOT_PARSE_DATE"),
        ("pain_daily", {"geheim": 1}, "cannot insert into pain_daily_rows, at row 1 of the batch: INCORRECT_DATA"),
        ("pain_daily", {"patient_id": None, "clinic_id": "geheim"}, "INCORRECT_DATA"),
        ("nope; DROP TABLE x", {"clinic_id": "geheim"}, "not a table of this warehouse"),
        ("system.users", {"clinic_id": "geheim"}, "not a table of this warehouse"),
    ],
)
def test_an_insert_that_fails_tells_where_and_no_value(warehouse, table, values, says):
    with pytest.raises(WarehouseError, match=says) as caught:
        warehouse.insert(table, orjson.dumps(PAIN | values))
    assert "geheim" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_sql_is_one_line_with_clickhouse_words(warehouse):
    with pytest.raises(WarehouseError, match=r"^Unknown table expression identifier 'nope'") as caught:
        warehouse.query("SELECT 1 FROM nope")
    assert caught.value.code == 60
    assert "\n" not in str(caught.value)
