"""What leaves memory between flushes and checkpoints changes nothing: the same records give the very same rows and dead letters."""

import gc
from itertools import cycle

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processors.ledger import Ledger
from processors.patient import PatientProcessor
from processors.policy import Policy
from processors.processor import Output, Record, Tick
from processors.store import MemoryStore
from schemas.codecs import make_fact
from schemas.instants import DAY_SECONDS, SECOND
from tests.histories import History, histories
from tests.streams.live_log import BEGIN, small_log

STEPS = ["go on", "flush", "flush and save", "tick"]
HOUR = 3600 * SECOND


def fold(history: History, steps: list[str], warm_bytes: int) -> Output:
    processor, out, step = PatientProcessor(Policy(warm_bytes=warm_bytes), MemoryStore()), Output(), cycle(steps)
    now = history.now - 40 * DAY_SECONDS * SECOND
    items = [Tick(now), *history.facts, Tick(history.now)]
    for position, item in enumerate(items):
        processor.fold(Record(2 * position, item), out)
        todo = next(step)
        if todo == "tick":
            now = min(now + 31 * HOUR, history.now)
            processor.fold(Record(2 * position + 1, Tick(now)), out)
        if "flush" in todo:
            processor.flush(out)
        if "save" in todo:
            processor.save()
    processor.flush(out)
    return out


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories(), st.lists(st.sampled_from(STEPS), min_size=1, max_size=6))
def test_dropping_what_is_cold_changes_no_row_and_no_dead_letter(history: History, steps: list[str]) -> None:
    kept, dropped = fold(history, steps, warm_bytes=1 << 30), fold(history, steps, warm_bytes=0)
    assert dropped.rows == kept.rows
    assert dropped.dead == kept.dead
    assert [(x.alert_id, x.transition, x.at) for x in dropped.transitions] == [(x.alert_id, x.transition, x.at) for x in kept.transitions]


def test_a_ledger_that_is_dropped_is_gone_without_a_search_for_cycles() -> None:
    facts = [fact for fact in small_log(patients=1, days=3) if not fact.type.startswith("rtm.sensor")]
    facts += [make_fact("rtm.report.pain.v1", "p000", "/test", f"{hour}", BEGIN + hour * HOUR, {"nrs": 3}) for hour in range(1, 72)]
    records = [(fact.recorded, 1, fact) for fact in facts] + [(BEGIN + hour * HOUR, 0, Tick(BEGIN + hour * HOUR)) for hour in range(72)]
    records.sort(key=lambda record: record[:2])
    gc.collect()
    gc.disable()
    try:
        processor = PatientProcessor(Policy(warm_bytes=0), MemoryStore())
        for position, (_, _, item) in enumerate(records):
            out = Output()
            processor.fold(Record(position, item), out)
            processor.flush(out)
            processor.save()
        assert [each.subject for each in gc.get_objects() if isinstance(each, Ledger)] == []
    finally:
        gc.enable()
