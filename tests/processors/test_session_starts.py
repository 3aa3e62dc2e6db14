"""Repetitions of one session that tell different starts of it: the session has one date, the newest repetition's."""

from __future__ import annotations

from processors.patient import PatientProcessor
from processors.policy import Policy
from processors.processor import Output, Record, Tick
from processors.store import MemoryStore
from schemas.codecs import make_fact
from schemas.facts import Fact
from schemas.instants import format_instant
from tests.processors.alert_stories import START, at


def rep(number: int, begun: int, when: int) -> Fact:
    data = {"session_id": "s", "derivation": 1, "session_start": format_instant(begun), "rep": number, "joint": "knee", "side": "left",
            "motion": "flexion", "start_time": format_instant(when), "duration_s": 1, "max_deg": 80 + number, "flags": []}  # fmt: skip
    return make_fact("rtm.motion.rep.v1", "p", "/rtm/motion", f"s-{number}", when, data, recorded=at(3))


def test_all_repetitions_count_on_the_date_that_the_newest_tells() -> None:
    processor, out = PatientProcessor(Policy(), MemoryStore()), Output()
    reps = [rep(1, at(1, 10), at(1, 10.1)), rep(2, at(2, 10), at(1, 10.2))]
    for position, item in enumerate([Tick(at(1, 1)), *START, Tick(at(3)), *reps]):
        processor.fold(Record(position, item), out)
    processor.flush(out)
    measured = [x.values for x in out.rows if x.table == "rom_daily" and not x.values["deleted"]]
    assert [(x["local_date"], x["reps"], x["max_deg"]) for x in measured] == [("2026-01-02", 2, 82.0)]
