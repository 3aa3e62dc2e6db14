"""The demo's generator: what is promised of its file of events."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from schemas.codecs import decode_line, read_lines
from schemas.content import chunk_key, content_digest, fact_key
from schemas.events import CHUNK
from schemas.instants import SECOND, parse_instant
from streams.demo import recordings as spar
from streams.demo.cohort import write_cohort
from streams.demo.diary import AS_OF, RECORDED, SIMULATED, SOURCES
from streams.demo.recordings import NoRecordingsError, Recording, read_recordings
from streams.demo.shoulder import session_id

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.facts import Fact


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    return read_recordings()


@pytest.fixture(scope="module")
def events_file(recordings: list[Recording], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "events.jsonl.zst"
    write_cohort(path, recordings)
    return path


@pytest.fixture(scope="module")
def facts(events_file: Path) -> list[Fact]:
    return [decode_line(line) for _, line in read_lines(events_file)]


def chunks_by_session(facts: list[Fact], source: str) -> dict[str, list[Fact]]:
    """The chunks of each session of a source in their order, each seq once."""
    sessions: dict[str, dict[int, Fact]] = {}
    for fact in facts:
        if fact.type == CHUNK and fact.source == source:
            sessions.setdefault(fact.data.session_id, {}).setdefault(fact.data.seq, fact)
    return {session: [chunks[seq] for seq in sorted(chunks)] for session, chunks in sessions.items()}


def test_the_same_file_comes_out_byte_for_byte(events_file: Path, recordings: list[Recording], tmp_path: Path):
    write_cohort(tmp_path / "again.jsonl.zst", recordings)
    assert (tmp_path / "again.jsonl.zst").read_bytes() == events_file.read_bytes()


def test_what_was_written_is_what_was_made_in_recorded_order(facts: list[Fact], recordings: list[Recording], tmp_path: Path):
    assert write_cohort(tmp_path / "events.jsonl", recordings) == facts
    order = [(fact.recorded, fact.time) for fact in facts]
    assert order == sorted(order)
    assert parse_instant("2026-03-01T00:00:00Z") < order[0][0]
    assert order[-1][0] <= AS_OF


def test_every_recorded_set_is_there_once_sample_for_sample(facts: list[Fact], recordings: list[Recording]):
    sessions = chunks_by_session(facts, RECORDED)
    assert len(sessions) == len(recordings) == spar.SETS
    for recording in recordings:
        chunks = sessions[session_id(recording)]
        assert [chunk.data.seq for chunk in chunks] == list(range(len(chunks)))
        assert [chunk.data.last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        assert {(chunk.subject, chunk.data.side, chunk.payload["recording"]) for chunk in chunks} == {
            (f"spar-{recording.volunteer:02d}", recording.side, recording.number)
        }
        assert np.concatenate([chunk.data.array for chunk in chunks]).tobytes() == recording.samples.tobytes()


def test_the_recordings_are_the_gyroscope_of_the_data_file(recordings: list[Recording]):
    raw = np.load(spar.recordings_file(), allow_pickle=True).item()
    assert raw["X_labels"][3:] == ["wx", "wy", "wz"]
    for recording, rows in zip(recordings, raw["X"], strict=True):
        np.testing.assert_array_equal(recording.samples, rows[:, 3:].astype(np.float32))
    assert Counter((recording.exercise, recording.side) for recording in recordings) == {
        (exercise, side): 10 for exercise in spar.EXERCISES for side in ("left", "right")
    }


def test_the_gyroscope_is_in_radians_a_second(recordings: list[Recording]):
    """Half a repetition of an elevation turns the wrist through more than a right angle, and never through a whole turn."""
    for recording in recordings:
        if recording.exercise in {"ABD", "FEL"}:
            turned = np.linalg.norm(recording.samples, axis=1).sum() / spar.RATE_HZ / (2 * spar.REPS_A_SET)
            assert np.pi / 2 < turned < 2 * np.pi


def test_chunks_of_a_session_follow_each_other_without_a_gap(facts: list[Fact]):
    for source in (RECORDED, SIMULATED):
        for chunks in chunks_by_session(facts, source).values():
            for before, after in itertools.pairwise(chunks):
                assert before.data.t0_ns + len(before.data.array) * SECOND // 50 == after.data.t0_ns
            assert all(chunk.recorded > chunk.time == chunk.data.t0_ns for chunk in chunks)


def test_every_fact_says_where_it_comes_from(facts: list[Fact]):
    assert {fact.source for fact in facts} == set(SOURCES)
    simulated = [fact for fact in facts if fact.type == CHUNK and fact.source == SIMULATED]
    assert {fact.subject for fact in simulated} == {"knee-01"}
    assert all(fact.data.device_id.startswith("simulated-") for fact in simulated)
    enrolled = {fact.subject: fact.data.condition for fact in facts if fact.type == "rtm.patient.enrolled.v1"}
    assert len(enrolled) == 11
    assert "simulated" in enrolled.pop("knee-01")
    assert all("recorded" in condition and "made-up" in condition for condition in enrolled.values())


def test_only_the_uploads_done_twice_share_a_key_and_they_say_the_same(facts: list[Fact]):
    contents: dict[tuple[str, bytes], list[bytes]] = {}
    for fact in facts:
        key = chunk_key(fact.data.session_id, fact.data.seq) if fact.type == CHUNK else fact_key(fact)
        contents.setdefault((fact.subject, key), []).append(content_digest(fact))
    twice = {key: digests for key, digests in contents.items() if len(digests) > 1}
    assert twice
    assert {subject for subject, _ in twice} == {"spar-02"}
    assert all(len(set(digests)) == 1 for digests in twice.values())


def test_one_session_has_a_chunk_out_of_order_and_one_came_two_days_late(facts: list[Fact]):
    arrival = [fact.data.seq for fact in facts if fact.type == CHUNK and fact.data.session_id == "spar-07-abduction-left"]
    assert sorted(arrival) == list(range(len(arrival)))
    assert arrival[:4] == [0, 2, 1, 3]
    late = {fact.subject for fact in facts if fact.type == CHUNK and fact.recorded - fact.time > 48 * 3600 * SECOND}
    assert late == {"spar-10"}


def test_a_retraction_names_a_fact_that_is_there(facts: list[Fact]):
    known = {(fact.subject, fact.source, fact.id) for fact in facts}
    retracted = [(fact.subject, fact.data.fact_source, fact.data.fact_id) for fact in facts if fact.type == "rtm.fact.retracted.v1"]
    assert len(retracted) == 1
    assert set(retracted) <= known


def test_missing_recordings_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(spar, "find_spec", lambda _: None)
    with pytest.raises(NoRecordingsError, match=r"pip install 'rtm\[demo\]'"):
        read_recordings()
