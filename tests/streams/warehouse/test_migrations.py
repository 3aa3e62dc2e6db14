"""Migrations: applied once, told apart when changed, and what they make agrees with the row models, table by table."""

import re
from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rows import TABLES, Tenant
from streams.warehouse.connection import WarehouseError, open_warehouse
from streams.warehouse.migrations import Migration, migrate, shipped_migrations, split_statements
from streams.warehouse.tables import GENERATION_TABLES, ROW_TABLES

TENANT = list(get_type_hints(Tenant))
DATES = {"local_date", "period_start", "period_end", "monitoring_start", "discharged_on", "procedure_date"}
DELETED = "1 where the key has no row any more"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    with open_warehouse(f"chdb://{tmp_path_factory.mktemp('migrations') / 'warehouse'}") as opened:
        assert migrate(opened) == [migration.name for migration in shipped_migrations()]
        yield opened


@pytest.fixture(scope="module")
def columns(warehouse):
    sql = "SELECT table, name, type, comment, default_kind FROM system.columns WHERE database = 'rtm' ORDER BY table, position"
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for table, name, kind, comment, default in warehouse.query(sql).rows:
        if default != "EPHEMERAL":
            found.setdefault(table, {})[name] = (kind, comment)
    return found


def expected_columns(name: str) -> list[str]:
    own = [column for column in get_type_hints(TABLES[name].model) if column not in (*TENANT, "generation", "deleted")]
    return own + TENANT


def kind_of(name: str, column: str) -> str:
    """What a column must be, by its model: nullable or not, and the kind of its values."""
    hint = get_type_hints(TABLES[name].model)[column]
    nullable = type(None) in get_args(hint)
    plain = next((part for part in get_args(hint) if part is not type(None)), hint) if nullable else hint
    if plain is str:
        kind = "Date32" if column in DATES else "DateTime64(9, 'UTC')" if TABLES[name].columns[column].endswith(", UTC") else "String"
    else:
        kind = {bool: "Bool", float: "Float64", int: "Int", list[str]: "Array(String)"}[plain]
    return f"Nullable({kind})" if nullable else kind


def kind_made(kind: str) -> str:
    return re.sub(r"\bU?Int\d+\b", "Int", re.sub(r"LowCardinality\((.*)\)", r"\1", kind))


@pytest.mark.parametrize("name", TABLES)
def test_the_view_has_the_models_columns_in_order_with_their_kinds_and_descriptions(columns, name):
    made = columns[name]
    assert list(made) == expected_columns(name)
    assert {column: kind_made(kind) for column, (kind, _) in made.items()} == {column: kind_of(name, column) for column in made}
    assert {column: comment for column, (_, comment) in made.items()} == {column: TABLES[name].columns[column] for column in made}


@pytest.mark.parametrize("name", TABLES)
def test_the_history_has_the_same_columns_and_whether_the_row_was_deleted(columns, name):
    extra = ["generation"] if TABLES[name].generations else []
    assert list(columns[f"{name}_history"]) == extra + expected_columns(name) + ["deleted"]
    view = columns[name]
    assert {column: columns[f"{name}_history"][column] for column in view} == view
    assert columns[f"{name}_history"]["deleted"] == ("UInt8", DELETED)


@pytest.mark.parametrize("name", [name for name in TABLES if name != "sensor_chunks"])
def test_the_base_table_takes_every_column_of_the_model(columns, name):
    base = columns[ROW_TABLES[name].name]
    beside = {"subject"} if name == "dead_letters" else set()
    assert set(base) == set(get_type_hints(TABLES[name].model)) | beside
    assert {column: base[column] for column in columns[name]} == columns[name]


def test_every_table_and_column_has_a_comment(warehouse, columns):
    tables = warehouse.query("SELECT name, comment FROM system.tables WHERE database = 'rtm' AND engine != 'MaterializedView'").rows
    assert [name for name, comment in tables if not comment] == []
    feeds = {name for name in columns if name.endswith("_feed")}
    assert [(table, name) for table in columns.keys() - feeds for name, (_, comment) in columns[table].items() if not comment] == []
    for name, table in TABLES.items():
        assert dict(tables)[name] == table.description


def test_the_engine_the_key_and_the_partition_are_the_contracts(warehouse):
    sql = "SELECT name, engine_full FROM system.tables WHERE database = 'rtm' AND engine LIKE '%MergeTree'"
    made = dict(warehouse.query(sql).rows)
    for name, table in TABLES.items():
        key = ", ".join((*(("generation",) if table.generations else ()), *table.key))
        engine = made[ROW_TABLES[name].name]
        assert f"ORDER BY ({key}) " in engine
        assert engine.startswith(
            "ReplacingMergeTree(revision, deleted) PARTITION BY generation " if table.generations else "ReplacingMergeTree(revision) "
        )
        if table.generations and name != "events":
            assert f"PARTITION BY generation ORDER BY ({key}, revision) " in made[f"{name}_revisions"]
    assert {name for name, engine in made.items() if "PARTITION BY generation" in engine} == set(GENERATION_TABLES)


def test_migrations_are_numbered_one_after_the_other():
    assert [int(migration.name[:4]) for migration in shipped_migrations()] == list(range(1, len(shipped_migrations()) + 1))


def test_a_second_run_applies_nothing(warehouse):
    assert migrate(warehouse) == []


def test_a_migration_that_changed_after_it_was_applied_is_refused(warehouse):
    first, *others = shipped_migrations()
    with pytest.raises(WarehouseError, match=f"migration {first.name} has changed since it was applied"):
        migrate(warehouse, [Migration(first.name, first.sql + "\n"), *others])


def test_a_warehouse_of_a_newer_program_is_refused(warehouse):
    with pytest.raises(WarehouseError, match="newer rtm"):
        migrate(warehouse, shipped_migrations()[:-1])


def test_a_migration_that_died_halfway_is_made_good_by_the_next_run(tmp_path, warehouse):
    halves = "CREATE TABLE IF NOT EXISTS rtm.half (a UInt8) ENGINE = Memory; {};"
    shipped = shipped_migrations()
    with pytest.raises(WarehouseError):
        migrate(warehouse, [*shipped, Migration("9998_half", halves.format("CREATE TABLE nonsense"))])
    whole = [*shipped, Migration("9998_half", halves.format("CREATE TABLE IF NOT EXISTS rtm.whole (a UInt8) ENGINE = Memory"))]
    assert migrate(warehouse, whole) == ["9998_half"]
    assert migrate(warehouse, whole) == []
    for statement in ("DROP TABLE rtm.half", "DROP TABLE rtm.whole", "DELETE FROM rtm.migrations WHERE name = '9998_half'"):
        warehouse.command(statement)


@pytest.mark.parametrize(
    ("sql", "statements"),
    [
        ("", []),
        (" ;;\n; -- nothing\n", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';', \"a;b\", `c;d`;", ["SELECT ';', \"a;b\", `c;d`"]),
        (r"SELECT 'it\'s; \\'; SELECT 2", [r"SELECT 'it\'s; \\'", "SELECT 2"]),
        ("SELECT 'it''s;'; SELECT 2", ["SELECT 'it''s;'", "SELECT 2"]),
        ("SELECT 1 -- it's; fine\n, 2;", ["SELECT 1  \n, 2"]),
        ("SELECT /* ; ' */ 1; /* ; */", ["SELECT   1"]),
        ("SELECT $$ ; ' $$, $x$ ; $$ $x$; SELECT 2", ["SELECT $$ ; ' $$, $x$ ; $$ $x$", "SELECT 2"]),
        ("SELECT 2 - -1, 6 / 2;", ["SELECT 2 - -1, 6 / 2"]),
    ],
)
def test_statements_end_at_semicolons_that_are_code(sql, statements):
    assert split_statements(sql) == statements


@pytest.mark.parametrize("sql", ["SELECT 'a", 'SELECT "a', "SELECT `a", "SELECT 1 /* ", "SELECT 'a\\'"])
def test_an_open_quote_or_comment_is_an_error(sql):
    with pytest.raises(ValueError, match="not closed"):
        split_statements(sql)


@given(st.lists(st.text(), min_size=1))
def test_quoted_text_never_splits_a_statement(texts):
    statements = ["SELECT '" + text.replace("\\", "\\\\").replace("'", "\\'") + "'" for text in texts]
    assert split_statements(";\n".join(statements)) == statements
