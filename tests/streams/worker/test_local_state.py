"""Committed state on the local disk: as in memory, kept over kills, trusted only with a stamp that fits; the disk may be full."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.worker import local_state
from streams.worker.committed import MemoryBlobs
from streams.worker.local_state import DiskBlobs, LocalStateError, StateFolder

KEYS = st.binary(min_size=1, max_size=1)
STEPS = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=2)) | st.sampled_from(["flush", "open anew"]), max_size=30)


def opened(path, end=1000, topic_id="t", **more):
    return DiskBlobs(path, topic_id, end, lambda _: None, **more)


@settings(deadline=None, max_examples=40)
@given(steps=STEPS)
def test_the_disk_holds_what_memory_holds(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("blobs") / "x.sqlite"
    memory, disk = MemoryBlobs(), opened(path)
    for number, step in enumerate(steps, 1):
        if step == "flush":
            disk.flush()
        elif step == "open anew":
            disk.stamp(number)
            disk.close()
            disk = opened(path)
            assert disk.next_offset == number
        else:
            memory.update(dict([step]))
            disk.update(dict([step]))
    for key in range(256):
        assert disk.get(bytes([key])) == memory.get(bytes([key]))
    disk.close()


def written(path, **more):
    disk = opened(path, **more)
    disk.update({b"k": b"v"})
    disk.stamp(7)
    disk.close()


@pytest.mark.parametrize(
    ("how", "trusted"),
    [
        ({}, True),
        ({"end": 7}, True),
        ({"end": 6}, False),
        ({"topic_id": "made anew"}, False),
        ({"now": lambda: 1000.0 + local_state.TRUSTED_S}, True),
        ({"now": lambda: 1001.0 + local_state.TRUSTED_S}, False),
        ({"now": lambda: 999.0}, False),
    ],
)
def test_a_file_is_trusted_only_with_a_stamp_that_fits(tmp_path, how, trusted):
    written(tmp_path / "x.sqlite", now=lambda: 1000.0)
    disk = opened(tmp_path / "x.sqlite", **{"now": lambda: 1000.0} | how)
    assert (disk.next_offset, disk.get(b"k")) == ((7, b"v") if trusted else (0, None))


def killed(path, *steps):
    """Run the steps on the file in a process that is killed then."""
    code = (
        "import os, sys; from pathlib import Path; from streams.worker.local_state import DiskBlobs\n"
        f"disk = DiskBlobs(Path(sys.argv[1]), 't', 9, print); {'; '.join((*steps, 'os.kill(os.getpid(), 9)'))}"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)


WRITE = ("disk.update({b'k': b'v'})", "disk.stamp(7)", "disk.flush()")


def test_what_was_flushed_before_a_kill_is_there_and_nothing_else(tmp_path):
    killed(tmp_path / "x.sqlite", *WRITE, "disk.update({b'k': b'w'})", "disk.stamp(9)")
    disk = opened(tmp_path / "x.sqlite")
    assert (disk.next_offset, disk.get(b"k")) == (7, b"v")


@pytest.mark.parametrize(
    ("how", "trusted"), [([(*WRITE, "disk.close()")], True), ([WRITE], False), ([(*WRITE, "disk.close()"), ()], False)]
)
def test_when_the_machine_starts_anew_a_file_is_trusted_that_was_closed_and_not_opened_since(tmp_path, monkeypatch, how, trusted):
    for steps in how:
        killed(tmp_path / "x.sqlite", *steps)
    monkeypatch.setattr(local_state, "BOOT", "another")
    disk = opened(tmp_path / "x.sqlite")
    assert (disk.next_offset, disk.get(b"k")) == ((7, b"v") if trusted else (0, None))


def test_a_file_that_is_no_database_is_begun_anew(tmp_path):
    (tmp_path / "x.sqlite").write_bytes(b"no database" * 1000)
    written(tmp_path / "x.sqlite")
    assert opened(tmp_path / "x.sqlite").get(b"k") == b"v"


def test_a_file_that_breaks_while_it_is_used_is_removed_and_told(tmp_path):
    path = tmp_path / "x.sqlite"
    disk = opened(path)
    for number in range(3000):
        disk.update({b"%06d" % number: os.urandom(1000)})
    disk.stamp(7)
    disk.close()
    disk = opened(path)
    with path.open("r+b") as file:
        file.seek(8192 * 3)
        file.write(b"\xff" * 8192 * 300)
    with pytest.raises(LocalStateError, match="a new start recovers from Kafka"):
        [disk.get(b"%06d" % number) for number in range(3000)]
    assert opened(path).next_offset == 0


def test_a_disk_that_takes_nothing_is_told_once_and_loses_nothing(tmp_path):
    told = []
    disk = DiskBlobs(tmp_path / "x.sqlite", "t", 1000, told.append)
    disk.update({b"small": b"1"})
    disk.stamp(1)
    disk.flush()
    disk._file.execute(f"PRAGMA max_page_count={disk._file.execute('PRAGMA page_count').fetchone()[0] + 2}")
    for round_ in range(3):
        disk.update({b"large%d" % round_: bytes(100_000)})
        disk.stamp(2 + round_)
        disk.flush()
    assert [line.split(" (")[0] for line in told] == [f"worker: {tmp_path} takes no state"]
    assert [disk.get(key) for key in (b"small", b"large0", b"large2")] == [b"1", bytes(100_000), bytes(100_000)]
    disk._file.execute("PRAGMA max_page_count=1000000")
    disk.flush()
    assert told[1:] == [f"worker: {tmp_path} takes state again"]
    disk.close()
    assert opened(tmp_path / "x.sqlite").next_offset == 4


def test_a_folder_belongs_to_one_process_and_the_next_takes_another(tmp_path):
    first = StateFolder(tmp_path, pytest.fail)
    second = StateFolder(tmp_path, pytest.fail)
    assert (first.path, second.path) == (tmp_path / "0", tmp_path / "1")
    first.close()
    assert StateFolder(tmp_path, pytest.fail).path == tmp_path / "0"


def test_without_a_folder_state_stays_in_memory_and_that_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    told = []
    folder = StateFolder(tmp_path / "file", told.append)
    assert isinstance(folder.blobs("t", 0, "id", 0), MemoryBlobs)
    assert len(told) == 1
    assert "RTM_STATE_FOLDER" in told[0]


def test_a_small_file_is_read_in_one_go(tmp_path):
    written(tmp_path / "x.sqlite")
    disk = opened(tmp_path / "x.sqlite")
    assert (disk.all_within(1 << 20), disk.all_within(1000)) == ({b"k": b"v"}, None)
