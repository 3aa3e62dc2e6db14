"""The checkpoint: what one slice of one partition comes to is written in one Kafka transaction.

    slice ─▶ fold (a thread) ─▶ transaction { outputs, changed state, input offset } ─▶ all of it or nothing

The transaction's producer has a `transactional.id` of the partition, so whoever takes the partition over and starts that producer first
fences the former owner out: a worker that was taken for dead and wakes up changes nothing. The state itself says which offset is next;
what lies before it is skipped.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer, TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import IllegalOperation  # type: ignore[import-untyped]

from streams.collecting import settle
from streams.kafka.outgoing import Outgoing, tick_record
from streams.kafka.security import client_arguments
from streams.telemetry import metrics
from streams.worker.changelog import Bounds, ChangelogStore, Progress, read_bounds, read_changelog
from streams.worker.committed import MemoryBlobs
from streams.worker.partition_fold import FoldError, PartitionFold

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from processors.topology import Stage
    from streams.worker.committed import Committed
    from streams.worker.job import Job
    from streams.worker.slices import Slice

BATCH_BYTES = 512 * 1024
TRANSACTION_TIMEOUT_MS = 30_000
"""How long a transaction whose worker died may keep readers waiting, where nobody takes its partition over."""


class LogError(Exception):
    """The log isn't the one that the state was made from, or lacks what the state needs next."""


class Checkpoint:
    """One partition of one stage, owned: its producer, its state, its fold. Made anew at every assignment."""

    def __init__(self, job: Job, stage: Stage, partition: int) -> None:
        self.topic, self.partition = stage.reads, partition
        self.next_offset = 0
        self.giving_up = False
        self._job, self._stage, self._thread = job, stage, job.threads.of(stage, partition)
        self._store = ChangelogStore()
        self._committed = time.monotonic()
        self._fold: PartitionFold
        self._producer = AIOKafkaProducer(
            bootstrap_servers=job.bootstrap,
            transactional_id=f"{job.group}-{job.generation}-{self.topic}-{partition}",
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            max_batch_size=BATCH_BYTES,
            **client_arguments(),
        )

    @property
    def progress(self) -> Progress:
        """How far the state has come."""
        return self._fold.progress

    @property
    def waiting(self) -> bool:
        """Whether ticks left anything to be done: then `work` is to be called."""
        return self._fold.waiting

    async def start(self) -> None:
        """Take the partition over. Raises KafkaError, NewerStateError, LogError."""
        # 1. Start the producer: it fences the former owner, and ends what he left open.
        await self._producer.start()
        # 2. Read the state to its end: nobody else can write to it any more.
        state = self._job.state_topic(self._stage)
        self._store, bounds = await read_changelog(self._job.bootstrap, state, self.partition, self.topic, self._open_blobs)
        # 3. See that the log goes on where the state ends.
        if self._compare(progress := self._store.progress(), bounds):
            self._store.put_progress(progress)
            await self._commit_state()
        # 4. Make the processor over it.
        self._fold = await self._in_thread(PartitionFold, self._job, self._stage, self.partition, self._store, lambda: self.giving_up)
        self.next_offset = self.progress.next_offset

    async def stop(self) -> None:
        """Let the producer go. What is being folded must have been given up before: a stopped producer answers no pending send."""
        await self._in_thread(self._store.close)
        await asyncio.wait_for(self._producer.stop(), 5)

    async def fold(self, piece: Slice) -> bool:
        """Fold one slice, or so much of it as `next_offset` then tells, in one transaction. False when something before it is missing: then
        nothing was done.

        Raises FoldError, GivenUp and aiokafka's KafkaError (ProducerFenced among them); after any of them this owner is of no more use.
        """
        # 1. Refuse what begins beyond the state, skip what the state has.
        if piece.begin > self.next_offset:
            return False
        if piece.end <= self.next_offset:
            return True
        began, before = time.monotonic(), self.progress.read
        dead = dict(self.progress.dead)
        # 2. Fold the records, and collect all that is to be written. In a thread: it is all computing, and may take long.
        outgoing = await self._computed(self._fold.take, piece)
        end = self.progress.next_offset
        # 3. Begin the transaction.
        async with self._transaction():
            # 4. Write the outputs and the changed state, the new `next_offset` in it; and the offset of the input, for those who look at
            #    the lag of the group.
            offsets = self._producer.send_offsets_to_transaction({TopicPartition(self.topic, self.partition): end}, self._job.consumers)
            written, _ = await asyncio.gather(self._write(outgoing), offsets)
            # 5. Commit: now all of it is there, before this nothing.
        await self._in_thread(self._keep, written)
        self.next_offset = end
        self._show(began, before, dead)
        return True

    @property
    def age_s(self) -> float:
        """Since the last committed slice, or the start, s."""
        return time.monotonic() - self._committed

    def _show(self, began: float, read: int, dead: Mapping[str, int]) -> None:
        """Count one slice: from when it took how long, and what it added to the records read and to the dead letters."""
        self._committed = time.monotonic()
        metrics.observe("rtm_checkpoint_seconds", self._committed - began, stage=self._stage.name)
        metrics.count("rtm_records_total", self.progress.read - read, stage=self._stage.name, partition=str(self.partition))
        for reason, count in self.progress.dead.items():
            metrics.count("rtm_dead_letters_total", count - dead.get(reason, 0), stage=self._stage.name, reason=reason)

    async def work(self) -> None:
        """Go on with what ticks left to be done, in a transaction of its own. Raises as `fold`."""
        outgoing = await self._computed(self._fold.work)
        async with self._transaction():
            written = await self._write(outgoing)
        await self._in_thread(self._keep, written)

    async def write_tick(self, now: int) -> None:
        """Write the tick of the instant `now` (ns) into the input itself, unless the state knows it. Fenced as all else is."""
        if now <= self.progress.tick_read:
            return
        async with self._transaction():
            await self._write([tick_record(self.topic, self.partition, now)])

    async def retire(self, successor: int) -> None:
        """Have no worker fold this partition any more in this generation: `successor` goes on from here. For good."""
        self.progress.retired = successor
        self._store.put_progress(self.progress)
        await self._commit_state()

    async def skip_to(self, offset: int) -> None:
        """Go on at an offset, what lies before it being in the state already: the log was rewritten. Nothing where it is there yet."""
        progress = self.progress
        if progress.next_offset >= offset:
            return
        progress.next_offset = progress.counted_from = offset
        progress.read_before = progress.read
        progress.crashes.clear()
        self._store.put_progress(progress)
        await self._commit_state({TopicPartition(self.topic, self.partition): offset})
        self.next_offset = offset

    async def see_what_is_lost(self) -> None:
        """Raise LogError when the log lacks what the state needs next; it may have been cut while it was read."""
        self._compare(self.progress, await read_bounds(self._job.bootstrap, self.topic, self.partition), accept=False)

    def _compare(self, progress: Progress, bounds: Bounds, *, accept: bool | None = None) -> bool:
        """Compare a state with the log; whether the progress was changed by it. LogError where the two don't go together."""
        where = f"{self.topic}, partition {self.partition}"
        log_id, changed = self._job.topic_ids.get(self.topic, ""), False
        if progress.next_offset > bounds.end:
            raise LogError(
                f"{where}: the state knows offset {progress.next_offset - 1}, but the topic ends before {bounds.end}; was it made anew? "
                "Give the workers another RTM_GENERATION"
            )
        if progress.log_id and log_id and progress.log_id != log_id:
            raise LogError(f"{where}: the topic was made anew since the state was made from it; give the workers another RTM_GENERATION")
        if progress.retired:
            raise LogError(
                f"{where}: generation {self._job.generation} was replaced by rtm rebuild --switch: "
                f"start with RTM_GENERATION={progress.retired}"
            )
        if bounds.begin > progress.next_offset:
            if progress.read:
                if not (self._job.accept_loss if accept is None else accept):
                    raise LogError(
                        f"{where}: offsets {progress.next_offset} to {bounds.begin - 1} are gone from the topic before they were read; "
                        "was its retention too short? rtm worker --accept-loss goes on behind them, and counts them as lost"
                    )
                progress.lost += bounds.begin - progress.next_offset
            progress.next_offset, changed = bounds.begin, True
        if log_id and progress.log_id != log_id:
            progress.log_id, changed = log_id, True
        return changed

    async def _computed(self, compute: Callable[..., list[Outgoing]], *arguments: Any) -> list[Outgoing]:
        """What a fold comes to; where a processor fails, the crash is counted in the state before FoldError goes on."""
        try:
            outgoing: list[Outgoing] = await self._in_thread(compute, *arguments)
        except FoldError:
            await self._commit_state()
            raise
        return outgoing

    async def _commit_state(self, offsets: Mapping[Any, int] | None = None) -> None:
        topic = self._job.state_topic(self._stage)
        async with self._transaction():
            written = await self._write(Outgoing(topic, self.partition, key, value, []) for key, value in self._store.changes())
            if offsets is not None:
                await self._producer.send_offsets_to_transaction(offsets, self._job.consumers)
        await self._in_thread(self._keep, written)

    def _keep(self, next_offset: int) -> None:
        self._store.commit(next_offset)
        settle()

    def _open_blobs(self, end: int) -> Committed:
        topic, folder = self._job.state_topic(self._stage), self._job.state_folder
        return MemoryBlobs() if folder is None else folder.blobs(topic, self.partition, self._job.topic_ids.get(topic, ""), end)

    async def _in_thread(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    # -- writing ---------------------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        """A transaction around a block, committed at its end. Raises KafkaError; what it was, also where aiokafka only refuses to go on."""
        try:
            await self._producer.begin_transaction()
            yield
            await self._producer.commit_transaction()
        except (IllegalOperation, AssertionError):
            sender = self._producer._sender.sender_task  # aiokafka says why it gave up nowhere else
            if sender.done() and not sender.cancelled() and (why := sender.exception()) is not None:
                raise why from None
            raise

    async def _write(self, records: Iterable[Outgoing]) -> int:
        """Send records in batches of one partition, in their order, and wait until the broker has them. The state topic's next offset."""
        sent: list[asyncio.Future[Any]] = []
        counts: list[int] = []
        for (topic, partition), group in groupby(sorted(records, key=_place), key=_place):
            batch = self._producer.create_batch()
            for record in group:
                while batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers) is None:
                    counts.append(batch.record_count())
                    sent.append(await self._send(batch, topic, partition))
                    batch = self._producer.create_batch()
            counts.append(batch.record_count())
            sent.append(await self._send(batch, topic, partition))
        state = self._job.state_topic(self._stage)
        placed = zip(await asyncio.gather(*sent), counts, strict=True)
        return max((place.offset + count for place, count in placed if place.topic == state), default=self._store.next_offset)

    async def _send(self, batch: Any, topic: str, partition: int) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = await self._producer.send_batch(batch, topic, partition=partition)
        future.add_done_callback(_heed)
        return future


_place = attrgetter("topic", "partition")


def _heed(future: asyncio.Future[Any]) -> None:
    """Look at a result that nobody may wait for any more, so that asyncio doesn't print it."""
    if not future.cancelled():
        future.exception()
