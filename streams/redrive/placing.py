"""Where a dead letter's original belongs: a letter in, the record to send out, or why it can't be sent.

Bytes and headers stay as they came. A record that lay wrong gets its subject as its key, and goes where its type and its key say. What
`rtm send` set aside is a line of a file: it is decoded anew and sent as `rtm send` would.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.codecs import decode_line, encode_kafka
from schemas.events import CHUNK, EVENT_MODELS, FORGOTTEN, TICK
from schemas.facts import Unusable
from schemas.topics import EVENTS, SENSOR, TOPICS
from streams.kafka.outgoing import Outgoing
from streams.kafka.placement import partition_of
from streams.redrive.letters import MENDABLE, place_text
from streams.redrive.marker import REDRIVEN_FROM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.redrive.letters import Letter

FOLDED = (SENSOR.name, EVENTS.name)
_TOPICS = {topic.name for topic in TOPICS}


class NotSentError(Exception):
    """The letter can't be sent again; the message says why, without any of its values."""


def record_of(letter: Letter, partitions: Mapping[str, int], max_record: int) -> Outgoing:
    """The record to send. NotSentError where there is none."""
    if letter.reason not in MENDABLE:
        raise NotSentError(f"no fix mends `{letter.reason}`")
    topic = letter.place[0]
    if topic not in _TOPICS:
        record = _of_a_line(letter, partitions, max_record)
    elif topic in FOLDED:
        record = _of_a_fact(letter, partitions)
    else:
        record = Outgoing(topic, letter.place[1], letter.key, letter.value, letter.headers)
    origin = (REDRIVEN_FROM, place_text(letter.place).encode())
    return record._replace(headers=[header for header in record.headers if header[0] != REDRIVEN_FROM] + [origin])


def _of_a_line(letter: Letter, partitions: Mapping[str, int], max_record: int) -> Outgoing:
    try:
        fact = decode_line(letter.value or b"", max_record)
    except Unusable as still:
        raise NotSentError(f"the line still can't be used (`{still.reason}`): mend the file and send it") from None
    if fact.type == TICK:
        raise NotSentError("a tick")
    key, value, headers = encode_kafka(fact)
    topic = SENSOR.name if fact.type == CHUNK else EVENTS.name
    return Outgoing(topic, partition_of(key, partitions[topic]), key, value, headers)


def _of_a_fact(letter: Letter, partitions: Mapping[str, int]) -> Outgoing:
    said = dict(letter.headers)
    kind = said.get("ce_type", b"").decode("utf-8", "replace")
    if kind == TICK:
        raise NotSentError("a tick: the next one does its work")
    key = said.get("ce_subject") or letter.key
    if key is None:
        raise NotSentError("it has neither key nor subject")
    topic = letter.place[0]
    if kind in EVENT_MODELS and kind != FORGOTTEN:
        topic = SENSOR.name if kind == CHUNK else EVENTS.name
    return Outgoing(topic, partition_of(key, partitions[topic]), key, letter.value, letter.headers)
