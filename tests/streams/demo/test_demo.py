"""The whole demo, as one types it: recordings in; sessions, an alert that opens and resolves, and a board out."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.codecs import decode_line, read_lines

pytestmark = pytest.mark.slow

RTM = (sys.executable, "-c", "from streams.cli import main; main()")


def rtm(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RTM, *arguments], cwd=folder, capture_output=True, text=True, timeout=180, check=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a home")


@pytest.fixture(scope="module")
def outcome(home: Path) -> dict[str, Any]:
    done = rtm("demo", "--json", folder=home)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def alerts_of(outcome: dict[str, Any], patient: str, rule: str) -> list[dict[str, Any]]:
    return [alert for alert in outcome["alerts"] if (alert["patient_id"], alert["rule_id"]) == (patient, rule)]


def test_every_recorded_set_became_a_session_whose_repetitions_were_counted(outcome: dict[str, Any]):
    assert outcome["recorded_sets"] == outcome["sessions_found"] == 140
    assert outcome["recorded_reps"] == 2800
    assert abs(outcome["counted_reps"] - 2800) < 280
    by_exercise = {row["exercise"]: row for row in outcome["exercises"]}
    assert {row["sets"] for row in by_exercise.values()} == {20}
    assert sum(row["within_one"] for name, row in by_exercise.items() if name != "ROW") >= 100


def test_the_knee_patients_alert_opens_after_two_missed_days_and_resolves_when_he_is_back(outcome: dict[str, Any]):
    (alert,) = alerts_of(outcome, "knee-01", "missed_days")
    assert alert["opened_at"].startswith("2026-03-11T10:")
    assert alert["resolved_at"].startswith("2026-03-12")
    assert alert["status"] == "resolved"
    assert alert["reason"]
    (flare,) = alerts_of(outcome, "knee-01", "pain_flare")
    assert (flare["severity"], flare["status"]) == ("urgent", "resolved")
    assert flare["opened_at"].startswith("2026-03-09T12:15")


def test_who_is_off_track_at_the_end_and_why(outcome: dict[str, Any]):
    (alert,) = alerts_of(outcome, "spar-09", "missed_days")
    assert alert["status"] == "open"
    assert alert["opened_at"].startswith("2026-03-22T10:")
    standing = {(alert["patient_id"], alert["rule_id"], alert["severity"]) for alert in outcome["alerts"] if alert["status"] == "open"}
    assert standing == {
        ("spar-07", "pain_rising", "warning"),
        ("spar-08", "silence", "urgent"),
        ("spar-09", "missed_days", "warning"),
        ("spar-09", "pain_flare", "urgent"),
        ("spar-10", "device_silent", "warning"),
    }
    assert {alert["rule_id"] for alert in outcome["alerts"]} == {"missed_days", "pain_flare", "pain_rising", "silence", "device_silent"}


def test_the_cohort_is_a_mix_of_met_partial_missed_and_unknown_days(outcome: dict[str, Any]):
    patients = {row["patient_id"]: row for row in outcome["adherence"]["patients"]}
    assert len(patients) == 11
    assert patients["knee-01"]["missed"] == 2
    assert patients["spar-09"]["missed"] == 2
    assert patients["spar-08"]["unknown"] == 3
    assert patients["spar-05"]["partial"] > 0
    assert patients["spar-01"]["missed"] == patients["spar-01"]["unknown"] == 0
    assert patients["spar-10"] | {"completed_reps": 0} == patients["spar-03"] | {"patient_id": "spar-10", "completed_reps": 0}


def test_uploads_twice_and_a_retracted_report_change_nothing(outcome: dict[str, Any], home: Path):
    again = [line for _, line in read_lines(outcome["events"])]
    assert outcome["facts"] == len(again)
    assert outcome["duplicates"] == sum(fact.id.startswith("spar-02-internal-rotation-") for fact in map(decode_line, again)) // 2 > 0
    worst = "SELECT max(nrs_max) AS worst FROM pain_daily WHERE patient_id = 'spar-01'"
    done = rtm("sql", "--warehouse", outcome["warehouse"], "--json", worst, folder=home)
    assert json.loads(done.stdout)["worst"] < 9


def test_nothing_was_unusable_and_the_board_is_there(outcome: dict[str, Any], home: Path):
    assert outcome["dead_letters"] == {}
    board = Path(outcome["board"])
    assert board == home / ".rtm" / "demo" / "board.html"
    assert "knee-01" in board.read_text(encoding="utf-8")


def test_each_line_to_try_works_as_printed(outcome: dict[str, Any], home: Path):
    assert len(outcome["commands"]) == 3
    for command in outcome["commands"]:
        program, *arguments = shlex.split(command)
        assert program == "rtm"
        done = rtm(*arguments, "--json", folder=home)
        assert done.returncode == 0, done.stderr
        assert [json.loads(line) for line in done.stdout.splitlines()]


def test_the_knee_falls_behind_its_goal_and_catches_up(outcome: dict[str, Any], home: Path):
    query = shlex.split(outcome["commands"][1])[1:]
    days = {row["local_date"]: row["residual_deg"] for row in map(json.loads, rtm(*query, "--json", folder=home).stdout.splitlines())}
    assert days["2026-03-02"] >= 0
    assert days["2026-03-08"] < 0
    assert days["2026-03-11"] < -10
    assert days["2026-03-22"] >= 0
    assert not {"2026-03-09", "2026-03-10"} & set(days)


def test_a_second_run_in_the_same_folder_shows_the_same(outcome: dict[str, Any], home: Path):
    again = json.loads(rtm("demo", "--json", folder=home).stdout)
    assert {**again, "seconds": 0} == {**outcome, "seconds": 0}


def test_without_the_recordings_one_line_says_what_to_install(tmp_path: Path):
    hide = "import importlib.util as u; f = u.find_spec; u.find_spec = lambda n, *a: None if n == 'seglearn' else f(n, *a)"
    program = f"{hide}; from streams.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program, "demo"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "pip install 'rtm[demo]'" in done.stderr
