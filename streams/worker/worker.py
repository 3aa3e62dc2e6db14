"""The worker: a Faust app with an agent a stage, and an owner for each partition that Faust assigns.

    rtm.sensor.v1 ─▶ motion ─▶ rtm.events.v1 ─▶ patient ─▶ rtm.metrics.v1, rtm.alerts.v1

Faust assigns partitions and runs the agents; it keeps no tables, serves nothing and commits nothing. A worker that can't go on stops:
with 1 where a person must look (a bug, no Kafka, no topics), with 75 where a new start mends it (it was fenced, the broker went away).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import tempfile
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import faust
from aiokafka.client import AIOKafkaClient  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError, ProducerFenced  # type: ignore[import-untyped]

from processors.shelf import NewerStateError
from processors.topology import STAGES, Stage
from schemas.topics import EVENTS, SENSOR, TOPICS
from streams.collecting import collect_all, seldom_collecting
from streams.kafka.security import client_arguments, faust_credentials, why_unreachable
from streams.kafka.topics import state_topic
from streams.kafka.writing import topics_there
from streams.settings import MEBIBYTE
from streams.telemetry import health, metrics
from streams.worker.checkpoint import LogError
from streams.worker.job import Job
from streams.worker.local_state import LocalStateError, StateFolder
from streams.worker.owner import Owner
from streams.worker.partition_fold import FoldError
from streams.worker.slices import SLICE_RECORDS, SliceConsumer, SliceTransport
from streams.worker.threads import FoldThreads
from streams.worker.wall_ticks import write_wall_ticks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from faust.types import TP

    from streams.settings import Settings

FAILED, START_ANEW = 1, 75
RECOVERIES_AT_ONCE = 8
FETCH, LEAST_FETCH = 32 << 20, 1 << 20
"""What one fetch brings of all partitions together, about, and of each, bytes: few partitions are read in larger pieces."""
STOP_S = 5.0
GAUGES: tuple[metrics.Name, ...] = ("rtm_partitions", "rtm_checkpoint_age_seconds", "rtm_waiting_chunks", "rtm_lag_offsets")
QUIET = ("faust", "mode", "aiokafka", "kafka", "asyncio")


class WorkerError(Exception):
    """The worker can't start, or can't go on; `status` is the exit status that says whether a new start may mend it."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


def run_worker(settings: Settings, say: Callable[[str], None], *, accept_loss: bool = False, stages: Sequence[Stage] = STAGES) -> None:
    """Run the stages until SIGTERM or Ctrl-C. `say` takes the line that tells that all is recovered. Raises WorkerError.

    With `accept_loss` a partition whose log lacks what the state needs next goes on behind that; it is counted as lost.
    """
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING if os.environ.get("RTM_DEBUG") == "1" else logging.CRITICAL)
    with seldom_collecting(), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_run(settings, say, stages, accept_loss=accept_loss))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - quicker, where it is installed
    except ImportError:
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made


async def _run(settings: Settings, say: Callable[[str], None], stages: Sequence[Stage], *, accept_loss: bool) -> None:
    with (
        FoldThreads(settings.fold_threads) as threads,
        tempfile.TemporaryDirectory(prefix="rtm-worker-") as folder,
        contextlib.closing(StateFolder(settings.state_folder, say, settings.memory_mb * MEBIBYTE // 2)) as state_folder,
    ):
        partitions = await _partitions(settings)
        there = await asyncio.to_thread(topics_there, settings.kafka, (SENSOR.name, EVENTS.name, *_states(settings)))
        job = Job(
            settings.kafka,
            settings.group,
            settings.generation,
            settings.policy(settings.generation),
            settings.max_record,
            partitions,
            threads,
            max_crashes=settings.max_crashes,
            accept_loss=accept_loss,
            topic_ids={name: topic.topic_id for name, topic in there.items()},
            state_folder=state_folder,
            checkpoint_s=settings.checkpoint_s,
            checkpoint_bytes=settings.checkpoint_bytes,
            warm_bytes=settings.memory_mb * MEBIBYTE // 2,
        )
        await _Worker(job, settings, folder, say, stages).run()


def _states(settings: Settings) -> list[str]:
    return [state_topic(settings.group, settings.generation, stage) for stage in ("motion", "patient")]


async def _partitions(settings: Settings) -> dict[str, int]:
    """How many partitions each topic has that this worker needs; WorkerError when one is missing, or Kafka is."""
    states = _states(settings)
    client = AIOKafkaClient(bootstrap_servers=settings.kafka, **client_arguments())
    try:
        await client.bootstrap()
        metadata = await client.fetch_all_metadata()
    except (KafkaError, OSError):
        raise WorkerError(await why_unreachable(settings.kafka)) from None
    finally:
        await client.close()
    found = {name: len(metadata.partitions_for_topic(name) or ()) for name in [*(topic.name for topic in TOPICS), *states]}
    if missing := [name for name, partitions in found.items() if not partitions]:
        raise WorkerError(f"Kafka at {settings.kafka} lacks {', '.join(missing)}: rtm topics declares them")
    if len({found[name] for name in (SENSOR.name, EVENTS.name, *states)}) > 1:
        counts = ", ".join(f"{name} has {found[name]}" for name in (SENSOR.name, EVENTS.name, *states))
        raise WorkerError(f"these topics must have the same number of partitions: {counts}; rtm topics says what differs")
    return found


@dataclass(slots=True)
class _Worker:
    """The Faust app and the owners of its partitions, from start to stop."""

    job: Job
    settings: Settings
    folder: str
    say: Callable[[str], None]
    stages: Sequence[Stage]
    _app: Any = None
    _owners: dict[TP, Owner] = field(default_factory=dict)
    _recovering: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(RECOVERIES_AT_ONCE))
    _ended: asyncio.Future[WorkerError | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _said_ready: bool = False
    _handlers: list[Any] = field(default_factory=list)

    async def run(self) -> None:
        """Until it is told to stop, or can't go on: WorkerError."""
        self._app = self._make_app()
        metrics.on_scrape(self._show)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, None)
        starting = asyncio.create_task(self._app.start())
        starting.add_done_callback(self._notice)
        crash = asyncio.create_task(self._watch())
        ticking = asyncio.create_task(self._tick())
        ended = await self._ended
        for task in (crash, ticking, starting):
            task.cancel()
        await self._drop_owners()
        if os.environ.get("RTM_DEBUG") != "1":
            threading.excepthook = lambda _: None  # Faust's thread fails loudly when it can't take leave of a broker that is gone
        with contextlib.suppress(Exception, asyncio.CancelledError):  # Faust's thread cancels what waits for it when it ends first
            await asyncio.wait_for(self._app.stop(), STOP_S)
        if ended is not None:
            raise ended

    def _make_app(self) -> Any:
        app = faust.App(
            self.job.consumers,
            broker=[f"kafka://{address}" for address in self.job.bootstrap.split(",")],
            broker_credentials=faust_credentials(self.settings),
            datadir=self.folder,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            value_serializer="raw",
            topic_partitions=self.job.partitions[SENSOR.name],
            broker_max_poll_records=SLICE_RECORDS,
            consumer_max_fetch_size=max(LEAST_FETCH, FETCH // (len(self.stages) * self.job.partitions[SENSOR.name])),
            broker_session_timeout=self.settings.worker_timeout_s,
            broker_heartbeat_interval=self.settings.worker_timeout_s / 5,
            table_standby_replicas=0,
            stream_wait_empty=False,
            stream_buffer_maxsize=64,
        )
        app.transport = SliceTransport(app.conf.broker, app)
        for stage in self.stages:
            topic = app.topic(stage.reads, key_type=bytes, value_type=bytes, value_serializer="raw")
            app.agent(topic, name=stage.name)(self._take)

        async def revoked(*_: Any, **__: Any) -> None:
            owned = bool(self._owners)
            await self._drop_owners()
            if owned:
                collect_all()

        async def assigned(*given: Any, **__: Any) -> None:
            await self._take_over(given[1])

        self._handlers = [revoked, assigned]
        app.on_partitions_revoked.connect(revoked)
        app.on_partitions_assigned.connect(assigned)
        return app

    # -- partitions ------------------------------------------------------------------------------------------------------------------

    async def _take(self, stream: Any) -> None:
        async for event in stream.noack().events():
            owner = self._owners.get(event.message.tp)
            if owner is not None:
                owner.take(event.value)

    async def _take_over(self, assigned: Collection[TP]) -> None:
        await self._drop_owners()
        consumer: SliceConsumer = self._app.consumer
        consumer.on_cut = self._on_cut
        by_topic: dict[str, Stage] = {stage.reads: stage for stage in self.stages}
        job = self.job.shared(sum(tp.topic == EVENTS.name for tp in assigned))
        for tp in sorted(assigned):
            owner = Owner(job, by_topic[tp.topic], tp.partition, consumer, self._on_ready, self._on_failure)
            self._owners[owner.tp] = owner
            owner.start(self._recovering)
        if not self._owners:
            self._say_ready()

    def _show(self) -> None:
        """Set the gauges of the partitions that are owned now."""
        for name in GAUGES:
            metrics.clear(name)
        owners = [owner for owner in list(self._owners.values()) if owner.ready]
        for stage in self.stages:
            metrics.gauge("rtm_partitions", sum(owner.stage is stage for owner in owners), stage=stage.name)
        for owner in owners:
            partition, checkpoint = str(owner.tp.partition), owner.checkpoint
            metrics.gauge("rtm_checkpoint_age_seconds", checkpoint.age_s, stage=owner.stage.name, partition=partition)
            if owner.stage is self.stages[0]:
                metrics.gauge("rtm_waiting_chunks", checkpoint.progress.waiting, partition=partition)
            end = self._app.consumer.highwater(owner.tp)
            if end is not None:
                metrics.gauge("rtm_lag_offsets", max(0, end - checkpoint.next_offset), topic=owner.tp.topic, partition=partition)

    async def _drop_owners(self) -> None:
        owners, self._owners = list(self._owners.values()), {}
        self._app.consumer.close_partitions()
        await asyncio.gather(*(owner.stop() for owner in owners))

    def _on_cut(self, tp: TP) -> None:
        if (owner := self._owners.get(tp)) is not None:
            owner.see_what_is_lost()

    def _on_ready(self, _owner: Owner) -> None:
        if not self._said_ready and all(owner.ready for owner in self._owners.values()):
            self._say_ready()

    def _say_ready(self) -> None:
        if self._said_ready:
            return
        self._said_ready = True
        health.ready()
        owned = ", ".join(f"{stage.name} {_ranges(p for topic, p in self._owners if topic == stage.reads)}" for stage in self.stages)
        self.say(f"worker ready: {owned}; group {self.job.consumers}, Kafka at {self.job.bootstrap}")

    async def _tick(self) -> None:
        if self.settings.clock == "wall":
            sensors = SENSOR.name
            await write_wall_ticks(self.settings.tick_s, lambda: [o for o in self._owners.values() if o.tp.topic == sensors])

    # -- ends ------------------------------------------------------------------------------------------------------------------------

    def _end(self, error: WorkerError | None) -> None:
        if not self._ended.done():
            self._ended.set_result(error)

    def _on_failure(self, owner: Owner, error: Exception) -> None:
        where = f"{owner.tp.topic}, partition {owner.tp.partition}, offset {owner.checkpoint.next_offset}"
        if os.environ.get("RTM_DEBUG") == "1":
            logging.getLogger("rtm.worker").error("%s", where, exc_info=error)
        if isinstance(error, FoldError | LogError | NewerStateError):
            said = str(error) if not isinstance(error, NewerStateError) else f"{where}: {error}"
            self._end(WorkerError(said))
        elif isinstance(error, ProducerFenced):
            self._end(WorkerError(f"{where}: fenced, another worker has taken the partition over; this one stops", START_ANEW))
        elif isinstance(error, LocalStateError):
            self._end(WorkerError(f"{where}: {error}", START_ANEW))
        elif isinstance(error, KafkaError | OSError | TimeoutError):
            self._end(WorkerError(f"{where}: Kafka failed with {type(error).__name__}; this worker stops", START_ANEW))
        else:
            self._end(WorkerError(f"{where}: {type(error).__name__}, which should not happen; RTM_DEBUG=1 shows where"))

    def _notice(self, starting: asyncio.Task[Any]) -> None:
        if not starting.cancelled() and (error := starting.exception()) is not None:
            self._end(WorkerError(f"Faust did not start: {type(error).__name__}", START_ANEW))

    async def _watch(self) -> None:
        """See that Faust lives."""
        while True:
            await asyncio.sleep(0.5)
            health.beat()
            if self._app.crashed or self._app.should_stop:
                reason = getattr(self._app, "crash_reason", None)
                self._end(WorkerError(f"Faust stopped: {type(reason).__name__ if reason else 'no reason told'}", START_ANEW))


def _ranges(partitions: Iterable[int]) -> str:
    """Partition numbers, short: `0-3`, `1,4`, `none`."""
    found = sorted(partitions)
    if not found:
        return "none"
    if len(found) > 1 and found == list(range(found[0], found[-1] + 1)):
        return f"{found[0]}-{found[-1]}"
    return ",".join(map(str, found))
