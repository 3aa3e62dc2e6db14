"""`rtm explain` on a real chDB folder: a simulated cohort replayed, a day explained, and what goes wrong told in one line."""

from __future__ import annotations

import orjson
import pytest
from click.testing import CliRunner

from processors.explain import EXPLAINED
from processors.policy import Policy
from schemas.codecs import encode_line, make_fact, open_writer
from schemas.instants import format_instant, parse_day, parse_instant
from schemas.rows import TABLES
from streams.cli.explain import explain
from streams.replay.files import replay
from streams.simulate.cohort import as_of, simulate
from streams.simulate.life import Frame
from streams.warehouse.connection import open_warehouse

FRAME = Frame(seed=4, patients=6, first=parse_day("2026-03-02"), days=14)
BOOKKEEPING = {"updated_at", "revision", "issued_at", "generation"}


@pytest.fixture(scope="module")
def dsn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    with open_writer(folder / "cohort.jsonl") as events:
        simulate(FRAME, {"late": 0.1, "wrong_zone": 1.0}, events.write, lambda _: None)
    dsn = f"chdb://{folder / 'warehouse'}"
    with open_warehouse(dsn) as warehouse:
        replay([folder / "cohort.jsonl"], warehouse, policy=Policy(tick_s=3600), as_of=as_of(FRAME))
    return dsn


@pytest.fixture
def run(dsn, monkeypatch):
    monkeypatch.setenv("RTM_WAREHOUSE", dsn)
    return lambda *arguments: CliRunner().invoke(explain, list(arguments))


def test_every_row_of_the_day_is_explained_and_is_the_warehouses_own(run, dsn):
    done = run("sim-00005", "2026-03-14", "--json")
    assert done.exit_code == 0, done.output
    found = orjson.loads(done.stdout)
    assert format_instant(as_of(FRAME)) in found["now"]
    told: dict[str, list] = {}
    for story in found["rows"]:
        told.setdefault(story["table"], []).append(story["row"])
    assert {"adherence_daily", "adherence_window", "sessions", "rom_daily", "billing_periods", "billing_months"} <= told.keys()
    with open_warehouse(dsn, read_only=True) as warehouse:
        for table in EXPLAINED:
            where = "local_date = '2026-03-14'" if "local_date" in TABLES[table].columns else "1"
            rows = warehouse.query(f"SELECT * FROM rtm.{table} WHERE patient_id = 'sim-00005' AND {where}").records()
            for row in told.get(table, []):
                same = [x for x in rows if all(x[key] == row[key] for key in TABLES[table].key)]
                assert [{name: value for name, value in x.items() if name not in BOOKKEEPING} for x in same] == [row]
            if where != "1":
                assert len(rows) == len(told.get(table, []))


def test_one_table_is_told_as_text_with_facts_plan_and_rule(run):
    lines = run("sim-00005", "2026-03-14", "adherence_daily").stdout.splitlines()
    assert lines[0].startswith("sim-00005 on 2026-03-14 (")
    assert lines[1].startswith("As of ")
    assert any(line.startswith("  in force: sim-00005-plan version 1, effective from ") for line in lines)
    assert any("status, first that fits: rest: no" in line for line in lines)
    assert any("motion.session  /rtm/motion#sim-00005/" in line for line in lines)
    assert {line.split(":")[0] for line in lines if line and not line.startswith(" ")} >= {"adherence_daily"}
    assert not any(line.startswith("sessions:") for line in lines)


def test_free_text_keeps_to_its_line_and_moves_no_cursor(tmp_path, monkeypatch):
    text = "a\x1b[2J\nb"
    start = parse_instant("2026-03-02T10:00:00Z")
    enrolled = {"episode_id": text, "timezone": "UTC", "monitoring_start": "2026-03-02", "therapeutic_area": "respiratory"}
    facts = [
        make_fact("rtm.patient.enrolled.v1", "p", text, "e", start, enrolled | {"clinic_id": text, "therapist_id": "t"}),
        make_fact("rtm.report.pain.v1", "p", text, text, start, {"nrs": 3}),
    ]
    with open_writer(tmp_path / "a.jsonl") as events:
        for fact in facts:
            events.write(encode_line(fact))
    monkeypatch.setenv("RTM_WAREHOUSE", f"chdb://{tmp_path}/warehouse")
    with open_warehouse(f"chdb://{tmp_path}/warehouse") as warehouse:
        replay([tmp_path / "a.jsonl"], warehouse, policy=Policy())
    told = CliRunner().invoke(explain, ["p", "2026-03-02", "pain_daily"], color=True).stdout
    assert "report.pain  a\\x1b[2J\\nb#a\\x1b[2J\\nb" in told
    assert "\x1b" not in told


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["nobody", "2026-03-14"], 1, "no facts of such a patient"),
        (["sim-00005", "2025-03-12"], 1, "nothing is known of that date: it is in no episode"),
        (["sim-00005", "2026-09-12"], 1, "nothing is known of that date: it is after today"),
        (["sim-00005", "2026-02-30"], 2, "DATE: no such date"),
        (["sim-00005", "yesterday"], 2, "DATE: not a date"),
        (["sim-00005", "2026-03-14", "alerts"], 2, "TABLE: can explain sessions"),
        (["sim-00005", "2026-03-14", "--warehouse", "chdb:///nowhere/at/all"], 1, "there is no warehouse at"),
    ],
)
def test_what_is_wrong_is_one_line_and_an_exit_status(run, arguments, status, says):
    done = run(*arguments)
    assert done.exit_code == status, done.output
    assert len(done.output.splitlines()) == 1
    assert says in done.output
