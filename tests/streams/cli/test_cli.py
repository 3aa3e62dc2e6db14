"""The command line: help, exit statuses, and one clear line for whatever goes wrong."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import orjson
import pytest

from streams.cli import COMMANDS, run

ROOT = Path(__file__).parents[3]
HEEDS_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # what a script runs in the background ignores it
PROGRAM = [sys.executable, "-c", f"{HEEDS_CTRL_C}; from streams.cli import main; main()"]


def event(name: str, nrs: float = 3, minute: int = 0) -> bytes:
    envelope = {"specversion": "1.0", "type": "rtm.report.pain.v1", "source": "/app", "id": name, "subject": "p1"}
    return orjson.dumps({**envelope, "time": f"2026-03-02T09:{minute % 60:02d}:00Z", "data": {"nrs": nrs}})


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def start(*arguments: object, folder: Path = ROOT, **environment: str) -> subprocess.Popen[str]:
    settings = {name: value for name, value in os.environ.items() if not name.startswith("RTM_")}
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**settings, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]), **environment},
    )


def call(*arguments: object, folder: Path = ROOT, **environment: str) -> tuple[int, str, str]:
    process = start(*arguments, folder=folder, **environment)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def assert_one_line(err: str) -> None:
    assert err.startswith("rtm: "), err
    assert err.count("\n") == 1, err
    assert "Traceback" not in err


def test_the_help_lists_every_command_and_an_example(capsys):
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in COMMANDS)
    assert "rtm replay events.jsonl" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example(capsys, name):
    assert run([name, "--help"]) == 0
    body = capsys.readouterr().out.split("\n", 1)[1]
    assert f"rtm {name}" in body
    assert "Example" in body


@pytest.mark.parametrize("words", ["kafka start", "kafka stop", "kafka status", "dashboards export", "dashboards push", "dashboards diff"])
def test_every_command_of_a_group_shows_an_example(capsys, words):
    assert run([*words.split(), "--help"]) == 0
    body = capsys.readouterr().out.split("\n", 1)[1]
    assert f"rtm {words}" in body
    assert "Example" in body


def test_the_help_needs_no_module_of_any_command():
    loaded = "import sys; from streams.cli import run; run(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    made = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "'streams.cli'" in made.stderr
    for heavy in ("chdb", "clickhouse_connect", "numpy", "pydantic", "streams.cli.replay"):
        assert f"'{heavy}'" not in made.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["replay"], "FILES"),
        (["replay", "missing.jsonl"], "does not exist"),
        (["replay", "."], "is a directory"),
        (["replay", __file__, "--as-of", "yesterday"], "--as-of"),
        (["replay", __file__, "--warehouse", "mysql://x"], "chdb:///"),
        (["nothing"], "No such command"),
        (["replay", "--nothing", __file__], "--nothing"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(capsys, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    err = capsys.readouterr().err
    assert_one_line(err)
    assert said in err


def test_a_bad_setting_is_named_without_its_value(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RTM_TICK_S", "secret-17")
    assert run(["replay", str(write(tmp_path / "a.jsonl", event("a"))), "--warehouse", f"chdb://{tmp_path}/w"]) == 2
    err = capsys.readouterr().err
    assert_one_line(err)
    assert "RTM_TICK_S" in err
    assert "secret-17" not in err


def test_what_a_setting_may_be_is_told_as_it_is_written(capsys, monkeypatch):
    monkeypatch.setenv("RTM_KAFKA_SECURITY_PROTOCOL", "ssl")
    assert run(["topics"]) == 2
    assert (
        capsys.readouterr().err == "rtm: RTM_KAFKA_SECURITY_PROTOCOL: input should be 'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT' or 'SASL_SSL'\n"
    )


def test_a_full_disk_is_told_in_words():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*PROGRAM, "schema"], stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("rtm: no space left on the disk of its output")
    assert_one_line(done.stderr)


def test_a_broken_gzip_file_is_one_line_and_exit_1(tmp_path):
    status, _, err = call("replay", write(tmp_path / "a.jsonl.gz", b"no gzip"), "--warehouse", f"chdb://{tmp_path}/w")
    assert status == 1
    assert_one_line(err)
    assert "a.jsonl.gz" in err


def test_dead_letters_exit_0_and_with_strict_1_and_the_tables_are_complete(tmp_path):
    file = write(tmp_path / "a.jsonl", event("a"), event("b", nrs=14), b"{")
    warehouse = f"chdb://{tmp_path}/w"
    status, out, err = call("replay", file, "--warehouse", warehouse, "--json")
    summary = orjson.loads(out)
    assert (status, err) == (0, "")
    assert summary["dead_letters"] == {"invalid": 1, "unparsable": 1}
    assert [place["line"] for place in summary["dead_letter_places"]["invalid"]] == [2]
    assert summary["applied"] == 1

    status, out, _ = call("replay", file, "--strict", "--warehouse", warehouse)
    assert status == 1
    assert f"{file}:2" in out
    status, out, _ = call("sql", "SELECT event_id FROM events", "--json", "--warehouse", warehouse)
    assert (status, out) == (0, '{"event_id":"a"}\n')


def test_the_tables_live_under_the_current_folder_where_no_warehouse_is_named(tmp_path):
    file = write(tmp_path / "a.jsonl", event("a"))
    status, out, _ = call("replay", file, folder=tmp_path)
    assert status == 0
    assert "facts applied  1" in out
    assert (tmp_path / ".rtm" / "warehouse").is_dir()


def test_ctrl_c_is_one_line_and_exit_130_and_leaves_no_temporary_file(tmp_path):
    pipe, scratch = tmp_path / "events.jsonl", tmp_path / "scratch"
    os.mkfifo(pipe)
    scratch.mkdir()
    process = start("replay", pipe, "--warehouse", f"chdb://{tmp_path}/w", TMPDIR=str(scratch))
    with suppress(BrokenPipeError), pipe.open("wb", buffering=0) as feed:  # opens once it is read: the replay is in the middle of its work
        assert any(scratch.iterdir())
        process.send_signal(signal.SIGINT)
        while process.poll() is None:  # a read that the signal just missed ends when its block is full
            feed.write((event("a") + b"\n") * 200)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert_one_line(err.lstrip())  # click ends the terminal's line with ^C first
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("arguments", [["worker", "--no-such-option"], ["sink"], ["dispatch"]])
def test_a_live_component_that_cannot_start_says_so_as_its_other_lines(arguments, tmp_path):
    status, out, err = call(*arguments, folder=tmp_path, RTM_LOG="json", RTM_KAFKA="127.0.0.1:1")
    assert status in {1, 2}
    assert not out
    line = orjson.loads(err)
    assert (line["component"], line["level"]) == (arguments[0], "error")
    assert line["message"]


def test_a_command_for_people_says_its_failures_as_text_whatever_the_components_do():
    status, _, err = call("replay", RTM_LOG="json")
    assert status == 2
    assert_one_line(err)
