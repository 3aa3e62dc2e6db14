"""Files into the order of a replay: by recorded time, event time, the files' order."""

import gzip
import os
import random
import threading
from pathlib import Path

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from schemas.instants import SECOND, format_instant
from streams.replay.reading import ReadError, Reading


def line(recorded: int, time: int | None = None) -> bytes:
    """A line with a legible envelope; seconds since the epoch."""
    event = {
        "id": "a",
        "time": format_instant((recorded if time is None else time) * SECOND),
        "recordedtime": format_instant(recorded * SECOND),
    }
    return orjson.dumps(event)


def write(path: Path, lines: list[bytes]) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def places(files: list[Path], temporary: Path, **bounds: int) -> list[tuple[int, int]]:
    """(file number, line) of every line in the order of reading."""
    with Reading(files, temporary, **bounds) as reading:
        reading.survey()
        found = [(entry[2], entry[3]) for entry in reading.entries()]
        assert reading.lines == len(found)
    return found


def test_one_file_is_read_by_recorded_time_then_event_time_then_line(tmp_path):
    file = write(tmp_path / "a.jsonl", [line(3), line(1, 9), line(1, 2), line(3), line(1, 2)])
    assert places([file], tmp_path) == [(0, 3), (0, 5), (0, 2), (0, 1), (0, 4)]


def test_several_files_are_merged_and_equal_times_go_by_the_files_order(tmp_path):
    files = [write(tmp_path / "b.jsonl", [line(1), line(4)]), write(tmp_path / "a.jsonl", [line(4), line(1), line(2)])]
    assert places(files, tmp_path) == [(0, 1), (1, 2), (1, 3), (0, 2), (1, 1)]


def test_a_line_without_a_legible_envelope_keeps_to_the_line_before_it(tmp_path):
    file = write(tmp_path / "a.jsonl", [b"not json", line(5), b"{", line(2), b"[]"])
    assert places([file], tmp_path) == [(0, 1), (0, 4), (0, 5), (0, 2), (0, 3)]


@pytest.mark.parametrize("bounds", [{}, {"run_bytes": 1000}, {"run_bytes": 400, "fan_in": 2}, {"fan_in": 0}])
def test_the_order_does_not_depend_on_the_size_of_runs_nor_on_how_many_are_open(tmp_path, bounds):
    dice = random.Random(7)
    files = [write(tmp_path / f"{name}.jsonl", [line(dice.randrange(40), dice.randrange(40)) for _ in range(60)]) for name in "ab"]
    expected = sorted(
        (*[orjson.loads(raw)[name] for name in ("recordedtime", "time")], number, place)
        for number, file in enumerate(files)
        for place, raw in enumerate(file.read_bytes().splitlines(), 1)
    )
    assert places(files, tmp_path, **bounds) == [key[2:] for key in expected]


@given(st.lists(st.integers(0, 5), max_size=30), st.sampled_from([300, 1000, 10**6]))
def test_sorting_is_stable_whatever_the_runs(tmp_path_factory, recorded, run_bytes):
    folder = tmp_path_factory.mktemp("runs")
    file = write(folder / "a.jsonl", [line(second, 0) for second in recorded])
    found = [place - 1 for _, place in places([file], folder, run_bytes=run_bytes, fan_in=2)]
    assert found == sorted(range(len(recorded)), key=lambda index: recorded[index])


def test_compressed_files_are_read_as_plain_ones(tmp_path):
    content = b"".join(line(second) + b"\n" for second in (2, 1))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(content))
    (tmp_path / "a.jsonl.zst").write_bytes(zstandard.compress(content))
    assert places([tmp_path / "a.jsonl.gz", tmp_path / "a.jsonl.zst"], tmp_path) == [(0, 2), (1, 2), (0, 1), (1, 1)]


def test_what_is_appended_while_a_file_is_replayed_is_left_for_the_next_time(tmp_path):
    file = write(tmp_path / "a.jsonl", [line(1), line(2)])
    with Reading([file], tmp_path) as reading:
        reading.survey()
        with file.open("ab") as out:
            out.write(line(0) + b"\n")
        assert [entry[3] for entry in reading.entries()] == [1, 2]


def test_a_pipe_is_read_once_and_sorted(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=write, args=(pipe, [line(2), line(1)]))
    writer.start()
    found = places([pipe], tmp_path)
    writer.join()
    assert found == [(0, 2), (0, 1)]


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_a_file_that_breaks_off_is_told_with_its_name_and_line(tmp_path, suffix):
    content = b"".join(line(second) + b"\n" for second in range(2000))
    packed = gzip.compress(content) if suffix == "gz" else zstandard.compress(content)
    file = tmp_path / f"a.jsonl.{suffix}"
    file.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(ReadError, match=rf"a\.jsonl\.{suffix}.* line"):
        places([file], tmp_path)


def test_a_file_that_is_no_gzip_is_told_with_its_name(tmp_path):
    file = write(tmp_path / "a.jsonl.gz", [line(1)])
    with pytest.raises(ReadError, match=r"a\.jsonl\.gz"):
        places([file], tmp_path)


def test_no_sorted_run_is_left_behind(tmp_path):
    file = write(tmp_path / "a.jsonl", [line(second) for second in range(50, 0, -1)])
    runs = tmp_path / "runs"
    runs.mkdir()
    places([file], runs, run_bytes=500, fan_in=3)
    assert [path for path in runs.rglob("*") if path.is_file()] == []
