"""A small log for tests of the live path: patients who exercise, report, wear a sensor; how it gets into Kafka; what comes out."""

import math
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from processors.policy import Policy
from schemas.codecs import encode_kafka, make_fact
from schemas.events import CHUNK
from schemas.facts import Fact
from schemas.instants import SECOND, format_instant, parse_instant
from schemas.topics import EVENTS, SENSOR
from streams.kafka.outgoing import tick_record
from streams.replay.folding import fold_records

DAY = 86_400 * SECOND
BEGIN = parse_instant("2026-03-02T00:00:00Z")
TICK_S = 3600
NOT_COMPARED = ("revision", "updated_at", "issued_at", "generation", "origin", "partition", "offset", "position")
Tables = dict[str, dict[tuple[Any, ...], dict[str, Any]]]


def small_log(patients: int = 4, days: int = 12) -> list[Fact]:
    """Facts in recorded order: each patient is enrolled and has a plan, then exercises, reports and moves a sensor."""
    facts = [fact for number in range(patients) for fact in _patient(f"p{number:03d}", number, days)]
    return sorted(facts, key=lambda fact: (fact.recorded, fact.id))


def last_tick(days: int = 12) -> int:
    """The grid instant at which the small log is over."""
    return BEGIN + (days + 1) * DAY


def _patient(name: str, number: int, days: int) -> Iterator[Fact]:
    def fact(kind: str, at: int, ident: str, **data: Any) -> Fact:
        return make_fact(f"rtm.{kind}.v1", name, "/test", ident, at, data, clinic="c1")

    yield fact(
        "patient.enrolled",
        BEGIN,
        "enrolled",
        episode_id="e1",
        timezone="Europe/Berlin",
        monitoring_start="2026-03-02",
        therapeutic_area="musculoskeletal",
        clinic_id="c1",
        therapist_id="t1",
    )
    exercise = {"exercise_id": "x1", "name": "bend", "joint": "knee", "motion": "flexion", "side": "left", "sets": 1, "reps": 4}
    yield fact("plan.prescribed", BEGIN + 1, "plan", plan_id="q", version=1, effective_from="2026-03-02", exercises=[exercise])
    for day in range(days):
        noon = BEGIN + day * DAY + 11 * 3600 * SECOND + number * SECOND
        if (day + number) % 4:
            yield from _session(name, f"s{day}", noon)
            yield fact("report.pain", noon + 600 * SECOND, f"pain{day}", nrs=(day + number) % 10)
        else:
            yield fact("report.checkin", noon, f"checkin{day}")
        if day % 3 == 0:
            started = format_instant(noon + 60 * SECOND)
            at = noon + 900 * SECOND
            yield fact("report.exercise", at, f"report{day}", exercise_id="x1", started_at=started, reps_completed=3, pain_nrs=2)


def _session(name: str, session: str, start: int, chunks: int = 3, rate: float = 50.0, rows: int = 250) -> Iterator[Fact]:
    for seq in range(chunks):
        angles = [45 - 45 * math.cos((seq * rows + row) / rate * 2 * math.pi / 3) for row in range(rows)]
        data = {
            "device_id": "d1",
            "session_id": session,
            "exercise_id": "x1",
            "joint": "knee",
            "motion": "flexion",
            "side": "left",
            "seq": seq,
            "t0_ns": start + int(seq * rows / rate * SECOND),
            "rate_hz": rate,
            "kind": "angle",
            "samples": struct.pack(f"<{rows}f", *angles),
            "last": seq == chunks - 1,
        }
        at = start + int((seq + 1) * rows / rate * SECOND)
        yield make_fact(CHUNK, name, "/sensor", f"{session}-{seq}", at, data, clinic="c1")


def send(bootstrap: str, facts: Iterable[Fact], pause_every: int = 0, pause_s: float = 0.0) -> None:
    """Write facts as records, each to its topic and partition."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=5)
    for number, fact in enumerate(facts, 1):
        key, value, headers = encode_kafka(fact)
        producer.send(SENSOR.name if fact.type == CHUNK else EVENTS.name, key=key, value=value, headers=headers)
        if pause_every and number % pause_every == 0:
            producer.flush()
            time.sleep(pause_s)
    producer.flush()
    producer.close()


def send_tick(bootstrap: str, now: int, partitions: int = 4) -> None:
    """Write a tick to every sensor partition."""
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for partition in range(partitions):
        record = tick_record(SENSOR.name, partition, now)
        producer.send(record.topic, key=None, value=record.value, headers=record.headers, partition=partition)
    producer.flush()
    producer.close()


def read_all(bootstrap: str, topic: str) -> list[Any]:
    """Every committed record of a topic, partition by partition."""
    reader = KafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest", group_id=None)
    places = [TopicPartition(topic, number) for number in sorted(reader.partitions_for_topic(topic) or ())]
    reader.assign(places)
    reader.seek_to_beginning(*places)
    ends = reader.end_offsets(places)
    found: list[Any] = []
    while any(reader.position(place) < ends[place] for place in places):
        for records in reader.poll(500).values():
            found += records
    reader.close()
    return found


def header(record: Any, name: str) -> str | None:
    """A header of a record as text."""
    return next((value.decode() for key, value in record.headers if key == name), None)


def wait_for_tick(bootstrap: str, now: int, partitions: int = 4, seconds: float = 60, generation: int = 1, group: str = "rtm") -> None:
    """Until the patient stage has done what the tick makes due in every partition: its state says so."""
    give_up = time.monotonic() + seconds
    while True:
        done = {
            record.partition
            for record in read_all(bootstrap, f"{group}-{generation}-patient-state")
            if record.key == b"\xffprogress" and _tick(record) >= now
        }
        if len(done) == partitions:
            return
        assert time.monotonic() < give_up, f"only partitions {sorted(done)} have come to the tick"
        time.sleep(0.3)


def _tick(record: Any) -> int:
    from processors.shelf import unpack
    from streams.worker.changelog import Progress

    return unpack(record.value, Progress).tick


def live_tables(bootstrap: str) -> Tables:
    """The rows that stand in rtm.metrics.v1, by table and key: those of the highest revision, without the deleted."""
    lines = [
        (header(record, "table"), orjson.loads(line))
        for record in read_all(bootstrap, "rtm.metrics.v1")
        for line in record.value.splitlines()
    ]
    return _standing((table or "", row) for table, row in lines)


def embedded_tables(facts: Iterable[Fact], as_of: int) -> Tables:
    """The rows that stand after folding the same facts in this process."""
    outputs = fold_records(facts, Policy(tick_s=TICK_S), as_of=as_of)
    return _standing((row.table, row.values) for output in outputs for row in output.rows)


def _standing(rows: Iterable[tuple[str, dict[str, Any]]]) -> Tables:
    from schemas.rows import TABLES

    found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
    side_keys = {
        "chunk_admissions": ("patient_id", "session_id", "seq"),
        "event_marks": ("patient_id", "source", "event_id"),
        "erasures": ("patient_id",),
    }
    for table, values in rows:
        names = side_keys.get(table) or TABLES[table].key
        key = tuple(values[name] for name in names)
        standing = found.setdefault(table, {})
        if key not in standing or values["revision"] >= standing[key]["revision"]:
            standing[key] = values
    return {
        table: {key: {k: v for k, v in row.items() if k not in NOT_COMPARED} for key, row in standing.items() if not row.get("deleted")}
        for table, standing in found.items()
        if table != "alerts"
    }


@dataclass
class Workers:
    """`rtm worker` processes of a test, their output in files; all are ended at the end."""

    bootstrap: str
    folder: Path
    clock: str = "log"
    environment: dict[str, str] = field(default_factory=dict)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """One more."""
        environment = os.environ | {
            "RTM_KAFKA": self.bootstrap,
            "RTM_CLOCK": self.clock,
            "RTM_TICK_S": str(TICK_S),
            "RTM_WORKER_TIMEOUT_S": "3",
            "RTM_STATE_FOLDER": str(self.folder / "state"),
        }
        with self.log(len(self.running)).open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, "-c", "from streams.cli import main; main()", "worker", *arguments],
                env=environment | self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.running.append(worker)
        return worker

    def log(self, number: int) -> Path:
        """Where the worker of that number writes."""
        return self.folder / f"worker-{number}.log"

    def wait_until_ready(self, number: int = -1, seconds: float = 40) -> None:
        """Until a worker has said so; the last by default."""
        number %= len(self.running)
        give_up = time.monotonic() + seconds
        while b"worker ready" not in self.log(number).read_bytes():
            assert self.running[number].poll() is None, self.log(number).read_text()
            assert time.monotonic() < give_up, "the worker does not get ready: " + self.log(number).read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """End those that still run."""
        for worker in self.running:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
