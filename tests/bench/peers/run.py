"""The same small job by three: reps from chunks by the same kernel, adherence by day, to Kafka, with state that outlives a kill.

    make bench-peers, or python tests/bench/peers/run.py [--only ours,quixstreams,bytewax] [--of facts,samples] [--quick]

All three read the same topics of one Kafka, one process each, one after the other, and tell a row a record: quixstreams with its own
changelog, bytewax with its recovery every second, ours with transactions, each at its defaults beside that. Once undisturbed, timed from
the first row told to the last; once killed in the middle and started again. What is in the end told of each patient and day must be what
was sent. One JSON object a figure. The peers have an environment of their own, `.venv-peers`, as their pins don't go with ours.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from schemas.codecs import decode_line, make_fact
from schemas.events import CHUNK
from schemas.instants import parse_instant
from streams.kafka import server as kafka_server
from streams.kafka.topics import admin, declare
from streams.kafka.writing import hush

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.bench.live_figures.common import EVENTS, GROUP, PARTITIONS, SENSOR, cpu_s, figure, record, write
from tests.bench.peers import job
from tests.bench.replay import BEGIN, envelope

ROOT = Path(__file__).parents[3]
PEERS = ROOT / ".venv-peers/bin/python"
PATIENTS, REPORTS, CHUNKS, SAMPLES = 2000, 100_000, 24_000, 3000
SILENCE_S = 60.0
KILL_AT = 0.3

Days = dict[tuple[str, str], int]


class Watcher:
    """Reads the rows that are told, the newest of each patient and day, as they come."""

    def __init__(self, bootstrap: str, topic: str, since: dict[int, int]) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "watcher", "isolation.level": "read_committed"})
        self._consumer.assign([TopicPartition(topic, number, since.get(number, OFFSET_BEGINNING)) for number in range(PARTITIONS)])
        self.days: Days = {}
        self.rows = 0

    def look(self) -> int:
        """Take what has come; how many rows."""
        before = self.rows
        for message in self._consumer.consume(2000, timeout=0.1):
            if message.error() is None:
                for line in message.value().splitlines():
                    row = orjson.loads(line)
                    self.days[row["patient_id"], row["day"]] = row["reps"]
                    self.rows += 1
        return self.rows - before

    def close(self) -> None:
        self._consumer.close()


def reports(count: int):
    for number in range(count):
        at = BEGIN + timedelta(days=number * 7 // count, seconds=number % 3600)
        data = {"exercise_id": "bend", "started_at": at.isoformat(), "reps_completed": 1 + number % 5}
        yield decode_line(envelope("report.exercise", f"peer-{number}", f"p{number % PATIENTS:05d}", at + timedelta(minutes=10), data))


def chunks(count: int):
    t = np.arange(SAMPLES) / job.HZ
    angle = (40 - 40 * np.cos(2 * np.pi * t / 3) + np.random.default_rng(1).normal(size=SAMPLES)).astype("<f4").tobytes()
    start = parse_instant("2026-03-04T09:00:00Z")
    for number in range(count):
        data = {
            "device_id": "d", "session_id": f"s{number}", "exercise_id": "bend", "joint": "knee", "side": "left", "seq": 0, "t0_ns": start,
            "rate_hz": float(job.HZ), "kind": "angle", "samples": angle, "last": True,
        }  # fmt: skip
        yield make_fact(CHUNK, f"p{number % PATIENTS:05d}", "/bench", f"peer-{number}", start, data, clinic="north")


def expected(facts) -> tuple[Days, list]:
    """The reps by patient and day, and the records."""
    days: Days = Counter()
    records = []
    for fact in facts:
        each = record(fact)
        day, reps = job.done(each.value, each.headers)
        days[fact.subject, day] += reps
        records.append(each)
    return dict(days), records


def command(system: str, bootstrap: str, topic: str, out: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """How a system is started."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    if system == "ours":
        settings = {"RTM_KAFKA": bootstrap, "RTM_GROUP": out, "RTM_CLOCK": "log", "RTM_STATE_FOLDER": str(folder)}
        return [sys.executable, "-m", "tests.bench.peers.ours", topic], environment | settings
    return [str(PEERS), "-m", f"tests.bench.peers.by_{system}", bootstrap, topic, out, str(folder)], environment


@dataclass(slots=True)
class Ran:
    """What was told behind the first rows: how many, in which seconds, by the wall and by the process's CPU; whether all is as sent."""

    rows: int
    wall: float
    cpu: float
    exact: bool


def run(system: str, bootstrap: str, topic: str, days: Days, count: int, name: str, folder: Path, *, kill: bool = False) -> Ran:
    """Run one over a topic until all is told, or nothing more is; with `kill` it is killed in the middle and started again."""
    out, since = make_out(system, bootstrap, name)
    line, environment = command(system, bootstrap, topic, name if system == "ours" else out, folder)
    log = (folder.parent / f"{name}.log").open("ab")
    watcher = Watcher(bootstrap, out, since)
    process = subprocess.Popen(line, cwd=ROOT, env=environment, stdout=log, stderr=log)
    began = used = 0.0
    first = 0
    heard = time.perf_counter()
    try:
        while watcher.days != days and time.perf_counter() - heard < SILENCE_S:
            assert process.poll() is None, f"{system} ended: {Path(log.name).read_text()[-2000:]}"
            if watcher.look():
                heard = time.perf_counter()
                if not began:
                    began, used, first = heard, cpu_s(process), watcher.rows
            if kill and watcher.rows >= KILL_AT * count:
                process.kill()
                process.wait()
                process, kill = subprocess.Popen(line, cwd=ROOT, env=environment, stdout=log, stderr=log), False
        return Ran(watcher.rows - first, heard - began, cpu_s(process) - used, watcher.days == days)
    finally:
        watcher.close()
        process.kill()
        process.wait()
        log.close()


def make_out(system: str, bootstrap: str, name: str) -> tuple[str, dict[int, int]]:
    """The topic that the rows are told to, and where it ends now."""
    if system == "ours":
        declare(bootstrap, PARTITIONS, name, 1)
        reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "ends"})
        ends = {number: reader.get_watermark_offsets(TopicPartition("rtm.metrics.v1", number))[1] for number in range(PARTITIONS)}
        reader.close()
        return "rtm.metrics.v1", ends
    with admin(bootstrap) as client:
        client.create_topics({name: {"num_partitions": PARTITIONS, "replication_factor": 1}})
    return name, {}


def compare(bootstrap: str, folder: Path, topic: str, systems: list[str], part: int) -> None:
    """All of them over one topic."""
    unit, each, facts = ("facts", 1, reports(REPORTS // part)) if topic == EVENTS else ("samples", SAMPLES, chunks(CHUNKS // part))
    days, records = expected(facts)
    write(bootstrap, records)
    for system in systems:
        name = f"{system}-{unit}"
        ran = run(system, bootstrap, topic, days, len(records), name, folder / name)
        killed = run(system, bootstrap, topic, days, len(records), f"{name}-killed", folder / f"{name}-killed", kill=True)
        figure(
            f"peer_{system}_{unit}_per_s", ran.rows * each / max(ran.wall, 0.01), f"{unit}/s",
            per_cpu_s=round(ran.rows * each / max(ran.cpu, 0.01)), exact=ran.exact, exact_after_a_kill=killed.exact, records=len(records),
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="ours,quixstreams,bytewax")
    parser.add_argument("--of", default="facts,samples")
    parser.add_argument("--quick", action="store_true", help="a fifth of everything")
    options = parser.parse_args()
    part = 5 if options.quick else 1
    hush()
    with tempfile.TemporaryDirectory(prefix="rtm-peers-") as name:
        folder = Path(name)
        bootstrap = kafka_server.start(folder / "kafka", port=0).bootstrap
        try:
            declare(bootstrap, PARTITIONS, GROUP, 1)
            for topic in [{"facts": EVENTS, "samples": SENSOR}[unit] for unit in options.of.split(",")]:
                compare(bootstrap, folder, topic, options.only.split(","), part)
        finally:
            kafka_server.stop(folder / "kafka")


if __name__ == "__main__":
    main()
