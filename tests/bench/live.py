"""How fast the live path is on a real Kafka of this machine, each figure with its reference. One JSON object a figure.

    python tests/bench/live.py [--only slices,facts,samples,sink,recovery,latency] [--quick]

Slices and facts stand beside the bare confluent-kafka consumer reading key, value and headers of the same topic in the same run; rates of
the worker and the sink are by the wall and by the CPU of their process, since other work shares the machine.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import faust

from streams.kafka import server as kafka_server
from streams.kafka.topics import declare
from streams.kafka.writing import hush
from streams.worker.slices import SLICE_RECORDS, SliceTransport

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.bench.live_figures import latency, recovery, throughput
from tests.bench.live_figures.common import EVENTS as TOPIC
from tests.bench.live_figures.common import GROUP, PARTITIONS, enrolled, figure, pain, record, write
from tests.bench.replay import BEGIN

BARE_BATCH = 1000
ALL = ("slices", "facts", "samples", "sink", "recovery", "latency")


def slices(bootstrap: str, records: int) -> dict:
    """Records/s through slices into an agent that counts, beside the bare consumer, which is returned as the reference."""
    patients = 1000
    found = [*enrolled(patients)]
    found += [pain(n % patients, f"slices-{n}", BEGIN + timedelta(milliseconds=n)) for n in range(records - len(found))]
    count = write(bootstrap, map(record, found))
    rates = [rate for _ in range(3) if (rate := timed(bare, bootstrap, count)) is not None]
    reference = {
        "what": "bare confluent-kafka consumer: key, value, headers of the same topic, the best of three",
        "value": max((round(wall) for wall, _ in rates), default=None),
        "per_cpu_s": max((round(cpu) for _, cpu in rates), default=None),
        "unit": "records/s",
    }
    ours = [timed(through_slices, bootstrap, count) for _ in range(3)]
    wall, cpu = max(wall for wall, _ in ours), max(cpu for _, cpu in ours)
    figure("slices_records_per_s", wall, "records/s", per_cpu_s=round(cpu), records=count, partitions=PARTITIONS, reference=reference)
    return reference


def timed(measure, bootstrap: str, count: int) -> tuple[float, float] | None:
    """Records/s by the wall behind the first batch, and by the CPU of this process, start and end included."""
    began = time.process_time()
    rate = measure(bootstrap, count)
    return None if rate is None else (rate, count / (time.process_time() - began))


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


def with_kafka(work, *arguments) -> None:
    """Run a measurement over a broker of its own."""
    with tempfile.TemporaryDirectory(prefix="rtm-bench-") as name:
        folder = Path(name)
        bootstrap = kafka_server.start(folder / "kafka", port=0).bootstrap
        try:
            declare(bootstrap, PARTITIONS, GROUP, 1)
            work(bootstrap, folder, *arguments)
        finally:
            kafka_server.stop(folder / "kafka")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default=",".join(ALL))
    parser.add_argument("--rates", default="10,500,5000", help="facts/s beside which the latency is measured")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    options = parser.parse_args()
    only, part = options.only.split(","), 10 if options.quick else 1
    hush()
    reference: dict = {}

    def rates(bootstrap: str, folder: Path) -> None:
        if "slices" in only:
            reference.update(slices(bootstrap, 200_000 // part))

    with_kafka(rates)
    if "facts" in only:
        for processes in (1, 2):
            with_kafka(throughput.facts, 8000 // part, 1, processes, reference)
            with_kafka(throughput.facts, 2000 // part, 10, processes, reference)
    if "sink" in only:
        with_kafka(lambda bootstrap, folder: throughput.sink(bootstrap, folder, 2000 // part, 30))
    if "samples" in only:
        for processes in (1, 2):
            with_kafka(throughput.samples, 3_000_000 // part, processes)
    if "recovery" in only:
        with_kafka(lambda bootstrap, folder: recovery.recovery(bootstrap, folder, 100_000 // part, 400))
    if "latency" in only:
        rates_of_load = [int(rate) for rate in options.rates.split(",")]
        with_kafka(lambda bootstrap, folder: latency.latency(bootstrap, folder / "latency", rates_of_load, max(4, 20 // part), 1))


if __name__ == "__main__":
    main()
