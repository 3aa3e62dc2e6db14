"""`rtm export`: a replay of what it writes gives the same tables, and nothing that was said is lost."""

import base64
import gzip
import struct

import orjson
import pytest

from schemas.codecs import decode_line, read_lines
from schemas.instants import DAY_SECONDS, SECOND, format_instant, parse_instant
from streams.cli import run as run_cli
from streams.replay.files import replay
from streams.warehouse import export
from streams.warehouse.compare import ORDER_TABLES, compare_rows, read_table
from streams.warehouse.connection import WarehouseError, open_warehouse
from streams.warehouse.export import Selection, export_facts
from streams.warehouse.migrations import migrate
from tests.streams.replay.test_replay import FIRST_DAY, MACHINE, POLICY, chunk, course, event, lines_of, write

DAY = DAY_SECONDS * SECOND
TABLES = (*ORDER_TABLES, "alerts")


def rows_of_samples(name, at, session, *, seq=0, last=True):
    """A chunk whose samples are rows of channels, with what no table has a column for."""
    made = chunk(name, at, seq, last=last)
    content = base64.b64decode(made["data"].pop("samples_b64"))
    made["data"] |= {"session_id": session, "samples": [[value] for (value,) in struct.iter_unpack("<f", content)]}
    made["data"] |= {"firmware": {"name": "Ω", "build": 7}, "exercise_id": None}
    return made | {"traceparent": "00-1"}


def history():
    """A course with everything that an export could lose."""
    nanosecond = FIRST_DAY + 3 * DAY + 123_456_789
    odd = event(
        "report.pain", "odd id/\"'\\ ☃", nanosecond, {"nrs": 4.5, "body_site": None, "unknown": [1, {"deep": None}], "n": 2**53 + 1}
    )
    first = event("report.pain", "twice", nanosecond + 1, {"nrs": 2})
    conflicting = event("report.pain", "twice", nanosecond + 1, {"nrs": 9}, recorded=nanosecond + DAY)
    walking = chunk("walk", FIRST_DAY + 3 * DAY, 0, last=True)
    walking["data"] |= {"session_id": "walk", "motion": "gait", "joint": "body"}
    sensed = event(
        "motion.session", "by hand", FIRST_DAY + DAY,
        {"session_id": "old", "joint": "knee", "side": "left", "start_time": format_instant(FIRST_DAY + DAY),
         "end_time": format_instant(FIRST_DAY + DAY + 60 * SECOND), "reps": 8, "flags": []},
    )  # fmt: skip
    return [
        *course(),
        odd | {"x": 1.5, "sampled": True, "traceparent": "00-ab"},
        first,
        conflicting,
        event("fact.retracted", "back", nanosecond + 2, {"fact_source": "/app", "fact_id": "p1-pain-0"}),
        event("fact.retracted", "before", nanosecond + 3, {"fact_source": "/app", "fact_id": "not yet there"}, "p2"),
        event("report.checkin", "bare", nanosecond + 4, {}, "p2") | {"data": None},
        event("care.setup", "unknown patient", nanosecond, {"staff_id": "s"}, "never enrolled") | {"clinicid": "south"},
        sensed,
        rows_of_samples("rows", FIRST_DAY + 4 * DAY, "s2"),
        rows_of_samples("rows again", FIRST_DAY + 4 * DAY, "s2"),
        chunk("late", FIRST_DAY + 2 * DAY, 2, last=False) | {"recordedtime": format_instant(FIRST_DAY + 3 * DAY)},
        walking,
        rows_of_samples("open", FIRST_DAY + 6 * DAY + 7200 * SECOND, "still open", last=False),
    ]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    with open_warehouse(f"chdb://{folder / 'warehouse'}") as opened:
        fill(opened, folder / "events.jsonl", lines_of(history()))
        yield opened


def fill(warehouse, file, lines, as_of=None):
    """A replay into a warehouse whose chunks, which no generation keeps apart, are gone."""
    migrate(warehouse)
    for table in ("chunk_samples", "chunk_admissions"):
        warehouse.command(f"TRUNCATE TABLE rtm.{table}")
    return replay([write(file, lines)], warehouse, policy=POLICY, machine_clock=MACHINE, as_of=as_of)


def tables(warehouse):
    return {table: read_table(warehouse, table) for table in TABLES}


def exported(warehouse, **choice):
    lines = []
    done = export_facts(warehouse, Selection(**choice), lines.append)
    return lines, done


def differing(left, right):
    return [table for table in TABLES if not compare_rows(left[table], right[table]).equal]


@pytest.mark.parametrize(("chunks", "changed"), [(True, []), (False, ["sensor_chunks"])])
def test_a_replay_of_the_export_gives_the_same_tables(warehouse, tmp_path, chunks, changed):
    fill(warehouse, tmp_path / "events.jsonl", lines_of(history()))
    before = tables(warehouse)
    assert len(before["sensor_chunks"]) == 6
    lines, done = exported(warehouse, chunks=chunks)
    assert len(lines) == done.facts + done.chunks
    assert (done.chunks, done.patients, done.sessions_without_samples) == (6 * chunks, 3, 0)
    assert (done.derived_left_out > 5) == chunks
    assert not fill(warehouse, tmp_path / "again.jsonl", lines, parse_instant(done.as_of)).dead
    assert differing(before, tables(warehouse)) == changed
    assert exported(warehouse, chunks=chunks)[0] == lines
    fill(warehouse, tmp_path / "events.jsonl", lines_of(history()))


def test_what_was_said_comes_back_word_for_word(warehouse):
    lines, _ = exported(warehouse)
    told = {(fact.subject, fact.id): fact for fact in map(decode_line, lines)}
    said = {(fact.subject, fact.id): fact for fact in map(decode_line, lines_of(history()))}
    assert {key[1] for key in said.keys() - told.keys()} == {"rows again"}
    assert {key[1] for key in told.keys() - said.keys()} <= {key[1] for key in told if key[1].startswith("p1/")}
    for key in said.keys() & told.keys() - {("p1", "twice")}:
        mine, theirs = said[key], told[key]
        assert (mine.type, mine.source, mine.time, mine.recorded, mine.data) == (
            theirs.type,
            theirs.source,
            theirs.time,
            theirs.recorded,
            theirs.data,
        )
        assert mine.attributes == theirs.attributes
        assert {name: value for name, value in mine.payload.items() if value is not None} == {
            name: value for name, value in theirs.payload.items() if value is not None
        }
    assert told["p1", "twice"].payload == {"nrs": 2}


def test_a_session_that_is_cut_or_has_lost_samples_keeps_what_was_derived(warehouse, tmp_path):
    start = FIRST_DAY + 2 * DAY

    def session(lines):
        return [fact.type for fact in map(decode_line, lines) if getattr(fact.data, "session_id", None) == "s1"]

    whole, done = exported(warehouse)
    assert set(session(whole)) == {"rtm.sensor.chunk.v1"}
    cut, _ = exported(warehouse, until=start + DAY)
    assert {"rtm.motion.session.v1", "rtm.motion.rep.v1"} == set(session(cut))
    warehouse.command("DELETE FROM rtm.chunk_samples WHERE offset IN (SELECT offset FROM rtm.chunk_admissions WHERE event_id = 'c1')")
    lost, less = exported(warehouse)
    assert {"rtm.motion.session.v1", "rtm.motion.rep.v1"} == set(session(lost))
    assert (less.sessions_without_samples, less.chunks) == (1, done.chunks - 3)
    before = {table: rows for table, rows in tables(warehouse).items() if table != "sensor_chunks"}
    fill(warehouse, tmp_path / "again.jsonl", lost, parse_instant(less.as_of))
    assert [table for table in before if not compare_rows(before[table], read_table(warehouse, table)).equal] == []
    fill(warehouse, tmp_path / "events.jsonl", lines_of(history()))


def test_facts_are_chosen_by_patient_clinic_and_recorded_time(warehouse):
    _, everything = exported(warehouse)
    lines, one = exported(warehouse, patients=("p2",))
    assert {decode_line(line).subject for line in lines} == {"p2"}
    assert (one.patients, one.chunks) == (1, 0)
    north, done = exported(warehouse, clinic="north")
    south, _ = exported(warehouse, clinic="south")
    assert [decode_line(line).id for line in south] == ["unknown patient"]
    assert done.facts == everything.facts - 1
    assert len(north) == everything.facts + everything.chunks - 1
    since, _ = exported(warehouse, since=FIRST_DAY + 3 * DAY)
    until, _ = exported(warehouse, until=FIRST_DAY + 3 * DAY)
    assert {decode_line(line).recorded >= FIRST_DAY + 3 * DAY for line in since} == {True}
    assert {decode_line(line).recorded < FIRST_DAY + 3 * DAY for line in until} == {True}
    with pytest.raises(WarehouseError, match="1 of the 2 named patients have no facts"):
        exported(warehouse, patients=("p2", "nobody"))


def test_small_pages_parts_and_batches_write_the_same(warehouse, monkeypatch):
    whole, done = exported(warehouse)
    for name, size in (("PAGE_PATIENTS", 1), ("PAGE_FACTS", 3), ("BATCH_BYTES", 1), ("BATCH_CHUNKS", 1)):
        monkeypatch.setattr(export, name, size)
    cut, done_cut = exported(warehouse)
    assert sorted(cut) == sorted(whole)
    assert done_cut == done


@pytest.mark.parametrize("name", ["facts.jsonl", "facts.jsonl.gz", "facts.jsonl.zst"])
def test_the_command_writes_a_file_that_is_there_only_when_it_is_whole(warehouse, tmp_path, capsys, monkeypatch, name):
    dsn = f"chdb://{warehouse.folder}"
    target = tmp_path / name
    assert run_cli(["export", "--warehouse", dsn, "-o", str(target), "--quiet"]) == 0
    whole, _ = exported(warehouse)
    assert [line for _, line in read_lines(target)] == whole
    assert target.stat().st_mode & 0o777 == 0o600
    if name.endswith(".gz"):
        assert gzip.decompress(target.read_bytes()).count(b"\n") == len(whole)
    before = target.read_bytes()
    assert run_cli(["export", "--warehouse", dsn, "-o", str(target), "--patient", "nobody"]) == 1
    assert "1 of the 1 named patients" in capsys.readouterr().err
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_command_writes_to_standard_output_and_tells_how_to_replay(warehouse, capfdbinary):
    assert run_cli(["export", "--warehouse", f"chdb://{warehouse.folder}", "--patient", "p2"]) == 0
    out, err = capfdbinary.readouterr()
    assert {orjson.loads(line)["subject"] for line in out.splitlines()} == {"p2"}
    assert b"exported 14 facts and 0 chunks of 1 patients" in err
    assert b"rtm replay FILE --as-of 2026-" in err


@pytest.mark.parametrize(
    "wrong", [["--from", "yesterday"], ["--patient", ""], ["--from", "2026-03-02T00:00:00Z", "--to", "2026-03-01T00:00:00Z"]]
)
def test_wrong_use_is_told(wrong, capsys):
    assert run_cli(["export", *wrong]) == 2
    assert capsys.readouterr().err.startswith("rtm: ")
