"""What the Kafka tests share: facts in files, everything that lies in a topic, and a stand-in for motion that only passes ticks on."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import RequestTimedOutError

from schemas.codecs import encode_line, make_fact
from schemas.events import TICK
from schemas.instants import SECOND, parse_instant

START = parse_instant("2026-03-01T00:00:00Z")
MINUTE = 60 * SECOND


def pain(number, recorded, patient=None):
    subject = patient or f"patient-{number % 7}"
    return make_fact("rtm.report.pain.v1", subject, "/app", f"e{number}", recorded, {"nrs": number % 11})


def chunk(number, recorded):
    data = {
        "device_id": "d1",
        "session_id": f"s{number}",
        "joint": "knee",
        "side": "left",
        "seq": 0,
        "t0_ns": recorded,
        "rate_hz": 50.0,
        "kind": "angle",
        "samples": [[0.5], [1.5]],
        "last": True,
    }
    return make_fact("rtm.sensor.chunk.v1", f"patient-{number % 7}", "/device", f"c{number}", recorded, data)


def course(count, step=20 * SECOND):
    """Facts of seven patients, one every `step` ns; each fifth is a chunk."""
    return [(chunk if number % 5 == 0 else pain)(number, START + number * step) for number in range(count)]


def write_file(path, facts):
    path.write_bytes(b"".join((fact if isinstance(fact, bytes) else encode_line(fact)) + b"\n" for fact in facts))
    return path


def records(bootstrap, topic):
    """Everything committed in a topic, by partition, in order; asked again where a busy broker didn't answer in time."""
    for _ in range(5):
        with suppress(RequestTimedOutError):
            return _records(bootstrap, topic)
    raise AssertionError(f"the broker does not answer about {topic}")


def _records(bootstrap, topic):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False)
    places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    ends = consumer.end_offsets(places)
    found = {place.partition: [] for place in places}
    while any(consumer.position(place) < ends[place] for place in places):
        for place, batch in consumer.poll(timeout_ms=200).items():
            found[place.partition] += batch
    consumer.close(autocommit=False)
    return found


def header(record, name):
    return dict(record.headers)[name].decode()


def is_tick(record):
    return dict(record.headers).get("ce_type") == TICK.encode()


@contextmanager
def ticks_passed_on(bootstrap, partitions=4):
    """While this is open, every tick in rtm.sensor.v1 comes out in the same partition of rtm.events.v1, as motion would have it."""
    stop = threading.Event()
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=50)
    places = [TopicPartition("rtm.sensor.v1", number) for number in range(partitions)]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    producer = KafkaProducer(bootstrap_servers=bootstrap)

    def run():
        while not stop.is_set():
            for place, batch in consumer.poll(timeout_ms=50).items():
                for record in filter(is_tick, batch):
                    producer.send("rtm.events.v1", value=record.value, headers=list(record.headers), partition=place.partition)
        consumer.close(autocommit=False)
        producer.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
