"""The fold of the log as the next generation, by checkpoints as a worker makes them, muted: changes of alerts are not told.

    rtm.events.v1 ─▶ slices ─▶ checkpoint ─▶ rows in rtm.metrics.v1 (the running sink stores them), state in topics of its own

It never goes beyond what the running generation has folded, so that of no alert's change both are silent. What was killed goes on from
its state.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError as ClientError  # type: ignore[import-untyped]

from processors.topology import PATIENT
from schemas.topics import EVENTS
from streams.kafka.jars import KafkaError
from streams.kafka.reading import Reader
from streams.kafka.security import client_arguments
from streams.kafka.topics import state_topic
from streams.progress import Progress as Shown
from streams.progress import Silent
from streams.rebuild.plan import RebuildError
from streams.worker.checkpoint import Checkpoint, LogError
from streams.worker.partition_fold import FoldError
from streams.worker.progress import progress_of
from streams.worker.slices import SLICE_RECORDS, Slice
from streams.worker.threads import FoldThreads

if TYPE_CHECKING:
    from streams.rebuild.plan import Plan
    from streams.settings import Settings
    from streams.worker.job import Job

POLL_MS = 500
FETCH_BYTES = 8 << 20
PASSES = 20
"""How often the log's growth is run after; who is still behind then is run after by the next command."""


def catch_up(settings: Settings, plan: Plan, shown: Shown | None = None) -> int:
    """Fold all that the running generation has folded; how many records were read. Raises RebuildError, KafkaError."""
    shown, read = shown or Silent(), 0
    with FoldThreads() as threads:
        job = plan.job(settings, plan.successor, threads, muted=True)
        for _ in range(PASSES):
            goal, stand = goals(settings, plan), _stand(settings, plan)
            behind = {number: goal[number] for number in goal if stand[number] < goal[number]}
            if not behind:
                break
            shown.phase("folding", sum(goal[number] - stand[number] for number in behind))
            for number in sorted(behind):
                read += _run(settings, _fold(job, number, goal[number], shown))
    return read


def goals(settings: Settings, plan: Plan) -> dict[int, int]:
    """Up to which offset each partition is to be folded: as far as the running generation is, or where it has no state, to the end."""
    with Reader(settings.kafka) as reader:
        places = reader.places(EVENTS.name)
        ends = {place.partition: offset for place, offset in reader.ends(places).items()}
    try:
        states = progress_of(settings.kafka, state_topic(settings.group, plan.current, "patient"))
    except KafkaError:
        return ends
    begun = any(each.read for each in states.values())
    return {number: states[number].next_offset for number in states} if begun else ends


def _stand(settings: Settings, plan: Plan) -> dict[int, int]:
    return {
        number: each.next_offset
        for number, each in progress_of(settings.kafka, state_topic(settings.group, plan.successor, "patient")).items()
    }


def _run(settings: Settings, work: Any) -> int:
    try:
        read: int = asyncio.run(work)
    except (FoldError, LogError) as error:
        raise RebuildError(str(error)) from None
    except ClientError as error:
        raise KafkaError(f"Kafka at {settings.kafka} failed ({type(error).__name__}): run rtm rebuild again, it goes on") from None
    return read


async def _fold(job: Job, partition: int, until: int, shown: Shown) -> int:
    """One partition, up to an offset; how many records were read."""
    checkpoint = Checkpoint(job, PATIENT, partition)
    await checkpoint.start()
    try:
        place = TopicPartition(EVENTS.name, partition)
        reader = AIOKafkaConsumer(
            bootstrap_servers=job.bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_poll_records=SLICE_RECORDS,
            max_partition_fetch_bytes=FETCH_BYTES,
            **client_arguments(),
        )
        await reader.start()
        try:
            reader.assign([place])
            reader.seek(place, checkpoint.next_offset)
            return await _read(reader, place, checkpoint, until, shown)
        finally:
            await reader.stop()
    finally:
        await checkpoint.stop()


async def _read(reader: Any, place: Any, checkpoint: Checkpoint, until: int, shown: Shown) -> int:
    read = 0
    while checkpoint.next_offset < until:
        records = (await reader.getmany(place, timeout_ms=POLL_MS)).get(place, [])
        end = min(until, await reader.position(place))
        before = checkpoint.next_offset
        piece = _slice(place, before, end, [record for record in records if record.offset < until])
        if piece.end > before:
            while checkpoint.next_offset < piece.end and await checkpoint.fold(piece):
                pass
            read += len(piece.offsets)
            shown.advance(piece.end - before)
        while checkpoint.waiting:
            await checkpoint.work()
    return read


def _slice(place: Any, begin: int, end: int, records: list[Any]) -> Slice:
    return Slice(
        place.topic,
        place.partition,
        begin,
        end,
        0,
        [record.offset for record in records],
        [record.key for record in records],
        [record.value for record in records],
        [record.headers for record in records],
        sum(len(record.value or b"") for record in records),
    )
