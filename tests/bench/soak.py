"""Simulated hours of many patients at the speed that this machine takes: does memory stay flat, and does the lag go back to nothing?

    python tests/bench/soak.py [--patients 2000] [--hours 24]

A worker and a sink (chDB) as processes of their own, a real Kafka. Of each patient two facts an hour (an exercise, pain), and of one in a
hundred half an hour of an angle at 50 Hz a day, in chunks of ten seconds; a tick each hour. What is sent is an hour ahead of what is
folded, never more. 100,000 patients are 4.8 million facts and 90 million samples. One JSON object; exit status 1 where a process's memory
(the median of what it had in each second of an hour) grew by more than a tenth behind the first tenth, or something was left unread.
"""

import argparse
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from kafka import KafkaConsumer, TopicPartition

from schemas.codecs import decode_line, make_fact
from schemas.events import CHUNK
from schemas.instants import SECOND
from streams.demo.quiet import Quiet, Reading
from streams.kafka import server as kafka_server
from streams.kafka.topics import declare
from streams.kafka.writing import hush
from streams.live_sink.records import TOPICS as SUNK
from streams.supervisor import leashed
from tests.bench.live_figures.common import EVENTS, GROUP, PARTITIONS, SENSOR, cpu_s, enrolled, figure, record, ticks, worker, write
from tests.bench.replay import envelope

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
MARKERS = 10
HZ, CHUNK_S, CHUNKS_A_DAY = 50, 10, 180
GROWTH = 1.1
LOOK_S = 1.0
GIVE_UP_S = 3600.0


def hour_of(patients: int, hour: int) -> Iterator:
    """The records of an hour: every patient's two reports, the sampled ones' chunks, the tick at its end."""
    begin = BEGIN + timedelta(hours=hour)
    for patient in range(patients):
        at, name = begin + timedelta(seconds=patient % 3000), f"p{patient:05d}"
        done = {"exercise_id": "bend", "started_at": at.isoformat(), "reps_completed": 12 + patient % 9}
        yield record(decode_line(envelope("report.exercise", f"x-{patient}-{hour}", name, at + timedelta(minutes=5), done)))
        yield record(decode_line(envelope("report.pain", f"pain-{patient}-{hour}", name, at + timedelta(minutes=6), {"nrs": patient % 7})))
    t = np.arange(HZ * CHUNK_S) / HZ
    angle = (40 - 40 * np.cos(2 * np.pi * t / 2.5)).astype("<f4").tobytes()
    chunks = CHUNKS_A_DAY * (hour + 1) // 24 - CHUNKS_A_DAY * hour // 24
    for seq in range(chunks):
        for patient in range(patients // 100):
            start = int(begin.timestamp()) * SECOND + seq * CHUNK_S * SECOND
            data = {
                "device_id": "d", "session_id": f"s{patient}-{hour}", "exercise_id": "bend", "joint": "knee", "side": "left", "seq": seq,
                "t0_ns": start, "rate_hz": float(HZ), "kind": "angle", "samples": angle, "last": seq == chunks - 1,
            }  # fmt: skip
            at = start + CHUNK_S * SECOND
            yield record(make_fact(CHUNK, f"p{patient:05d}", "/bench", f"c-{patient}-{hour}-{seq}", at, data, clinic="north"))
    yield from ticks(int((begin + timedelta(hours=1)).timestamp()) * SECOND, SENSOR)


class Folded:
    """How far the workers have come."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=f"{GROUP}-1", enable_auto_commit=False)
        self._places = [TopicPartition(topic, partition) for topic in (EVENTS, SENSOR) for partition in range(PARTITIONS)]

    def ends(self) -> dict:
        """The offsets behind the last records."""
        return self._consumer.end_offsets(self._places)

    def wait(self, ends: dict, still: Callable[[], None]) -> None:
        """Until all before these offsets is committed, but for the markers of transactions."""
        while any((self._consumer.committed(place) or 0) < end - MARKERS for place, end in ends.items()):
            still()
            time.sleep(0.1)


def resident_mb(process: subprocess.Popen) -> float:
    """What a process has in memory, MB."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Memory:
    """What processes have in memory, looked at every second in a thread of its own."""

    def __init__(self, **processes: subprocess.Popen) -> None:
        self.hours: dict[str, list[float]] = {name: [] for name in processes}
        self._processes = processes
        self._seen: dict[str, list[float]] = {name: [] for name in processes}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def end_hour(self) -> None:
        """Take the median of what was seen since the last hour's end, and what is there now."""
        for name, process in self._processes.items():
            seen, self._seen[name] = self._seen[name], []
            self.hours[name].append(statistics.median([*seen, resident_mb(process)]))

    def _look(self) -> None:
        while not self._ended.wait(LOOK_S):
            for name, process in self._processes.items():
                with contextlib.suppress(OSError, IndexError):  # it ended, which the bench tells
                    self._seen[name].append(resident_mb(process))


def soak(bootstrap: str, folder: Path, patients: int, hours: int) -> bool:
    """Send, fold and store all of it; whether memory stayed flat."""
    write(bootstrap, map(record, enrolled(patients)))
    environment = os.environ | {"RTM_KAFKA": bootstrap, "RTM_GROUP": GROUP, "RTM_WAREHOUSE": f"chdb://{folder / 'warehouse'}"}
    sink = subprocess.Popen(leashed("sink"), env=environment, stdout=subprocess.DEVNULL)
    try:
        with worker(bootstrap, folder, RTM_TICK_S="3600") as process, ExitStack() as stack:
            folding, quiet = Folded(bootstrap), stack.enter_context(Quiet(bootstrap))
            readings = [Reading(f"{GROUP}-1", (EVENTS, SENSOR), ticks=True), Reading(f"{GROUP}-1-sink", SUNK)]

            def still() -> None:
                assert process.poll() is None is sink.poll(), "a process ended"

            assert quiet.wait(readings, GIVE_UP_S, still)
            began, used, sent = time.perf_counter(), cpu_s(process) + cpu_s(sink), 0
            memory = stack.enter_context(Memory(worker=process, sink=sink))
            before = folding.ends()
            for hour in range(hours):
                sent += write(bootstrap, hour_of(patients, hour))
                folding.wait(before, still)
                before = folding.ends()
                memory.end_hour()
            assert quiet.wait(readings, GIVE_UP_S, still)
            wall, cpu = time.perf_counter() - began, cpu_s(process) + cpu_s(sink) - used
            tenth = -(-hours // 10)
            grown = {name: max(found[tenth:]) / found[tenth] for name, found in memory.hours.items()}
            facts, chunks = 2 * patients * hours, (patients // 100) * (CHUNKS_A_DAY * hours // 24)
            figure(
                "soak_facts_per_s", facts / wall, "facts/s", patients=patients, hours=hours, facts=facts, samples=chunks * HZ * CHUNK_S,
                records=sent, seconds=round(wall), cpu_s=round(cpu), lag=0,
                memory_mb={name: [round(megabytes) for megabytes in found] for name, found in memory.hours.items()},
                memory_mb_are="medians of the hours", grown={name: round(growth, 3) for name, growth in grown.items()},
            )  # fmt: skip
            return all(growth <= GROWTH for growth in grown.values())
    finally:
        sink.send_signal(signal.SIGTERM)
        sink.wait(120)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--hours", type=int, default=24)
    options = parser.parse_args()
    hush()
    with tempfile.TemporaryDirectory(prefix="rtm-soak-") as name:
        folder = Path(name)
        bootstrap = kafka_server.start(folder / "kafka", port=0).bootstrap
        try:
            declare(bootstrap, PARTITIONS, GROUP, 1)
            return 0 if soak(bootstrap, folder, options.patients, options.hours) else 1
        finally:
            kafka_server.stop(folder / "kafka")


if __name__ == "__main__":
    sys.exit(main())
