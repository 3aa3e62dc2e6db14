"""One partition that this worker owns: slices in, checkpoints out, one at a time.

    agent ─▶ backlog ─▶ checkpoint ─▶ Kafka
      ▲ back-pressure: reading is held while the backlog is long

Checkpoints of a partition begin at least `checkpoint_s` apart, unless `checkpoint_bytes` wait; the slices that come meanwhile are joined,
so that many small polls cost one transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from bisect import bisect_left
from collections import deque
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from faust.types import TP

from streams.worker.checkpoint import Checkpoint
from streams.worker.partition_fold import GivenUp
from streams.worker.slices import SLICE_RECORDS, Slice

if TYPE_CHECKING:
    from collections.abc import Callable

    from processors.topology import Stage
    from streams.worker.job import Job
    from streams.worker.slices import SliceConsumer

BACKLOG_RECORDS = SLICE_RECORDS
BACKLOG_BYTES = 16 << 20
"""A backlog longer than either holds the reading of its partition, until less than a checkpoint is left: more comes while that is folded.
A record and its headers are some twenty objects, so a longer one is what a worker's memory is made of."""
STOP_S = 5.0
"""How long a checkpoint under way may still take when the partition is given up."""


class Owner:
    """Owns a partition from its assignment to its revocation."""

    def __init__(
        self,
        job: Job,
        stage: Stage,
        partition: int,
        consumer: SliceConsumer,
        on_ready: Callable[[Owner], None],
        on_failure: Callable[[Owner, Exception], None],
    ) -> None:
        self.tp = TP(stage.reads, partition)
        self.stage = stage
        self.ready = False
        self.checkpoint = Checkpoint(job, stage, partition)
        self._job = job
        self._began = -math.inf
        self._consumer = consumer
        self._on_ready, self._on_failure = on_ready, on_failure
        self._backlog: deque[Slice] = deque()
        self._wake = asyncio.Event()
        self._seek = 0
        self._tick = self._tick_offered = 0
        self._cut = False
        self._task: asyncio.Task[None] | None = None

    def start(self, recovering: asyncio.Semaphore) -> None:
        """Begin to take the partition over; `recovering` bounds how many do so at once."""
        self._task = asyncio.create_task(self._run(recovering))

    def take(self, piece: Slice) -> None:
        """Put a slice into the backlog; one that was read before the partition was last opened is dropped: it comes again."""
        if piece.seek != self._seek:
            return
        self._backlog.append(piece)
        if self._too_long():
            self._consumer.hold(self.tp)
        self._wake.set()

    def offer_tick(self, now: int) -> None:
        """Have the tick of the instant `now` (ns) written, unless it was offered before; of several that wait only the newest is."""
        if self.ready and now > self._tick_offered:
            self._tick = self._tick_offered = now
            self._wake.set()

    def see_what_is_lost(self) -> None:
        """The log was cut where it was to be read."""
        self._cut = True
        self._wake.set()

    async def stop(self) -> None:
        """Give the partition up: a checkpoint under way may end, what waits is dropped. The next owner reads it again."""
        self.checkpoint.giving_up = True
        self._wake.set()
        if self._task is not None:
            if not self.ready:
                self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(self._task, STOP_S)
        with contextlib.suppress(Exception, asyncio.CancelledError):  # aiokafka awaits the sender that it cancels
            await self.checkpoint.stop()

    async def _run(self, recovering: asyncio.Semaphore) -> None:
        try:
            async with recovering:
                await self.checkpoint.start()
            await self._open()
            self.ready = True
            self._on_ready(self)
            self._wake.set()  # ticks may have left something to be done
            while not self.checkpoint.giving_up:
                await self._wake.wait()
                self._wake.clear()
                await self._work()
        except GivenUp:
            pass
        except Exception as error:
            if not self.checkpoint.giving_up:
                self._on_failure(self, error)

    async def _work(self) -> None:
        """Do all that waits."""
        while (self._backlog or self._tick or self._cut or self.checkpoint.waiting) and not self.checkpoint.giving_up:
            if self._cut:
                self._cut = False
                await self.checkpoint.see_what_is_lost()
                await self._open()
            if self._tick:
                tick, self._tick = self._tick, 0
                await self.checkpoint.write_tick(tick)
            if self._backlog:
                await self._until_due()
            if self._backlog:
                piece = self._next_piece()
                self._read_on()
                await self._fold(piece)
            if self.checkpoint.waiting:
                await self.checkpoint.work()
            self._read_on()

    def _read_on(self) -> None:
        if not self._enough():
            self._consumer.release(self.tp)

    async def _fold(self, piece: Slice) -> None:
        """A checkpoint of a piece; what is left of it goes back into the backlog."""
        if not await self.checkpoint.fold(piece):
            self._backlog.clear()
            await self._open()
        elif self.checkpoint.next_offset < piece.end and piece.seek == self._seek:
            self._backlog.appendleft(rest(piece, self.checkpoint.next_offset))
            self._began = -math.inf  # there was more than enough: what is left waits for nothing

    async def _until_due(self) -> None:
        """Wait until the next checkpoint may begin; in vain when something else is to be done before."""
        due = self._began + self._job.checkpoint_s
        while (wait := due - time.monotonic()) > 0 and not (self._enough() or self._tick or self._cut or self.checkpoint.giving_up):
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait)
        self._began = time.monotonic()

    def _enough(self) -> bool:
        return self._waiting_records() >= SLICE_RECORDS or self._waiting_bytes() >= self._job.checkpoint_bytes

    async def _open(self) -> None:
        """Read the partition from where the state stands."""
        self._seek = await self._consumer.open(self.tp, self.checkpoint.next_offset)

    def _too_long(self) -> bool:
        return self._waiting_records() > BACKLOG_RECORDS or self._waiting_bytes() > max(BACKLOG_BYTES, 2 * self._job.checkpoint_bytes)

    def _waiting_records(self) -> int:
        return sum(len(piece.offsets) for piece in self._backlog)

    def _waiting_bytes(self) -> int:
        return sum(piece.size for piece in self._backlog)

    def _next_piece(self) -> Slice:
        """The slices that wait, as one, as far as they follow each other and are not too much."""
        pieces = [self._backlog.popleft()]
        records, size = len(pieces[0].offsets), pieces[0].size
        while self._backlog:
            after = self._backlog[0]
            records, size = records + len(after.offsets), size + after.size
            if after.begin != pieces[-1].end or records > SLICE_RECORDS or size > self._job.checkpoint_bytes:
                break
            pieces.append(self._backlog.popleft())
        return join(pieces)


def join(pieces: list[Slice]) -> Slice:
    """Slices that follow each other, as one."""
    if len(pieces) == 1:
        return pieces[0]
    first = pieces[0]
    return Slice(
        first.topic,
        first.partition,
        first.begin,
        pieces[-1].end,
        first.seek,
        list(chain.from_iterable(piece.offsets for piece in pieces)),
        list(chain.from_iterable(piece.keys for piece in pieces)),
        list(chain.from_iterable(piece.values for piece in pieces)),
        list(chain.from_iterable(piece.headers for piece in pieces)),
        sum(piece.size for piece in pieces),
    )


def rest(piece: Slice, begin: int) -> Slice:
    """What a slice has from an offset on."""
    first = bisect_left(piece.offsets, begin)
    values = piece.values[first:]
    return replace(
        piece,
        begin=begin,
        offsets=piece.offsets[first:],
        keys=piece.keys[first:],
        values=values,
        headers=piece.headers[first:],
        size=sum(map(len, filter(None, values))),
    )
