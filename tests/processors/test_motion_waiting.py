"""Chunks that wait for one that is missing are counted as waiting, until it comes or is given up."""

import pytest

from processors.motion import REORDER_CHUNKS, MotionProcessor
from processors.policy import Policy
from processors.processor import Output, Record, Tick
from processors.store import MemoryStore
from schemas.codecs import make_fact
from schemas.events import CHUNK
from schemas.instants import SECOND, parse_instant

BEGIN = parse_instant("2026-03-02T09:00:00Z")


def chunk(seq, last=False):
    at = BEGIN + seq * SECOND
    data = {"device_id": "d", "session_id": "s", "joint": "knee", "side": "left", "seq": seq, "t0_ns": at, "rate_hz": 50.0}
    data |= {"kind": "angle", "samples": [[0.0]] * 50, "last": last}
    return make_fact(CHUNK, "p", "/d", f"c{seq}", at, data)


def waiting_after(*items):
    motion, out = MotionProcessor(Policy(), MemoryStore()), Output()
    found = []
    for position, item in enumerate(items):
        motion.fold(Record(position, item), out)
        found.append(out.waiting)
    assert out.applied == sum(not isinstance(item, Tick) for item in items)
    return found


@pytest.mark.parametrize(
    ("seqs", "waiting"),
    [
        ([0, 1, 2], [0, 0, 0]),
        ([1, 2, 0], [1, 2, 0]),
        ([0, 2, 3, 1, 4], [0, 1, 2, 0, 0]),
        ([*range(1, REORDER_CHUNKS + 2)], [*range(1, REORDER_CHUNKS + 1), 0]),
    ],
)
def test_waiting_counts_what_is_held_back(seqs, waiting):
    assert waiting_after(*map(chunk, seqs)) == waiting


def test_nothing_waits_once_the_session_is_closed_by_silence_or_forgotten():
    silence = Tick(BEGIN + 3600 * SECOND)
    assert waiting_after(chunk(0), chunk(2), silence) == [0, 1, 0]
    forgotten = make_fact("rtm.patient.forgotten.v1", "p", "/staff", "f", BEGIN, {"request_id": "r"})
    assert waiting_after(chunk(0), chunk(2), forgotten, silence) == [0, 1, 0, 0]
