"""Migrations elsewhere: from every earlier version, by two at once, on a cluster, and who may see what on a server.

No ClickHouse server runs here: what is only for one is parsed by the engine (EXPLAIN AST), and looked at as text.
"""

import threading

import orjson
import pytest

from streams.warehouse.connection import WarehouseError, open_warehouse
from streams.warehouse.migrations import apply_access, keep_samples, migrate, shipped_migrations, split_statements
from streams.warehouse.rendering import for_cluster

SHIPPED = shipped_migrations()
ACCESS = shipped_migrations("access")
STATEMENTS = [(each.name, statement) for each in (*SHIPPED, *ACCESS) for statement in split_statements(each.sql)]
AT = "2026-03-01T07:00:00Z"
FACT = {"patient_id": "ann", "source": "/app", "event_id": "a", "type": "rtm.report.pain.v1", "event_time": AT, "recorded_time": AT}
FACT |= {
    "generation": 1,
    "data": "{}",
    "attributes": "{}",
    "clinic_id": "c",
    "updated_at": AT,
    "issued_at": AT,
    "revision": 1,
    "deleted": 0,
}
GENERATION = {"generation": 1, "kind": "replay", "status": "complete", "revision": 1, "started_at": AT, "completed_at": AT}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    with open_warehouse(f"chdb://{tmp_path_factory.mktemp('elsewhere') / 'warehouse'}") as opened:
        yield opened


def made(warehouse):
    """Every table and view with its definition, and every column."""
    tables = warehouse.query("SELECT name, create_table_query FROM system.tables WHERE database = 'rtm' ORDER BY name").rows
    return tables, warehouse.query(
        "SELECT table, name, type, comment FROM system.columns WHERE database = 'rtm' ORDER BY table, position"
    ).rows


def test_from_every_earlier_version_the_tables_become_those_made_from_empty_and_keep_their_rows(warehouse):
    warehouse.command("CREATE DATABASE IF NOT EXISTS rtm")
    for number in range(1, len(SHIPPED) + 1):
        assert migrate(warehouse, SHIPPED[:number]) == [SHIPPED[number - 1].name]
        if number == 2:
            warehouse.insert("events", orjson.dumps(FACT))
            warehouse.insert("generations", orjson.dumps(GENERATION))
    stepwise = made(warehouse)
    assert warehouse.query("SELECT patient_id, clinic_id FROM events").rows == [("ann", "c")]
    assert warehouse.query("SELECT event_id FROM events_as_of(time = '2026-03-02')").rows == [("a",)]
    warehouse.command("DROP DATABASE rtm SYNC")
    warehouse.command("CREATE DATABASE rtm")
    migrate(warehouse)
    assert made(warehouse) == stepwise


def test_two_at_once_make_what_one_makes(warehouse):
    migrate(warehouse)
    expected = made(warehouse)
    warehouse.command("DROP DATABASE rtm SYNC")
    warehouse.command("CREATE DATABASE rtm")
    failed = []

    def run():
        try:
            migrate(warehouse)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert made(warehouse) == expected
    assert warehouse.query("SELECT count() FROM rtm.migrations FINAL").rows == [(len(SHIPPED),)]
    assert migrate(warehouse) == []


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in STATEMENTS))
def test_on_a_cluster_every_statement_names_it_and_the_engine_can_read_it(warehouse, name):
    for statement in (statement for file, statement in STATEMENTS if file == name):
        rendered = for_cluster(statement, "main")
        assert rendered.count("ON CLUSTER 'main'") == 1, rendered[:80]
        warehouse.command(f"EXPLAIN AST {rendered}")
        if "MergeTree" in statement:
            assert "ENGINE = Replicated" in rendered
        assert for_cluster(statement, "") == statement


@pytest.mark.parametrize(
    ("statement", "rendered"),
    [
        ("ALTER TABLE rtm.x ADD COLUMN a UInt8", "ALTER TABLE rtm.x ON CLUSTER 'c' ADD COLUMN a UInt8"),
        ("GRANT SELECT ON rtm.x TO r", "GRANT ON CLUSTER 'c' SELECT ON rtm.x TO r"),
        ("CREATE ROW POLICY IF NOT EXISTS p ON rtm.x USING 1", "CREATE ROW POLICY IF NOT EXISTS p ON CLUSTER 'c' ON rtm.x USING 1"),
        ("INSERT INTO rtm.x SELECT 'ENGINE = MergeTree'", "INSERT INTO rtm.x SELECT 'ENGINE = MergeTree'"),
    ],
)  # fmt: skip
def test_rendering_touches_only_what_defines(statement, rendered):
    assert for_cluster(statement, "c") == rendered


def test_a_clusters_name_is_a_name():
    with pytest.raises(ValueError, match="letters, digits"):
        for_cluster("CREATE TABLE rtm.x", "x' SYNC; DROP")


def test_roles_are_refused_in_chdb_in_one_line(warehouse):
    with pytest.raises(WarehouseError, match="chDB has no users, roles or row policies"):
        apply_access(warehouse)


def test_every_table_with_a_clinic_has_its_policy_and_nothing_else_is_shown_to_a_clinic(warehouse):
    migrate(warehouse)
    columns = warehouse.query("SELECT table, groupArray(name) FROM system.columns WHERE database = 'rtm' GROUP BY table").rows
    tables = {row[0] for row in warehouse.query("SELECT name FROM system.tables WHERE database = 'rtm' AND engine LIKE '%MergeTree'").rows}
    of_clinic = {table for table, names in columns if "clinic_id" in names and table in tables} - {"dead_letters_rows"}
    sql = next(each.sql for each in ACCESS if each.name == "0002_clinics")
    assert {table for table in tables if f"rtm_clinic ON rtm.{table} FOR SELECT" in sql} == of_clinic
    assert {table for table in tables if f"rtm_others ON rtm.{table} FOR SELECT" in sql} == of_clinic
    granted = {table for table in tables if f"GRANT SELECT ON rtm.{table} TO rtm_clinic" in sql}
    assert granted - of_clinic == {"generations"}


def test_analysts_get_pseudonyms_and_no_free_text(warehouse):
    migrate(warehouse)
    sql = next(each.sql for each in ACCESS if each.name == "0003_analysts")
    columns = dict(warehouse.query("SELECT table, groupArray(name) FROM system.columns WHERE database = 'rtm' GROUP BY table").rows)
    for statement in split_statements(sql):
        if " VIEW " not in statement:
            continue
        name = statement.split("rtm_analyst.")[1].split()[0]
        body = statement.split("SELECT\n")[1]
        shown = {column.strip() for column in body.split("FROM")[0].split(",")}
        assert shown <= set(columns[name])
        assert not shown & {"data", "attributes", "payload", "error", "reason", "reasons", "condition", "calibration"}
        assert warehouse.query(f"SELECT {', '.join(sorted(shown))} FROM rtm.{name} LIMIT 0").rows == []
    assert "rtm_analyst.dead_letters" not in sql
    assert "ON rtm." not in sql


def test_raw_samples_are_kept_as_long_as_the_setting_says(warehouse):
    migrate(warehouse)
    assert keep_samples(warehouse, 0) is None
    assert keep_samples(warehouse, 30) == "raw samples are kept 30 days"
    assert keep_samples(warehouse, 30) is None
    for stored in ("2020-01-01T00:00:00Z", "2200-01-01T00:00:00Z"):
        row = {"patient_id": "ann", "origin": "f", "partition": 0, "offset": int(stored[:4]), "samples": "", "stored_at": stored}
        warehouse.insert("chunk_samples", orjson.dumps(row))
    warehouse.command("OPTIMIZE TABLE rtm.chunk_samples FINAL")
    assert warehouse.query("SELECT offset FROM rtm.chunk_samples").rows == [(2200,)]
    assert keep_samples(warehouse, 7) == "raw samples are kept 7 days"
    assert keep_samples(warehouse, 0) == "raw samples are kept for ever"
    assert keep_samples(warehouse, 0) is None
