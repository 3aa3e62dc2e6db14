"""`<table>_as_of(time)` is what the table held when the run stood there, and what a replay to there gives."""

from itertools import count

import pytest

from processors.store import MemoryStore
from schemas.codecs import decode_line
from schemas.instants import DAY_SECONDS, SECOND, format_instant
from schemas.rows import TABLES
from streams.replay.files import replay
from streams.replay.folding import Folding
from streams.replay.ticks import Clock
from streams.warehouse import generations
from streams.warehouse.compare import ORDER_TABLES, compare_rows, read_table
from streams.warehouse.connection import open_warehouse
from streams.warehouse.migrations import migrate
from streams.warehouse.sink import RowSink
from tests.streams.replay.test_replay import FIRST_DAY, MACHINE, POLICY, course, event, lines_of, write

DAY = DAY_SECONDS * SECOND
MOMENTS = [FIRST_DAY + days * DAY + 12 * 3600 * SECOND for days in (1, 3, 6)]
OF_THE_RUN = [name for name, table in TABLES.items() if table.generations]
"""The tables that the fold writes; samples, dead letters and deliveries are written once, by others."""


def history():
    """The course of a replay's tests, then what changes former days: a late report, a retraction, another clinic, a discharge."""
    late = FIRST_DAY + 5 * DAY
    done = {"exercise_id": "bend", "started_at": format_instant(FIRST_DAY + 9 * 3600 * SECOND), "reps_completed": 10}
    taken_back = {"fact_source": "/app", "fact_id": "p1-pain-0"}
    moved = {
        "episode_id": "e-p2", "timezone": "Asia/Tokyo", "monitoring_start": "2026-03-04", "therapeutic_area": "musculoskeletal",
        "clinic_id": "south", "therapist_id": "t2",
    }  # fmt: skip
    return [
        *course(),
        event("report.exercise", "p1-late", FIRST_DAY + 9 * 3600 * SECOND, done, recorded=late),
        event("fact.retracted", "p1-retraction", late + SECOND, taken_back),
        event("patient.enrolled", "p2-moved", late + 2 * SECOND, moved, "p2"),
        event("patient.discharged", "p1-leaves", late + 3 * SECOND, {"episode_id": "e-p1", "date": "2026-03-05"}),
    ]


def as_of(warehouse, table, moment):
    sql = f"SELECT * EXCEPT (revision, updated_at, issued_at) FROM {table}_as_of(time = {{time:String}})"
    return warehouse.query(sql, {"time": format_instant(moment)}).records()


@pytest.fixture(scope="module")
def lines():
    return sorted(lines_of(history()), key=lambda line: decode_line(line).recorded)


@pytest.fixture(scope="module")
def run(tmp_path_factory, lines):
    """A warehouse after a run that stopped at every moment, and what its tables held there."""
    with open_warehouse(f"chdb://{tmp_path_factory.mktemp('run') / 'warehouse'}") as warehouse:
        migrate(warehouse)
        generation = generations.begin(warehouse, "replay", "test")
        generations.complete(warehouse, generation)
        folding, sink, held = Folding(POLICY, MemoryStore(), MemoryStore()), RowSink(warehouse, generation), {}
        facts, clock, position = [decode_line(line) for line in lines], Clock(POLICY.tick_s), count()
        for before, moment in zip([0, *MOMENTS], MOMENTS, strict=False):
            for fact in facts:
                if before < fact.recorded <= moment:
                    for item in (*clock.before(fact.recorded), fact):
                        folding.fold(next(position), item)
            for tick in clock.at(moment):
                folding.fold(next(position), tick)
            sink.add([row for row in folding.take().rows if row.table != "chunk_admissions"])
            sink.flush()
            held[moment] = {table: read_table(warehouse, table) for table in OF_THE_RUN}
        yield warehouse, held


@pytest.mark.parametrize("moment", MOMENTS)
def test_as_of_a_moment_is_what_the_tables_held_then(run, moment):
    warehouse, held = run
    assert [table for table in OF_THE_RUN if not compare_rows(held[moment][table], as_of(warehouse, table, moment)).equal] == []


def test_the_moments_differ_and_each_table_has_rows(run):
    _, held = run
    first, _, last = MOMENTS
    changed = {table for table in OF_THE_RUN if not compare_rows(held[first][table], held[last][table]).equal}
    assert changed >= {"events", "adherence_daily", "adherence_window", "pain_daily", "billing_periods", "patients", "sessions"}
    gone = {row["local_date"] for row in held[first]["pain_daily"]} - {row["local_date"] for row in held[last]["pain_daily"]}
    assert gone == {"2026-03-02"}
    assert any(row["retracted"] for row in held[last]["events"])


def test_before_anything_was_issued_nothing_showed(run):
    warehouse, _ = run
    assert [as_of(warehouse, table, FIRST_DAY - DAY) for table in TABLES] == [[] for _ in TABLES]


@pytest.mark.parametrize("moment", MOMENTS[:2])
def test_a_replay_to_a_moment_gives_what_showed_then(run, tmp_path, lines, moment):
    warehouse, _ = run
    tables = [table for table in ORDER_TABLES if table != "sensor_chunks"]
    shown = {table: as_of(warehouse, table, moment) for table in tables}
    generation = generations.current(warehouse)
    replay([write(tmp_path / "events.jsonl", lines)], warehouse, policy=POLICY, machine_clock=MACHINE, as_of=moment)
    again = {table: read_table(warehouse, table) for table in tables}
    generations.complete(warehouse, generation)
    assert [table for table in tables if not compare_rows(again[table], shown[table]).equal] == []


@pytest.mark.parametrize("name", TABLES)
def test_it_has_the_tables_columns(run, name):
    warehouse, _ = run
    shown = f"SELECT * FROM {name}_as_of(time = '2026-03-04 12:00:00')"
    assert warehouse.query(shown).columns == warehouse.query(f"SELECT * FROM {name} LIMIT 0").columns


def test_a_patients_page_reads_few_rows(run):
    warehouse, _ = run
    [(generation,)] = warehouse.query("SELECT generation FROM current_generation").rows
    warehouse.command(
        "INSERT INTO rtm.adherence_daily_revisions (generation, patient_id, local_date, exercise_id, revision, issued_at) "
        "SELECT {g:UInt32}, concat('q', toString(number % 1000)), toDate32('2026-01-01') + intDiv(number, 1000), '', 1, '2026-03-01' "
        "FROM numbers(100000)",
        {"g": generation},
    )
    page = warehouse.query("SELECT * FROM adherence_daily_as_of(time = '2026-03-04T12:00:00+02:00') WHERE patient_id = 'q77'")
    assert len(page.rows) == 100
    assert page.rows_read < 20_000
