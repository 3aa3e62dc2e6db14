"""The warehouse on a real chDB: values come back as they went in, and what goes wrong is one line without values."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.instants import FIRST, LAST, format_instant
from streams.warehouse.connection import WarehouseError, open_warehouse
from streams.warehouse.migrations import migrate

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
def warehouse(tmp_path_factory):
    with open_warehouse(f"chdb://{tmp_path_factory.mktemp('warehouse') / 'warehouse'}") as opened:
        migrate(opened)
        yield opened


def test_a_row_comes_back_as_it_went_in(warehouse):
    warehouse.insert("pain_daily", orjson.dumps(PAIN))
    (row,) = warehouse.query("SELECT * FROM pain_daily_rows WHERE patient_id = 'p1'").records()
    assert row == PAIN


def test_instants_keep_their_nanoseconds_over_the_whole_range(warehouse):
    instants = [FIRST, FIRST + 1, -1, 0, 1, 999_999_999, 10**9, 1_772_000_000_000_000_000, LAST - 1, LAST]
    rows = [PAIN | {"patient_id": f"t{place}", "updated_at": format_instant(instant)} for place, instant in enumerate(instants)]
    warehouse.insert("pain_daily", b"\n".join(map(orjson.dumps, rows)))
    read = warehouse.query("SELECT updated_at FROM pain_daily_rows WHERE startsWith(patient_id, 't') ORDER BY patient_id").rows
    assert [text for (text,) in read] == [format_instant(instant) for instant in instants]


@settings(max_examples=60, deadline=None)
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
