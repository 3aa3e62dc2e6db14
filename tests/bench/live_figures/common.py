"""Facts as records, a worker that is timed, and how a figure is told."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from schemas.codecs import decode_line, encode_kafka
from schemas.events import CHUNK
from schemas.facts import Fact
from streams.kafka.outgoing import Outgoing, tick_record
from streams.kafka.placement import partition_of
from streams.kafka.topics import LARGEST_BATCH, declare
from streams.kafka.writing import BATCH_BYTES, LINGER_MS, Writer, compression
from streams.supervisor import leashed

sys.path.insert(0, str(Path(__file__).parents[1]))
from replay import TICK_S, enrolment, envelope

PARTITIONS = 4
EVENTS, SENSOR = "rtm.events.v1", "rtm.sensor.v1"
GROUP = "bench"
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
SHARED_S = 5.0
"""When the last of several processes is ready, those that gave partitions to it need a moment more."""


def figure(name: str, value: float, unit: str, **beside: object) -> None:
    print(orjson.dumps({"figure": name, "value": round(value, 3 if value < 100 else 0), "unit": unit, **beside}).decode(), flush=True)


def record(fact: Fact) -> Outgoing:
    key, value, headers = encode_kafka(fact)
    return Outgoing(SENSOR if fact.type == CHUNK else EVENTS, partition_of(key, PARTITIONS), key, value, headers)


def ticks(now: int, topic: str = EVENTS) -> list[Outgoing]:
    return [tick_record(topic, partition, now) for partition in range(PARTITIONS)]


def write(bootstrap: str, records: Iterable[Outgoing]) -> int:
    written = 0
    with Writer(bootstrap, "bench") as writer:
        for each in records:
            writer.send(each)
            written += 1
        writer.flush()
    return written


def write_unseen(bootstrap: str, records: Iterable[Outgoing]) -> tuple[int, Callable[[], None]]:
    """Write records that no worker sees yet, some in every partition: how many, and what shows them all at once."""
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, transactional_id="bench", transaction_timeout_ms=300_000, compression_type=compression(),
        linger_ms=LINGER_MS, batch_size=BATCH_BYTES, max_request_size=LARGEST_BATCH,
    )  # fmt: skip
    producer.init_transactions()
    producer.begin_transaction()
    written = 0
    for each in records:
        producer.send(each.topic, value=each.value, key=each.key, headers=each.headers, partition=each.partition)
        written += 1
    producer.flush()
    return written, producer.commit_transaction


def enrolled(patients: int) -> Iterator[Fact]:
    for patient in range(patients):
        yield from map(decode_line, enrolment(patient))


def pain(patient: int, name: str, at) -> Fact:
    return decode_line(envelope("report.pain", name, f"p{patient:05d}", at, {"nrs": patient % 7}))


@contextmanager
def worker(bootstrap: str, folder: Path, generation: int = 1, processes: int = 1, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """`rtm worker`, ready; of several processes, when the last of them is."""
    environment = os.environ | {
        "RTM_KAFKA": bootstrap, "RTM_GROUP": GROUP, "RTM_GENERATION": str(generation), "RTM_CLOCK": "log", "RTM_TICK_S": str(TICK_S),
        "RTM_STATE_FOLDER": str(folder / "state"),
    }  # fmt: skip
    command = leashed("worker", "--processes", str(processes))
    process = subprocess.Popen(command, env=environment | settings, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for _ in range(processes):
            assert "worker ready" in process.stdout.readline()
        if processes > 1:
            time.sleep(SHARED_S)
        yield process
    finally:
        process.terminate()
        process.wait(60)


def cpu_s(process: subprocess.Popen[str]) -> float:
    """CPU seconds that a process has used, and those that it started and that still run."""
    of = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return sum(_used(Path(f"/proc/{pid}/stat")) for pid in (process.pid, *of))


def main_thread_cpu_s(process: subprocess.Popen[str]) -> float:
    """CPU seconds that its first thread has used."""
    return _used(Path(f"/proc/{process.pid}/task/{process.pid}/stat"))


def _used(stat: Path) -> float:
    fields = stat.read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def folded(
    bootstrap: str,
    process: subprocess.Popen[str],
    generation: int = 1,
    topics: Iterable[str] = (EVENTS,),
    show: Callable[[], None] | None = None,
) -> tuple[float, float]:
    """Wait until a worker has committed all that is in the topics; the seconds, by the wall and by its CPU, since now, when `show` is
    called: it ends the transaction in which the last of it lies. One request each time, as what is asked takes from the worker's cores.
    """
    group, places = f"{GROUP}-{generation}", [TopicPartition(topic, partition) for topic in topics for partition in range(PARTITIONS)]
    client, consumer = KafkaAdminClient(bootstrap_servers=bootstrap), KafkaConsumer(bootstrap_servers=bootstrap)
    try:
        ends = {place: end for place, end in consumer.end_offsets(places).items() if end}
        began, used = time.perf_counter(), cpu_s(process)
        if show is not None:
            show()
        while True:
            committed = client.list_group_offsets({group: None})[group]
            if all(place in committed and committed[place].offset >= end for place, end in ends.items()):
                return time.perf_counter() - began, cpu_s(process) - used
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        consumer.close()
        client.close()


def generation(bootstrap: str, number: int) -> int:
    """State topics for another generation, whose worker begins at the log's beginning."""
    declare(bootstrap, PARTITIONS, GROUP, number)
    return number
