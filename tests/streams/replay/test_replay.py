"""Files in, complete tables out: real processors, real chDB."""

import base64
import random
import struct
from pathlib import Path

import orjson
import pytest

from processors.policy import Policy
from schemas.instants import DAY_SECONDS, SECOND, format_instant, parse_instant
from schemas.rows import TABLES
from streams.deadletters import payload_bytes, payload_text
from streams.replay.files import ReplayError, replay
from streams.replay.reading import ReadError
from streams.replay.summary import Summary
from streams.warehouse.connection import Warehouse, open_warehouse

FIRST_DAY = parse_instant("2026-03-02T09:00:00Z")
LAST_DAY = FIRST_DAY + 6 * DAY_SECONDS * SECOND
MACHINE = parse_instant("2026-06-01T00:00:00Z")
POLICY = Policy(tick_s=900)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    with open_warehouse(f"chdb://{tmp_path_factory.mktemp('warehouse')}") as opened:
        yield opened


def event(kind: str, name: str, at: int, data: dict, subject: str = "p1", recorded: int | None = None) -> dict:
    return {
        "specversion": "1.0",
        "type": f"rtm.{kind}.v1",
        "source": "/app",
        "id": name,
        "subject": subject,
        "time": format_instant(at),
        "recordedtime": format_instant(at if recorded is None else recorded),
        "clinicid": "north",
        "data": data,
    }


def chunk(name: str, at: int, seq: int, *, last: bool, rows: int = 100) -> dict:
    samples = struct.pack(f"<{rows}f", *(45.0 + 45.0 * ((place // 25) % 2) for place in range(rows)))
    data = {
        "device_id": "d1", "session_id": "s1", "exercise_id": "bend", "joint": "knee", "motion": "flexion", "side": "left", "seq": seq,
        "t0_ns": at, "rate_hz": 50, "kind": "angle", "samples_b64": base64.b64encode(samples).decode(), "n": rows, "last": last,
    }  # fmt: skip
    return event("sensor.chunk", name, at, data)


def course() -> list[dict]:
    """A week of two patients: plans, reports every other day, one sensed session."""
    exercise = {"exercise_id": "bend", "name": "Bend the knee", "joint": "knee", "sets": 1, "reps": 10}
    events = []
    for subject in ("p1", "p2"):
        enrolled = {
            "episode_id": f"e-{subject}", "timezone": "Europe/Zurich", "monitoring_start": "2026-03-02",
            "therapeutic_area": "musculoskeletal", "clinic_id": "north", "therapist_id": "t1",
        }  # fmt: skip
        plan = {"plan_id": f"plan-{subject}", "version": 1, "effective_from": "2026-03-02", "exercises": [exercise]}
        events += [event("patient.enrolled", f"{subject}-enrolled", FIRST_DAY, enrolled, subject)]
        events += [event("plan.prescribed", f"{subject}-plan", FIRST_DAY + SECOND, plan, subject)]
        for day in range(7):
            at = FIRST_DAY + day * DAY_SECONDS * SECOND + 3600 * SECOND
            events.append(event("report.pain", f"{subject}-pain-{day}", at, {"nrs": 3 + day % 3}, subject))
            if day % 2:
                done = {"exercise_id": "bend", "started_at": format_instant(at), "reps_completed": 10 - day}
                events.append(event("report.exercise", f"{subject}-done-{day}", at + 600 * SECOND, done, subject))
    start = FIRST_DAY + 2 * DAY_SECONDS * SECOND
    return [*events, chunk("c0", start, 0, last=False), chunk("c1", start + 2 * SECOND, 1, last=True)]


def lines_of(events: list[dict]) -> list[bytes]:
    return [orjson.dumps(event) for event in events]


def write(path: Path, lines: list[bytes]) -> Path:
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def run(warehouse: Warehouse, *files: Path, **options) -> Summary:
    return replay(files, warehouse, **{"policy": POLICY, "machine_clock": MACHINE} | options)


def tables(warehouse: Warehouse) -> dict[str, list[str]]:
    """Every view that depends on the set of facts alone, its rows as sorted JSON text."""
    found = {}
    for table in TABLES.values():
        if table.name not in {"dead_letters", "alert_deliveries"}:
            rows = warehouse.query(f"SELECT * EXCEPT (revision, updated_at, issued_at) FROM rtm.{table.name}").records()
            found[table.name] = sorted(orjson.dumps(row, option=orjson.OPT_SORT_KEYS).decode() for row in rows)
    return found


def test_the_same_facts_give_the_same_tables_twice_shuffled_doubled_or_cut_into_files(warehouse, tmp_path):
    lines = sorted(lines_of(course()), key=lambda line: orjson.loads(line)["recordedtime"])
    once = run(warehouse, write(tmp_path / "once.jsonl", lines))
    expected = tables(warehouse)
    assert once.dead.total() == once.duplicates == 0
    assert len(expected["events"]) >= len(lines) - 2
    assert len(expected["sensor_chunks"]) == 2
    assert expected["adherence_daily"]
    assert expected["sessions"]

    shuffled = list(lines)
    random.Random(3).shuffle(shuffled)
    variants = {
        "again": [write(tmp_path / "once.jsonl", lines)],
        "shuffled": [write(tmp_path / "shuffled.jsonl", shuffled)],
        "doubled": [write(tmp_path / "doubled.jsonl", [line for line in lines for _ in range(2)])],
        "cut": [write(tmp_path / f"cut-{part}.jsonl", shuffled[part::3]) for part in range(3)],
    }
    for name, files in variants.items():
        summary = run(warehouse, *files)
        assert summary.applied == once.applied, name
        assert summary.duplicates == (len(lines) if name == "doubled" else 0), name
        assert tables(warehouse) == expected, name


def bad_lines() -> dict[str, tuple[str, bytes]]:
    """Each bad record of the table, with the reason it must get."""
    at = FIRST_DAY + 3 * DAY_SECONDS * SECOND
    short = chunk("short", at, 0, last=True)
    short["data"]["n"] = 99
    rows = chunk("nan", at, 0, last=True)
    rows["data"] |= {"samples_b64": None, "samples": [[1.0], [2.0]]}
    far = parse_instant("2099-01-01T00:00:00Z")
    return {
        "a truncated line": ("unparsable", orjson.dumps(event("report.pain", "cut", at, {"nrs": 3}))[:-20]),
        "a wrong type": ("invalid", orjson.dumps(event("report.pain", "text", at, {"nrs": "3"}))),
        "an unknown event type": ("unknown_type", orjson.dumps(event("report.mood", "mood", at, {"nrs": 3}))),
        "pain of 14": ("invalid", orjson.dumps(event("report.pain", "fourteen", at, {"nrs": 14}))),
        "2099, recorded today": ("future", orjson.dumps(event("report.pain", "2099", far, {"nrs": 3}, recorded=at))),
        "36 days late": ("too_late", orjson.dumps(event("report.pain", "late", at - 36 * DAY_SECONDS * SECOND, {"nrs": 3}, recorded=at))),
        "a bare NaN": ("unparsable", orjson.dumps(rows).replace(b"[1.0]", b"[NaN]")),
        "a wrong byte count": ("invalid", orjson.dumps(short)),
    }  # fmt: skip


def test_every_bad_record_is_a_dead_letter_with_its_reason_and_place_and_the_good_ones_count(warehouse, tmp_path):
    good, bad = lines_of(course()), bad_lines()
    good_summary = run(warehouse, write(tmp_path / "good.jsonl", good))
    expected = tables(warehouse)

    lines = list(good)
    for number, (_, line) in enumerate(bad.values()):
        lines.insert(3 * number, line)
    file = write(tmp_path / "mixed.jsonl", lines)
    summary = run(warehouse, file)

    assert tables(warehouse) == expected
    assert summary.applied == good_summary.applied
    assert summary.dead == {"unparsable": 2, "invalid": 3, "unknown_type": 1, "future": 1, "too_late": 1}
    rows = warehouse.query(
        "SELECT offset, reason, error, payload, partition FROM rtm.dead_letters WHERE topic = {file:String}", {"file": str(file)}
    )
    found = {row["offset"]: row for row in rows.records()}
    assert {place: row["reason"] for place, row in found.items()} == {3 * n + 1: reason for n, (reason, _) in enumerate(bad.values())}
    assert {place: row["payload"].encode() for place, row in found.items()} == {3 * n + 1: line for n, (_, line) in enumerate(bad.values())}
    assert all(row["partition"] == 0 and row["error"] for row in found.values())
    places = {(place.line, reason) for reason, shown in summary.places.items() for place in shown}
    assert places == {(place, row["reason"]) for place, row in found.items()}


def test_a_conflict_names_the_line_that_came_second(warehouse, tmp_path):
    first = event("report.pain", "x", FIRST_DAY, {"nrs": 3})
    second = event("report.pain", "x", FIRST_DAY, {"nrs": 4}, recorded=FIRST_DAY + SECOND)
    file = write(tmp_path / "conflict.jsonl", lines_of([second, first]))
    summary = run(warehouse, file)
    assert [(place.file, place.line) for place in summary.places["conflict"]] == [(str(file), 1)]
    assert summary.applied == 1


def test_what_was_recorded_after_the_as_of_is_left_out_without_a_dead_letter(warehouse, tmp_path):
    later = LAST_DAY + DAY_SECONDS * SECOND
    bad = event("report.pain", "bad", later, {"nrs": 99})
    file = write(tmp_path / "later.jsonl", lines_of([*course(), event("report.pain", "later", later, {"nrs": 3}), bad]))
    summary = run(warehouse, file, as_of=LAST_DAY)
    assert summary.as_of == LAST_DAY
    assert summary.dead.total() == 0
    assert summary.left_out >= 2
    assert warehouse.query("SELECT count() AS n FROM rtm.events WHERE event_id IN ('later', 'bad')").records() == [{"n": 0}]


def test_by_default_the_replay_ends_at_the_newest_valid_record_the_machine_has_reached_rounded_up_to_the_grid(warehouse, tmp_path):
    at = FIRST_DAY + 61 * SECOND
    events = [
        event("report.pain", "valid", at, {"nrs": 3}),
        event("report.pain", "within the same tick", at + SECOND, {"nrs": 99}),
        event("report.pain", "beyond", at + 3600 * SECOND, {"nrs": 99}),
        event("report.pain", "coming", MACHINE + SECOND, {"nrs": 3}),
    ]
    summary = run(warehouse, write(tmp_path / "a.jsonl", lines_of(events)))
    assert summary.as_of == FIRST_DAY + 900 * SECOND
    assert summary.dead == {"invalid": 1}
    assert summary.left_out == 2


def test_a_dead_letter_between_valid_records_is_told_though_it_lay_beyond_the_grid_instant_when_it_was_read(warehouse, tmp_path):
    instants = [FIRST_DAY, FIRST_DAY + 3600 * SECOND, FIRST_DAY + 7200 * SECOND]
    events = [event("report.pain", f"x{at}", at, {"nrs": nrs}) for at, nrs in zip(instants, (3, 99, 3), strict=True)]
    summary = run(warehouse, write(tmp_path / "a.jsonl", lines_of(events)))
    assert (summary.dead, summary.left_out) == ({"invalid": 1}, 0)


def test_a_file_of_nothing_but_rubbish_is_all_dead_letters(warehouse, tmp_path):
    summary = run(warehouse, write(tmp_path / "a.jsonl", [b"rubbish", orjson.dumps(event("report.pain", "x", FIRST_DAY, {})), b"\xff\xfe"]))
    assert summary.as_of is None
    assert summary.dead == {"unparsable": 2, "invalid": 1}


def test_an_empty_file_makes_empty_tables(warehouse, tmp_path):
    file = tmp_path / "empty.jsonl"
    file.touch()
    assert run(warehouse, file).lines == 0
    assert tables(warehouse)["events"] == []


def test_ticks_in_the_files_are_ignored(warehouse, tmp_path):
    tick = {"specversion": "1.0", "type": "rtm.clock.tick.v1", "source": "/rtm", "id": "t", "time": format_instant(LAST_DAY)}
    summary = run(warehouse, write(tmp_path / "a.jsonl", lines_of([event("report.pain", "x", FIRST_DAY, {"nrs": 1}), tick])))
    assert (summary.ticks_ignored, summary.as_of, summary.dead.total()) == (1, FIRST_DAY, 0)


def test_a_replay_that_fails_leaves_the_former_tables_current(warehouse, tmp_path):
    run(warehouse, write(tmp_path / "good.jsonl", lines_of(course())))
    expected = tables(warehouse)
    broken = write(tmp_path / "broken.jsonl.gz", [b"no gzip"])
    with pytest.raises(ReadError):
        run(warehouse, tmp_path / "good.jsonl", broken)
    assert tables(warehouse) == expected


def test_a_warehouse_that_a_live_group_feeds_is_refused_unless_forced(tmp_path_factory, tmp_path, warehouse):
    from streams.warehouse.generations import begin, complete

    live = begin(warehouse, "live", "test")
    complete(warehouse, live)
    file = write(tmp_path / "good.jsonl", lines_of(course()))
    with pytest.raises(ReplayError, match="--force"):
        run(warehouse, file)
    assert run(warehouse, file, force=True).generation > live


@pytest.mark.parametrize("raw", [b"plain", b"\xff\x00", b"base64:plain", "ünï".encode()])
def test_payloads_keep_their_bytes(raw):
    assert payload_bytes(payload_text(raw)) == raw
