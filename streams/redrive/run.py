"""Sending dead letters again: letters in, records in their topics out, and a marker beside each letter, in one transaction.

The producer has one transactional id: of two such commands at once the later fences the earlier, and what was killed is begun again
without sending anything twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError as ClientError  # type: ignore[import-untyped]

from schemas.topics import TOPICS
from streams.kafka.jars import KafkaError
from streams.kafka.reading import Reader
from streams.kafka.security import client_arguments
from streams.kafka.topics import LARGEST_BATCH
from streams.kafka.writing import topics_there
from streams.progress import Progress, Silent
from streams.redrive.letters import place_text, read_letters
from streams.redrive.placing import NotSentError, record_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.kafka.outgoing import Outgoing
    from streams.redrive.letters import Chosen, Letter
    from streams.settings import Settings

TRANSACTION_RECORDS = 500
TRANSACTION_TIMEOUT_MS = 30_000


@dataclass(slots=True)
class Plan:
    """What is to be done: each letter that can be sent with its record; how many were sent before; why others can't be."""

    ready: list[tuple[Letter, Outgoing]] = field(default_factory=list)
    before: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def counts(self) -> Counter[tuple[str, str, str]]:
        """Letters that can be sent, by reason, where they lay, and the topic they go to."""
        return Counter((letter.reason, letter.place[0], record.topic) for letter, record in self.ready)


def plan(settings: Settings, chosen: Chosen, *, force: bool = False) -> Plan:
    """Look at the dead letters and place each; nothing is sent. With `force` also those that were sent before. KafkaError."""
    partitions = {name: topic.partitions for name, topic in topics_there(settings.kafka, [topic.name for topic in TOPICS]).items()}
    made = Plan()
    with Reader(settings.kafka) as reader:
        letters, redriven = read_letters(reader, chosen)
    for letter in letters:
        if place_text(letter.place) in redriven and not force:
            made.before += 1
            continue
        try:
            made.ready.append((letter, record_of(letter, partitions, settings.max_record)))
        except NotSentError as why:
            made.refused[str(why)] += 1
    return made


def carry_out(settings: Settings, made: Plan, progress: Progress | None = None) -> int:
    """Send what is ready; how many were sent. KafkaError when it was not all: run again, what was sent is known."""
    progress = progress or Silent()
    progress.phase("sending", len(made.ready))
    try:
        return asyncio.run(_send(settings, made.ready, progress))
    except ClientError as error:
        raise KafkaError(
            f"Kafka at {settings.kafka} did not take all of it ({type(error).__name__}): run rtm redrive again, it goes on"
        ) from None


async def _send(settings: Settings, ready: Sequence[tuple[Letter, Outgoing]], progress: Progress) -> int:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka,
        transactional_id=f"{settings.group}-redrive",
        transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
        max_request_size=LARGEST_BATCH,
        **client_arguments(),
    )
    sent = 0
    await producer.start()
    try:
        for part in _parts(ready):
            async with producer.transaction():
                for letter, record in part:
                    await _write(producer, record)
                    await _write(producer, letter.marker())
            sent += len(part)
            progress.advance(len(part))
    finally:
        await producer.stop()
    return sent


async def _write(producer: Any, record: Outgoing) -> None:
    await producer.send(record.topic, value=record.value, key=record.key, partition=record.partition, headers=record.headers)


def _parts(ready: Sequence[tuple[Letter, Outgoing]]) -> Iterator[list[tuple[Letter, Outgoing]]]:
    waiting = iter(ready)
    while part := list(islice(waiting, TRANSACTION_RECORDS)):
        yield part
