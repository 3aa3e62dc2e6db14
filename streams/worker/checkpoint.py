"""The checkpoint: one slice of one partition is folded, and what comes of it written in one Kafka transaction.

    slice ─▶ decode, fold ─▶ transaction { outputs, changed state, input offset } ─▶ all of it or nothing

The transaction's producer has a `transactional.id` of the partition, so whoever takes the partition over and starts that producer first
fences the former owner out: a worker that was taken for dead and wakes up changes nothing. The state itself says which offset is next;
what lies before it is skipped.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer, TopicPartition  # type: ignore[import-untyped]

from processors.processor import Output, Processor, Record, Tick
from processors.topology import MOTION
from schemas.codecs import decode_kafka
from schemas.envelope import unusable
from schemas.events import TICK
from schemas.facts import Fact, Unusable
from schemas.topics import ALERTS, DEAD_LETTERS, METRICS, SENSOR
from streams.deadletters import Origin, place_admission
from streams.kafka.outgoing import Outgoing, alert_records, dead_letter_record, fact_records, row_records, tick_record
from streams.kafka.placement import misplacement
from streams.kafka.topics import state_topic
from streams.worker.changelog import ChangelogStore, Progress, read_changelog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Executor

    from processors.policy import Policy
    from processors.processor import DeadLetter
    from processors.topology import Stage
    from streams.worker.slices import Slice

BATCH_BYTES = 512 * 1024
TRANSACTION_TIMEOUT_MS = 30_000
"""How long a transaction whose worker died may keep readers waiting, where nobody takes its partition over."""


class FoldError(Exception):
    """A processor failed at a record: a bug. The message names topic, partition and offset, and nothing of the record."""


class LogError(Exception):
    """The log isn't the one that the state was made from."""


class GivenUp(Exception):  # noqa: N818 - it is no error
    """The partition was taken away while a slice was folded."""


@dataclass(frozen=True, slots=True)
class Job:
    """What all partitions of a worker have in common. `partitions` is the number of partitions by topic.

    `muted`: changes of alerts are not told, for another generation has told them or will.
    """

    bootstrap: str
    group: str
    generation: int
    policy: Policy
    max_record: int
    partitions: dict[str, int]
    executor: Executor
    muted: bool = False

    @property
    def consumers(self) -> str:
        """The consumer group of this generation's workers."""
        return f"{self.group}-{self.generation}"

    def state_topic(self, stage: Stage) -> str:
        """The compacted topic that holds a stage's state."""
        return state_topic(self.group, self.generation, "motion" if stage is MOTION else "patient")


class Checkpoint:
    """One partition of one stage, owned: its producer, its state, its processor. Made anew at every assignment."""

    def __init__(self, job: Job, stage: Stage, partition: int) -> None:
        self.topic, self.partition = stage.reads, partition
        self.progress = Progress()
        self.next_offset = 0
        self.giving_up = False
        self._job, self._stage = job, stage
        self._store = ChangelogStore()
        self._processor: Processor
        self._producer = AIOKafkaProducer(
            bootstrap_servers=job.bootstrap,
            transactional_id=f"{job.group}-{job.generation}-{self.topic}-{partition}",
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            max_batch_size=BATCH_BYTES,
        )

    async def start(self) -> None:
        """Take the partition over. Raises KafkaError, NewerStateError, LogError."""
        # 1. Start the producer: it fences the former owner, and ends what he left open.
        await self._producer.start()
        # 2. Read the state to its end: nobody else can write to it any more.
        state = self._job.state_topic(self._stage)
        self._store, end = await read_changelog(self._job.bootstrap, state, self.partition, self.topic)
        self.progress = self._store.progress()
        self.next_offset = self.progress.next_offset
        if self.next_offset > end:
            raise LogError(
                f"{self.topic}, partition {self.partition}: the state knows offset {self.next_offset - 1}, but the topic ends before "
                f"{end}; was it made anew? Give the workers another RTM_GENERATION"
            )
        if self.progress.retired:
            raise LogError(
                f"{self.topic}, partition {self.partition}: generation {self._job.generation} was replaced by rtm rebuild --switch: "
                f"start with RTM_GENERATION={self.progress.retired}"
            )
        # 3. Make the processor over it.
        self._processor = await self._in_thread(self._stage.make, self._job.policy, self._store)

    async def stop(self) -> None:
        """Let the producer go. What is being folded must have been given up before: a stopped producer answers no pending send."""
        await asyncio.wait_for(self._producer.stop(), 5)

    async def fold(self, piece: Slice) -> bool:
        """Fold one slice in one transaction. False when something before it is missing: then nothing was done.

        Raises FoldError, GivenUp and aiokafka's KafkaError (ProducerFenced among them); after any of them this owner is of no more use.
        """
        # 1. Refuse what begins beyond the state, skip what the state has.
        if piece.begin > self.next_offset:
            return False
        if piece.end <= self.next_offset:
            return True
        # 2. Fold the records, and collect all that is to be written. In a thread: it is all computing, and may take long.
        outgoing = await self._in_thread(self._compute, piece)
        # 3. Begin the transaction.
        await self._producer.begin_transaction()
        # 4. Write the outputs and the changed state, the new `next_offset` in it.
        await self._write(outgoing)
        # 5. Add the offset of the input, for those who look at the group's lag.
        await self._producer.send_offsets_to_transaction({TopicPartition(self.topic, self.partition): piece.end}, self._job.consumers)
        # 6. Commit: now all of it is there, before this nothing.
        await self._producer.commit_transaction()
        self.next_offset = piece.end
        return True

    async def write_tick(self, now: int) -> None:
        """Write the tick of the instant `now` (ns) into the input itself, unless the state knows it. Fenced as all else is."""
        if now <= self.progress.tick:
            return
        await self._producer.begin_transaction()
        await self._write([tick_record(self.topic, self.partition, now)])
        await self._producer.commit_transaction()

    async def retire(self, successor: int) -> None:
        """Have no worker fold this partition any more in this generation: `successor` goes on from here. For good."""
        self.progress.retired = successor
        self._store.put_progress(self.progress)
        await self._producer.begin_transaction()
        await self._write(list(self._changes()))
        await self._producer.commit_transaction()

    async def _in_thread(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._job.executor, function, *arguments)

    # -- computing, in a thread ----------------------------------------------------------------------------------------------------

    def _compute(self, piece: Slice) -> list[Outgoing]:
        out, dead = Output(), list[Outgoing]()
        offset = piece.begin
        try:
            for index in range(len(piece.offsets)):
                offset = piece.offsets[index]
                if offset < self.next_offset:
                    continue
                self._take(piece, index, out, dead)
            self._processor.flush(out)
            self._processor.save()
        except GivenUp:
            raise
        except Exception as error:
            raise FoldError(
                f"{self.topic}, partition {self.partition}, offset {offset}: the {self._stage.name} stage failed with "
                f"{type(error).__name__}; nothing of this slice was written"
            ) from error
        dead.extend(self._bury(piece, piece.offsets.index(letter.position), letter) for letter in out.dead)
        self._count(piece, out)
        return [*self._outputs(out), *dead, *self._changes()]

    def _take(self, piece: Slice, index: int, out: Output, dead: list[Outgoing]) -> None:
        if self.giving_up:
            raise GivenUp
        progress = self.progress
        progress.read += 1
        try:
            fact = self._decode(piece, index)
        except Unusable as reason:
            dead.append(self._bury(piece, index, reason))
            return
        if fact.type == TICK:
            progress.ticks += 1
            progress.tick = max(progress.tick, fact.time)
            progress.clock = max(progress.clock, fact.time)
            self._processor.fold(Record(piece.offsets[index], Tick(fact.time)), out)
        else:
            progress.clock = max(progress.clock, fact.recorded)
            self._processor.fold(Record(piece.offsets[index], fact), out)

    def _decode(self, piece: Slice, index: int) -> Fact:
        key, headers = piece.keys[index], piece.headers[index]
        wrong = misplacement(self.topic, self.partition, self._job.partitions[self.topic], key, headers)
        if wrong is not None:
            said = {name[3:]: value.decode("utf-8", "replace") for name, value in headers if name.startswith("ce_") and value is not None}
            raise unusable("misplaced", wrong, said)
        return decode_kafka(key, piece.values[index], headers, self._job.max_record)

    def _bury(self, piece: Slice, index: int, dead: Unusable | DeadLetter) -> Outgoing:
        recorded = dead.recorded if isinstance(dead, Unusable) else None
        self.progress.dead[dead.reason] = self.progress.dead.get(dead.reason, 0) + 1
        headers: Any = piece.headers[index]
        original = Outgoing(self.topic, self.partition, piece.keys[index], piece.values[index], headers)
        received = max(self.progress.clock, recorded or 0)
        partitions = self._job.partitions[DEAD_LETTERS.name]
        return dead_letter_record(original, piece.offsets[index], dead.reason, dead.error, dead.event_id, received, partitions)

    def _count(self, piece: Slice, out: Output) -> None:
        progress = self.progress
        progress.applied += out.applied - out.waiting
        progress.waiting += out.waiting
        progress.duplicates += out.duplicates
        for table, rows in Counter(row.table for row in out.rows).items():
            progress.rows[table] = progress.rows.get(table, 0) + rows
        progress.next_offset = piece.end
        self._store.put_progress(self.progress)

    def _outputs(self, out: Output) -> Iterator[Outgoing]:
        for row in out.rows:
            if row.table == "chunk_admissions":
                place_admission(row, Origin(SENSOR.name, self.partition, row.values["position"], b""))
        generation = self._job.generation
        yield from fact_records(self.partition, out.facts)
        yield from row_records(out.rows, generation, self._job.partitions[METRICS.name])
        if not self._job.muted:
            yield from alert_records(out.transitions, generation, self._job.partitions[ALERTS.name])

    def _changes(self) -> Iterator[Outgoing]:
        topic = self._job.state_topic(self._stage)
        for key, value in self._store.take_changes():
            yield Outgoing(topic, self.partition, key, value, [])

    # -- writing ---------------------------------------------------------------------------------------------------------------------

    async def _write(self, records: Iterable[Outgoing]) -> None:
        """Send records in batches of one partition, in their order, and wait until the broker has them."""
        sent: list[asyncio.Future[Any]] = []
        for (topic, partition), group in groupby(sorted(records, key=_place), key=_place):
            batch = self._producer.create_batch()
            for record in group:
                while batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers) is None:
                    sent.append(await self._send(batch, topic, partition))
                    batch = self._producer.create_batch()
            sent.append(await self._send(batch, topic, partition))
        await asyncio.gather(*sent)

    async def _send(self, batch: Any, topic: str, partition: int) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = await self._producer.send_batch(batch, topic, partition=partition)
        future.add_done_callback(_heed)
        return future


def _place(record: Outgoing) -> tuple[str, int]:
    return record.topic, record.partition


def _heed(future: asyncio.Future[Any]) -> None:
    """Look at a result that nobody may wait for any more, so that asyncio doesn't print it."""
    if not future.cancelled():
        future.exception()
