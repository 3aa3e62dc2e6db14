"""A slice of a run, whole or in pieces."""

from collections import Counter

import pytest

from processors.policy import Policy
from processors.processor import Tick
from processors.store import MemoryStore
from schemas.envelope import make_fact
from schemas.instants import DAY_SECONDS, SECOND
from streams.replay import folding
from streams.replay.folding import Folding

BEGIN = 20_000 * DAY_SECONDS * SECOND


def facts(patients, days):
    for patient in range(patients):
        enrolled = {
            "episode_id": "e", "timezone": "Europe/Zurich", "monitoring_start": "2024-10-04", "therapeutic_area": "musculoskeletal",
            "clinic_id": "north", "therapist_id": "t",
        }  # fmt: skip
        yield make_fact("rtm.patient.enrolled.v1", f"p{patient}", "/test", "enrolled", BEGIN, enrolled)
    for day in range(days):
        for patient in range(patients):
            at = BEGIN + (day * DAY_SECONDS + 3600 * 9) * SECOND
            yield make_fact("rtm.report.pain.v1", f"p{patient}", "/test", f"pain-{day}", at, {"nrs": (patient + day) % 11})


def folded():
    run = Folding(Policy(tick_s=900), MemoryStore(), MemoryStore())
    for position, fact in enumerate(facts(patients=20, days=5)):
        run.fold(2 * position, Tick(fact.recorded))
        run.fold(2 * position + 1, fact)
    return run


def said(outputs):
    return Counter(repr((row.table, row.patient, row.values)) for out in outputs for row in out.rows)


@pytest.mark.parametrize("rows", [1, 10, 100_000])
def test_a_slice_in_pieces_holds_the_rows_of_the_whole_slice(monkeypatch, rows):
    whole = [folded().take()]
    monkeypatch.setattr(folding, "PIECE_ROWS", rows)
    run = folded()
    pieces = [run.made(), *run.pieces()]
    assert said(pieces) == said(whole)
    assert sum(piece.applied for piece in pieces) == whole[0].applied == 120
    assert (len(pieces) > 5) == (rows < 100_000)


def test_what_was_made_so_far_is_handed_out_once():
    run = folded()
    first, second = run.made(), run.made()
    assert first.applied == 120
    assert not second.applied
    assert not second.rows
