"""The sink in a thread of its own: what was added is there after a flush, and what goes wrong is told where the rows come from."""

from collections import Counter

import pytest

from processors.processor import Row
from streams.warehouse import generations
from streams.warehouse.connection import WarehouseError, open_warehouse
from streams.warehouse.migrations import migrate
from streams.warehouse.sink import WAITING, Encoded, RowSink, SinkBeside

COLUMNS = {"local_date": "2026-03-01", "nrs_max": 4, "nrs_mean": 3.5, "reports": 2, "clinic_id": "c1", "revision": 1, "deleted": 0}
TIMES = {"updated_at": "2026-03-01T08:00:00Z", "issued_at": "2026-03-01T08:01:00Z"}


UNKNOWN = Encoded({"users": bytearray(b"{}\n")}, Counter(users=1))


def encoded(row, generation):
    made = Encoded()
    made.add([row], generation)
    return made


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    with open_warehouse(f"chdb://{tmp_path_factory.mktemp('beside') / 'warehouse'}") as opened:
        migrate(opened)
        yield opened


def test_all_that_was_added_shows_after_a_flush(warehouse):
    generation = generations.begin(warehouse, "replay", "test")
    generations.complete(warehouse, generation)
    with SinkBeside(RowSink(warehouse, generation, batch_rows=7)) as sink:
        for number in range(10 * WAITING):
            sink.add(encoded(Row("pain_daily", f"p{number}", {"patient_id": f"p{number}", **COLUMNS, **TIMES}), generation))
        sink.flush()
        assert warehouse.query("SELECT count() FROM pain_daily").rows == [(10 * WAITING,)]


def test_a_failure_is_raised_where_the_rows_come_from(warehouse):
    with SinkBeside(RowSink(warehouse, 1)) as sink:
        sink.add(UNKNOWN)
        with pytest.raises(WarehouseError, match="not a table"):
            sink.flush()


def test_more_than_may_wait_does_not_block_after_a_failure(warehouse):
    def run():
        with SinkBeside(RowSink(warehouse, 1)) as sink:
            for _ in range(10 * WAITING):
                sink.add(UNKNOWN)
            sink.flush()

    with pytest.raises(WarehouseError, match="not a table"):
        run()
