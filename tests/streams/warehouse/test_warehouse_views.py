"""The views: the newest revision of every key, of the generation that was completed last; and the histories, with all of them."""

import random

import orjson
import pytest

from streams.warehouse import generations
from streams.warehouse.connection import open_warehouse
from streams.warehouse.migrations import migrate

TENANT = {"clinic_id": "c1", "updated_at": "2026-03-01T08:00:00Z", "issued_at": "2026-03-01T08:01:00Z"}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    with open_warehouse(f"chdb://{tmp_path_factory.mktemp('views') / 'warehouse'}") as opened:
        migrate(opened)
        yield opened


@pytest.fixture
def generation(warehouse):
    number = generations.begin(warehouse, "replay", "test")
    generations.complete(warehouse, number)
    return number


def put(warehouse, table, *rows):
    warehouse.insert(table, b"\n".join(orjson.dumps(TENANT | {"deleted": 0} | row) for row in rows))


def window(generation, patient, revision, streak=0, *, deleted=0):
    key = {"patient_id": patient, "local_date": "2026-03-01", "window_days": 7}
    return {"generation": generation, **key, "missed_streak": streak, "silent_days": 0, "revision": revision, "deleted": deleted}


def streaks(warehouse):
    return dict(warehouse.query("SELECT patient_id, missed_streak FROM adherence_window").rows)


@pytest.mark.parametrize("seed", range(4))
def test_the_newest_revision_shows_and_a_deleted_key_does_not_whatever_the_order_and_batches(warehouse, generation, seed):
    rows = [
        window(generation, "kept", 1, 1),
        window(generation, "kept", 2, 2),
        window(generation, "kept", 3, 3),
        window(generation, "gone", 1, 1),
        window(generation, "gone", 2, 1, deleted=1),
        window(generation, "back", 1, 1),
        window(generation, "back", 2, 1, deleted=1),
        window(generation, "back", 3, 5),
    ] * 2
    random.Random(seed).shuffle(rows)
    for row in rows:
        put(warehouse, "adherence_window", row)
    assert streaks(warehouse) == {"kept": 3, "back": 5}
    history = (
        "SELECT patient_id, revision, deleted FROM adherence_window_history WHERE generation = {g:UInt32} ORDER BY patient_id, revision"
    )
    assert warehouse.query(history, {"g": generation}).rows == [
        ("back", 1, 0),
        ("back", 2, 1),
        ("back", 3, 0),
        ("gone", 1, 0),
        ("gone", 2, 1),
        ("kept", 1, 0),
        ("kept", 2, 0),
        ("kept", 3, 0),
    ]
    warehouse.command("OPTIMIZE TABLE rtm.adherence_window_rows FINAL")
    warehouse.command("OPTIMIZE TABLE rtm.adherence_window_revisions FINAL")
    assert streaks(warehouse) == {"kept": 3, "back": 5}
    assert len(warehouse.query(history, {"g": generation}).rows) == 8


def test_rows_issued_again_with_a_new_revision_change_no_view(warehouse, generation):
    put(warehouse, "adherence_window", *(window(generation, f"p{number}", 1, number) for number in range(50)))
    before = streaks(warehouse)
    put(warehouse, "adherence_window", *(window(generation, f"p{number}", 2, number) for number in range(50)))
    assert streaks(warehouse) == before
    assert warehouse.query("SELECT count() FROM adherence_window").rows == [(50,)]


def test_a_generation_shows_only_when_it_is_complete_and_then_alone(warehouse, generation):
    put(warehouse, "adherence_window", window(generation, "old", 1, 1))
    following = generations.begin(warehouse, "rebuild", "test")
    put(warehouse, "adherence_window", window(following, "new", 2, 2))
    assert streaks(warehouse) == {"old": 1}
    assert generations.current(warehouse) == generation
    generations.complete(warehouse, following)
    assert streaks(warehouse) == {"new": 2}
    generations.complete(warehouse, generation)
    assert streaks(warehouse) == {"old": 1}


def fact(generation, event_id, **values):
    key = {"generation": generation, "patient_id": "ann", "source": "/app", "event_id": event_id}
    times = {"event_time": "2026-03-01T07:00:00Z", "recorded_time": "2026-03-01T07:00:01Z"}
    return {
        **key,
        **times,
        "type": "rtm.report.pain.v1",
        "retracted": False,
        "data": '{"nrs":3}',
        "attributes": "{}",
        "revision": 5,
        **values,
    }


def mark(generation, event_id, revision, **values):
    return {
        "generation": generation,
        "patient_id": "ann",
        "source": "/app",
        "event_id": event_id,
        "revision": revision,
        "retracted": False,
        **values,
    }


@pytest.mark.parametrize("marks_first", [False, True])
def test_events_show_what_changed_after_they_were_written(warehouse, generation, marks_first):
    facts = [fact(generation, "plain"), fact(generation, "taken back"), fact(generation, "moved"), fact(generation, "both")]
    marks = [
        mark(generation, "taken back", 6, retracted=True),
        mark(generation, "moved", 6, clinic_id="c2", updated_at="2026-03-02T00:00:00Z"),
        mark(generation, "both", 7, retracted=True, clinic_id="c3"),
        mark(generation, "both", 6, clinic_id="c2"),
        mark(generation, "never written", 6, retracted=True),
    ]
    batches = [("events", facts), ("event_marks", marks)]
    for table, rows in reversed(batches) if marks_first else batches:
        put(warehouse, table, *rows)
    shown = warehouse.query("SELECT event_id, retracted, clinic_id, revision, type, data FROM events ORDER BY event_id").rows
    assert [row[:4] for row in shown] == [
        ("both", True, "c3", 7),
        ("moved", False, "c2", 6),
        ("plain", False, "c1", 5),
        ("taken back", True, "c1", 6),
    ]
    assert {row[4:] for row in shown} == {("rtm.report.pain.v1", '{"nrs":3}')}
    columns = "event_id, revision, retracted, clinic_id"
    history = f"SELECT {columns} FROM events_history WHERE generation = {{g:UInt32}} AND event_id = 'both' ORDER BY revision"
    assert warehouse.query(history, {"g": generation}).rows == [("both", 5, False, "c1"), ("both", 6, False, "c2"), ("both", 7, True, "c3")]


def test_a_patients_page_reads_a_small_part_of_one_generation(warehouse):
    numbers = [generations.begin(warehouse, "rebuild", "test") for _ in range(3)]
    for number in numbers:
        for table, more, values in (
            ("adherence_daily_rows", "local_date, exercise_id", "toDate32('2026-01-01') + intDiv(number, 1000), ''"),
            ("event_facts", "source, event_id", "'/app', toString(number)"),
            ("event_marks", "source, event_id", "'/app', toString(number)"),
        ):
            warehouse.command(
                f"INSERT INTO rtm.{table} (generation, patient_id, {more}, revision) "
                f"SELECT {{g:UInt32}}, concat('p', toString(number % 1000)), {values}, 1 FROM numbers(100000)",
                {"g": number},
            )
        generations.complete(warehouse, number)
    for view, read in (("adherence_daily", 20_000), ("events", 40_000)):
        page = warehouse.query(f"SELECT * FROM {view} WHERE patient_id = {{patient:String}}", {"patient": "p77"})
        assert len(page.rows) == 100
        assert page.rows_read < read
        assert warehouse.query(f"SELECT count() FROM {view}").rows == [(100_000,)]
    assert warehouse.query("SELECT max(revision) FROM adherence_daily").rows_read < 150_000
