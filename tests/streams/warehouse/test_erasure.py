"""Erasure: after `patient.forgotten` no table of the warehouse holds the pseudonym, and what comes later of him neither."""

import orjson
import pytest

from schemas.instants import DAY_SECONDS, SECOND, format_instant
from streams.replay.files import replay
from streams.warehouse.compare import ORDER_TABLES, compare_rows, read_table
from streams.warehouse.connection import open_warehouse
from streams.warehouse.erasure import erase_requested, forgotten_among, patient_tables, request_erasure, subject_hash
from streams.warehouse.migrations import migrate
from tests.streams.replay.test_replay import FIRST_DAY, LAST_DAY, MACHINE, POLICY, chunk, course, event, lines_of, write

ANN = "ann o'hara\\\"☃"
"""A pseudonym that must be escaped wherever it stands."""


def of_ann():
    """The knee patient's course under Ann's name, with what becomes dead letters, an alert and a delivery."""
    events = [e | {"subject": ANN} for e in course() if e["subject"] == "p1"]
    missed = {"kind": "steps", "start": format_instant(LAST_DAY), "end": format_instant(LAST_DAY), "values": {}}
    return [
        *events,
        event("report.pain", "bad", FIRST_DAY, {"nrs": 11}, ANN),
        event("report.pain", "late", FIRST_DAY - 40 * DAY_SECONDS * SECOND, {"nrs": 1}, ANN, recorded=FIRST_DAY),
        event("sensor.activity", "steps", LAST_DAY, missed, ANN),
    ]


def forgotten(at=LAST_DAY + 3600 * SECOND, request="r-1"):
    return event("patient.forgotten", f"forget-{request}", at, {"request_id": request}, ANN)


def later():
    at = LAST_DAY + 7200 * SECOND
    return [
        event("report.pain", "afterwards", at, {"nrs": 3}, ANN),
        event("report.pain", "ahead", at + 2 * DAY_SECONDS * SECOND, {"nrs": 4}, ANN, recorded=at),
        chunk("chunk afterwards", at, 7, last=True) | {"subject": ANN},
    ]


def others():
    return [e for e in course() if e["subject"] == "p2"]


def everywhere(warehouse, name):
    """The tables in which any column of any row holds a text, views and side tables included."""
    tables = [row[0] for row in warehouse.query("SELECT name FROM system.tables WHERE database = 'rtm' AND engine LIKE '%MergeTree'").rows]
    assert len(tables) > 30
    escaped = orjson.dumps(name).decode()[1:-1]
    found = []
    for table in tables:
        rows = warehouse.query(f"SELECT * {'EXCEPT content' if table == 'chunk_samples' else ''} FROM rtm.{table}").rows
        if any(name in text or escaped in text for row in rows for text in row if isinstance(text, str)):
            found.append(table)
    return found


def run(warehouse, tmp_path, events):
    raw = b'{"specversion":"1.0", nonsense "subject":' + orjson.dumps(ANN) + b"}"
    return replay([write(tmp_path / "events.jsonl", [*lines_of(events), raw])], warehouse, policy=POLICY, machine_clock=MACHINE)


@pytest.fixture
def warehouse(tmp_path_factory):
    with open_warehouse(f"chdb://{tmp_path_factory.mktemp('erasure') / 'warehouse'}") as opened:
        migrate(opened)
        yield opened


def deliver(warehouse):
    """A delivery of one of Ann's alerts, and of another's."""
    tenant = {"clinic_id": "c", "updated_at": "2026-03-08T00:00:00Z", "issued_at": "2026-03-08T00:00:00Z", "revision": 1}
    alert = {"patient_id": ANN, "alert_id": "ann's", "generation": 1, "deleted": 0, "opened_at": "2026-03-08T00:00:00Z"}
    warehouse.insert("alerts", orjson.dumps(tenant | alert))
    for name in ("ann's", "another's"):
        sent = {"alert_id": name, "transition": "opened", "endpoint": "e", "attempt": 1, "sent_at": "2026-03-08T00:00:00Z"}
        warehouse.insert("alert_deliveries", orjson.dumps(tenant | sent))


def test_a_replay_that_reads_the_request_leaves_no_row_and_only_a_salted_hash(warehouse, tmp_path):
    assert run(warehouse, tmp_path, [*of_ann(), *others()]).rows["chunk_admissions"] == 2
    deliver(warehouse)
    assert set(everywhere(warehouse, ANN)) >= {
        "event_facts", "sessions_rows", "sessions_revisions", "reps_rows", "pain_daily_revisions", "patients_rows", "chunk_samples",
        "chunk_admissions", "dead_letters_rows", "alerts_revisions",
    }  # fmt: skip
    summary = run(warehouse, tmp_path, [*of_ann(), *others(), forgotten(), *later()])
    assert summary.dead["forgotten"] == 2
    assert everywhere(warehouse, ANN) == []
    assert warehouse.query("SELECT DISTINCT patient_id FROM rtm.event_facts").rows == [("p2",)]
    assert warehouse.query("SELECT alert_id FROM rtm.alert_deliveries").rows == [("another's",)]
    kept = warehouse.query("SELECT reason, count(), max(payload), max(event_id) FROM rtm.dead_letters GROUP BY reason ORDER BY reason").rows
    assert kept == [("forgotten", 2, "", ""), ("future", 1, "", "")]
    [record] = warehouse.query("SELECT * FROM rtm.forgotten").records()
    assert record["subject_hash"] == subject_hash(record["salt"], ANN)
    assert (record["request_id"], record["requested_at"]) == ("r-1", format_instant(LAST_DAY + 3600 * SECOND))
    assert len(record["salt"]) == 32
    assert forgotten_among(warehouse, [ANN, "p2"]) == {ANN}
    assert warehouse.query("SELECT count() FROM system.mutations WHERE position(command, 'hara') > 0").rows == [(0,)]


def test_what_others_have_stays_as_it_was(warehouse, tmp_path):
    run(warehouse, tmp_path, others())
    alone = {table: read_table(warehouse, table) for table in ORDER_TABLES}
    run(warehouse, tmp_path, [*of_ann(), *others(), forgotten()])
    assert [table for table in ORDER_TABLES if not compare_rows(alone[table], read_table(warehouse, table)).equal] == []


def test_a_run_that_does_not_know_of_the_request_brings_nothing_back(warehouse, tmp_path):
    run(warehouse, tmp_path, [*of_ann(), *others(), forgotten()])
    salt = warehouse.query("SELECT salt FROM rtm.forgotten").rows
    run(warehouse, tmp_path, [*of_ann(), *others()])
    assert everywhere(warehouse, ANN) == []
    assert warehouse.query("SELECT uniqExact(patient_id) FROM rtm.patients").rows == [(1,)]
    assert warehouse.query("SELECT salt FROM rtm.forgotten").rows == salt


def test_an_erasure_that_died_halfway_is_made_good_and_a_second_request_is_a_record_of_its_own(warehouse, tmp_path):
    run(warehouse, tmp_path, [*of_ann(), *others()])
    request_erasure(warehouse, ANN, "r-1")
    assert everywhere(warehouse, ANN) != []
    assert erase_requested(warehouse) == 1
    assert everywhere(warehouse, ANN) == []
    assert erase_requested(warehouse) == 0
    for request in ("r-2", "r-3"):
        request_erasure(warehouse, ANN if request == "r-2" else "p2", request)
        assert erase_requested(warehouse) == 1
    assert warehouse.query("SELECT request_id FROM rtm.forgotten ORDER BY request_id").rows == [("r-1",), ("r-2",), ("r-3",)]
    assert warehouse.query("SELECT uniqExact(salt), uniqExact(subject_hash) FROM rtm.forgotten").rows == [(1, 2)]
    assert warehouse.query("SELECT count() FROM rtm.erasures").rows == [(0,)]


def test_every_table_that_names_a_patient_is_known(warehouse):
    sql = "SELECT DISTINCT table FROM system.columns WHERE database = 'rtm' AND name IN ('patient_id', 'subject')"
    named = {row[0] for row in warehouse.query(sql).rows}
    views = {row[0] for row in warehouse.query("SELECT name FROM system.tables WHERE database = 'rtm' AND engine LIKE '%View'").rows}
    assert set(patient_tables(warehouse)) == named - views - {"dead_letters_rows", "erasures"}
