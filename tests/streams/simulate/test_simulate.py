"""The simulator: the same seed gives the same cohort, every line is valid, and the tables say what was really done."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from processors.policy import Policy
from schemas.codecs import decode_line, read_lines
from schemas.instants import parse_day, parse_instant
from streams.cli.simulate import simulate as command
from streams.replay.folding import fold_records
from streams.simulate.cohort import as_of, make_patient, simulate
from streams.simulate.faults import FAULTS, parse_faults
from streams.simulate.life import Frame

FIRST = parse_day("2026-03-02")
FRAME = Frame(seed=7, patients=24, first=FIRST, days=40)
NOISY = {"duplicates": 0.05, "late": 0.08, "offline": 0.05, "wrong_patient": 0.5, "duplicate_pseudonym": 0.4, "wrong_zone": 0.4}
Truth = list[dict[str, Any]]


def made(frame: Frame, rates: dict[str, float]) -> tuple[list[bytes], Truth]:
    lines: list[bytes] = []
    truth: list[bytes] = []
    simulate(frame, rates, lines.append, truth.append)
    return lines, [orjson.loads(line) for line in truth]


def current(lines: list[bytes], end: int) -> tuple[dict[str, list[dict[str, Any]]], Counter[str]]:
    """The tables' rows as they stand in the end, and the dead letters by reason."""
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    dead: Counter[str] = Counter()
    keys = {
        "adherence_daily": ("local_date", "exercise_id"),
        "pain_daily": ("local_date",),
        "sessions": ("session_id",),
        "billing_periods": ("episode_id", "period_start"),
        "billing_months": ("month",),
        "outcomes": ("measure", "side", "event_time"),
        "activity_daily": ("local_date", "kind", "name"),
        "medication_window": ("local_date", "medication_id"),
        "patients": ("episode_id",),
        "rom_daily": ("local_date", "joint", "motion", "side"),
    }
    for out in fold_records(map(decode_line, lines), Policy(tick_s=3600), as_of=end, slice_records=1 << 20):
        dead.update(letter.reason for letter in out.dead)
        for row in out.rows:
            if row.table in keys:
                newest[row.table, row.patient, *(row.values[name] for name in keys[row.table])] = {**row.values, "table": row.table}
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in keys}
    for row in newest.values():
        if not row["deleted"]:
            tables[row["table"]].append(row)
    return tables, dead


def expected_day(day: dict[str, Any]) -> tuple[str, int, int, int, int]:
    """What the truth of a day amounts to: status, sessions due and done, repetitions due and done."""
    due = {name: (times, times * cap, cap) for name, (times, cap) in day["due"].items()}
    sessions = sum(min(times, len(day["done"].get(name, ()))) for name, (times, _, _) in due.items())
    reps = sum(min(whole, sum(min(done, cap) for done in day["done"].get(name, ()))) for name, (_, whole, cap) in due.items())
    asked = sum(whole for _, whole, _ in due.values())
    if not due:
        status = "rest"
    elif reps / asked >= 0.8:
        status = "met"
    elif not day["heard"]:
        status = "unknown"
    else:
        status = "partial" if reps else "missed"
    return status, sum(times for times, _, _ in due.values()), sessions, asked, reps


@pytest.fixture(scope="module", params=[{}, NOISY], ids=["clean", "with faults that are mended"])
def cohort(request: pytest.FixtureRequest) -> tuple[Truth, dict[str, list[dict[str, Any]]], Counter[str]]:
    lines, truth = made(FRAME, request.param)
    tables, dead = current(lines, as_of(FRAME))
    return truth, tables, dead


def days(truth: Truth) -> Truth:
    return [line for line in truth if line["what"] == "day"]


def test_adherence_is_what_was_done(cohort):
    truth, tables, dead = cohort
    assert not dead
    rows = {(row["patient_id"], row["local_date"]): row for row in tables["adherence_daily"] if row["exercise_id"] == ""}
    names = ("status", "prescribed_sessions", "completed_sessions", "prescribed_reps", "completed_reps")
    got = {key: tuple(row[name] for name in names) for key, row in rows.items()}
    wanted = {(day["patient"], day["date"]): expected_day(day) for day in days(truth)}
    seen = {key: value for key, value in got.items() if key in wanted}
    assert seen == wanted
    after_the_end = {status for key, (status, *_) in got.items() if key not in wanted}
    assert after_the_end <= {"unknown", "rest", "pending"}
    assert {status for status, *_ in wanted.values()} == {"met", "partial", "missed", "unknown"}


def test_sessions_are_counted_once_however_they_were_told(cohort):
    truth, tables, _ = cohort
    wanted = Counter({(day["patient"], day["date"]): sum(map(len, day["done"].values())) for day in days(truth) if day["done"]})
    assert Counter((row["patient_id"], row["local_date"]) for row in tables["sessions"]) == wanted
    assert {row["modality"] for row in tables["sessions"]} == {"sensed", "self_reported", "both"}


def test_pain_is_what_was_reported(cohort):
    truth, tables, _ = cohort
    wanted = {}
    for day in days(truth):
        levels = [level for level in day["reported"] if level != "checkin"]
        if levels:
            wanted[day["patient"], day["date"]] = (max(levels), len(levels))
    assert {(row["patient_id"], row["local_date"]): (row["nrs_max"], row["reports"]) for row in tables["pain_daily"]} == wanted


def test_doses_steps_and_scores_are_what_they_were(cohort):
    truth, tables, _ = cohort
    told = days(truth)
    last = max(day["date"] for day in told)
    taken: Counter[tuple[str, str]] = Counter()
    for day in told:
        if parse_day(last) - parse_day(day["date"]) < 30:
            for name, doses in day.get("doses", {}).items():
                taken[day["patient"], name] += sum(doses)
    rows = {(r["patient_id"], r["medication_id"]): r["doses_taken"] for r in tables["medication_window"] if r["local_date"] == last}
    assert rows
    assert rows == {key: taken[key] for key in rows}
    steps = {(day["patient"], day["date"]): day["steps"] for day in told if "steps" in day}
    assert {(row["patient_id"], row["local_date"]): row["value_sum"] for row in tables["activity_daily"]} == steps
    scores = Counter((day["patient"], day["score"]) for day in told if "score" in day)
    instruments = {"KOOS_JR", "HOOS_JR", "QUICKDASH", "ODI", "PROMIS_PF", "PROMIS_PI"}
    assert Counter((row["patient_id"], row["value"]) for row in tables["outcomes"] if row["measure"] in instruments) == scores


def test_data_days_and_minutes_are_those_of_the_truth(cohort):
    truth, tables, _ = cohort
    heard: Counter[str] = Counter()
    minutes: Counter[tuple[str, str]] = Counter()
    for day in days(truth):
        heard[day["patient"]] += day["heard"] and day["reported"] != ["checkin"]
        minutes[day["patient"], day["date"][:7]] += day.get("minutes", 0)
    counted: Counter[str] = Counter()
    for row in tables["billing_periods"]:
        counted[row["patient_id"]] += row["data_days"]
    assert counted == heard
    assert Counter({(row["patient_id"], row["month"]): row["minutes"] for row in tables["billing_months"] if row["minutes"]}) == +minutes


def test_a_drop_out_falls_silent_until_the_end(cohort):
    truth, tables, _ = cohort
    last_heard = {row["patient_id"]: row["last_heard_at"] for row in tables["patients"]}
    spells = [line for line in truth if line["what"] == "spell" and line["spell"] == "drop_out"]
    assert spells
    assert all(last_heard[spell["patient"]][:10] <= spell["first"] for spell in spells)


def test_every_fault_happens_and_is_noted_and_every_line_is_valid():
    lines, truth = made(Frame(seed=3, patients=24, first=FIRST, days=20), dict.fromkeys(FAULTS, 0.8))
    noted = {note["fault"] for line in truth if line["what"] == "patient" for note in line["faults"]}
    assert noted == FAULTS.keys()
    facts = [decode_line(line) for line in lines]
    order = [(fact.recorded, fact.time) for fact in facts]
    assert order == sorted(order)
    assert any(fact.type == "rtm.fact.retracted.v1" for fact in facts)


def test_days_that_no_fault_hides_equal_the_truth_with_every_fault():
    frame = Frame(seed=5, patients=16, first=FIRST, days=30)
    lines, truth = made(frame, parse_faults("all=0.15"))
    tables, dead = current(lines, as_of(frame))
    assert set(dead) <= {"future"}
    ours = {line["patient"] for line in truth if line["what"] == "patient"}
    assert {row["patient_id"] for rows in tables.values() for row in rows} == ours
    hidden = {
        (line["patient"], date)
        for line in truth
        if line["what"] == "patient"
        for note in line["faults"]
        if note["hides"]
        for date in note["dates"]
    }
    got = {
        (row["patient_id"], row["local_date"]): (row["status"], row["prescribed_reps"], row["completed_reps"])
        for row in tables["adherence_daily"]
        if row["exercise_id"] == ""
    }
    wanted = {(day["patient"], day["date"]): expected_day(day) for day in days(truth)}
    told = {key: (status, asked, reps) for key, (status, _, _, asked, reps) in wanted.items() if key not in hidden}
    assert len(told) > len(wanted) / 2
    assert {key: got[key] for key in told} == told


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faults_rate_changes_neither_the_patient_nor_another_fault(fault):
    frame = Frame(seed=9, patients=8, first=FIRST, days=20)
    for number in range(1, 9):
        without, alone = make_patient(frame, number, {}), make_patient(frame, number, {fault: 0.9})
        assert alone.days == without.days
        assert {note["fault"] for note in alone.faults} <= {fault}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    frame = Frame(seed=1, patients=4, first=FIRST, days=10)
    assert made(frame, NOISY) == made(frame, NOISY)
    assert made(frame, {})[0] != made(Frame(seed=2, patients=4, first=FIRST, days=10), {})[0]


def test_a_patient_can_be_made_alone():
    lines, _ = made(Frame(seed=1, patients=6, first=FIRST, days=10), {})
    alone = make_patient(Frame(seed=1, patients=6, first=FIRST, days=10), 5, {})
    ours = [line for line in lines if orjson.loads(line)["subject"] == "sim-00005"]
    assert sorted(ours) == sorted(draft.line() for draft in alone.drafts)


def test_with_samples_the_pipeline_finds_the_repetitions():
    frame = Frame(seed=11, patients=8, first=FIRST, days=6, samples=True)
    lines, truth = made(frame, {})
    assert b"rtm.motion" not in b"".join(lines)
    tables, _ = current(lines, as_of(frame))
    sensed = [row for row in tables["sessions"] if row["modality"] != "self_reported"]
    done = Counter(reps for day in days(truth) for counts in day["done"].values() for reps in counts)
    assert len(sensed) > 5
    assert sum(done[row["reps"]] > 0 for row in sensed) >= 0.9 * len(sensed)
    assert tables["rom_daily"]


def test_the_command_writes_events_truth_and_a_summary(tmp_path):
    output = tmp_path / "cohort.jsonl.zst"
    done = CliRunner().invoke(command, ["--patients", "5", "--days", "8", "--output", str(output), "--json"])
    assert done.exit_code == 0, done.output
    summary = orjson.loads(done.stdout)
    lines = [line for _, line in read_lines(output)]
    told = [orjson.loads(line) for _, line in read_lines(tmp_path / "cohort.truth.jsonl.zst")]
    assert summary["facts"] == len(lines)
    assert summary["as_of"] == told[0]["as_of"]
    assert parse_instant(summary["as_of"]) >= max(decode_line(line).recorded for line in lines)
    assert {line["what"] for line in told} >= {"cohort", "patient", "day"}


def test_a_cohort_that_is_not_written_to_its_end_leaves_no_file(tmp_path, monkeypatch):
    def stops(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("streams.simulate.cohort._write", stops)
    CliRunner().invoke(command, ["--patients", "2", "--days", "3", "--output", str(tmp_path / "x.jsonl")])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("first", "days"), [("1900-12-31", 3), ("2261-12-30", 3), ("2262-04-01", 3650)])
def test_days_that_no_instant_can_hold_are_wrong_use(first, days, tmp_path):
    done = CliRunner().invoke(command, ["--first-date", first, "--days", str(days), "--output", str(tmp_path / "x.jsonl")])
    assert done.exit_code == 2
    assert "--first-date: the days must lie between 1901-01-01 and 2261-12-31" in done.output


@pytest.mark.parametrize("faults", ["nope=0.1", "late", "late=2", "late=-1", "duplicates=x"])
def test_a_wrong_fault_is_wrong_use_in_one_line(faults, tmp_path):
    done = CliRunner().invoke(command, ["--faults", faults, "--output", str(tmp_path / "x.jsonl")])
    assert done.exit_code == 2
    assert len(done.output.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
