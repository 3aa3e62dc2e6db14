"""Writing to Kafka from outside the worker: records come in, and are acknowledged by all replicas when `flush` returns.

One idempotent kafka-python producer, used by whoever sends events or tells what became of a webhook. What it raises becomes a KafkaError
of one line that names the topic, never a record.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError as ClientError
from kafka.errors import KafkaTimeoutError

from streams.kafka.jars import KafkaError
from streams.kafka.security import client_arguments, unreachable
from streams.kafka.topics import LARGEST_BATCH, admin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.kafka.outgoing import Outgoing

BATCH_BYTES = 256 << 10
LINGER_MS = 10
ACKNOWLEDGE_TIMEOUT_S = 60.0
ASK_AGAIN_S = 2.0
CLOSE_TIMEOUT_S = 2.0
HELD_RECORDS = 5_000
HELD_BYTES = 16 << 20
"""What is sent and not yet acknowledged is bounded by both: the producer itself bounds nothing."""


@dataclass(frozen=True, slots=True)
class TopicThere:
    """A topic on the cluster: how many partitions it has, and the id that tells it from another of its name."""

    partitions: int
    topic_id: str


def topics_there(bootstrap: str, names: Iterable[str]) -> dict[str, TopicThere]:
    """The topics by name; KafkaError when the cluster can't be reached, or lacks one of them."""
    hush()
    wanted = list(names)
    with admin(bootstrap) as client:
        described = {topic["name"]: topic for topic in client.describe_topics(wanted)}
    found = {
        name: TopicThere(len(described[name]["partitions"]), str(described[name]["topic_id"]))
        for name in wanted
        if name in described and described[name]["partitions"]
    }
    if missing := [name for name in wanted if name not in found]:
        raise KafkaError(f"Kafka at {bootstrap} lacks {', '.join(missing)}: rtm topics declares them")
    return found


def hush() -> None:
    """Keep the clients' own logs off the terminal: what matters of them is told by our errors."""
    for name in ("kafka", "aiokafka"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@cache
def compression() -> str | None:
    """`zstd` where every reader in this environment can read it (aiokafka needs cramjam), else none."""
    return "zstd" if find_spec("cramjam") else None


class Writer:
    """A producer of acknowledged records. Use as a context: at its end nothing is waited for that was not flushed."""

    def __init__(self, bootstrap: str, client_id: str = "rtm") -> None:
        hush()
        self._bootstrap = bootstrap
        self._held: list[Any] = []
        self._bytes = 0
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=bootstrap.split(","),
                client_id=client_id,
                acks="all",
                enable_idempotence=True,
                allow_auto_create_topics=False,
                compression_type=compression(),
                linger_ms=LINGER_MS,
                batch_size=BATCH_BYTES,
                max_request_size=LARGEST_BATCH,
                delivery_timeout_ms=int(ACKNOWLEDGE_TIMEOUT_S * 1000),
                bootstrap_timeout_ms=5_000,
                max_block_ms=10_000,
                **client_arguments(),
            )
        except (ClientError, OSError, ValueError) as error:
            raise self._failed(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._held:
            self._producer._sender.force_close()
        try:
            self._producer.close(timeout=CLOSE_TIMEOUT_S)
        except ClientError:
            self._producer._closed = True  # else it is closed once more, and says so, when it is collected

    def send(self, record: Outgoing) -> None:
        """Send a record, to be acknowledged by the next `flush`."""
        self._held.append(self._send(record))
        self._bytes += len(record.value or b"") + len(record.key or b"")

    @property
    def full(self) -> bool:
        """Whether as much is unacknowledged as should be at once."""
        return len(self._held) >= HELD_RECORDS or self._bytes >= HELD_BYTES

    def flush(self) -> None:
        """Wait until all that was sent is acknowledged; KafkaError when one record is not."""
        try:
            self._await_all()
            for future in self._held:
                future.get(timeout=0)
        except ClientError as error:
            raise self._failed(error) from None
        self._held.clear()
        self._bytes = 0

    def _await_all(self) -> None:
        """Wait for every batch. kafka-python's time-out is one a batch: so it is asked again and again, for a bounded time in all."""
        give_up = time.monotonic() + ACKNOWLEDGE_TIMEOUT_S
        while True:
            try:
                self._producer.flush(timeout=ASK_AGAIN_S)
            except KafkaTimeoutError:
                if time.monotonic() > give_up:
                    raise
            else:
                return

    def write(self, record: Outgoing) -> None:
        """Send one record and wait until it is acknowledged; from any thread."""
        try:
            self._send(record).get(timeout=ACKNOWLEDGE_TIMEOUT_S)
        except ClientError as error:
            raise self._failed(error) from None

    def write_all(self, records: Iterable[Outgoing]) -> None:
        """Send records, in no order that holds over partitions, and wait until each is acknowledged; from any thread."""
        sent = [self._send(record) for record in records]
        try:
            for future in sent:
                future.get(timeout=ACKNOWLEDGE_TIMEOUT_S)
        except ClientError as error:
            raise self._failed(error) from None

    def _send(self, record: Outgoing) -> Any:
        try:
            return self._producer.send(record.topic, value=record.value, key=record.key, headers=record.headers, partition=record.partition)
        except (ClientError, ValueError) as error:
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> KafkaError:
        if not hasattr(self, "_producer"):
            return unreachable(self._bootstrap)
        return KafkaError(f"Kafka at {self._bootstrap} did not take what was sent ({type(error).__name__}): run this again to go on")
