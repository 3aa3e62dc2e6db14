"""What is written to Kafka of a record that can't be used."""

import orjson
import pytest

from processors.processor import Row
from streams.kafka.outgoing import Outgoing, dead_letter_record, row_records

ORIGINAL = Outgoing("rtm.events.v1", 3, b"ann", b'{"nrs":4}', [("ce_id", b"e-1")])


@pytest.mark.parametrize(("reason", "erased"), [("forgotten", False), ("forgotten", True), ("future", True)])
def test_of_a_forgotten_subject_only_the_place_is_told(reason, erased):
    record = dead_letter_record(ORIGINAL, 7, reason, "why", "e-1", 1, 4, erased=erased)
    assert (record.key, record.value) == (None, b"")
    told = dict(record.headers)
    assert (told["rtm-reason"], told["rtm-offset"], told["rtm-event-id"]) == (reason.encode(), b"7", b"")
    assert "ce_id" not in told


def test_of_any_other_everything_is_kept():
    record = dead_letter_record(ORIGINAL, 7, "future", "why", "e-1", 1, 4)
    assert (record.key, record.value) == (b"ann", b'{"nrs":4}')
    assert dict(record.headers)["ce_id"] == b"e-1"


def test_rows_of_a_patient_and_table_are_one_record_as_long_as_it_is_not_too_large():
    rows = [Row(table, "ann", {"n": n, "text": "x" * 100_000}) for n in range(4) for table in ("events", "erasures")]
    found: dict[tuple[bytes, bytes], list[list[int]]] = {}
    for record in row_records([*rows, Row("events", "bob", {"n": 4})], 7, 4):
        lines = [orjson.loads(line) for line in record.value.splitlines()]
        table = dict(record.headers)["table"]
        assert {line.get("generation") for line in lines} == {7 if table == b"events" else None}
        found.setdefault((record.key, table), []).append([line["n"] for line in lines])
    assert found == {
        (b"ann", b"events"): [[0, 1], [2, 3]],
        (b"ann", b"erasures"): [[0, 1], [2, 3]],
        (b"bob", b"events"): [[4]],
    }
