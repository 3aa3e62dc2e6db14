"""A worker of two processes on a real Kafka: the same tables as the embedded fold; they share the partitions, and end together."""

import contextlib
import os
import signal
import socket
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.streams.live_log import Workers, embedded_tables, last_tick, live_tables, send, send_tick, small_log, wait_for_tick


@pytest.fixture
def workers(fresh_topics, tmp_path):
    made = Workers(fresh_topics, tmp_path)
    yield made
    made.stop()


def children(process):
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def two_free_ports():
    """The first of two ports, one behind the other, on which nobody listens."""
    while True:
        with socket.socket() as first, socket.socket() as second, contextlib.suppress(OSError):
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            second.bind(("127.0.0.1", port + 1))
            return port


def wait_until_shared(workers):
    """Until both have said that they are ready, the second with half of the partitions."""
    give_up = time.monotonic() + 60
    while workers.log(0).read_text().count("worker ready") < 2:
        assert workers.running[0].poll() is None, workers.log(0).read_text()
        assert time.monotonic() < give_up, workers.log(0).read_text()
        time.sleep(0.05)


def test_two_processes_make_the_rows_of_one_and_end_with_their_parent(workers):
    facts = small_log()
    parent = workers.start("--processes", "2")
    wait_until_shared(workers)
    both = children(parent)
    assert len(both) == 2
    send(workers.bootstrap, facts)
    send_tick(workers.bootstrap, last_tick())
    wait_for_tick(workers.bootstrap, last_tick())
    assert live_tables(workers.bootstrap) == embedded_tables(facts, last_tick())
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(60) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in both)


def test_when_one_process_is_killed_all_end_and_ask_to_be_started_anew(workers):
    parent = workers.start("--processes", "2")
    wait_until_shared(workers)
    killed, other = children(parent)
    os.kill(killed, signal.SIGKILL)
    assert parent.wait(60) == 75
    assert not Path(f"/proc/{other}").exists()
    assert "one of 2 worker processes ended with signal SIGKILL, so all do" in workers.log(0).read_text()


def test_a_worker_that_cannot_start_gives_its_status_and_says_why_itself(workers):
    workers.bootstrap = "127.0.0.1:1"
    parent = workers.start("--processes", "2")
    assert parent.wait(60) == 1
    assert "127.0.0.1:1" in workers.log(0).read_text()


def test_each_process_has_its_share_of_the_memory_and_its_metrics_on_a_port_of_its_own(workers):
    first = two_free_ports()
    workers.environment = {"RTM_METRICS_PORT": str(first), "RTM_MEMORY_MB": "100", "RTM_FOLD_THREADS": "3"}
    parent = workers.start("--processes", "2")
    wait_until_shared(workers)
    for number, pid in enumerate(children(parent)):
        given = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        assert {b"RTM_MEMORY_MB=50", b"RTM_FOLD_THREADS=3"} <= set(given)
        with urlopen(f"http://127.0.0.1:{first + number}/readyz", timeout=10) as answer:
            assert answer.read() == b"ready\n"
