"""Whether a record lies where it must: the first check of every record that is read. A key, headers and a place in; what is wrong out.

A record's key is its subject, and its partition the one that murmur2 gives that key, so that a patient's facts meet in one state.
Ticks belong to a partition, not to a patient.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from kafka.partitioner.default import murmur2

from schemas.events import CHUNK, EVENT_MODELS, FORGOTTEN, TICK
from schemas.topics import EVENTS, SENSOR

if TYPE_CHECKING:
    from collections.abc import Iterable

_IN_BOTH = (FORGOTTEN, TICK)
_TICK = TICK.encode()


@lru_cache(maxsize=65536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition in which records with this key lie, of so many: murmur2, as Kafka's own clients have it."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def misplacement(topic: str, partition: int, partitions: int, key: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """What is wrong with the place of a record, in words; None where it lies right.

    A record that names no subject can't have a key other than it: what it lacks is told by the checks that follow.
    """
    said = dict(headers)
    kind, subject = said.get("ce_type"), said.get("ce_subject")
    if kind == _TICK:
        return None
    if subject is not None and key != subject:
        return "has no key; it must be the subject" if key is None else "its key is not its subject"
    if key is not None and partition_of(key, partitions) != partition:
        return "lies in another partition than murmur2 gives its key"
    return None if kind is None else _in_the_wrong_topic(topic, kind)


@lru_cache(1024)
def _in_the_wrong_topic(topic: str, kind: bytes) -> str | None:
    name = kind.decode("utf-8", "replace")
    if name not in EVENT_MODELS or name in _IN_BOTH:
        return None
    home = SENSOR.name if name == CHUNK else EVENTS.name
    return f"belongs in {home}" if topic != home else None
