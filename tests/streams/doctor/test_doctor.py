"""`rtm doctor`: each setting with its source, secrets hidden, and a finding for whatever is wrong."""

import orjson
import pytest
from kafka import KafkaProducer

from streams.cli import run
from streams.doctor.settings import without_password
from streams.kafka.topics import declare
from streams.warehouse.connection import open_warehouse
from streams.warehouse.migrations import migrate, shipped_migrations


@pytest.fixture
def doctor(monkeypatch, capsys, tmp_path):
    """Runs `rtm doctor --json` in an empty folder with these settings; its status, the settings by name, the findings."""
    monkeypatch.chdir(tmp_path)

    def run_it(**settings):
        for name, value in settings.items():
            monkeypatch.setenv(f"RTM_{name.upper()}", value)
        status = run(["doctor", "--json"])
        lines = [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
        shown = {line["setting"]: line for line in lines if "setting" in line}
        return status, shown, [line for line in lines if "name" in line]

    return run_it


def states(findings, name):
    return [finding["state"] for finding in findings if finding["name"] == name]


def test_a_new_installation_has_nothing_to_mend_and_is_told_what_is_not_there_yet(doctor):
    status, shown, findings = doctor(kafka="")
    assert status == 0
    assert shown["RTM_TICK_S"] == {"setting": "RTM_TICK_S", "value": "60", "source": "default", "meaning": "the grid of the clock, s"}
    assert states(findings, "warehouse") == ["warn"]
    assert states(findings, "routes") == ["warn"]
    assert (
        states(findings, "python") == states(findings, "packages") == states(findings, "time zones") == states(findings, "rules") == ["ok"]
    )
    assert all(finding["remedy"] for finding in findings if finding["state"] != "ok")


def test_a_wrong_and_an_unknown_variable_are_told_with_the_rest(doctor):
    status, shown, findings = doctor(sink_rows="plenty", tick_s="900", warehose="x")
    assert status == 1
    [wrong] = [finding for finding in findings if finding["name"] == "RTM_SINK_ROWS"]
    assert wrong["state"] == "fail"
    assert "plenty" not in orjson.dumps(findings).decode()
    [unknown] = [finding for finding in findings if finding["name"] == "RTM_WAREHOSE"]
    assert (unknown["state"], unknown["remedy"]) == ("warn", "unset it, or did you mean RTM_WAREHOUSE?")
    assert (shown["RTM_TICK_S"]["value"], shown["RTM_TICK_S"]["source"]) == ("900", "environment")
    assert (shown["RTM_SINK_ROWS"]["value"], shown["RTM_SINK_ROWS"]["source"]) == ("200000", "default")


def test_what_is_named_and_does_not_answer_fails_and_no_password_is_shown(doctor):
    status, shown, findings = doctor(kafka="127.0.0.1:9", warehouse="clickhouse://rtm:geheim@127.0.0.1:9/rtm", routes="none.toml")
    assert status == 1
    assert states(findings, "kafka") == states(findings, "warehouse") == states(findings, "routes") == ["fail"]
    assert shown["RTM_WAREHOUSE"]["value"] == "clickhouse://rtm:***@127.0.0.1:9/rtm"
    assert "geheim" not in orjson.dumps([shown, findings]).decode()


@pytest.mark.parametrize(
    ("text", "told"),
    [(None, "no such file"), ('name = "n"\n[rules.unheard_of]\n', "rules.unheard_of: no such rule"), ("=", "not TOML")],
)
def test_alert_rules_that_can_not_be_used_are_told(doctor, tmp_path, text, told):
    if text is not None:
        (tmp_path / "own.toml").write_text(text)
    status, _, findings = doctor(alert_rules="own.toml")
    [rules] = [finding for finding in findings if finding["name"] == "rules"]
    assert (status, rules["state"]) == (1, "fail")
    assert told in rules["said"]


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("clickhouse://u:p@ss:w/ord@db/rtm", "clickhouse://u:***@db/rtm"),
        ("clickhouse://u@db:8123/rtm", "clickhouse://u@db:8123/rtm"),
        ("chdb:///a/b", "chdb:///a/b"),
        ("127.0.0.1:9092", "127.0.0.1:9092"),
    ],
)
def test_a_dsn_is_shown_without_its_password(dsn, shown):
    assert without_password(dsn) == shown


def test_a_folder_that_is_not_migrated_and_routes_without_a_secret_are_told(doctor, tmp_path):
    folder = tmp_path / "warehouse"
    with open_warehouse(f"chdb://{folder}") as warehouse:
        migrate(warehouse, shipped_migrations()[:2])
    (tmp_path / "routes.toml").write_text('[[endpoints]]\nname = "a"\nurl = "https://a.example"\nsecret_env = "NOT_THERE"\n')
    status, _, findings = doctor(warehouse=f"chdb://{folder}", kafka="")
    assert status == 1
    assert states(findings, "routes") == ["fail"]
    [tables] = [finding for finding in findings if finding["name"] == "tables"]
    assert (tables["state"], tables["remedy"]) == ("fail", "rtm migrate")
    with open_warehouse(f"chdb://{folder}") as warehouse:
        migrate(warehouse)
    assert states(doctor(warehouse=f"chdb://{folder}", kafka="")[2], "tables") == ["ok"]


def test_topics_and_state_are_compared_and_nothing_is_made(fresh_topics, doctor):
    status, _, findings = doctor(kafka=fresh_topics, partitions="4")
    assert status == 0
    assert states(findings, "topics") == ["ok"]
    assert [f["said"].split(", ")[1] for f in findings if f["name"] == "state of patient"] == ["0 of 4 partitions begun"]
    _, _, findings = doctor(kafka=fresh_topics, partitions="4", group="other")
    assert [f["remedy"] for f in findings if f["name"] == "topics"] == ["rtm topics makes them"]
    assert declare(fresh_topics, 4, "other", 1).made == ("other-1-motion-state", "other-1-patient-state")
    _, _, findings = doctor(kafka=fresh_topics, partitions="5", group="rtm")
    assert set(states(findings, "topics")) == {"fail"}


def test_a_state_of_a_newer_version_is_told(fresh_topics, doctor):
    producer = KafkaProducer(bootstrap_servers=fresh_topics)
    producer.send("rtm-1-patient-state", key=b"\xffprogress", value=b"\xff", partition=2).get(30)
    producer.close()
    status, _, findings = doctor(kafka=fresh_topics, partitions="4")
    assert status == 1
    [state] = [finding for finding in findings if finding["name"] == "state of patient"]
    assert state["state"] == "fail"
    assert "[2]" in state["said"]
