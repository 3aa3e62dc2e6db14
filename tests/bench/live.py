"""How fast records get from Kafka into an agent, and facts through the whole worker, on a real Kafka. One JSON object a figure.

Beside both, in the same run, the bare confluent-kafka consumer reading key, value and headers of the same topic (null where it isn't
installed).

    python tests/bench/live.py [--patients 500] [--days 30]
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import faust
import orjson
from kafka import KafkaConsumer, TopicPartition

from schemas.codecs import decode_line, encode_kafka
from streams.kafka import server as kafka_server
from streams.kafka.outgoing import Outgoing, tick_record
from streams.kafka.placement import partition_of
from streams.kafka.topics import declare
from streams.kafka.writing import Writer, hush
from streams.replay.ticks import Clock, grid_after
from streams.supervisor import leashed
from streams.worker.slices import SLICE_RECORDS, SliceTransport

sys.path.insert(0, str(Path(__file__).parent))
from replay import TICK_S, enrolment, reports

PARTITIONS = 4
TOPIC = "rtm.events.v1"
GROUP = "bench"
BARE_BATCH = 1000


def records(patients: int, days: int) -> Iterator[Outgoing]:
    """The log that the worker folds: reports by recorded time, and the ticks between them in every partition."""
    clock = Clock(TICK_S)
    lines = [line for patient in range(patients) for line in enrolment(patient)]
    lines += [line for day in range(days) for line in reports(patients, day)]
    for fact in sorted(map(decode_line, lines), key=lambda fact: fact.recorded):
        for tick in clock.before(fact.recorded):
            yield from (tick_record(TOPIC, partition, tick.now) for partition in range(PARTITIONS))
        key, value, headers = encode_kafka(fact)
        yield Outgoing(TOPIC, partition_of(key, PARTITIONS), key, value, headers)
    for tick in clock.at(grid_after(clock.newest or 0, TICK_S)):
        yield from (tick_record(TOPIC, partition, tick.now) for partition in range(PARTITIONS))


def write(bootstrap: str, patients: int, days: int) -> tuple[int, int]:
    """Write the log; how many records, and how many facts of them."""
    written = ticks = 0
    with Writer(bootstrap, "bench") as writer:
        for record in records(patients, days):
            writer.send(record)
            written += 1
            ticks += record.key is None
        writer.flush()
    return written, written - ticks


def through_slices(bootstrap: str, count: int) -> float:
    """Records/s into an agent that counts, behind the first slice: neither the assignment nor the first fetch counts."""
    return asyncio.run(_count(bootstrap, count))


async def _count(bootstrap: str, count: int) -> float:
    app = faust.App(
        f"bench-slices-{time.time_ns()}", broker=f"kafka://{bootstrap}", topic_allow_declare=False, topic_disable_leader=True,
        web_enabled=False, topic_partitions=PARTITIONS, broker_max_poll_records=SLICE_RECORDS, stream_wait_empty=False,
        value_serializer="raw", datadir=tempfile.mkdtemp(),
    )  # fmt: skip
    app.transport = SliceTransport(app.conf.broker, app)
    done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    seen, first, began = 0, 0, 0.0

    async def counting(stream) -> None:
        nonlocal seen, first, began
        async for event in stream.noack().events():
            seen += len(event.value.offsets)
            if not first:
                first, began = seen, time.perf_counter()
            if seen >= count and not done.done():
                done.set_result((count - first) / (time.perf_counter() - began))

    async def assigned(_app, assigned=None, **_) -> None:
        for tp in assigned:
            await app.consumer.open(tp, 0)

    app.agent(app.topic(TOPIC, key_type=bytes, value_type=bytes, value_serializer="raw"), name="count")(counting)
    app.on_partitions_assigned.connect(assigned, weak=False)
    starting = asyncio.create_task(app.start())
    rate = await asyncio.wait_for(done, 120)
    starting.cancel()
    await asyncio.wait_for(app.stop(), 20)
    return rate


def bare(bootstrap: str, count: int) -> float | None:
    """Records/s at which the bare consumer reads key, value and headers, behind its first batch; None where it isn't installed."""
    try:
        from confluent_kafka import OFFSET_BEGINNING, Consumer
        from confluent_kafka import TopicPartition as Place
    except ImportError:
        return None
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "bare", "enable.auto.commit": False, "isolation.level": "read_committed"}
    )
    consumer.assign([Place(TOPIC, partition, OFFSET_BEGINNING) for partition in range(PARTITIONS)])
    seen, first, began = 0, 0, 0.0
    while seen < count:
        messages = consumer.consume(BARE_BATCH, timeout=0.05)
        for message in messages:
            message.key(), message.value(), message.headers()
        seen += len(messages)
        if messages and not first:
            first, began = seen, time.perf_counter()
    rate = (count - first) / (time.perf_counter() - began)
    consumer.close()
    return rate


def through_worker(bootstrap: str) -> float:
    """Seconds from the worker's being ready until all of the log is folded, written and committed."""
    environment = os.environ | {
        "RTM_KAFKA": bootstrap,
        "RTM_GROUP": GROUP,
        "RTM_GENERATION": "1",
        "RTM_CLOCK": "log",
        "RTM_TICK_S": str(TICK_S),
    }
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=f"{GROUP}-1", enable_auto_commit=False)
    places = [TopicPartition(TOPIC, partition) for partition in range(PARTITIONS)]
    ends = consumer.end_offsets(places)
    worker = subprocess.Popen(leashed("worker"), env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert worker.stdout is not None
        assert "worker ready" in worker.stdout.readline()
        began = time.perf_counter()
        while any((consumer.committed(place) or 0) < ends[place] for place in places):
            assert worker.poll() is None
            time.sleep(0.05)
        return time.perf_counter() - began
    finally:
        worker.terminate()
        worker.wait(30)
        consumer.close()


def figure(name: str, value: float, unit: str, **beside: object) -> None:
    print(orjson.dumps({"figure": name, "value": round(value), "unit": unit, **beside}).decode(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=500)
    parser.add_argument("--days", type=int, default=30)
    options = parser.parse_args()
    hush()
    with tempfile.TemporaryDirectory(prefix="rtm-bench-") as name:
        folder = Path(name)
        bootstrap = kafka_server.start(folder / "kafka", port=0).bootstrap
        try:
            declare(bootstrap, PARTITIONS, GROUP, 1)
            count, facts = write(bootstrap, options.patients, options.days)
            rate = bare(bootstrap, count)
            reference = {
                "what": "bare confluent-kafka consumer: key, value, headers of the same topic",
                "value": None if rate is None else round(rate),
                "unit": "records/s",
            }
            about = {"records": count, "partitions": PARTITIONS, "patients": options.patients, "days": options.days}
            figure("slices_records_per_s", through_slices(bootstrap, count), "records/s", reference=reference, **about)
            figure("worker_facts_per_s", facts / through_worker(bootstrap), "facts/s", reference=reference, facts=facts, **about)
        finally:
            kafka_server.stop(folder / "kafka")


if __name__ == "__main__":
    main()
