"""One partition of the log copied behind its own end: the records before a cut in, those that stay once more behind it, in order, out.

    begin [ old records ................ ] cut [ copies of those that stay ] [ what came later ]

A copy has the key, the value and the headers of its original; the time at which Kafka took it in is new. Two readers go along originals
and copies side by side, so that it is seen at any time how much of a copy is there, and whether it is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition  # type: ignore[import-untyped]

from schemas.codecs import decode_kafka
from schemas.events import FORGOTTEN
from schemas.facts import Unusable
from schemas.topics import EVENTS
from streams.kafka.outgoing import Outgoing
from streams.kafka.placement import misplacement

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

    from streams.kafka.reading import Reader
    from streams.kafka.writing import Writer

_REQUEST = FORGOTTEN.encode()


@dataclass(frozen=True, slots=True)
class Copied:
    """How far a copy has come: the records before the cut that have one behind it, in order, and those that were left out among them.

    The copies lie from `begin` up to `end`. `whole`: every record that stays has its copy. `strange`: where the next copy should be there
    is a record that is none.
    """

    copied: int
    left_out: int
    begin: int
    end: int
    whole: bool
    strange: bool


def requested(reader: Reader, partitions: int, max_record: int) -> set[str]:
    """The subjects of all requests in the log that a worker carries out."""
    places = reader.places(EVENTS.name)
    found = set()
    for record in reader.records(reader.begins(places), reader.ends(places)):
        if _is_request(record) and misplacement(EVENTS.name, record.partition, partitions, record.key, record.headers) is None:
            try:
                found.add(decode_kafka(record.key, record.value, record.headers, max_record).subject)
            except Unusable:
                continue
    return found


def stays(record: Any, subjects: Set[bytes]) -> bool:
    """Whether a record is nobody's of these subjects, or is the request itself: it has no datum, and later facts are refused by it."""
    if record.key not in subjects and not any(name == "ce_subject" and value in subjects for name, value in record.headers):
        return True
    return _is_request(record) and record.key in subjects


def compare(originals: Reader, copies: Reader, partition: int, cut: int, subjects: Set[bytes]) -> Copied:
    """Go along the records before the cut and those behind it, side by side, as far as there are copies. KafkaError."""
    place = TopicPartition(EVENTS.name, partition)
    behind: Iterator[Any] = copies.records({place: cut}, {place: copies.ends([place])[place]})
    copied = left_out = 0
    begin = end = cut
    for record in originals.records(originals.begins([place]), {place: cut}):
        if not stays(record, subjects):
            left_out += 1
            continue
        found = next(behind, None)
        if found is None or _content(found) != _content(record):
            return Copied(copied, left_out, begin, end, whole=False, strange=found is not None)
        begin, end = begin if copied else found.offset, found.offset + 1
        copied += 1
    return Copied(copied, left_out, begin, end, whole=True, strange=False)


def copy(reader: Reader, writer: Writer, partition: int, cut: int, subjects: Set[bytes], *, skip: int, most: int | None = None) -> None:
    """Write the copies that are missing behind the first `skip`, at most so many; each is acknowledged. KafkaError."""
    place = TopicPartition(EVENTS.name, partition)
    done = 0
    for record in reader.records(reader.begins([place]), {place: cut}):
        if not stays(record, subjects):
            continue
        done += 1
        if done > skip:
            writer.send(Outgoing(EVENTS.name, partition, record.key, record.value, list(record.headers)))
            if writer.full:
                writer.flush()
            if done - skip == most:
                break
    writer.flush()


def _is_request(record: Any) -> bool:
    return any(name == "ce_type" and value == _REQUEST for name, value in record.headers)


def _content(record: Any) -> tuple[Any, Any, tuple[tuple[str, bytes | None], ...]]:
    return record.key, record.value, tuple(record.headers)
