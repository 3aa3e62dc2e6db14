"""`rtm replay --log`: the log as it stands in Kafka in, complete tables of a new generation out, alerts too, by the processors of live.

    rtm.events.v1, partition by partition, by offset ─▶ decode ─▶ the patient stage ─▶ rows ─▶ sink ─▶ generation complete

The ticks are those in the log. Each partition is a fold of its own, as it is live, so the same log gives the same alerts with the same ids.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError as ClientError

from processors.policy import Policy
from processors.processor import Output, Processor, Record, Tick
from processors.topology import PATIENT
from schemas.codecs import MAX_RECORD, decode_kafka
from schemas.events import TICK
from schemas.facts import Fact, Unusable
from schemas.topics import EVENTS
from streams.deadletters import Origin, dead_letter_row
from streams.kafka.placement import misplacement
from streams.kafka.security import client_arguments, unreachable
from streams.progress import Progress, Silent
from streams.replay.disk_store import DiskStore
from streams.replay.files import ReplayError, refuse_live
from streams.replay.folding import SLICE_RECORDS
from streams.replay.lane import Made, tell
from streams.replay.summary import Place, Summary
from streams.warehouse import generations
from streams.warehouse.migrations import migrate
from streams.warehouse.sink import RowSink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processors.processor import DeadLetter
    from streams.warehouse.connection import Warehouse

SCHEME = "kafka://"
SAVE_EVERY = 4
POLL_MS = 1000
REACH_MS = 10_000
STALLED_S = 60.0


def parse_source(source: str) -> str:
    """The bootstrap address of `kafka://host:port`; ValueError for anything else."""
    address = source.removeprefix(SCHEME).rstrip("/")
    hosts = address.split(",")
    if not source.startswith(SCHEME) or not all(host.rpartition(":")[0] and host.rpartition(":")[2].isdigit() for host in hosts):
        raise ValueError("a log is kafka://host:port, several hosts by commas")
    return address


def replay_log(
    bootstrap: str,
    warehouse: Warehouse,
    *,
    policy: Policy | None = None,
    max_record: int = MAX_RECORD,
    force: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Fold what is in `rtm.events.v1` now into a new generation of the warehouse, which is migrated first; what it did.

    Raises ReplayError where Kafka can't be read or a live group feeds the warehouse (unless `force`), WarehouseError; the former
    generation then stays current.
    """
    progress = progress or Silent()
    began = time.monotonic()
    migrate(warehouse)
    if not force:
        refuse_live(warehouse)
    with _Log(bootstrap) as log, tempfile.TemporaryDirectory(prefix="rtm-replay-") as folder:
        generation = generations.begin(warehouse, "replay", EVENTS.name)
        policy = replace(policy or Policy(), generation=generation)
        summary = Summary(files=[EVENTS.name], generation=generation)
        sink = RowSink(warehouse, generation)
        progress.phase("replaying", log.span)
        for partition in range(log.partitions):
            with DiskStore(Path(folder) / f"patient-{partition}.sqlite") as store:
                run = _Run(partition, log.partitions, PATIENT.make(policy, store), sink, summary, policy.generation, max_record)
                for batch in log.records(partition):
                    run.take(batch)
                    progress.advance(len(batch))
        sink.flush()
        generations.complete(warehouse, generation)
        generations.prune(warehouse)
    summary.seconds = time.monotonic() - began
    return summary


class _Log:
    """The topic as it stood when it was opened: its partitions, and the records of each in order."""

    def __init__(self, bootstrap: str) -> None:
        self._where = bootstrap
        try:
            self._consumer: Any = KafkaConsumer(
                bootstrap_servers=bootstrap.split(","),
                client_id="rtm-replay",
                group_id=None,
                enable_auto_commit=False,
                isolation_level="read_committed",
                auto_offset_reset="earliest",
                max_poll_records=SLICE_RECORDS,
                bootstrap_timeout_ms=REACH_MS,
                **client_arguments(),
            )
        except (ClientError, OSError, ValueError):
            raise ReplayError(str(unreachable(bootstrap))) from None
        found = self._consumer.partitions_for_topic(EVENTS.name)
        if not found:
            self._consumer.close()
            raise ReplayError(f"Kafka at {bootstrap} has no topic {EVENTS.name}: `rtm topics` makes it")
        self.partitions = len(found)
        places = [TopicPartition(EVENTS.name, partition) for partition in range(self.partitions)]
        self._begin = self._consumer.beginning_offsets(places)
        self._end = self._consumer.end_offsets(places)

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *exception: object) -> None:
        self._consumer.close()

    @property
    def span(self) -> int:
        """Offsets there are: records, and the markers of transactions."""
        return int(sum(self._end.values()) - sum(self._begin.values()))

    def records(self, partition: int) -> Iterator[list[Any]]:
        """The records of one partition, in batches, up to where it ended when the log was opened."""
        place = TopicPartition(EVENTS.name, partition)
        end = self._end[place]
        self._consumer.assign([place])
        self._consumer.seek(place, self._begin[place])
        heard = time.monotonic()
        while (position := self._consumer.position(place)) < end:
            try:
                batch = self._consumer.poll(timeout_ms=POLL_MS).get(place, [])
            except ClientError as error:
                raise self._stalled(partition, position, type(error).__name__) from None
            if batch or self._consumer.position(place) > position:
                heard = time.monotonic()
            elif time.monotonic() - heard > STALLED_S:
                raise self._stalled(partition, position, "nothing more comes")
            yield [record for record in batch if record.offset < end]

    def _stalled(self, partition: int, offset: int, why: str) -> ReplayError:
        return ReplayError(f"{EVENTS.name}, partition {partition}, offset {offset}: {why}; is Kafka at {self._where} well?")


@dataclass(slots=True)
class _Run:
    """One partition under way."""

    partition: int
    partitions: int
    processor: Processor
    sink: RowSink
    summary: Summary
    generation: int
    max_record: int
    clock: int = 0
    _slices: int = 0

    def take(self, batch: list[Any]) -> None:
        """Fold one batch, and hand its rows to the sink."""
        out = Output()
        records: dict[int, tuple[Any, Fact]] = {}
        for record in batch:
            self.summary.lines += 1
            self._fold(record, records, out)
        self.processor.flush(out)
        self._slices += 1
        if self._slices % SAVE_EVERY == 0:
            self.processor.save()
        for dead in out.dead:
            record, fact = records[dead.position]
            self._bury(record, dead, fact.recorded, fact.clinic or "")
        made = Made(told=list(map(tell, out.transitions)), applied=out.applied, duplicates=out.duplicates)
        made.rows.add(out.rows, self.generation)
        self.summary.count(made)
        self.sink.add_encoded(made.rows)

    def _fold(self, record: Any, records: dict[int, tuple[Any, Fact]], out: Output) -> None:
        try:
            fact = self._decode(record)
        except Unusable as unusable:
            self._bury(record, unusable, unusable.recorded)
            return
        item: Fact | Tick = fact
        if fact.type == TICK:
            item = Tick(fact.time)
            self.summary.ticks += 1
            self.summary.as_of = max(self.summary.as_of or 0, fact.time)
        self.clock = max(self.clock, fact.recorded)
        records[record.offset] = record, fact
        try:
            self.processor.fold(Record(record.offset, item), out)
        except Exception as error:
            where = f"{EVENTS.name}, partition {self.partition}, offset {record.offset}"
            raise ReplayError(f"{where}: a processor failed with {type(error).__name__}; RTM_DEBUG=1 shows where") from error

    def _decode(self, record: Any) -> Fact:
        wrong = misplacement(EVENTS.name, self.partition, self.partitions, record.key, record.headers)
        if wrong is not None:
            event_id = next((value.decode("utf-8", "replace") for name, value in record.headers if name == "ce_id" and value), "")
            raise Unusable("misplaced", wrong, event_id)
        return decode_kafka(record.key, record.value, record.headers, self.max_record)

    def _bury(self, record: Any, dead: Unusable | DeadLetter, recorded: int | None, clinic: str = "") -> None:
        origin = Origin(EVENTS.name, self.partition, record.offset, record.value or b"")
        row = dead_letter_row(
            origin,
            dead,
            clinic=clinic,
            recorded=recorded,
            clock=self.clock,
            generation=self.generation,
            position=record.offset,
            subject=(record.key or b"").decode("utf-8", "replace"),
        )
        self.summary.count_dead(dead.reason, Place(origin.topic, origin.partition, origin.offset, dead.error))
        self.summary.rows[row.table] += 1
        self.sink.add([row])
