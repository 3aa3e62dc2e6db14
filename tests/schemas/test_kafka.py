import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codecs import decode_kafka, decode_line, encode_kafka
from schemas.events import CHUNK, TICK
from schemas.facts import Unusable
from tests.schemas.strategies import EXAMPLES, events

PAIN = decode_line(json.dumps(EXAMPLES["rtm.report.pain.v1"]).encode())
CHUNK_FACT = decode_line(json.dumps(EXAMPLES[CHUNK]).encode())


@given(events(), st.booleans())
def test_a_record_is_the_inverse_of_its_fact(event, derived):
    fact = decode_line(json.dumps(event).encode())
    fact.derived = derived
    assert decode_kafka(*encode_kafka(fact)) == fact


def test_a_record_is_a_cloud_event_in_binary_mode():
    key, value, headers = encode_kafka(PAIN)
    assert key == b"p-7f3a91"
    assert json.loads(value) == EXAMPLES["rtm.report.pain.v1"]["data"]
    assert dict(headers) == {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_type": b"rtm.report.pain.v1",
        "ce_source": b"/app/patient",
        "ce_id": b"rp-5521",
        "ce_subject": b"p-7f3a91",
        "ce_time": b"2026-03-04T13:47:12Z",
        "ce_recordedtime": b"2026-03-04T13:47:13.000482913Z",
        "ce_clinicid": b"northside-pt",
    }


def test_a_chunk_is_messagepack_with_its_samples_as_a_binary():
    _, value, headers = encode_kafka(CHUNK_FACT)
    assert dict(headers)["content-type"] == b"application/msgpack"
    data = msgspec.msgpack.decode(value)
    assert data == {**CHUNK_FACT.payload, "samples": CHUNK_FACT.data.samples}


def test_a_chunk_may_come_as_json_too():
    _, _, headers = encode_kafka(CHUNK_FACT)
    headers[0] = ("content-type", b"application/json; charset=utf-8")
    value = json.dumps(EXAMPLES[CHUNK]["data"]).encode()
    assert decode_kafka(b"", value, headers) == CHUNK_FACT


def test_a_tick_has_no_key_and_no_subject():
    tick = decode_line(json.dumps(EXAMPLES[TICK]).encode())
    key, value, headers = encode_kafka(tick)
    assert (key, value) == (b"", b"{}")
    assert "ce_subject" not in dict(headers)
    assert tick.subject == ""
    assert decode_kafka(None, None, headers) == tick


def test_a_header_is_never_taken_for_the_data():
    checkin = decode_line(json.dumps({**EXAMPLES["rtm.report.checkin.v1"], "data": None}).encode())
    key, _, headers = encode_kafka(checkin)
    assert decode_kafka(key, b"", [*headers, ("ce_data", b"x"), ("traceparent", b"y"), ("ce_sequence", None)]) == checkin


def test_what_only_messagepack_can_say_is_said_in_json():
    _, _, headers = encode_kafka(CHUNK_FACT)
    data = {
        **CHUNK_FACT.payload,
        "samples": CHUNK_FACT.data.samples,
        "raw": b"\x01",
        "odd": {1: [float("nan"), msgspec.msgpack.Ext(9, b"\x02")]},
    }
    fact = decode_kafka(b"", msgspec.msgpack.encode(data), headers)
    assert fact.payload == {**CHUNK_FACT.payload, "raw": "AQ==", "odd": {"1": [None, "Ag=="]}}


def nested(depth):
    return [nested(depth - 1)] if depth else []


def replaced(headers, name, content):
    return [(header, content if header == name else value) for header, value in headers]


@pytest.mark.parametrize(
    ("fact", "value", "name", "content", "reason"),
    [
        (PAIN, b"{", "", b"", "unparsable"),
        (PAIN, b'{"nrs": NaN}', "", b"", "unparsable"),
        (PAIN, b"\xff", "", b"", "unparsable"),
        (PAIN, None, "ce_id", b"\xff\xfe", "unparsable"),
        (PAIN, b"[]", "", b"", "invalid"),
        (PAIN, b'{"nrs": 14}', "", b"", "invalid"),
        (PAIN, b"", "", b"", "invalid"),
        (PAIN, b'{"nrs": 4}', "ce_subject", None, "invalid"),
        (PAIN, b'{"nrs": 4}', "ce_type", None, "invalid"),
        (PAIN, b'{"nrs": 4}', "ce_time", b"yesterday", "invalid"),
        (PAIN, b'{"nrs": 4}', "ce_type", b"rtm.report.mood.v1", "unknown_type"),
        (PAIN, b"{", "ce_type", b"rtm.report.mood.v1", "unparsable"),
        (CHUNK_FACT, b"\xc1", "", b"", "unparsable"),
        (CHUNK_FACT, encode_kafka(CHUNK_FACT)[1][:-3], "", b"", "unparsable"),
        (
            CHUNK_FACT,
            msgspec.msgpack.encode({**CHUNK_FACT.payload, "samples": CHUNK_FACT.data.samples, "x": nested(200)}),
            "",
            b"",
            "invalid",
        ),
        (CHUNK_FACT, msgspec.msgpack.encode([1]), "", b"", "invalid"),
        (CHUNK_FACT, msgspec.msgpack.encode({**CHUNK_FACT.payload, "samples": b"12345"}), "", b"", "invalid"),
        (
            CHUNK_FACT,
            msgspec.msgpack.encode({**CHUNK_FACT.payload, "samples": CHUNK_FACT.data.samples, "rate_hz": float("nan")}),
            "",
            b"",
            "invalid",
        ),
    ],
)
def test_a_bad_record_has_its_reason(fact, value, name, content, reason):
    key, _, headers = encode_kafka(fact)
    with pytest.raises(Unusable) as caught:
        decode_kafka(key, value, replaced(headers, name, content))
    assert caught.value.reason == reason
    if name not in {"ce_id", "ce_time"}:
        assert caught.value.event_id == fact.id
        assert caught.value.recorded == fact.recorded


def test_a_value_that_is_too_large_is_invalid():
    with pytest.raises(Unusable, match="larger than 10 bytes"):
        decode_kafka(*encode_kafka(PAIN), max_record=10)
