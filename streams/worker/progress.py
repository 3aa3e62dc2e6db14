"""How far a group's state has come, seen from outside: a state topic in, the newest `Progress` of each partition out.

Every checkpoint writes it last in its transaction, so it is looked for from the end, in steps that grow; the state itself isn't read.
"""

from __future__ import annotations

from typing import Any

from aiokafka import TopicPartition  # type: ignore[import-untyped]

from processors.shelf import NewerStateError, unpack
from streams.kafka.reading import Reader
from streams.worker.changelog import PROGRESS_KEY, Progress

FIRST_STEP = 64
STEP_GROWS = 16


def newest_progress(bootstrap: str, topic: str) -> dict[int, Progress | NewerStateError | None]:
    """By partition of a state topic: its newest progress, None where none was written yet, the error where a newer version wrote it.

    KafkaError where it can't be read.
    """
    with Reader(bootstrap) as reader:
        places = reader.places(topic)
        begins, until = reader.begins(places), reader.ends(places)
        found: dict[Any, bytes | None] = dict.fromkeys(places)
        left, step = [place for place in places if begins[place] < until[place]], FIRST_STEP
        while left:
            since = {place: max(begins[place], until[place] - step) for place in left}
            for record in reader.records(since, until):
                if record.key == PROGRESS_KEY and record.value is not None:
                    found[TopicPartition(record.topic, record.partition)] = record.value
            until |= since
            left = [place for place in left if found[place] is None and since[place] > begins[place]]
            step *= STEP_GROWS
    return {place.partition: None if blob is None else _read(blob) for place, blob in found.items()}


def progress_of(bootstrap: str, topic: str) -> dict[int, Progress]:
    """The same where all can be read: of a partition that nobody began, one of noughts. Raises NewerStateError."""
    found: dict[int, Progress] = {}
    for number, progress in newest_progress(bootstrap, topic).items():
        if isinstance(progress, NewerStateError):
            raise progress
        found[number] = progress or Progress()
    return found


def _read(blob: bytes) -> Progress | NewerStateError:
    try:
        return unpack(blob, Progress)
    except NewerStateError as error:
        return error
