"""A tick's work may be cut anywhere, and facts may come in between: every patient's rows and alerts are as if it had been done at once."""

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.patient import PatientProcessor
from processors.policy import Policy
from processors.processor import Output, Record, Tick
from processors.store import MemoryStore
from tests.streams.live_log import BEGIN, DAY, last_tick, small_log

PATIENTS, DAYS = 6, 9
BOOKKEEPING = {"revision", "updated_at", "issued_at"}
FACTS = [fact for fact in small_log(PATIENTS, DAYS) if not fact.type.startswith("rtm.sensor")]


def log():
    """The facts, and a tick each twelve hours; one that comes late closes several days of every patient."""
    late = range(5, 11)
    ticks = [BEGIN + half * DAY // 2 for half in range(2 * DAYS) if half not in late]
    items = [(fact.recorded, 1, fact) for fact in FACTS] + [(now, 0, Tick(now)) for now in ticks]
    items.sort(key=lambda item: item[:2])
    return [item for _, _, item in items] + [Tick(last_tick(DAYS))]


LOG = log()


def by_patient(out):
    """What each patient's rows and alerts are in the order in which they went out, whatever happened to others in between."""
    found = defaultdict(list)
    for change in out.transitions:
        found["alerts", change.patient].append((change.transition, change.at, change.row))
    for row in out.rows:
        key = tuple(row.values.get(name) for name in ("local_date", "event_id", "exercise_id", "session_id", "window_days", "month"))
        found[row.table, row.patient, key].append({name: value for name, value in row.values.items() if name not in BOOKKEEPING})
    return found


def at_once(save_every):
    processor, out = PatientProcessor(Policy(), MemoryStore()), Output()
    for position, item in enumerate(LOG):
        processor.fold(Record(position, item), out)
        if position % save_every == 0 or isinstance(item, Tick):
            processor.flush(out)
    processor.flush(out)
    return by_patient(out)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(1, 9))
def test_a_ticks_work_in_steps_gives_what_it_gives_at_once(steps, restart_every):
    store = MemoryStore()
    processor, out = PatientProcessor(Policy(), store), Output()
    for position, item in enumerate(LOG):
        processor.fold(Record(position, item), out)
        processor.flush(out, ticks=False)
        for _ in range(steps[position % len(steps)]):
            processor.work(out)
        if position % restart_every == 0:
            processor.save()
            processor = PatientProcessor(Policy(), store)
    while processor.work(out):
        pass
    assert not processor.waiting
    last, expected = by_patient(out), at_once(1)
    assert {key: rows[-1] for key, rows in last.items()} == {key: rows[-1] for key, rows in expected.items()}
    for key in expected:
        if key[0] == "alerts":
            assert last[key] == expected[key]
    assert any(key[0] == "alerts" for key in expected)


def test_a_fact_does_not_wait_for_the_patients_who_are_due():
    processor, out = PatientProcessor(Policy(), MemoryStore()), Output()
    for position, item in enumerate(LOG[:-1]):
        processor.fold(Record(position, item), out)
        processor.flush(out)
    out = Output()
    processor.fold(Record(len(LOG), LOG[-1]), out)
    processor.flush(out, ticks=False)
    assert processor.waiting == (len(LOG), last_tick(DAYS))
    assert out.rows == []
    patients = set()
    while processor.work(out):
        patients.add(out.rows[-1].patient)
        assert len({row.patient for row in out.rows}) == len(patients)
    assert len(patients) == PATIENTS
