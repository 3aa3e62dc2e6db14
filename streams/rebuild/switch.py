"""The change from the running generation to its successor: nothing is folded twice, nothing is left out, no alert is lost.

    1. the running generation does what its ticks left to be done, and is retired, partition by partition: no worker folds it any more
    2. the successor folds up to just there
    3. motion's state, and the offsets of sink and dispatcher, are handed over
    4. the warehouse shows the successor, once the sink has stored all of it

Every step may be run again.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka import AIOKafkaProducer, TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError as ClientError  # type: ignore[import-untyped]
from kafka import OffsetAndMetadata
from kafka import TopicPartition as AdminTopicPartition

from processors.shelf import NewerStateError, pack
from processors.topology import MOTION, PATIENT
from schemas.instants import format_instant
from schemas.topics import METRICS, SENSOR
from streams.kafka.jars import KafkaError
from streams.kafka.outgoing import Outgoing
from streams.kafka.reading import Reader
from streams.kafka.security import client_arguments
from streams.kafka.topics import LARGEST_BATCH, admin, state_topic
from streams.kafka.writing import Writer
from streams.rebuild.fold import catch_up
from streams.rebuild.plan import RebuildError
from streams.reconcile.kafka_counts import committed_offsets
from streams.warehouse.generations import current as shown_generation
from streams.worker.changelog import PROGRESS_KEY
from streams.worker.checkpoint import Checkpoint, LogError
from streams.worker.partition_fold import FoldError
from streams.worker.progress import newest_progress
from streams.worker.threads import FoldThreads

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from processors.topology import Stage
    from streams.rebuild.plan import Plan
    from streams.settings import Settings
    from streams.warehouse.connection import Warehouse
    from streams.worker.job import Job

AGAIN_S = 0.5
FOLLOWERS = ("sink", "dispatch")


def announce(settings: Settings, plan: Plan, warehouse: Warehouse) -> None:
    """Have the warehouse know of the successor's run, through the sink."""
    if not warehouse.query("SELECT 1 FROM rtm.generations FINAL WHERE generation = {g:UInt32}", {"g": plan.successor}).rows:
        _tell(settings, plan, {"kind": "rebuild", "status": "running", "revision": 1})


def switch(settings: Settings, plan: Plan, warehouse: Warehouse, wait_s: float, say: Callable[[str], None]) -> None:
    """Make the successor current. Raises RebuildError, KafkaError, WarehouseError, NewerStateError."""
    catch_up(settings, plan)
    _retire(settings, plan)
    say(f"generation {plan.current} is retired: its workers have stopped")
    catch_up(settings, plan)
    _hand_over_motion(settings, plan)
    for follower in FOLLOWERS:
        _hand_over_offsets(settings, plan, follower)
    _tell(settings, plan, {"kind": "live", "status": "complete", "completed_at": format_instant(time.time_ns()), "revision": 3})
    give_up = time.monotonic() + wait_s
    while shown_generation(warehouse) != plan.successor:
        if time.monotonic() > give_up:
            raise RebuildError(
                f"the warehouse does not show generation {plan.successor} yet: see that a sink runs, it will; then start workers with "
                f"RTM_GENERATION={plan.successor}"
            )
        time.sleep(AGAIN_S)


def _retire(settings: Settings, plan: Plan) -> None:
    with FoldThreads() as threads:
        job = plan.job(settings, plan.current, threads, muted=False)
        for stage in (MOTION, PATIENT):
            for number, state in _states(settings, job.state_topic(stage)).items():
                if getattr(state, "retired", 0) != plan.successor:
                    _run(settings, _retire_one(job, stage, number, plan.successor))


def _states(settings: Settings, topic: str) -> Mapping[int, Any]:
    """How far a state has come, by partition; empty where the topic isn't there any more."""
    with admin(settings.kafka) as client:
        there = topic in client.list_topics()
    return newest_progress(settings.kafka, topic) if there else {}


def _run(settings: Settings, work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except (FoldError, LogError) as error:
        raise RebuildError(str(error)) from None
    except ClientError as error:
        raise KafkaError(f"Kafka at {settings.kafka} failed ({type(error).__name__}): run rtm rebuild --switch again") from None


async def _retire_one(job: Job, stage: Stage, number: int, successor: int) -> None:
    checkpoint = Checkpoint(job, stage, number)
    await checkpoint.start()
    try:
        while checkpoint.waiting:
            await checkpoint.work()
        await checkpoint.retire(successor)
    finally:
        await checkpoint.stop()


def _hand_over_motion(settings: Settings, plan: Plan) -> None:
    """Copy motion's state: the log holds what motion made, not what it holds of sessions that are not over."""
    old, new = (state_topic(settings.group, generation, "motion") for generation in (plan.current, plan.successor))
    has = newest_progress(settings.kafka, new)
    for number, progress in _states(settings, old).items():
        if isinstance(progress, NewerStateError):
            raise progress
        if progress is not None and has[number] is None:
            progress.retired = 0
            blobs = _blobs(settings.kafka, old, number) | {PROGRESS_KEY: pack(progress)}
            name = f"{settings.group}-{plan.successor}-{SENSOR.name}-{number}"
            _run(settings, _write_state(settings.kafka, name, new, number, blobs))


async def _write_state(bootstrap: str, transactional_id: str, topic: str, number: int, blobs: Mapping[bytes, bytes]) -> None:
    """Write a state in one transaction, by the producer of its partition's owner; the progress comes last."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=transactional_id, max_request_size=LARGEST_BATCH, **client_arguments()
    )
    await producer.start()
    try:
        async with producer.transaction():
            for key, value in blobs.items():
                await producer.send(topic, key=key, value=value, partition=number)
    finally:
        await producer.stop()


def _blobs(bootstrap: str, topic: str, number: int) -> dict[bytes, bytes]:
    """A partition of a state topic as it stands, the progress aside."""
    place = TopicPartition(topic, number)
    found: dict[bytes, bytes] = {}
    with Reader(bootstrap) as reader:
        for record in reader.records(reader.begins([place]), reader.ends([place])):
            if record.value is None:
                found.pop(record.key, None)
            elif record.key != PROGRESS_KEY:
                found[record.key] = record.value
    return found


def _hand_over_offsets(settings: Settings, plan: Plan, follower: str) -> None:
    """Let the successor's sink and dispatcher go on where those of the running generation are, unless they have begun."""
    old, new = (f"{settings.group}-{generation}-{follower}" for generation in (plan.current, plan.successor))
    if committed_offsets(settings.kafka, new):
        return
    offsets: dict[Any, Any] = {
        AdminTopicPartition(place.topic, place.partition): OffsetAndMetadata(offset, "", -1)
        for place, offset in committed_offsets(settings.kafka, old).items()
    }
    if offsets:
        with admin(settings.kafka) as client:
            client.alter_group_offsets(new, offsets)


def _tell(settings: Settings, plan: Plan, values: dict[str, Any]) -> None:
    row = {"generation": plan.successor, "started_at": format_instant(time.time_ns()), "source": f"group {settings.group}", **values}
    with Writer(settings.kafka, "rtm-rebuild") as writer:
        writer.write(Outgoing(METRICS.name, 0, None, orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE), [("table", b"generations")]))
