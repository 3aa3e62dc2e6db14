"""What makes two facts the same: digests of their keys and of their content, 16 bytes each (BLAKE2b; of a chunk's content SHA-256, for
which processors have instructions).

Content is `type`, the instant of `time`, and `data` as a JSON value without its nulls; of a chunk its samples and its other data.
"""

from __future__ import annotations

import re
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, Any

import orjson

from schemas.events import CHUNK, SensorChunk

if TYPE_CHECKING:
    from schemas.facts import Fact

_NOT_CANONICAL = re.compile(rb"null|\.0[,}\]]|[0-9]e").search
_AS_IT_IS = (str, int)
_CHUNK_KEY = ("session_id", "seq")


def _canonical(value: Any) -> Any:
    """A JSON value without the nulls of its objects, whole floats as ints."""
    if isinstance(value, dict):
        return {name: item if isinstance(item, _AS_IT_IS) else _canonical(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [item if isinstance(item, _AS_IT_IS) else _canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer() and -(2**63) <= value < 2**64:
        return int(value)
    return value


def _canonical_json(value: Any) -> bytes:
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return orjson.dumps(_canonical(value), option=orjson.OPT_SORT_KEYS) if _NOT_CANONICAL(text) else text


def content_digest(fact: Fact) -> bytes:
    """The content of a fact: equal for two facts exactly if they say the same (numbers by value, keys in any order, null as left out)."""
    data = fact.data
    if fact.type == CHUNK and isinstance(data, SensorChunk):
        return _chunk_digest(fact, sha256(data.samples))
    return blake2b(b"%b %d %b" % (fact.type.encode(), fact.time, _canonical_json(fact.payload)), digest_size=16).digest()


def _chunk_digest(fact: Fact, samples: Any) -> bytes:
    """The digest that was begun with a chunk's samples, with the rest of its content."""
    said = {name: value for name, value in fact.payload.items() if name not in _CHUNK_KEY}
    if "rate_hz" in said:  # mostly a whole number, and mostly the only one: nothing else is left to be made canonical then
        said["rate_hz"] = _canonical(said["rate_hz"])
    rest = _canonical_json(said)
    samples.update(rest)
    samples.update(len(rest).to_bytes(8, "little"))
    digest: bytes = samples.digest()
    return digest[:16]


def has_content(fact: Fact, digest: bytes) -> bool:
    """Whether a digest is that of a fact's content; of a chunk also one of earlier state (BLAKE2b)."""
    if content_digest(fact) == digest:
        return True
    data = fact.data
    return isinstance(data, SensorChunk) and _chunk_digest(fact, blake2b(data.samples, digest_size=16, person=b"rtm chunk")) == digest


def reference_key(source: str, event_id: str) -> bytes:
    """The key of the fact with this source and id, among those of its subject."""
    return blake2b(f"{len(source)} {source}{event_id}".encode(), digest_size=16).digest()


def fact_key(fact: Fact) -> bytes:
    """The key of a fact among those of its subject: (source, id)."""
    return reference_key(fact.source, fact.id)


def chunk_key(session_id: str, seq: int) -> bytes:
    """The key of a chunk among those of its subject: (session_id, seq)."""
    return blake2b(f"{seq} {session_id}".encode(), digest_size=16, person=b"rtm chunk").digest()
