"""Generations: numbered, shown when completed, dropped when nothing shows them; a run that dies changes nothing."""

import orjson
import pytest

from streams.warehouse import generations
from streams.warehouse.connection import WarehouseError, open_warehouse
from streams.warehouse.migrations import migrate


@pytest.fixture
def warehouse(tmp_path):
    with open_warehouse(f"chdb://{tmp_path / 'warehouse'}") as opened:
        migrate(opened)
        yield opened


def write_row(warehouse, generation):
    warehouse.insert("reps", orjson.dumps({"generation": generation, "patient_id": "ann", "session_id": "s", "rep": 1, "revision": 1}))


def stored(warehouse):
    rows, kept = (
        [number for (number,) in warehouse.query(f"SELECT DISTINCT generation FROM {table} ORDER BY generation").rows]
        for table in ("reps_rows", "reps_revisions")
    )
    assert rows == kept
    return rows


def replay(warehouse, kind="replay"):
    number = generations.begin(warehouse, kind, "test")
    write_row(warehouse, number)
    generations.complete(warehouse, number)
    return number


def test_numbers_count_up_and_none_is_current_before_one_is_complete(warehouse):
    assert generations.current(warehouse) is None
    first = generations.begin(warehouse, "live", "test")
    assert (first, generations.begin(warehouse, "rebuild", "test")) == (1, 2)
    assert generations.current(warehouse) is None
    assert warehouse.query("SELECT count() FROM reps").rows == [(0,)]


def test_a_replay_that_died_leaves_the_former_current_and_its_rows_go_with_the_next_run(warehouse):
    first = replay(warehouse)
    write_row(warehouse, generations.begin(warehouse, "replay", "dies"))
    assert generations.current(warehouse) == first
    assert stored(warehouse) == [1, 2]
    assert generations.begin(warehouse, "replay", "test") == 3
    assert stored(warehouse) == [1]
    assert generations.current(warehouse) == first
    with pytest.raises(WarehouseError, match="there is no generation 2 to complete"):
        generations.complete(warehouse, 2)


def test_pruning_keeps_the_current_and_the_one_before_and_never_a_live_group_or_the_newest_run(warehouse):
    live = replay(warehouse, "live")
    replays = [replay(warehouse) for _ in range(3)]
    running = generations.begin(warehouse, "replay", "under way")
    write_row(warehouse, running)
    assert generations.prune(warehouse) == replays[:1]
    assert stored(warehouse) == [live, *replays[1:], running]
    generations.complete(warehouse, live)
    assert generations.prune(warehouse, keep=1) == replays[1:]
    assert stored(warehouse) == [live, running]
    assert generations.current(warehouse) == live
    assert generations.prune(warehouse, keep=0) == []
    assert replay(warehouse) == 6


def test_an_unknown_generation_cannot_be_completed(warehouse):
    with pytest.raises(WarehouseError, match="there is no generation 4"):
        generations.complete(warehouse, 4)


def test_completing_again_makes_it_current_even_within_one_tick_of_the_clock(warehouse):
    numbers = [replay(warehouse, "rebuild") for _ in range(2)]
    for number in numbers * 5:
        generations.complete(warehouse, number)
        assert generations.current(warehouse) == number
