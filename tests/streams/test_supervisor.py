"""Components kept alive by the supervisor: real processes and threads."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from streams.supervisor import Child, Opened, StartError, Supervisor, Threaded, leashed

STEADY = "import time; print('{0} ready: steady', flush=True); time.sleep(60)"
BRIEF = "import time; print('{0} ready: brief', flush=True); time.sleep(0.05); raise SystemExit(75)"
BROKEN = "print('no broker here', flush=True); raise SystemExit(1)"


def child(name: str, program: str, folder) -> Child:
    return Child(name, [sys.executable, "-c", program.format(name)], os.environ, folder / f"{name}.log")


class Said(list):
    """Lines, and a wait for one of them."""

    def until(self, text: str, count: int = 1, seconds: float = 15) -> None:
        give_up = time.monotonic() + seconds
        while sum(text in line for line in self) < count:
            assert time.monotonic() < give_up, self
            time.sleep(0.01)


def in_thread(supervisor: Supervisor) -> tuple[threading.Thread, list[str]]:
    ended: list[str] = []

    def run() -> None:
        try:
            supervisor.run()
            ended.append("stopped")
        except StartError as error:
            ended.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, ended


def test_components_start_in_order_and_stop_in_the_opposite_one(tmp_path):
    order: list[str] = []

    def part(name: str) -> Threaded:
        stopped = threading.Event()

        def make():
            order.append(f"{name} starts")

            def end():
                order.append(f"{name} ends")
                stopped.set()

            return Opened(lambda ready: (ready(f"{name} ready"), stopped.wait()), end)

        return Threaded(name, make)

    said = Said()
    supervisor = Supervisor([part("first"), part("second")], said.append)
    thread, ended = in_thread(supervisor)
    said.until("second ready")
    supervisor.stop()
    thread.join(10)
    assert ended == ["stopped"]
    assert order == ["first starts", "second starts", "second ends", "first ends"]


def test_a_child_that_is_killed_is_named_and_started_again(tmp_path):
    said = Said()
    worker = child("worker", STEADY, tmp_path)
    supervisor = Supervisor([worker], said.append, first_backoff_s=0.05)
    thread, ended = in_thread(supervisor)
    said.until("worker ready")
    first = worker.pid
    os.kill(first, signal.SIGKILL)
    said.until("worker ended with signal SIGKILL")
    said.until("worker ready", count=2)
    assert worker.pid not in {None, first}
    second = worker.pid
    supervisor.stop()
    thread.join(10)
    assert ended == ["stopped"]
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)


def test_what_dies_too_often_stops_the_whole(tmp_path):
    said = Said()
    steady = child("steady", STEADY, tmp_path)
    supervisor = Supervisor([steady, child("worker", BRIEF, tmp_path)], said.append, restarts_a_minute=2, first_backoff_s=0.05)
    thread, ended = in_thread(supervisor)
    thread.join(20)
    assert steady.pid is None
    assert [line for line in said if "ready" in line].count("worker ready: brief") == 3
    assert "worker ended with status 75" in ended[0]
    assert "3 times within a minute, so all stops" in ended[0]


def test_a_child_that_never_was_ready_stops_the_whole_with_its_last_words(tmp_path):
    said = Said()
    steady = child("steady", STEADY, tmp_path)
    with pytest.raises(StartError, match=r"worker ended with status 1 \(no broker here\)"):
        Supervisor([steady, child("worker", BROKEN, tmp_path)], said.append).run()
    assert steady.pid is None


def test_a_child_that_says_nothing_is_given_up(tmp_path):
    said = Said()
    mute = child("worker", "import time; time.sleep(60)", tmp_path)
    with pytest.raises(StartError, match="worker was not ready after 0 s"):
        Supervisor([mute], said.append, ready_timeout_s=0.3).run()
    assert mute.pid is None


def test_a_thread_that_fails_is_named_and_started_again():
    said = Said()
    stopped = threading.Event()
    failures = iter([RuntimeError("the disk is full")])

    def work(ready) -> None:
        ready("sink ready")
        for failure in failures:
            raise failure
        stopped.wait()

    supervisor = Supervisor([Threaded("sink", lambda: Opened(work, stopped.set))], said.append, first_backoff_s=0.01)
    thread, ended = in_thread(supervisor)
    said.until("sink ended with RuntimeError: the disk is full")
    said.until("sink ready", count=2)
    supervisor.stop()
    thread.join(10)
    assert ended == ["stopped"]


def test_a_component_that_cannot_begin_stops_those_before_it(tmp_path):
    said = Said()
    steady = child("steady", STEADY, tmp_path)

    def refuse():
        raise StartError("port 8123 is in use")

    with pytest.raises(StartError, match="port 8123 is in use"):
        Supervisor([steady, Threaded("http", refuse)], said.append).run()
    assert steady.pid is None


def test_a_leashed_command_ends_with_its_parent(tmp_path):
    """The parent is killed, so nobody stops the child; it ends all the same."""
    program = (
        "import subprocess, sys, time\n"
        "from streams.supervisor import leashed\n"
        "child = subprocess.Popen([*leashed()[:4], 'sql', '-'], stdin=subprocess.PIPE)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    time.sleep(1.5)
    os.kill(pid, 0)
    parent.kill()
    parent.wait()
    give_up = time.monotonic() + 120
    while _alive(pid):
        assert time.monotonic() < give_up
        time.sleep(0.05)
    assert leashed("worker")[-1] == "worker"


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
