"""Slices through Faust on a real Kafka: every record once, in order, with its headers, from where the owner says; holes are mended."""

import asyncio
import threading
import time
from contextlib import asynccontextmanager

import faust
import pytest
from aiokafka import AIOKafkaProducer
from faust.types import TP

from processors.policy import Policy
from processors.topology import PATIENT
from schemas.codecs import encode_kafka
from schemas.topics import TOPICS
from streams.kafka.placement import partition_of
from streams.worker import owner as owners_rules
from streams.worker.job import Job
from streams.worker.owner import Owner, join, rest
from streams.worker.slices import Slice, SliceTransport
from streams.worker.threads import FoldThreads
from tests.streams.live_log import small_log

EVENTS = "rtm.events.v1"


@asynccontextmanager
async def consuming(bootstrap, folder, group, take):
    """Faust's consumer with all partitions of rtm.events.v1 assigned; `take` gets every slice."""
    app = faust.App(
        group,
        broker=f"kafka://{bootstrap}",
        datadir=str(folder),
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        value_serializer="raw",
        broker_max_poll_records=20,
        table_standby_replicas=0,
        stream_wait_empty=False,
    )
    app.transport = SliceTransport(app.conf.broker, app)
    assigned = asyncio.Event()

    async def on_assigned(*_args, **_kwargs):
        assigned.set()

    async def agent(stream):
        async for event in stream.noack().events():
            take(event.value)

    app.on_partitions_assigned.connect(on_assigned)
    app.agent(app.topic(EVENTS, key_type=bytes, value_type=bytes, value_serializer="raw"), name="take")(agent)
    starting = asyncio.create_task(app.start())
    try:
        await asyncio.wait_for(assigned.wait(), 60)
        yield app.consumer
    finally:
        starting.cancel()
        await app.stop()


async def until(condition, seconds=15):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it does not come to pass"
        await asyncio.sleep(0.02)


async def write(bootstrap, transactions, partition=1):
    """Write numbered records; each transaction is (how many, whether it is committed)."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="slices")
    await producer.start()
    number = 0
    for count, committed in transactions:
        await producer.begin_transaction()
        for _ in range(count):
            headers = [("number", b"%d" % number), ("raw", b"\xff"), ("none", None)]
            await producer.send(EVENTS, b"v%d" % number, key=b"k%d" % number, partition=partition, headers=headers)
            number += committed
        await (producer.commit_transaction() if committed else producer.abort_transaction())
    await producer.stop()


def numbers(slices):
    return [int(value[1:]) for piece in slices for value in piece.values]


def test_slices_bring_every_committed_record_once_and_in_order_and_follow_each_other(fresh_topics, tmp_path):
    slices: list[Slice] = []

    async def scenario():
        await write(fresh_topics, [(30, True), (5, False), (1, True), (40, True), (3, False)])
        async with consuming(fresh_topics, tmp_path, "every", slices.append) as consumer:
            await consumer.open(TP(EVENTS, 1), 0)
            await until(lambda: len(numbers(slices)) == 71)

    asyncio.run(scenario())
    assert numbers(slices) == list(range(71))
    assert max(len(piece.offsets) for piece in slices) <= 20
    assert [piece.begin for piece in slices] == [0, *(piece.end for piece in slices[:-1])]
    for piece in slices:
        assert (piece.topic, piece.partition, piece.end) == (EVENTS, 1, piece.offsets[-1] + 1)
        assert piece.keys == [b"k" + value[1:] for value in piece.values]
        assert piece.headers == [(("number", value[1:]), ("raw", b"\xff"), ("none", None)) for value in piece.values]
        assert piece.size == sum(map(len, piece.values))
    whole = join(slices)
    assert (whole.begin, whole.end, numbers([whole])) == (0, slices[-1].end, numbers(slices))
    left = rest(whole, whole.offsets[30] - 1)  # where there is none
    assert (left.begin, left.end, left.size) == (whole.offsets[30] - 1, whole.end, sum(map(len, left.values)))
    assert numbers([left]) == list(range(30, 71))
    assert (left.offsets, left.keys, left.headers) == (whole.offsets[30:], whole.keys[30:], whole.headers[30:])


def test_a_partition_is_read_only_once_it_is_open_and_from_there_and_not_while_it_is_held(fresh_topics, tmp_path):
    slices: list[Slice] = []
    one, two = TP(EVENTS, 1), TP(EVENTS, 2)

    async def scenario():
        await write(fresh_topics, [(50, True)])
        await write(fresh_topics, [(50, True)], partition=2)
        async with consuming(fresh_topics, tmp_path, "open", slices.append) as consumer:
            await asyncio.sleep(1.5)
            assert slices == []
            consumer.hold(two)
            second = await consumer.open(two, 0)
            first = await consumer.open(one, 45)
            await until(lambda: len(numbers(slices)) == 5)
            assert [(piece.begin, piece.seek) for piece in slices] == [(45, first)]
            await asyncio.sleep(1.5)
            assert len(slices) == 1
            consumer.release(two)
            await until(lambda: len(numbers(slices)) == 55)
            again = await consumer.open(one, 10)
            assert again > second > 0
            await until(lambda: len(numbers(slices)) == 95)
            assert {piece.seek for piece in slices if piece.partition == 1} == {first, again}
            consumer.close_partitions()
            await asyncio.sleep(0.2)
            await write(fresh_topics, [(5, True)])
            await asyncio.sleep(1.5)
            assert len(numbers(slices)) == 95

    asyncio.run(scenario())


@pytest.mark.parametrize("lost", [0, 1])
def test_an_owner_that_misses_a_slice_reads_it_again(fresh_topics, tmp_path, lost):
    facts = [fact for fact in small_log(patients=1) if not fact.type.startswith("rtm.sensor")] * 3
    failures: list[Exception] = []
    seen: list[Slice] = []
    owners: list[Owner] = []

    def take(piece):
        seen.append(piece)
        if len(seen) - 1 != lost:
            owners[0].take(piece)

    async def scenario():
        producer = AIOKafkaProducer(bootstrap_servers=fresh_topics)
        await producer.start()
        for fact in facts:
            key, value, headers = encode_kafka(fact)
            home = (await producer.send_and_wait(EVENTS, value, key=key, headers=headers)).partition
        await producer.stop()
        with FoldThreads() as threads:
            job = Job(fresh_topics, "rtm", 1, Policy(), 1 << 20, {topic.name: 4 for topic in TOPICS}, threads)
            async with consuming(fresh_topics, tmp_path, "hole", take) as consumer:
                owner = Owner(job, PATIENT, home, consumer, lambda _: None, lambda _, error: failures.append(error))
                owners.append(owner)
                owner.start(asyncio.Semaphore(1))
                await until(lambda: failures or owner.checkpoint.next_offset == len(facts))
                await owner.stop()
                return owner.checkpoint.progress

    progress = asyncio.run(scenario())
    assert failures == []
    assert (progress.read, progress.applied, progress.duplicates) == (len(facts), len(facts) // 3, len(facts) - len(facts) // 3)
    assert len({piece.seek for piece in seen}) == 2


def test_a_stage_that_is_slow_has_its_partition_held_until_it_folds_the_last_that_waits(fresh_topics, tmp_path, monkeypatch):
    monkeypatch.setattr(owners_rules, "BACKLOG_RECORDS", 60)
    facts = [fact for fact in small_log(patients=1) if not fact.type.startswith("rtm.sensor")]
    facts = (facts * (300 // len(facts) + 1))[:300]
    failures: list[Exception] = []
    owners: list[Owner] = []
    held_at_fold: list[bool] = []
    slow = threading.Event()

    def take(piece):
        owners[0].take(piece)

    def watch(owner, consumer):
        fold = owner.checkpoint.fold

        async def watched(piece):
            held_at_fold.append(owner.tp in consumer._thread.held)
            return await fold(piece)

        owner.checkpoint.fold = watched

    async def scenario():
        with FoldThreads() as threads:
            job = Job(fresh_topics, "rtm", 1, Policy(), 1 << 20, {topic.name: 4 for topic in TOPICS}, threads)
            async with consuming(fresh_topics, tmp_path, "slow", take) as consumer:
                home = partition_of(encode_kafka(facts[0])[0], 4)
                owner = Owner(job, PATIENT, home, consumer, lambda _: None, lambda _, error: failures.append(error))
                owners.append(owner)
                owner.start(asyncio.Semaphore(1))
                await until(lambda: owner.ready)
                watch(owner, consumer)
                threads.of(PATIENT, home).submit(slow.wait)
                producer = AIOKafkaProducer(bootstrap_servers=fresh_topics)
                await producer.start()
                for fact in facts:
                    key, value, headers = encode_kafka(fact)
                    await producer.send(EVENTS, value, key=key, headers=headers, partition=home)
                await producer.flush()
                await producer.stop()
                await until(lambda: owner.tp in consumer._thread.held)
                await asyncio.sleep(2)
                held = owner._waiting_records()
                slow.set()
                await until(lambda: failures or owner.checkpoint.next_offset == len(facts), 60)
                await owner.stop()
                return held

    held = asyncio.run(scenario())
    assert failures == []
    assert 60 < held < 150
    assert len(held_at_fold) > 1
    assert not any(held_at_fold), "what waits is one piece, and more may come while it is folded"
