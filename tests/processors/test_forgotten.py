"""Erasure: after `patient.forgotten` every row that was issued is issued as deleted, the state is gone, and later facts are refused."""

from __future__ import annotations

from processors.motion import MotionProcessor
from processors.patient import PatientProcessor
from processors.policy import Policy
from processors.processor import Output, Processor, Record, Tick, revision
from processors.store import MemoryStore
from schemas.codecs import make_fact
from schemas.instants import SECOND, format_instant
from schemas.rows import TABLES
from tests.processors.alert_stories import START, at, done, enrolled, heard, retracted
from tests.processors.test_motion import T0, chunk, signal


def fold(processor: Processor, items: list, position: int = 0) -> Output:
    out = Output()
    for i, item in enumerate(items):
        processor.fold(Record(position + i, item), out)
    processor.flush(out)
    processor.save()
    return out


def test_nothing_of_a_forgotten_patient_stays_and_nothing_more_is_taken() -> None:
    store = MemoryStore()
    processor = PatientProcessor(Policy(), store)
    before = fold(processor, [Tick(at(1, 1)), *START, heard(3), heard(4), Tick(at(6))])
    forgotten = make_fact("rtm.patient.forgotten.v1", "p", "/ehr", "request", at(6), {"request_id": "r"})
    erased = fold(processor, [forgotten], 100)
    ahead = make_fact("rtm.report.checkin.v1", "p", "/app", "ahead", at(9), {}, recorded=at(6))
    later = fold(processor, [done(6), ahead], 200)

    assert [(x.transition, x.row["reason"].endswith("; the patient was erased")) for x in erased.transitions] == [("resolved", True)]
    rows = {}
    assert erased.rows[-1].values == {
        "patient_id": "p", "request_id": "r", "revision": revision(1, 100), "issued_at": format_instant(at(6)),
    }  # fmt: skip
    for row in before.rows + erased.rows[:-1]:
        rows[row.table, tuple(row.values[column] for column in TABLES[row.table].key)] = row.values["deleted"]
    assert {table for table, _ in rows} >= {"events", "sessions", "adherence_daily", "adherence_window", "patients", "alerts"}
    assert set(rows.values()) == {1}
    assert [(x.reason, x.position, x.erased) for x in later.dead] == [("forgotten", 200, True), ("future", 201, True)]
    assert not any(b"done-1" in blob or b"Berlin" in blob for blob in store.blobs.values())
    assert [key for key in store.blobs if key.startswith(b"patient/")] == [b"patient/h/p"]


def test_a_patient_whose_only_enrolment_was_taken_back_while_an_alert_stood_can_be_forgotten() -> None:
    processor = PatientProcessor(Policy(), MemoryStore())
    forgotten = make_fact("rtm.patient.forgotten.v1", "p", "/ehr", "request", at(6), {"request_id": "r"})
    items = [Tick(at(1, 1)), *START, heard(3), heard(4), Tick(at(5, 7)), retracted(enrolled(), at(5, 8)), forgotten]
    out = fold(processor, items)
    assert [(x.transition, x.row["reason"].rsplit("; ")[-1]) for x in out.transitions] == [
        ("opened", "2 exercise days missed in a row"), ("resolved", "the episode is over"),
    ]  # fmt: skip


def test_motion_drops_the_samples_it_holds_at_once_and_refuses_what_comes_later() -> None:
    store = MemoryStore()
    processor = MotionProcessor(Policy(), store)
    samples = signal("angle")
    chunks = [
        chunk(0, samples, T0, session="closed", last=True),
        chunk(0, samples, T0, session="open"),
        chunk(2, samples, T0, session="waiting"),
        chunk(0, samples, T0, subject="p2", session="closed", last=True),
    ]
    before = fold(processor, [Tick(T0), *chunks])
    assert before.waiting == 1
    assert sum(len(blob) > 1000 for blob in store.blobs.values()) >= 4
    request = make_fact("rtm.patient.forgotten.v1", "p1", "/ehr", "request", T0, {"request_id": "r"})
    erased = fold(processor, [request], 100)
    assert (erased.waiting, [row.table for row in erased.rows]) == (-1, ["erasures"])
    assert not any(b"p1" in blob or b"open" in blob for blob in store.blobs.values())
    alone = MemoryStore()
    fold(MotionProcessor(Policy(), alone), [Tick(T0), chunks[-1]])
    assert {key for key in store.blobs if not key.startswith(b"f/")} == alone.blobs.keys()
    again = MotionProcessor(Policy(), store)
    later = fold(again, [chunk(1, samples, T0, session="open"), Tick(T0 + 3600 * SECOND)], 200)
    assert [dead.reason for dead in later.dead] == ["forgotten"]
    assert [row.patient for row in later.rows] == []
