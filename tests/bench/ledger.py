"""What one live fact costs, and how large a patient's state is: 30 facts a day for 35 days, each then in a slice of its own.

From the record's bytes to rows and state: decode, fold, rows, save. Of a fact of now, and of one that comes 34 days late. Beside it, by
cloned state, the same among 100, 10,000 and 100,000 patients. One JSON object a figure. The reference of a time is the least that decoding
alone could take, `orjson.loads` of the record's value, in the same process; of a size, the facts' own bytes as records.

    python tests/bench/ledger.py [--facts 400] [--patients 100 10000 100000]
"""

import argparse
import dataclasses
import random
import statistics
import time
import uuid
from collections.abc import Iterator

import orjson

from processors.patient import PatientProcessor
from processors.policy import Policy
from processors.processor import Output, Record, Tick
from processors.store import StateStore
from schemas.codecs import decode_kafka, encode_kafka, make_fact
from schemas.instants import DAY_SECONDS, SECOND, format_instant, parse_instant

BEGIN = parse_instant("2026-03-02T00:00:00Z")
DAY = DAY_SECONDS * SECOND
DAYS = 35
LATE_DAYS = 34
A_DAY = 30
WARM_UP = 200
AT_HAND = 64
LIVED = BEGIN + DAYS * DAY + 7 * 3600 * SECOND
"""The time at which the state is taken: a day has begun, the one before is over."""
EXERCISES = ("bend", "raise", "stretch")
FIRST = "2026-03-01"

KafkaRecord = tuple[bytes, bytes, list[tuple[str, bytes]]]


def enrolment(subject: str) -> Iterator[KafkaRecord]:
    enrolled = {"episode_id": "e1", "timezone": "Europe/Zurich", "monitoring_start": FIRST, "therapeutic_area": "musculoskeletal",
                "clinic_id": "north", "therapist_id": "t1"}  # fmt: skip
    plan = {
        "plan_id": "plan", "version": 1, "effective_from": FIRST,
        "exercises": [{"exercise_id": x, "name": x, "sets": 2, "reps": 10, "times_per_day": 2} for x in EXERCISES],
        "medications": [{"medication_id": "ibuprofen", "doses_per_day": 3}],
    }  # fmt: skip
    for kind, data in (("patient.enrolled", enrolled), ("plan.prescribed", plan)):
        yield encode_kafka(make_fact(f"rtm.{kind}.v1", subject, "/clinic", kind, BEGIN, data, clinic="north"))


class Patient:
    """Makes a patient's facts: of 30 a day six exercises, four pains, three doses, twelve hours of steps, four check-ins, a symptom."""

    def __init__(self, subject: str, seed: int, *, uuids: bool = True) -> None:
        self._subject, self._random, self._uuids, self._made = subject, random.Random(seed), uuids, 0

    def _record(self, kind: str, at: int, data: dict, late: int = 0) -> KafkaRecord:
        self._made += 1
        name = str(uuid.UUID(int=self._random.getrandbits(128), version=4)) if self._uuids else f"{self._subject}-{self._made:06d}"
        recorded = at + late + self._random.randrange(1000, 60_000) * 10**6
        return encode_kafka(make_fact(f"rtm.{kind}.v1", self._subject, "/app/ios", name, at, data, recorded=recorded, clinic="north"))

    def fact(self, number: int, at: int, late: int = 0) -> KafkaRecord:
        """The fact with this number in its day."""
        some = self._random
        at -= at % 10**6
        if number % 5 == 0:
            begun = format_instant(at - 300 * SECOND)
            done = {"exercise_id": EXERCISES[number // 5 % 3], "started_at": begun, "reps_completed": some.randrange(5, 25)}
            done["pain_nrs"] = some.randrange(8)
            return self._record("report.exercise", at, done, late)
        if number in {1, 8, 16, 24}:
            return self._record("report.pain", at, {"nrs": some.randrange(8)}, late)
        if number in {2, 12, 22}:
            return self._record("report.medication", at, {"medication_id": "ibuprofen", "taken": some.random() < 0.9}, late)
        if number in {3, 9, 17, 26}:
            return self._record("report.checkin", at, {"channel": "app"}, late)
        if number == 4:
            return self._record("report.symptom", at, {"symptom": "stiffness", "severity": some.randrange(10)}, late)
        steps = {
            "kind": "steps",
            "start": format_instant(at - 3600 * SECOND),
            "end": format_instant(at),
            "values": {"steps": some.randrange(3000)},
        }
        return self._record("sensor.activity", at, steps, late)

    def day(self, day: int) -> Iterator[KafkaRecord]:
        for number in range(A_DAY):
            yield self.fact(number, BEGIN + day * DAY + (6 * 3600 + number * 1800) * SECOND + self._random.randrange(600_000) * 10**6)


class Store:
    """State of one patient, shown under the name of any patient of as many digits; and what was written since it was last asked."""

    def __init__(self, shared: dict[bytes, bytes], name: bytes) -> None:
        self.shared, self.own, self._name = shared, dict[bytes, bytes | None](), name
        self.written = self.writes = 0

    def get(self, key: bytes) -> bytes | None:
        if key in self.own:
            return self.own[key]
        return self.shared.get(key[:10] + self._name + key[10 + len(self._name) :] if key.startswith(b"patient/") else key)

    def put(self, key: bytes, value: bytes) -> None:
        if self.get(key) != value:
            self.own[key] = value
            self.written += len(key) + len(value)
            self.writes += 1

    def delete(self, key: bytes) -> None:
        self.own[key] = None


class Live:
    """A processor that takes one record in a slice of its own."""

    def __init__(self, store: StateStore) -> None:
        self.processor, self.position = PatientProcessor(Policy(), store), 0

    def take(self, record: KafkaRecord) -> int:
        """Bytes to rows and state; how many rows."""
        out = Output()
        self.processor.fold(Record(self.position, decode_kafka(*record)), out)
        self.processor.flush(out)
        self.processor.save()
        self.position += 1
        assert not out.dead
        return len(out.rows)

    def tick(self, now: int) -> None:
        out = Output()
        self.processor.fold(Record(self.position, Tick(now)), out)
        self.processor.flush(out)
        self.processor.save()
        self.position += 1


def figure(name: str, value: float, unit: str, **beside: object) -> None:
    print(orjson.dumps({"figure": name, "value": round(value, 2), "unit": unit, **beside}).decode(), flush=True)


def name_of(number: int) -> str:
    return f"p{number:06d}"


def first_state(*, uuids: bool = True) -> tuple[dict[bytes, bytes], int, int]:
    """A patient's state after 35 days, lived fact by fact; how many facts, and their bytes as records."""
    store, facts, size = Store({}, name_of(0).encode()), 0, 0
    live, patient = Live(store), Patient(name_of(0), 0, uuids=uuids)
    for record in enrolment(name_of(0)):
        live.take(record)
    for day in range(DAYS):
        live.tick(BEGIN + day * DAY)
        for record in patient.day(day):
            live.take(record)
            facts += 1
            size += len(record[0]) + len(record[1]) + sum(len(name) + len(value) for name, value in record[2])
    live.tick(LIVED)
    return {key: value for key, value in store.own.items() if value is not None}, facts, size


@dataclasses.dataclass
class Course:
    """What some facts took, each in a slice of its own: µs by the clock of each, µs of CPU of all, bytes written of each, rows of all."""

    clock_us: list[float]
    cpu_us: float
    written: list[int]
    rows: int
    loads_us: float


def run(shared: dict[bytes, bytes], patients: int, facts: int, late: int, *, at_hand: bool = True) -> Course:
    """Facts of patients drawn by chance among so many: of 64 who are at hand, or of all, so that most are read from the store first."""
    store = Store(shared, name_of(0).encode())
    live, chosen = Live(store), random.Random(1)
    begin = LIVED + 3600 * SECOND
    live.tick(begin)
    names = [name_of(chosen.randrange(patients)) for _ in range(AT_HAND if at_hand else 2 * (WARM_UP + facts))]
    people: dict[str, Patient] = {}

    def drawn(number: int) -> KafkaRecord:
        name = chosen.choice(names)
        patient = people.setdefault(name, Patient(name, len(people) + 1))
        return patient.fact(number * 7 % A_DAY, begin + number * 20 * SECOND - late, late)

    for number in range(WARM_UP):
        live.take(drawn(number))
    records = [drawn(WARM_UP + number) for number in range(facts)]
    clock, written, rows = [], [], 0
    cpu = time.thread_time()
    for record in records:
        store.written = 0
        began = time.perf_counter_ns()
        rows += live.take(record)
        clock.append((time.perf_counter_ns() - began) / 1000)
        written.append(store.written)
    cpu, began = time.thread_time() - cpu, time.perf_counter_ns()
    for record in records:
        orjson.loads(record[1])
    loads = (time.perf_counter_ns() - began) / 1000
    return Course(clock, cpu * 1e6 / facts, written, rows, loads / facts)


def show_state(shared: dict[bytes, bytes], facts: int, size: int, ids: str) -> None:
    """The figure of a patient's state, by part; `size` is that of the facts as records."""
    parts: dict[str, int] = {}
    for key, blob in shared.items():
        part = key.split(b"/")[1].decode() if key.startswith(b"patient/") else "clock"
        parts[part] = parts.get(part, 0) + len(key) + len(blob)
    reference = {"what": "the facts as records", "value": size, "unit": "bytes"}
    about = {"days": DAYS, "facts": facts, "ids": ids, "by_part": parts}
    figure("state_bytes_a_patient", sum(parts.values()), "bytes", reference=reference, **about)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--facts", type=int, default=600, help="how many facts are timed, of each kind")
    parser.add_argument("--patients", type=int, nargs="+", default=[100, 10_000, 100_000])
    options = parser.parse_args()
    for uuids in (False, True):
        shared, facts, size = first_state(uuids=uuids)
        show_state(shared, facts, size, "UUIDs" if uuids else "a name and a count")
    for patients in options.patients:
        cpu = {}
        for name, late in (("live", 0), ("late", LATE_DAYS * DAY), ("cold", 0)):
            course = run(shared, patients, options.facts, late, at_hand=name != "cold")
            median, cpu[name] = statistics.median(course.clock_us), course.cpu_us
            about = {"patients": patients, "facts": options.facts, "rows_a_fact": round(course.rows / options.facts, 1)}
            loads = {"what": "orjson.loads of its value", "value": round(course.loads_us, 2), "unit": "us"}
            beside = {"cpu_mean": round(course.cpu_us, 1), "p90": round(statistics.quantiles(course.clock_us, n=10)[-1], 1)}
            figure(f"{name}_fact_us", median, "us, median, bytes to rows and state", reference=loads, **about, **beside)
            record = {"what": "the fact as a record", "value": round(size / facts), "unit": "bytes"}
            mean = statistics.mean(course.written)
            figure(f"{name}_fact_changelog_bytes", mean, "bytes, mean", reference=record, **about, most=max(course.written))
        figure("late_to_live", cpu["late"] / cpu["live"], "times the CPU, means", patients=patients)


if __name__ == "__main__":
    main()
