"""`rtm up` on a real Kafka: everything comes up, is read beside it, is mended, and stops."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import clickhouse_connect
import pytest

from streams.demo.running import Running, RunningError
from streams.kafka.topics import declare
from streams.supervisor import leashed
from streams.up import live_generation
from streams.warehouse.connection import open_warehouse
from tests.conftest import empty


def environment(kafka: str) -> dict[str, str]:
    return {"RTM_KAFKA": kafka, "RTM_PARTITIONS": "4", "RTM_CLOCK": "log", "RTM_TICK_S": "900", "RTM_WORKER_TIMEOUT_S": "3"}


def rtm(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    settings = {name: value for name, value in os.environ.items() if not name.startswith("RTM_")} | more
    return subprocess.run(leashed(*arguments), env=settings, capture_output=True, text=True, timeout=120, check=False)


def one_line(failed: subprocess.CompletedProcess[str]) -> str:
    """The only line of a failure with status 1."""
    assert failed.returncode == 1, failed
    assert failed.stderr.count("\n") == 1
    assert failed.stderr.startswith("rtm: ")
    return failed.stderr


@pytest.fixture(scope="module")
def fresh(kafka: str) -> str:
    empty(kafka)
    return kafka


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up")


@pytest.fixture(scope="module")
def running(fresh: str, folder: Path):
    with Running(folder, environment(fresh)) as up:
        yield up


def until(running: Running, text: str, count: int = 1) -> None:
    give_up = time.monotonic() + 120
    while sum(text in line for line in running.lines) < count:
        assert time.monotonic() < give_up, running.lines
        running.check()
        time.sleep(0.05)


def test_every_component_says_in_a_line_that_it_is_ready(running: Running):
    ready = [line.split(" ready: ")[0] for line in running.lines if " ready: " in line]
    assert ready == ["kafka", "topics", "http", "board", "sink", "worker", "dispatch"]
    assert any("nobody is told of alerts" in line for line in running.lines)


def test_a_second_one_on_the_same_folder_is_refused_in_one_line(running: Running, folder: Path, fresh: str):
    said = one_line(rtm("up", "--folder", str(folder), **environment(fresh)))
    assert f"process {running.pid}" in said


def test_sql_reads_beside_it_and_writes_nothing(running: Running, folder: Path):
    asked = rtm("sql", "--json", "--warehouse", f"chdb://{folder}/warehouse", "SELECT generation FROM current_generation")
    assert (asked.stdout, asked.returncode) == ('{"generation":1}\n', 0), asked.stderr
    host, port = running.http.split(":")
    client = clickhouse_connect.get_client(host=host, port=int(port))
    assert client.query("SELECT count() FROM rtm.alerts").result_rows == [(0,)]
    with pytest.raises(Exception, match=r"(?i)readonly"):
        client.command("DROP TABLE rtm.alerts_rows")


def test_the_board_is_served_on_loopback_only(running: Running):
    with urllib.request.urlopen(f"http://{running.board}/", timeout=120) as answer:
        page = answer.read()
    assert page.startswith(b"<!doctype html>")
    elsewhere = urllib.request.Request(f"http://{running.board}/", headers={"Host": "clinic.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(elsewhere, timeout=120)
    assert refused.value.code == 403


def test_a_killed_worker_is_named_and_started_again(running: Running):
    for child in children(running.pid):
        os.kill(child, signal.SIGKILL)
    until(running, "worker ended with signal SIGKILL")
    until(running, "worker ready", count=2)


def test_one_ctrl_c_stops_all_of_it_and_the_generation_stays(running: Running, folder: Path):
    [worker] = children(running.pid)
    assert running.stop() == 0
    assert running.lines[-1] == "stopped"
    assert not Path(f"/proc/{worker}").exists()
    with open_warehouse(f"chdb://{folder}/warehouse") as warehouse:
        assert live_generation(warehouse, "rtm") == 1
        assert live_generation(warehouse, "other") == 2
        assert live_generation(warehouse, "third", taken=[1, 7]) == 8


def test_a_port_in_use_is_told_and_nothing_runs(fresh: str, tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = one_line(rtm("up", "--folder", str(tmp_path), "--port-http", "0", "--port-board", port, **environment(fresh)))
    assert f"port {port} for the board is in use: choose another with --port-board" in said


def test_an_unreachable_broker_is_told(tmp_path: Path):
    said = one_line(rtm("up", "--folder", str(tmp_path), "--port-http", "0", "--port-board", "0", **environment("127.0.0.1:1")))
    assert "no Kafka answers at 127.0.0.1:1" in said


def test_a_topic_with_other_settings_is_told(fresh: str, tmp_path: Path):
    declare(fresh, 4, "rtm", 1)
    said = one_line(rtm("up", "--folder", str(tmp_path), **environment(fresh) | {"RTM_PARTITIONS": "3"}))
    assert "partitions is 4, must be 3" in said


def test_what_was_killed_leaves_nothing_behind(fresh: str, tmp_path: Path):
    declare(fresh, 4, "rtm", 1)  # the state of another folder's generation
    with Running(tmp_path, environment(fresh)) as up:
        [worker] = children(up.pid)
        os.kill(up.pid, signal.SIGKILL)
        give_up = time.monotonic() + 15
        while Path(f"/proc/{worker}/cmdline").exists() and Path(f"/proc/{worker}/cmdline").read_bytes():
            assert time.monotonic() < give_up
            time.sleep(0.05)
    with Running(tmp_path, environment(fresh)) as again:
        [topics] = [line for line in again.lines if line.startswith("topics ready")]
        assert not topics.endswith("generation 1"), "another folder on the same Kafka has its own"
    with pytest.raises(RunningError):
        again.check()


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has ended meanwhile
            found += map(int, (task / "children").read_text().split())
    return found
