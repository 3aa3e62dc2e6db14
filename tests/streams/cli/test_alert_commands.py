"""`rtm alerts`, `ack`, `snooze`, `close` and `backtest` as one types them, on a small log replayed into a real chDB folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from click.testing import CliRunner, Result

from processors.policy import Policy
from schemas.codecs import encode_line
from streams.cli.alert_actions import ack, close, snooze
from streams.cli.alerts import alerts
from streams.cli.backtest import backtest
from streams.replay.files import replay
from streams.settings import SettingsError, load_settings
from streams.warehouse.connection import open_warehouse
from tests.processors.alert_stories import at, done, enrolled, heard, plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import click

FACTS = [enrolled(), plan(), done(1), done(2), heard(3), heard(4), heard(5)]
AS_OF = at(6)
Run = Callable[..., Result] if TYPE_CHECKING else object


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("alerts") / "events.jsonl"
    file.write_bytes(b"".join(encode_line(fact) + b"\n" for fact in FACTS))
    return file


@pytest.fixture(scope="module")
def dsn(events: Path) -> str:
    dsn = f"chdb://{events.parent / 'warehouse'}"
    with open_warehouse(dsn) as warehouse:
        replay([events], warehouse, policy=Policy(tick_s=3600), as_of=AS_OF)
    return dsn


@pytest.fixture
def run(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("RTM_WAREHOUSE", dsn)
    monkeypatch.setenv("RTM_KAFKA", "127.0.0.1:1")

    def invoke(command: click.Command, *arguments: str) -> Result:
        return CliRunner().invoke(command, list(arguments), standalone_mode=False)

    return invoke


def listed(run: Run, *arguments: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in run(alerts, "--json", *arguments).output.splitlines()]


def test_alerts_lists_what_stands_and_narrows_it(run: Run) -> None:
    (row,) = listed(run)
    assert (row["rule_id"], row["status"], row["patient_id"]) == ("missed_days", "open", "p")
    assert listed(run, "--clinic", "c", "--therapist", "t") == [row]
    assert listed(run, "--clinic", "elsewhere") == []
    shown = run(alerts).output
    assert row["alert_id"][:8] in shown
    assert "exercise days missed in a row" in shown


@pytest.mark.parametrize(
    ("command", "more", "status"),
    [(ack, [], "acknowledged"), (snooze, ["--until", "2026-01-07T00:00:00Z"], "snoozed"), (snooze, [], "snoozed"), (close, [], "resolved")],
)
def test_what_staff_does_embedded_shows_after_the_next_replay(
    run: Run, events: Path, tmp_path: Path, command: click.Command, more: list[str], status: str
) -> None:
    name = listed(run)[0]["alert_id"]
    staff = tmp_path / "staff.jsonl"
    ended = run(command, name[:8], "--staff", "n1", "--events", str(staff), *more)
    assert ended.exception is None, ended.output
    with open_warehouse(f"chdb://{tmp_path / 'warehouse'}") as warehouse:
        replay([events, staff], warehouse, policy=Policy(tick_s=3600), as_of=AS_OF)
        (row,) = warehouse.query("SELECT status, acknowledged_by, reason FROM rtm.alerts").records()
    assert row["status"] == status
    assert row["acknowledged_by"] == ("n1" if command is ack else None)
    assert row["reason"].endswith("closed by n1") == (command is close)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["unheard-of", "--staff", "n", "--events", "a.jsonl"], "no such alert"),
        (["", "--staff", "n", "--events", "a.jsonl"], "no such alert"),
        (["x", "--staff", "", "--events", "a.jsonl"], "--staff"),
        (["x", "--staff", "n", "--events", "a.jsonl.zst"], "--events"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(run: Run, arguments: list[str], told: str) -> None:
    assert told in str(run(ack, *arguments).exception)


def test_a_snooze_that_has_passed_is_refused(run: Run, tmp_path: Path) -> None:
    name = listed(run)[0]["alert_id"]
    file = tmp_path / "staff.jsonl"
    ended = run(snooze, name, "--staff", "n", "--events", str(file), "--until", "2026-01-06T00:00:00Z")
    assert "--until" in str(ended.exception)
    assert not file.exists()


def test_without_a_kafka_the_command_says_what_to_do(run: Run) -> None:
    assert "no Kafka answers at 127.0.0.1:1" in str(run(ack, listed(run)[0]["alert_id"], "--staff", "n").exception)


def test_backtest_holds_other_rules_against_todays(run: Run, events: Path, tmp_path: Path) -> None:
    stricter = tmp_path / "stricter.toml"
    stricter.write_text('name = "late"\n[rules.missed_days]\nlevels = [{ at = 3, severity = "urgent" }]\n')
    ended = run(backtest, str(stricter), str(events), "--as-of", "2026-01-06T12:00:00Z", "--json")
    assert ended.exception is None
    lines = [orjson.loads(line) for line in ended.output.splitlines()]
    rules = {(line["rules"], line["rule"]): line for line in lines if "rule" in line}
    today, other = rules["today", "missed_days"], rules[str(stricter), "missed_days"]
    assert (today["opened"], today["nights"]) == (1, 0)
    assert (other["opened"], other["nights"]) == (1, 1)
    assert [line for line in lines if "week" in line and line["rules"] == "today"] == [
        {"rules": "today", "therapist": "t", "week": 0, "told": 1}
    ]
    assert "missed_days" in run(backtest, str(events), "--quiet").output


def test_a_file_of_rules_that_does_not_fit_is_told_by_file_and_place(run: Run, events: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    for text, told in (
        ('name = "x"\n[rules.unheard_of]\n', "no such rule"),
        ("[rules.silence]\nenabled = false\n", "name: "),
        ("name = ", "not TOML"),
        ('name = "x"\n[rules.low_volume.condition]\nbelow = 2\n', "rules.low_volume.condition.below"),
    ):
        wrong.write_text(text)
        ended = run(backtest, str(wrong), str(events))
        assert str(wrong) in str(ended.exception)
        assert told in str(ended.exception)


def test_the_setting_names_the_file_that_is_in_force(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    monkeypatch.setenv("RTM_ALERT_RULES", str(rules))
    with pytest.raises(SettingsError, match=r"RTM_ALERT_RULES: .*no such file"):
        load_settings().policy()
    rules.write_text('{"name": "n", "rules": {"silence": {"enabled": false}}}')
    assert "silence" not in {rule.name for rule in load_settings().policy().alert_rules.of("c")}
