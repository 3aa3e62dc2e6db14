"""`rtm sink`: rows, raw samples, dead letters and deliveries from Kafka into the warehouse, in large batches of raw JSON Lines.

    Kafka ─▶ poll ─▶ batch in hand ─▶ batch under way (a thread) ─▶ warehouse
                        ▲ full: reading is held, the group is kept      └▶ then its offsets are committed

Read by aiokafka, whose records cost half of kafka-python's. A batch is large where much waits: an insert into a table costs 15 ms, a row
4 µs.

Offsets are committed only when all that was read before them is in the warehouse, in the order in which it was read; nothing that was
read is ever dropped. So a committed offset means, whoever committed it, that all before it is in, also while partitions move from sink to
sink. Who is killed in between has it inserted again by the next: a row of the same key and revision replaces itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import click
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import CommitFailedError, IllegalStateError  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError as ClientError

from schemas.topics import DEAD_LETTERS
from streams.collecting import seldom_collecting
from streams.kafka.jars import KafkaError
from streams.kafka.outgoing import Outgoing, dead_letter_record
from streams.kafka.security import client_arguments
from streams.kafka.writing import Writer, topics_there
from streams.live_sink.batch import Batch
from streams.live_sink.outlet import Outlet, OutletStoppedError
from streams.live_sink.records import TOPICS
from streams.telemetry import health, metrics

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from streams.settings import Settings
    from streams.warehouse.connection import Warehouse

POLL_MS = 100
POLL_RECORDS = 5_000
FETCH_BYTES = 8 << 20
PARTITION_FETCH_BYTES = 1 << 20
KAFKA_S = 10.0
"""How long Kafka may take to note offsets, or the leave that is taken."""
METADATA_MS = 10_000
SHOWN_EVERY_S = 1.0
STOP_S = 10.0
"""How long the batches in hand may still take when the end was asked for."""
LONGEST_ERROR = 300


class LiveSink:
    """One sink, from its start to its end. Several share the partitions, by their group.

    `warehouse` is one that is open, and stays so, or opens it. `say` takes a line where something changes; `ready` the line that it is
    ready.
    """

    def __init__(
        self,
        settings: Settings,
        warehouse: Warehouse | Callable[[], Warehouse],
        *,
        say: Callable[[str], None] = click.echo,
        ready: Callable[[str], None] | None = None,
    ) -> None:
        self.group = f"{settings.group}-{settings.generation}-sink"
        self.rows = self.buried = 0
        self._settings, self._say, self._ready = settings, say, ready
        self._outlet = Outlet(warehouse, settings.generation, f"group {settings.group}", say)
        self._batch = Batch()
        self._under_way: tuple[Batch, asyncio.Future[None]] | None = None
        self._done: dict[TopicPartition, int] = {}
        self._polling: asyncio.Task[dict[TopicPartition, list[Any]]] | None = None
        self._writer: Writer | None = None
        self._lagging = False
        self._shown = 0.0

    def run(self, stop: threading.Event) -> None:
        """Sink until `stop` is set; what is in hand is then inserted and committed, if the warehouse takes it.

        Raises KafkaError when the broker can't be reached or lacks a topic, WarehouseError when the warehouse can't be used.
        """
        topics = topics_there(self._settings.kafka, TOPICS)
        self._dead_letter_partitions = topics[DEAD_LETTERS.name].partitions
        try:
            with seldom_collecting(), ThreadPoolExecutor(1, "sink") as self._inserter, asyncio.Runner() as runner:
                runner.run(self._run(stop))
        except ClientError as error:
            raise KafkaError(f"Kafka at {self._settings.kafka} went away ({type(error).__name__}): start rtm sink again") from None
        finally:
            self._close()

    async def _run(self, stop: threading.Event) -> None:
        self._consumer = self._make_consumer()
        try:
            await self._consumer.start()
            preparing = self._in_thread(self._outlet.prepare)
            while not stop.is_set():
                if preparing.done():
                    preparing.result()
                await self._step(prepared=preparing.done())
            if preparing.done():
                await self._finish()
        finally:
            self._outlet.hurry()
            if self._polling is not None:
                self._polling.cancel()
            with contextlib.suppress(ClientError, TimeoutError):
                await asyncio.wait_for(self._consumer.stop(), KAFKA_S)

    def _in_thread(self, function: Callable[..., None], *arguments: Any) -> asyncio.Future[None]:
        return asyncio.get_running_loop().run_in_executor(self._inserter, function, *arguments)

    @property
    def rows_in_hand(self) -> int:
        """Rows that are read and not under way to the warehouse."""
        return self._batch.rows

    # -- start and end ---------------------------------------------------------------------------------------------------------------

    def _make_consumer(self) -> Any:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka,
            client_id="rtm-sink",
            group_id=self.group,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=POLL_MS,
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
            session_timeout_ms=max(6_000, self._settings.worker_timeout_s * 1000),
            heartbeat_interval_ms=1_000,
            metadata_max_age_ms=METADATA_MS,
            **client_arguments(),
        )
        consumer.subscribe(TOPICS, listener=_Rebalance(self._gained))
        return consumer

    def _close(self) -> None:
        self._outlet.close()
        if self._writer is not None:
            self._writer.__exit__()

    async def _finish(self) -> None:
        """Insert and commit what is in hand; what can't be done by then is read again by the next sink."""
        deadline = time.monotonic() + STOP_S
        while self._under_way is not None or self._batch.offsets:
            if self._under_way is None:
                self._begin()
            assert self._under_way is not None  # noqa: S101 - for the type checker
            await asyncio.wait([self._under_way[1]], timeout=max(0.0, deadline - time.monotonic()))
            if not self._under_way[1].done():
                self._outlet.hurry()
                await asyncio.wait([self._under_way[1]])
            if not self._land():
                break
        await self._commit()

    def _show(self) -> None:
        """Set the gauges."""
        self._shown = time.monotonic()
        metrics.gauge("rtm_sink_rows_in_hand", self._batch.rows)
        metrics.clear("rtm_lag_offsets")
        for place in self._consumer.assignment():
            end = self._consumer.highwater(place)
            at = self._batch.offsets.get(place, self._done.get(place))
            if end is not None and at is not None:
                metrics.gauge("rtm_lag_offsets", max(0, end - at), topic=place.topic, partition=str(place.partition))

    def _gained(self, gained: Iterable[TopicPartition]) -> None:
        health.ready()
        if self._ready is not None:
            self._ready(f"sink ready: {len(list(gained))} partitions, group {self.group}")
            self._ready = None

    # -- a step ----------------------------------------------------------------------------------------------------------------------

    async def _step(self, *, prepared: bool) -> None:
        """Read what has come; commit what has landed; send the batch on when it is due."""
        health.beat()
        if time.monotonic() - self._shown >= SHOWN_EVERY_S:
            self._show()
        self._hold()
        for place, records in (await self._poll()).items():
            self._batch.take(place, records, self._settings.generation)
        if self._under_way is not None and self._under_way[1].done():
            self._land()
        if prepared and self._under_way is None and self._due():
            self._begin()
        await self._commit()

    async def _poll(self) -> dict[TopicPartition, list[Any]]:
        """What has come; nothing yet when a full batch may be sent on first. A poll waits while partitions move; it is never broken off,
        since what it reads would be lost.
        """
        if self._polling is None:
            self._polling = asyncio.ensure_future(self._consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS))
        held_up = [self._under_way[1]] if self._under_way is not None and self._full() else []
        await asyncio.wait([self._polling, *held_up], timeout=2 * POLL_MS / 1000, return_when=asyncio.FIRST_COMPLETED)
        if not self._polling.done():
            return {}
        polled, self._polling = self._polling, None
        return polled.result()

    def _hold(self) -> None:
        """Hold the reading while the batch in hand is full; polling goes on, so that the group keeps us."""
        assigned, paused = self._consumer.assignment(), self._consumer.paused()
        if self._full():
            if waiting := assigned - paused:
                self._consumer.pause(*waiting)
        elif paused:
            self._consumer.resume(*paused)

    def _full(self) -> bool:
        return self._batch.rows >= self._settings.sink_rows or self._batch.bytes >= self._settings.sink_bytes

    def _due(self) -> bool:
        return bool(self._batch.offsets) and (self._full() or time.monotonic() - self._batch.since >= self._settings.sink_age_s)

    def _begin(self) -> None:
        batch, self._batch = self._batch, Batch()
        self._under_way = batch, self._in_thread(self._write, batch)

    def _write(self, batch: Batch) -> None:
        for record, error in batch.unusable:
            self._bury(record, error)
        began = time.monotonic()
        rows = self._outlet.write(batch, self._bury)
        metrics.observe("rtm_sink_insert_seconds", time.monotonic() - began)
        metrics.count("rtm_sink_rows_total", rows)
        self.rows += rows

    def _land(self) -> bool:
        """The batch under way has ended: its offsets may be committed, unless it was given up. Raises what went wrong with it."""
        assert self._under_way is not None  # noqa: S101 - for the type checker
        batch, future = self._under_way
        self._under_way = None
        try:
            future.result()
        except OutletStoppedError:
            return False
        self._done |= batch.offsets
        return True

    def _bury(self, record: Any, error: str) -> None:
        """A record that the warehouse can't read is a dead letter, `unparsable`, by its place; it comes back by its topic as a row."""
        if self._writer is None:
            self._writer = Writer(self._settings.kafka, "rtm-sink")
        original = Outgoing(record.topic, record.partition, record.key, record.value, list(record.headers))
        partitions = self._dead_letter_partitions
        self._writer.write(dead_letter_record(original, record.offset, "unparsable", error[:LONGEST_ERROR], "", time.time_ns(), partitions))
        self.buried += 1
        metrics.count("rtm_dead_letters_total", stage="sink", reason="unparsable")
        self._say(f"sink: {record.topic}, partition {record.partition}, offset {record.offset} is a dead letter: {error[:LONGEST_ERROR]}")

    async def _commit(self) -> None:
        """Commit what has landed of our partitions: whoever has the others reads it again. While the broker is away it is tried again."""
        assigned = self._consumer.assignment()
        self._done = {place: offset for place, offset in self._done.items() if place in assigned}
        if not self._done:
            return
        try:
            await asyncio.wait_for(self._consumer.commit(self._done), KAFKA_S)
        except (CommitFailedError, IllegalStateError):  # the partitions have moved meanwhile
            self._done.clear()
        except (ClientError, TimeoutError) as error:
            if isinstance(error, ClientError) and not error.retriable:
                raise
            if not self._lagging:
                self._lagging = True
                self._say(f"sink: Kafka does not take offsets ({type(error).__name__}): they are told again, and nothing is lost")
        else:
            self._done.clear()
            if self._lagging:
                self._lagging = False
                self._say("sink: Kafka takes offsets again")


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells that partitions come. That they go needs nothing: see the file's head."""

    def __init__(self, gained: Callable[[Iterable[TopicPartition]], None]) -> None:
        self._gained = gained

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin with them."""
        self._gained(assigned)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Let them go."""
