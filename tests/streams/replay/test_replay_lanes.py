"""A replay by several processes: the same rows as by one, revisions included, and what goes wrong in one of them is told."""

import multiprocessing
import random

import orjson
import pytest

from schemas.rows import TABLES
from streams.replay.files import ReplayError, replay
from streams.replay.lanes import ManyLanes
from streams.warehouse.connection import open_warehouse
from tests.streams.replay.test_replay import MACHINE, POLICY, bad_lines, course, lines_of, write


@pytest.fixture
def many(tmp_path):
    """Lines of several patients with everything that can be wrong with a line among them, in no order, in two files."""
    lines = [
        line.replace(b'"p1"', b'"q%d"' % copy).replace(b'"p2"', b'"r%d"' % (copy // 2)) for copy in range(5) for line in lines_of(course())
    ]
    lines += [line for _, line in bad_lines().values()]
    random.Random(5).shuffle(lines)
    return [write(tmp_path / "one.jsonl", lines[::2]), write(tmp_path / "two.jsonl", lines[1::2])]


def told(warehouse, generation):
    """Every row of every table, as it stands and with all its revisions."""
    found = {}
    for table in TABLES.values():
        if table.name != "alert_deliveries":
            rows = warehouse.query(f"SELECT * FROM rtm.{table.name}").records()
            shift = generation << 48
            found[table.name] = sorted(
                orjson.dumps(row | {"revision": row["revision"] - shift}, option=orjson.OPT_SORT_KEYS) for row in rows
            )
    return found


def test_several_processes_give_the_rows_of_one(tmp_path, many, monkeypatch):
    monkeypatch.setattr("streams.replay.run.SLICE_RECORDS", 40)
    with open_warehouse(f"chdb://{tmp_path / 'warehouse'}") as warehouse:
        summaries, tables = [], []
        for jobs in (1, 2, 3):
            summary = replay(many, warehouse, policy=POLICY, machine_clock=MACHINE, jobs=jobs)
            tables.append(told(warehouse, summary.generation))
            summaries.append(summary.to_json() | {"seconds": 0, "facts_per_s": 0, "generation": 0})
    assert summaries[0]["dead_letters"]["future"] == 1
    assert len(tables[0]["dead_letters"]) == len(bad_lines())
    assert all(tables[0][name] for name in ("events", "sessions", "adherence_window", "pain_daily", "billing_periods", "sensor_chunks"))
    assert summaries[1] == summaries[2] == summaries[0]
    assert tables[1] == tables[0]
    assert tables[2] == tables[0]


def test_a_process_that_dies_fails_the_replay_and_none_is_left(tmp_path, many, monkeypatch):
    begun = ManyLanes.__enter__

    def begin(lanes):
        begun(lanes)
        lanes._processes[1].kill()
        return lanes

    monkeypatch.setattr(ManyLanes, "__enter__", begin)
    with (
        open_warehouse(f"chdb://{tmp_path / 'warehouse'}") as warehouse,
        pytest.raises(ReplayError, match="a process of this replay died"),
    ):
        replay(many, warehouse, policy=POLICY, machine_clock=MACHINE, jobs=2)
    assert multiprocessing.active_children() == []
