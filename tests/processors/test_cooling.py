"""What leaves memory between flushes and checkpoints changes nothing: the same records give the very same rows and dead letters."""

from itertools import cycle

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processors.patient import PatientProcessor
from processors.policy import Policy
from processors.processor import Output, Record, Tick
from processors.store import MemoryStore
from schemas.instants import DAY_SECONDS, SECOND
from tests.histories import History, histories

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
