"""The motion stage by its laws: cutting, duplicates, order, restarts and skipped ticks don't show; what comes late derives anew."""

from __future__ import annotations

import base64
import itertools
import json
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.motion import REORDER_CHUNKS, MotionProcessor
from processors.motion_session import Ranges
from processors.policy import Policy
from processors.processor import Output, Record, Tick
from processors.shelf import NewerStateError
from processors.store import MemoryStore
from schemas.codecs import decode_line, encode_line, make_fact
from schemas.events import CHUNK
from schemas.instants import SECOND

T0 = 1_780_000_020_000_000_000  # on the grid
HZ = 50
POLICY = Policy()
HOUR = 3600


@cache
def signal(kind):
    """Five repetitions of 60 degrees, 2 s each, after 2 s of rest and before as much."""
    way = (1 - np.cos(np.linspace(0, 2 * np.pi, 100, endpoint=False))) / 2 * 60
    angle = np.concatenate([np.zeros(100), np.tile(way, 5), np.zeros(100)])
    if kind == "angle":
        return angle[:, None].astype("<f4")
    rate = np.zeros((len(angle), 3))
    rate[:, 1] = np.gradient(np.radians(angle), 1 / HZ)
    return rate.astype("<f4")


def chunk(seq, samples, t0, *, subject="p1", session="s1", kind="angle", last=False, recorded=None, hz=HZ, **more):
    end = t0 + len(samples) * SECOND // HZ
    data = {
        "device_id": "d",
        "session_id": session,
        "joint": "knee",
        "motion": "flexion",
        "side": "left",
        "seq": seq,
        "t0_ns": t0,
        "rate_hz": hz,
        "kind": kind,
        "last": last,
        "samples": np.ascontiguousarray(samples, "<f4").tobytes(),
        "n": len(samples),
    }
    fact_id = more.pop("id", f"{session}-{seq}")
    time = more.pop("time", t0)
    data.update(more)
    return make_fact(CHUNK, subject, "/device", fact_id, time, data, recorded=end if recorded is None else recorded, clinic="c1")


def cut(samples, edges, *, last=True, recorded=None, **more):
    """The chunks of a recording cut before each of `edges`."""
    edges = [0, *edges, len(samples)]
    pairs = list(itertools.pairwise(edges))
    return [
        chunk(seq, samples[a:b], T0 + a * SECOND // HZ, last=last and seq == len(pairs) - 1, recorded=recorded, **more)
        for seq, (a, b) in enumerate(pairs)
    ]


def tick(seconds):
    return Tick(T0 + seconds * SECOND)


def fold(items, *, policy=POLICY, store=None, save_every=None):
    """The output of all items; with `save_every`, a new processor over the saved store takes over after so many."""
    store = MemoryStore() if store is None else store
    processor, out = MotionProcessor(policy, store), Output()
    for position, item in enumerate(items):
        processor.fold(Record(position, item), out)
        if save_every and position % save_every == 0:
            processor.flush(out)
            processor.save()
            processor = MotionProcessor(policy, store)
    processor.save()
    return out


def derived(out):
    return [encode_line(fact) for fact in out.facts if not isinstance(fact, Tick)]


def reps(out, derivation=1):
    return [
        fact for fact in out.facts if not isinstance(fact, Tick) and fact.type == "rtm.motion.rep.v1" and fact.data.derivation == derivation
    ]


def sessions(out):
    return [fact for fact in out.facts if not isinstance(fact, Tick) and fact.type == "rtm.motion.session.v1"]


@pytest.mark.parametrize("kind", ["angle", "gyr3"])
def test_a_session_becomes_its_repetitions_and_its_summary(kind):
    out = fold(cut(signal(kind), [200, 400], kind=kind))
    (session,) = sessions(out)
    assert session.id == "p1/s1/1"
    assert (session.time, session.data.start_time) == (T0, T0)
    assert session.data.end_time == T0 + (len(signal(kind)) - 1) * SECOND // HZ
    assert session.recorded == T0 + len(signal(kind)) * SECOND // HZ
    assert (session.data.reps, session.data.flags, session.clinic, session.source) == (5, [], "c1", "/rtm/motion")
    assert [fact.id for fact in reps(out)] == [f"p1/s1/1/{n}" for n in range(1, 6)]
    assert [(fact.time - T0) / 1e9 for fact in reps(out)] == pytest.approx([2, 4, 6, 8, 10], abs=0.3)
    if kind == "angle":
        assert session.data.rom_best_deg == pytest.approx(60, abs=0.5)
        assert session.data.rom_median_deg == pytest.approx(60, abs=0.5)
        assert all(fact.data.rom_deg == pytest.approx(60, abs=0.5) for fact in reps(out))
    else:
        assert session.data.rom_best_deg is None
        assert all(fact.data.rom_deg is fact.data.min_deg is fact.data.max_deg is None for fact in reps(out))
        assert all(fact.data.peak_rate_deg_s == pytest.approx(np.pi * 30, rel=0.05) for fact in reps(out))
    assert [decode_line(line.strip()) for line in derived(out)]  # what is told can be read by anyone
    assert [row.values["seq"] for row in out.rows] == [0, 1, 2]
    assert (out.applied, out.duplicates, out.dead) == (3, 0, [])


def test_repetitions_are_told_as_they_close_and_the_tick_after_all_else():
    chunks = cut(signal("angle"), [350, 400], last=False)
    out = fold(chunks[:2])
    assert len(reps(out)) == 2
    assert sessions(out) == []
    out = fold([*chunks, tick(HOUR)])
    assert isinstance(out.facts[-1], Tick)
    assert len(sessions(out)) == 1


edges = st.lists(st.integers(0, 700), max_size=30).map(sorted)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["angle", "gyr3"]), edges)
def test_no_cutting_shows(kind, edges):
    one, many = fold(cut(signal(kind), [], kind=kind, recorded=T0)), fold(cut(signal(kind), edges, kind=kind, recorded=T0))
    assert derived(many) == derived(one)


def test_one_sample_a_chunk_is_the_whole_session_too():
    recording = signal("angle")
    assert derived(fold(cut(recording, range(1, len(recording)), recorded=T0))) == derived(fold(cut(recording, [], recorded=T0)))


@settings(max_examples=20, deadline=None)
@given(edges, st.randoms(use_true_random=False))
def test_duplicates_in_any_number_change_nothing_but_their_count(edges, random):
    chunks = cut(signal("angle"), edges)
    doubled = list(chunks)
    for again in random.choices(chunks, k=8):
        doubled.insert(random.randint(doubled.index(again) + 1, len(doubled)), again)
    out = fold(doubled)
    assert derived(out) == derived(fold(chunks))
    assert (out.applied, out.duplicates, out.dead) == (len(chunks), 8, [])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 700), min_size=REORDER_CHUNKS, max_size=REORDER_CHUNKS).map(sorted), st.randoms(use_true_random=False))
def test_any_order_within_the_reorder_buffer_gives_the_same_session(edges, random):
    chunks = cut(signal("gyr3"), edges, kind="gyr3", recorded=T0)
    shuffled = list(chunks)
    random.shuffle(shuffled)
    assert derived(fold(shuffled)) == derived(fold(chunks))


def life():
    """Two patients, three sessions: one whole, one cut off and mended after its close, one out of order; ticks between, holds run out."""
    a = cut(signal("angle"), [100, 250, 300, 500], subject="a", session="x")
    b = cut(signal("gyr3"), [150, 151, 400], subject="b", session="y", kind="gyr3", last=False)
    c = cut(signal("angle"), [60 * k for k in range(1, 12)], subject="a", session="z")
    return [
        *(a[0], b[0], a[2], a[1], c[0], *c[2:], b[1]),
        *(tick(60), a[3], b[3], c[1], a[0], a[4], tick(900), b[2], tick(1800), b[2]),
        *(tick(51 * HOUR), chunk(9, signal("gyr3")[:50], T0, subject="b", session="y", kind="gyr3"), a[1], tick(60 * HOUR)),
        *(tick(40 * 24 * HOUR),),
    ]


@pytest.mark.parametrize("save_every", [1, 2, 3, 5])
def test_a_restart_between_any_two_records_shows_nowhere(save_every):
    assert repr(fold(life(), save_every=save_every)) == repr(fold(life()))


def test_the_life_of_two_patients_is_what_the_contract_says():
    out = fold(life())
    told = [(fact.id, fact.data.reps, fact.data.flags) for fact in sessions(out)]
    assert told == [
        ("a/z/2", 5, []),
        ("a/x/1", 5, []),
        ("b/y/1", told[2][1], ["gap"]),
        ("b/y/2", 5, []),
    ]
    assert [(dead.reason, dead.position) for dead in out.dead] == [("session_closed", 27)]
    assert out.duplicates == 3


def test_after_the_hold_the_chunks_are_gone_and_after_the_lateness_all_is():
    store = MemoryStore()
    items = life()
    fold(items[:-1], store=store)
    assert not any(key.startswith(b"c/") for key in store.blobs)
    assert any(key.startswith(b"k/") for key in store.blobs)
    store = MemoryStore()
    fold(items, store=store)
    assert [key for key in store.blobs if not key.startswith(b"t/index")] == []


def test_a_bounded_number_of_sessions_stays_decoded_and_the_output_is_the_same(monkeypatch):
    chunks = [cut(signal("angle"), [300], subject=f"p{n}", recorded=T0) for n in range(12)]
    items = [pair[half] for half in (0, 1) for pair in chunks]
    expected = fold(items)
    monkeypatch.setattr("processors.motion_session.Sessions.__init__.__defaults__", (3,))
    processor, out = MotionProcessor(POLICY, MemoryStore()), Output()
    for position, item in enumerate(items):
        processor.fold(Record(position, item), out)
        assert len(processor._sessions._decoded) <= 3
    assert repr(out) == repr(expected)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 200), max_size=12))
def test_ticks_between_records_may_be_left_out(minutes):
    early = cut(signal("angle"), [200], last=False, subject="b")
    late = cut(signal("gyr3"), [300], last=False, subject="a", kind="gyr3", recorded=T0 + 300 * SECOND)
    last = tick(70 * HOUR)
    sparse = fold([*early, *late, last])
    dense = fold([*early, *late, *(tick(60 * minute) for minute in sorted(minutes)), last])
    assert derived(dense) == derived(sparse)
    assert [fact.subject for fact in sessions(sparse)] == ["b", "a"]


def test_silence_closes_at_the_first_tick_that_is_late_enough_and_no_earlier():
    chunks = cut(signal("angle"), [300], last=False, recorded=T0 + 30 * SECOND)
    assert sessions(fold([*chunks, tick(600)])) == []
    assert len(sessions(fold([*chunks, tick(660)]))) == 1
    assert len(sessions(fold([*chunks, tick(630)]))) == 1  # a replay's last tick may lie off the grid


@pytest.mark.parametrize(("seconds", "reason"), [(660 + 48 * HOUR - 60, None), (660 + 48 * HOUR, "session_closed")])
def test_the_hold_ends_on_the_grid_whichever_tick_closed_the_session(seconds, reason):
    first, second = cut(signal("angle"), [300], last=False, recorded=T0 + 30 * SECOND)
    for closing in ([tick(660)], [tick(40 * HOUR)], []):
        out = fold([first, *closing, tick(seconds), second])
        assert [dead.reason for dead in out.dead] == ([reason] if reason else [])
        assert len(sessions(out)) == (1 if reason else 2)


def test_beyond_the_reorder_buffer_a_session_goes_on_and_the_late_chunk_derives_it_anew():
    chunks = cut(signal("angle"), [50 * k for k in range(1, 14)])
    missing = chunks.pop(6)
    without = fold([*chunks, tick(HOUR)])
    assert sessions(without)[0].data.flags == ["gap"]
    assert any("gap" in fact.data.flags for fact in reps(without))
    assert not all("gap" in fact.data.flags for fact in reps(without))
    whole = fold(cut(signal("angle"), []))
    before_close = fold([*chunks[:15], missing])
    assert [(fact.id, fact.data.reps, fact.data.flags) for fact in sessions(before_close)] == [("p1/s1/1", 5, [])]
    after_close = fold([*chunks, tick(HOUR), missing])
    assert [fact.id for fact in sessions(after_close)] == ["p1/s1/1", "p1/s1/2"]
    for out, derivation in ((before_close, 1), (after_close, 2)):
        assert [fact.data.rom_deg for fact in reps(out, derivation)] == [fact.data.rom_deg for fact in reps(whole)]


def test_a_derivation_of_which_repetitions_were_told_is_followed_by_the_next_while_the_session_is_open():
    chunks = cut(signal("angle"), [50 * k for k in range(1, 14)])
    missing = chunks.pop(1)
    out = fold([*chunks[:10], missing, *chunks[10:]])
    assert len(reps(out, 1)) > 0
    assert [(fact.id, fact.data.reps, fact.data.flags) for fact in sessions(out)] == [("p1/s1/2", 5, [])]
    assert [fact.data.rep for fact in reps(out, 2)] == [1, 2, 3, 4, 5]


def test_forgotten_is_forgotten():
    forgotten = make_fact("rtm.patient.forgotten.v1", "p1", "/care", "f", T0, {"request_id": "r"})
    store = MemoryStore()
    chunks = cut(signal("angle"), [300], last=False)
    out = fold([chunks[0], forgotten, chunks[1], tick(HOUR)], store=store)
    assert [dead.reason for dead in out.dead] == ["forgotten"]
    assert derived(out) == []
    assert not any(key.startswith((b"c/", b"s/")) for key in store.blobs)


def test_state_of_a_newer_version_is_refused():
    store = MemoryStore()
    chunks = cut(signal("angle"), [300])
    fold(chunks[:1], store=store)
    key = next(key for key in store.blobs if key.startswith(b"s/"))
    store.put(key, b"\xff" + store.blobs[key][1:])
    with pytest.raises(NewerStateError):
        fold(chunks[1:], store=store)


@pytest.mark.parametrize("kind", ["angle", "gyr3"])
def test_state_of_version_1_is_read(kind):
    """The state of a session after three of four chunks, as it was written on 2026-11-24."""
    frozen = json.loads(Path(__file__).with_name("state").joinpath("motion_v1.json").read_text())[kind]
    store = MemoryStore()
    for key, blob in frozen.items():
        store.put(base64.b64decode(key), base64.b64decode(blob))
    chunks = cut(signal(kind), [150, 300, 450], kind=kind)
    out = fold([chunks[1], chunks[3]], store=store)
    assert out.duplicates == 1
    told = [fact.data for fact in reps(out) + sessions(out)]
    whole = fold(chunks)
    assert told == [fact.data for fact in reps(whole) + sessions(whole)][-len(told) :]
    assert sessions(out)[0].data.reps == 5


def test_an_open_session_is_small_beside_its_chunks():
    store = MemoryStore()
    fold(cut(signal("angle"), range(10, 700, 10), last=False), store=store)
    assert max(len(blob) for key, blob in store.blobs.items() if key.startswith((b"s/", b"t/"))) < 4096


@given(st.permutations(range(12)), st.integers(0, 12))
def test_ranges_are_a_set_of_numbers(numbers, count):
    ranges = Ranges()
    for number in numbers[:count]:
        ranges.add(number)
    assert list(msgspec.msgpack.decode(msgspec.msgpack.encode(ranges), type=Ranges)) == sorted(numbers[:count])
    assert all((number in ranges) == (number in numbers[:count]) for number in range(12))
    assert all(ranges.covers(last) == set(range(last + 1)).issubset(numbers[:count]) for last in range(12))
    assert all(high + 1 < low for (_, high), (low, _) in zip(ranges.ranges, ranges.ranges[1:], strict=False))
