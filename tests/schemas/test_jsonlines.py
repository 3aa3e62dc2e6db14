import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codecs import TruncatedFile, decode_line, open_writer, read_lines
from schemas.facts import Unusable

SUFFIXES = ["", ".gz", ".zst"]
LINES = [f'{{"i":{i},"x":"{random.Random(i).getrandbits(8 * (i % 50) + 1):x}"}}'.encode() for i in range(3000)]


def written(path, lines):
    with open_writer(path) as writer:
        for line in lines:
            writer.write(line)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=25)
@given(lines=st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line and not line.endswith(b"\r") and line.strip())))
def test_what_was_written_is_read(tmp_path_factory, suffix, lines):
    if lines and lines[0].startswith(b"\xef\xbb\xbf"):
        return
    path = written(tmp_path_factory.mktemp("lines") / f"a.jsonl{suffix}", lines)
    assert list(read_lines(path)) == list(enumerate(lines, 1))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_lines_give_the_same_bytes_under_any_name(tmp_path, suffix):
    one, other = (written(tmp_path / f"{name}.jsonl{suffix}", LINES).read_bytes() for name in "ab")
    assert one == other


def test_blank_lines_are_counted_and_skipped_and_line_ends_do_not_matter(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf{}\r\n\r\n   \n\n[1]\n2")
    assert list(read_lines(path)) == [(1, b"{}"), (5, b"[1]"), (6, b"2")]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_file_has_no_lines(tmp_path, suffix):
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(b"")
    assert list(read_lines(path)) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_giant_line_is_cut_and_the_next_ones_are_read(tmp_path, suffix):
    giant = b'{"a":"' + b"x" * 5_000_000 + b'"}'
    path = written(tmp_path / f"a.jsonl{suffix}", [b"{}", giant, b"[]"])
    (_, first), (_, cut), last = read_lines(path, max_record=1000)
    assert (first, last) == (b"{}", (3, b"[]"))
    assert 1000 < len(cut) < 3000
    with pytest.raises(Unusable, match="larger than 1000 bytes"):
        decode_line(cut, max_record=1000)


@pytest.mark.parametrize("suffix", SUFFIXES[1:])
def test_files_joined_end_to_end_are_one_file(tmp_path, suffix):
    whole = written(tmp_path / f"a.jsonl{suffix}", LINES).read_bytes()
    path = tmp_path / f"b.jsonl{suffix}"
    path.write_bytes(whole * 3)
    assert [line for _, line in read_lines(path)] == LINES * 3


def read_into(read, path):
    for numbered in read_lines(path):
        read.append(numbered)


@pytest.mark.parametrize("suffix", SUFFIXES[1:])
@pytest.mark.parametrize("part", [0.01, 0.5, 0.9, 1.0])
def test_of_a_truncated_file_the_whole_lines_are_read_and_the_place_is_named(tmp_path, suffix, part):
    path = written(tmp_path / f"a.jsonl{suffix}", LINES)
    content = path.read_bytes()
    path.write_bytes(content[: min(int(len(content) * part), len(content) - 1)])
    read = []
    with pytest.raises(TruncatedFile, match=r"a\.jsonl\.\w+: ends too early in line \d+") as caught:
        read_into(read, path)
    assert read == list(enumerate(LINES[: len(read)], 1))
    assert f"line {len(read) + 1};" in str(caught.value)
    assert len(read) >= (part - 0.5) * len(LINES)


@pytest.mark.parametrize("suffix", SUFFIXES[1:])
def test_of_a_damaged_file_the_lines_before_the_damage_are_read(tmp_path, suffix):
    good = written(tmp_path / f"a.jsonl{suffix}", LINES).read_bytes()
    path = tmp_path / f"b.jsonl{suffix}"
    path.write_bytes(good + b"garbage, and no frame at all")
    read = []
    with pytest.raises(TruncatedFile, match="is damaged in line 3001"):
        read_into(read, path)
    assert read == list(enumerate(LINES, 1))


def test_what_is_not_compressed_at_all_is_damaged(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(b"{}\n")
    with pytest.raises(TruncatedFile, match="is not compressed as its name says, or damaged in line 1"):
        list(read_lines(path))


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(read_lines(tmp_path / "none.jsonl"))
