"""State that an older version wrote is read, and gives the same tables; a newer version's is refused in a clear word.

`python -m tests.processors.test_state_versions FILE` freezes the state as the code of today writes it.
"""

import base64
import sys
from pathlib import Path

import orjson
import pytest

from processors.patient import PatientProcessor
from processors.policy import Policy
from processors.processor import Output, Record, Tick
from processors.shelf import NewerStateError
from processors.store import MemoryStore
from schemas.instants import DAY_SECONDS, SECOND, format_day, format_instant, parse_day, parse_instant
from tests import reference
from tests.histories import History, make_fact
from tests.processors.test_laws import check, content

FROZEN = Path(__file__).parent / "state"
BEGIN = parse_instant("2026-03-02T07:00:00Z")
HALF, DAYS = 9, 16
DAY = DAY_SECONDS * SECOND


def facts_of_day(day):
    """Every kind of fact, some of them late, repeated, conflicting or retracted later."""
    at = BEGIN + day * DAY

    def fact(kind, name, time, data, **more):
        return make_fact(kind, "P", "/app", f"{name}-{day}", time, data, **more)

    yield fact(
        "report.exercise",
        "x",
        at,
        {"exercise_id": "bend", "session_id": f"s{day}", "started_at": format_instant(at), "reps_completed": 9, "pain_nrs": day % 7},
    )
    yield fact("report.pain", "p", at + SECOND, {"nrs": day % 5})
    yield fact("report.medication", "d", at + 2 * SECOND, {"medication_id": "ibu", "taken": day % 3 > 0})
    yield fact("report.prom", "o", at + 3 * SECOND, {"instrument": "KOOS_JR", "score": 50 + day})
    yield fact(
        "sensor.activity",
        "a",
        at,
        {"kind": "steps", "start": format_instant(at), "end": format_instant(at + DAY // 24), "values": {"steps": 900.0 + day}},
    )
    late = at - 6 * DAY
    yield fact("report.checkin", "c", late, {}, recorded=at)
    sensed = at + 3600 * SECOND
    motion = {
        "session_id": f"m{day}",
        "joint": "knee",
        "motion": "flexion",
        "side": "left",
        "start_time": format_instant(sensed),
        "flags": [],
    }
    yield fact(
        "motion.session", "m", sensed, {**motion, "exercise_id": "bend", "end_time": format_instant(sensed + 60 * SECOND), "reps": 2}
    )
    for rep in (1, 2):
        degrees = {
            "session_start": motion["start_time"],
            "rep": rep,
            "duration_s": 2.5,
            "min_deg": 4.5,
            "max_deg": 80.0 + day + rep,
            "rom_deg": 75.5 + day + rep,
        }
        yield fact("motion.rep", f"m{rep}", sensed, {**motion, **degrees})
    yield fact("care.review", "r", at, {"staff_id": "anna", "minutes": 3})
    if day:
        yield make_fact("report.pain", "P", "/app", f"p-{day - 1}", at, {"nrs": 9})  # a conflict
        yield fact("fact.retracted", "back", at, {"fact_source": "/app", "fact_id": f"{'xma'[day % 3]}-{day - 1}"})


def history():
    """(the facts of the days that the frozen state has seen, those that come later)."""
    first = format_day(parse_day("2026-03-01"))
    enrolled = {
        "episode_id": "E",
        "timezone": "Europe/Zurich",
        "monitoring_start": first,
        "therapeutic_area": "musculoskeletal",
        "clinic_id": "north",
        "therapist_id": "t",
    }
    plan = {
        "plan_id": "plan", "version": 1, "effective_from": first,
        "exercises": [{"exercise_id": "bend", "name": "bend", "sets": 1, "reps": 8, "times_per_day": 2}],
        "medications": [{"medication_id": "ibu", "doses_per_day": 1}],
        "rom_goals": [{"joint": "knee", "motion": "flexion", "side": "left", "points": [[0, 70], [60, 120]]}],
    }  # fmt: skip
    begun = [
        make_fact("patient.enrolled", "P", "/clinic", "e", BEGIN, enrolled),
        make_fact("plan.prescribed", "P", "/clinic", "plan", BEGIN, plan),
    ]
    return begun + [x for day in range(HALF) for x in facts_of_day(day)], [x for day in range(HALF, DAYS) for x in facts_of_day(day)]


def fold(store, facts, out, position):
    """Fold facts, each day's after a tick, and save after each day."""
    processor = PatientProcessor(Policy(), store)
    for number, fact in enumerate(facts):
        if fact.recorded > processor.now:
            processor.fold(Record(position, Tick(fact.recorded // DAY * DAY)), out)
        processor.fold(Record(position + number, fact), out)
        if fact.type == "rtm.care.review.v1":
            processor.flush(out)
            processor.save()
    processor.flush(out)
    processor.save()
    return position + len(facts)


def frozen(path):
    blobs = orjson.loads(path.read_bytes())
    store = MemoryStore()
    store.blobs.update({base64.b64decode(key): base64.b64decode(blob) for key, blob in blobs.items()})
    return store


@pytest.mark.parametrize("path", sorted(FROZEN.glob("patient_*.json")), ids=lambda path: path.stem)
def test_state_of_an_older_version_goes_on_as_if_it_were_todays(path):
    known, coming = history()
    before, after = Output(), Output()
    position = fold(MemoryStore(), known, before, 0)
    store = frozen(path)
    fold(store, coming, after, position)
    now = coming[-1].recorded // DAY * DAY
    processor = PatientProcessor(Policy(), store)
    processor.fold(Record(10_000, Tick(now + DAY)), after)
    processor.flush(after)
    facts = [*known, *coming]
    check(reference.tables(facts, now + DAY, policy=Policy()), content([*before.rows, *after.rows]), History(facts, now + DAY))
    assert [dead.reason for dead in after.dead] == ["conflict"] * (DAYS - HALF)


def test_duplicates_of_what_an_older_version_took_are_known():
    for path in FROZEN.glob("patient_*.json"):
        out = Output()
        known, _ = history()
        fold(frozen(path), known, out, 10_000)
        assert out.applied == 0
        assert out.duplicates + len(out.dead) == len(known)


def test_state_of_a_newer_version_is_refused():
    store = MemoryStore()
    known, coming = history()
    fold(store, known, Output(), 0)
    for key, blob in store.blobs.items():
        store.blobs[key] = bytes((blob[0] + 1,)) + blob[1:]
    with pytest.raises(NewerStateError, match=r"written by a newer rtm .* upgrade"):
        fold(store, coming, Output(), 10_000)


if __name__ == "__main__":
    made = MemoryStore()
    fold(made, history()[0], Output(), 0)
    text = {base64.b64encode(key).decode(): base64.b64encode(blob).decode() for key, blob in sorted(made.blobs.items())}
    Path(sys.argv[1]).write_bytes(orjson.dumps(text, option=orjson.OPT_INDENT_2))
