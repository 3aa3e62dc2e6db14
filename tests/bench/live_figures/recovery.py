"""Seconds until a worker owns the state of many patients: from Kafka alone, and with its local disk.

A few hundred patients' real state of seven recent days is cloned in the state topic of a generation of its own, each under other names.
"""

from __future__ import annotations

import re
import shutil
import time
from datetime import timedelta
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from processors.shelf import pack, unpack
from schemas.codecs import decode_line
from streams.kafka.outgoing import Outgoing
from tests.bench.live_figures.common import GROUP, PARTITIONS, enrolled, figure, folded, generation, record, ticks, worker, write
from tests.bench.replay import BEGIN, reports

SUBJECT = re.compile(rb"p\d{5}")
DAYS = 7


def recovery(bootstrap: str, folder: Path, patients: int, cloned: int) -> None:
    seed, target = generation(bootstrap, 2), generation(bootstrap, 3)
    facts = [decode_line(line) for day in range(DAYS) for line in reports(cloned, day)]
    days = [int((BEGIN + timedelta(days=day)).timestamp()) * 10**9 for day in range(DAYS + 1)]
    log = [*map(record, enrolled(cloned))]
    for day in range(DAYS):
        log += map(record, (fact for fact in facts if days[day] <= fact.recorded < days[day + 1]))
        log += ticks(days[day + 1])
    write(bootstrap, log)
    with worker(bootstrap, folder, seed) as process:
        folded(bootstrap, process, seed)
        time.sleep(20)
    count = size = 0
    records = []
    for each in _state(bootstrap, f"{GROUP}-{seed}-patient-state"):
        for key, value in _clones(each, patients // cloned):
            records.append(Outgoing(f"{GROUP}-{target}-patient-state", each.partition, key, value, []))
            count, size = count + 1, size + len(value)
    write(bootstrap, records)
    del records
    base = _seconds(bootstrap, folder / "none", 1)
    cold = _seconds(bootstrap, folder / "recovered", target)
    warm = _seconds(bootstrap, folder / "recovered", target)
    about = {"patients": patients, "blobs": count, "bytes": size, "start_of_a_worker_s": round(base, 2), "partitions": PARTITIONS}
    figure("recovery_cold_s", cold, "s from start to ready", **about)
    figure("recovery_local_disk_s", warm, "s from start to ready", **about)
    shutil.rmtree(folder / "recovered")


def _seconds(bootstrap: str, folder: Path, number: int) -> float:
    began = time.perf_counter()
    with worker(bootstrap, folder, number):
        return time.perf_counter() - began


def _clones(record, times: int):
    """A blob under its key, once for each clone of its patient; what names many patients has all clones in it."""
    name = SUBJECT.search(record.key)
    if name is not None:
        for clone in range(times):
            yield record.key.replace(name[0], name[0] + b"-%d" % clone), record.value
    elif record.key.startswith(b"due/"):
        due = unpack(record.value, dict[str, int])
        yield record.key, pack({f"{subject}-{clone}": instant for subject, instant in due.items() for clone in range(times)})
    else:
        yield record.key, record.value


def _state(bootstrap: str, topic: str) -> list:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", group_id=None)
    places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    ends = consumer.end_offsets(places)
    found = {}
    while any(consumer.position(place) < ends[place] for place in places):
        for records in consumer.poll(500).values():
            found |= {(each.partition, each.key): each for each in records}
    consumer.close()
    return [each for each in found.values() if each.value is not None]
