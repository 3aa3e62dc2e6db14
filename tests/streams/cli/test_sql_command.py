"""`rtm sql` and `rtm migrate`, on a real chDB folder: what they print, and how they fail."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.migrate import migrate
from streams.cli.sql import sql, table_lines
from streams.warehouse.connection import Result, open_warehouse

DOCUMENT = Path(__file__).parents[3] / "docs" / "sql.md"


@pytest.fixture(scope="module")
def dsn(tmp_path_factory):
    dsn = f"chdb://{tmp_path_factory.mktemp('sql') / 'warehouse'}"
    made = CliRunner().invoke(migrate, ["--warehouse", dsn])
    assert made.exit_code == 0
    assert made.output.startswith("applied 0001_generations\n")
    with open_warehouse(dsn) as warehouse:
        warehouse.insert("generations", b'{"generation":1,"status":"complete","completed_at":"2026-01-01T00:00:00Z"}')
        for patient, reps, rom in (("ann", 3, "41.5"), ("bo", 12, "null")):
            line = f'{{"generation":1,"patient_id":"{patient}","session_id":"s","reps":{reps},"rom_best_deg":{rom},"flags":["gap"]}}'
            warehouse.insert("sessions", line.encode())
    return dsn


@pytest.fixture
def run(dsn, monkeypatch):
    monkeypatch.setenv("RTM_WAREHOUSE", dsn)
    return lambda *arguments, **more: CliRunner().invoke(sql, list(arguments), **more)


SELECT = "SELECT patient_id, reps, rom_best_deg, flags FROM sessions ORDER BY patient_id"


def test_a_table_is_aligned_with_numbers_right_and_null_to_be_seen(run):
    assert run(SELECT).output.splitlines() == [
        "patient_id  reps  rom_best_deg  flags",
        "──────────  ────  ────────────  ───────",
        'ann            3          41.5  ["gap"]',
        'bo            12          NULL  ["gap"]',
        "(2 rows)",
    ]


def test_json_is_one_object_a_line_by_column_name(run):
    assert [json.loads(line) for line in run("--json", SELECT).output.splitlines()] == [
        {"patient_id": "ann", "reps": 3, "rom_best_deg": 41.5, "flags": ["gap"]},
        {"patient_id": "bo", "reps": 12, "rom_best_deg": None, "flags": ["gap"]},
    ]


def test_csv_has_a_header_and_quotes_what_needs_it(run):
    output = run("--csv", "SELECT 'a,\"b\"\n' AS text, NULL AS none, true AS flag, 1.5 AS number").output
    assert list(csv.reader(io.StringIO(output))) == [["text", "none", "flag", "number"], ['a,"b"\n', "", "true", "1.5"]]


def test_sql_comes_from_standard_input_too_and_parameters_are_bound(run):
    done = run("-", "--json", "--param", "who=bo' OR 1 --", "--param", "n=7", input="SELECT {who:String} AS who, {n:UInt8} AS n -- x\n;\n")
    assert json.loads(done.output) == {"who": "bo' OR 1 --", "n": 7}


def test_a_limit_shows_no_more_and_says_so(run):
    done = run("SELECT number FROM numbers(5000)", "--limit", "2")
    assert done.stdout.splitlines()[2:] == ["     0", "     1", "(2 rows)"]
    assert "only the first 2 rows" in done.stderr
    assert "only the first 1000 rows" in run("SELECT number FROM numbers(5000)").stderr
    assert len(run("--json", "SELECT number FROM numbers(5000)").stdout.splitlines()) == 5000


def test_a_table_keeps_its_lines_whatever_the_cells_hold():
    result = Result(["text", "wide"], ["String", "String"], [("a\nb\x1b[31m", "日本"), ("", "x" * 50)], 0)
    lines = list(table_lines(result, result.rows, widest=10))
    assert lines[2:4] == ["a\\nb\\x1b[…  日本", "            xxxxxxxxx…"]
    assert list(table_lines(Result(["a"], ["UInt8"], [], 0), [])) == ["a", "─", "(0 rows)"]


@pytest.mark.parametrize(
    "statement", ["SHOW TABLES", "DESCRIBE sessions", "EXISTS TABLE sessions", "explain select 1", "(SELECT 1)", "WITH 1 AS a SELECT a"]
)
def test_what_reads_is_let_through(run, statement):
    assert run(statement).exit_code == 0


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE sessions_rows",
        "INSERT INTO sessions_rows (patient_id) VALUES ('x')",
        "WITH 1 AS a INSERT INTO generations (generation) SELECT a",
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "/* SELECT */ TRUNCATE TABLE sessions_rows",
        "SELECT 1; DROP TABLE sessions_rows",
        "SET readonly = 0",
        "SELECT 'open",
        " ;; ",
    ],
)
def test_what_writes_or_is_no_single_statement_is_wrong_use(run, statement):
    done = run(statement)
    assert done.exit_code == 2
    assert done.output.startswith("Error: SQL: ")
    assert len(done.output.splitlines()) == 1
    assert len(run("--json", SELECT).output.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["SELECT nope"], 1, "Unknown expression identifier"),
        (["SELECT 1 FORMAT CSV"], 1, "Syntax error"),
        (["SELECT {a:String}"], 1, "is not set"),
        (["SELECT 1", "--param", "a"], 2, "NAME=VALUE"),
        (["SELECT 1", "--warehouse", "nope"], 2, "not a warehouse"),
        (["SELECT 1", "--warehouse", "chdb:///nowhere/at/all"], 1, "there is no warehouse at"),
        (["SELECT 1", "--warehouse", "clickhouse://u:hunter2@127.0.0.1:1/rtm"], 1, "is the server up"),
    ],
)
def test_a_failure_is_one_line_and_an_exit_status(run, arguments, status, says):
    done = run(*arguments)
    assert done.exit_code == status
    assert len(done.output.splitlines()) == 1
    assert says in done.output
    assert "hunter2" not in done.output


def test_migrating_again_does_nothing(dsn):
    done = CliRunner().invoke(migrate, ["--warehouse", dsn])
    assert done.output == "nothing to do: the warehouse is up to date\n"


@pytest.mark.parametrize("command", [sql, migrate])
def test_help_shows_an_example(command):
    assert "Example" in CliRunner().invoke(command, ["--help"]).output


@pytest.mark.parametrize("statement", re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL))
def test_every_question_in_the_documentation_has_an_answer(run, statement):
    done = run(statement)
    assert done.exit_code == 0, done.output
