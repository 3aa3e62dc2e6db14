"""The sink: rows of the processors come out of the views as they went in, in batches, each counted once it is in."""

import base64
import hashlib

import pytest

from processors.processor import Row
from streams.warehouse import generations
from streams.warehouse.connection import WarehouseError, open_warehouse
from streams.warehouse.migrations import migrate
from streams.warehouse.sink import RowSink

TENANT = {"clinic_id": "c1", "updated_at": "2026-03-01T08:00:00Z", "issued_at": "2026-03-01T08:01:00.5Z"}


def pain(patient, *, revision=1, deleted=0, **values):
    row = {
        "patient_id": patient,
        "local_date": "2026-03-01",
        "nrs_max": 4,
        "nrs_mean": 3.5,
        "reports": 2,
        "baseline_nrs": None,
        "flare": False,
    }
    return Row("pain_daily", patient, row | values | TENANT | {"revision": revision, "deleted": deleted})


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    with open_warehouse(f"chdb://{tmp_path_factory.mktemp('sink') / 'warehouse'}") as opened:
        migrate(opened)
        yield opened


@pytest.fixture
def generation(warehouse):
    number = generations.begin(warehouse, "replay", "test")
    generations.complete(warehouse, number)
    return number


def patients(warehouse):
    return [patient for (patient,) in warehouse.query("SELECT patient_id FROM pain_daily ORDER BY patient_id").rows]


def test_rows_show_after_a_flush_with_their_generation_added_and_unchanged_themselves(warehouse, generation):
    row = pain("ann")
    before = dict(row.values)
    sink = RowSink(warehouse, generation)
    sink.add([row])
    assert patients(warehouse) == []
    sink.flush()
    shown = warehouse.query("SELECT * FROM pain_daily").records()
    assert shown == [{name: value for name, value in before.items() if name != "deleted"} | {"issued_at": "2026-03-01T08:01:00.500000000Z"}]
    assert row.values == before
    assert sink.rows_sent == {"pain_daily": 1}


@pytest.mark.parametrize(("limits", "sent"), [({"batch_rows": 2}, 4), ({"batch_bytes": 1}, 5), ({}, 0)])
def test_a_batch_goes_when_it_has_rows_or_bytes_enough(warehouse, generation, limits, sent):
    sink = RowSink(warehouse, generation, **limits)
    for number in range(5):
        sink.add([pain(f"p{number}")])
    assert len(patients(warehouse)) == sink.rows_sent["pain_daily"] == sent
    sink.flush()
    assert patients(warehouse) == ["p0", "p1", "p2", "p3", "p4"]
    sink.flush()
    assert sink.rows_sent == {"pain_daily": 5}


def test_a_batch_that_failed_is_not_counted_and_goes_again(warehouse, generation):
    sink = RowSink(warehouse, generation)
    sink.add([pain("ann")])
    warehouse.command("RENAME TABLE rtm.pain_daily_rows TO rtm.pain_daily_elsewhere")
    try:
        with pytest.raises(WarehouseError, match="cannot insert into pain_daily_rows: UNKNOWN_TABLE"):
            sink.flush()
        assert sink.rows_sent["pain_daily"] == 0
    finally:
        warehouse.command("RENAME TABLE rtm.pain_daily_elsewhere TO rtm.pain_daily_rows")
    sink.flush()
    assert patients(warehouse) == ["ann"]


def test_a_table_that_is_not_ours_is_refused(warehouse, generation):
    with pytest.raises(WarehouseError, match="not a table"):
        RowSink(warehouse, generation).add([Row("users", "ann", {})])


def test_samples_come_in_as_base64_and_show_as_bytes_once_they_are_admitted(warehouse, generation):
    content = bytes(range(256))
    place = {"origin": "file", "partition": 1, "offset": 7}
    sink = RowSink(warehouse, generation)
    sink.add([Row("chunk_samples", "ann", {**place, "samples": base64.b64encode(content).decode()})])
    sink.add([Row("chunk_samples", "ann", {**place, "offset": 8, "samples": "AAAA", "sha256": "of another"})])
    sink.flush()
    assert warehouse.query("SELECT count() FROM sensor_chunks").rows == [(0,)]
    admission = {"patient_id": "ann", "session_id": "s1", "seq": 0, "kind": "angle", "n": 64, "last": True, "revision": 1, **TENANT}
    sink.add([Row("chunk_admissions", "ann", admission | place)])
    sink.flush()
    read = warehouse.query("SELECT session_id, seq, n, last, hex(samples), sha256, calibration FROM sensor_chunks").rows
    assert read == [("s1", 0, 64, True, content.hex().upper(), hashlib.sha256(content).hexdigest(), None)]
