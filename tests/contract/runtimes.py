"""The runtimes that the contract suite runs over. Facts in; what they told of each patient out."""

from __future__ import annotations

import os
import subprocess
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import orjson
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from processors.policy import Policy
from schemas.codecs import encode_kafka, encode_line
from schemas.instants import format_instant
from streams.kafka.placement import partition_of
from streams.replay.folding import fold_records
from streams.supervisor import leashed
from tests.contract.cases import AS_OF, CASES, TICK_S, Case, Told, current

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.facts import Fact

PARTITIONS = 4
GROUP = "contract"
POLICY = Policy(tick_s=TICK_S)
TIMEOUT_S = 120


class Embedded:
    """Each case folded in this process."""

    name = "embedded"

    def told(self, case: Case) -> Told:
        told = Told()
        rows = []
        for out in fold_records(case.log(), POLICY, as_of=AS_OF, slice_records=3):
            rows += [(row.table, row.values) for row in out.rows]
            told.dead += [dead.reason for dead in out.dead]
            told.transitions += [change.transition for change in out.transitions]
        told.rows = current(rows)
        return told


class Live:
    """All cases in one log through a real Kafka and a real worker, by `rtm send`; read back from the topics."""

    name = "kafka"

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.bootstrap = bootstrap
        self._environment = os.environ | {
            "RTM_KAFKA": bootstrap, "RTM_GROUP": GROUP, "RTM_GENERATION": "1", "RTM_CLOCK": "log", "RTM_TICK_S": str(TICK_S),
            "RTM_PARTITIONS": str(PARTITIONS),
        }  # fmt: skip
        facts = sorted((fact for case in CASES for fact in case.log()), key=lambda fact: fact.recorded)
        self._misplace(facts[0])
        self._file = folder / "cases.jsonl"
        self._file.write_bytes(b"".join(encode_line(fact) + b"\n" for fact in facts))
        self._run()
        self._told = self._collect()

    def told(self, case: Case) -> Told:
        return self._told[case.subject]

    def _misplace(self, fact: Fact) -> None:
        """One good record where it doesn't belong, and one with another key."""
        key, value, headers = encode_kafka(fact)
        self.misplaced = partition_of(key, PARTITIONS), key, value, headers
        producer = KafkaProducer(bootstrap_servers=self.bootstrap)
        wrong = (self.misplaced[0] + 1) % PARTITIONS
        producer.send("rtm.events.v1", key=key, value=value, headers=headers, partition=wrong).get(10)
        other = b"somebody-else"
        partition = partition_of(other, PARTITIONS)
        producer.send("rtm.events.v1", key=other, value=value, headers=headers, partition=partition).get(10)
        producer.close()

    def _run(self) -> None:
        worker = subprocess.Popen(leashed("worker"), env=self._environment, stdout=subprocess.PIPE, text=True)
        try:
            assert worker.stdout is not None
            assert "worker ready" in worker.stdout.readline()
            send = leashed("send", str(self._file), "--as-of", format_instant(AS_OF), "--journal", f"{self._file}.journal")
            sent = subprocess.run(send, env=self._environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
            assert sent.returncode == 0, sent.stderr
            self._await_last_tick()
        finally:
            worker.terminate()
            worker.wait(60)

    def _await_last_tick(self) -> None:
        """Until the group's offsets say that all of the log has been folded."""
        give_up = time.monotonic() + TIMEOUT_S
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=f"{GROUP}-1", enable_auto_commit=False)
        places = [TopicPartition("rtm.events.v1", partition) for partition in range(PARTITIONS)]
        last = {place: list(records(self.bootstrap, "rtm.events.v1", place.partition))[-1].offset for place in places}
        while any((consumer.committed(place) or 0) <= offset for place, offset in last.items()):
            assert time.monotonic() < give_up, "the worker didn't get to the end of the log"
            time.sleep(0.1)
        consumer.close()

    def _collect(self) -> dict[str, Told]:
        told: dict[str, Told] = defaultdict(Told)
        rows: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        for record in records(self.bootstrap, "rtm.metrics.v1"):
            table = dict(record.headers)["table"].decode()
            rows[record.key.decode()] += [(table, orjson.loads(line)) for line in record.value.splitlines()]
        self.dead_letters = list(records(self.bootstrap, "rtm.dead-letters.v1"))
        for record in self.dead_letters:
            headers = dict(record.headers)
            subject = (record.key or b"case-forgotten").decode()  # what was forgotten is told without its key
            if headers["rtm-reason"] != b"misplaced":
                told[subject].dead.append(headers["rtm-reason"].decode())
        for record in records(self.bootstrap, "rtm.alerts.v1"):
            told[record.key.decode()].transitions.append(orjson.loads(record.value)["transition"])
        for subject, issued in rows.items():
            told[subject].rows = current(issued)
        return told


def records(bootstrap: str, topic: str, partition: int | None = None) -> Iterator[Any]:
    """What is in a topic now, committed, by partition and offset."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest"
    )
    places = [TopicPartition(topic, number) for number in (range(PARTITIONS) if partition is None else [partition])]
    ends = consumer.end_offsets(places)
    for place in places:
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        while consumer.position(place) < ends[place]:
            yield from consumer.poll(timeout_ms=500).get(place, [])
    consumer.close()
