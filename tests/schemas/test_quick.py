"""The quick way of validation says what the models say, or nothing."""

import math

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import schemas.kafka
from schemas.codecs import decode_kafka, decode_line, encode_kafka
from schemas.envelope import _VALIDATORS, QUICK, SAMPLE_FIELDS, _quick_fact
from schemas.events import CHUNK, EVENT_MODELS
from schemas.facts import Unusable
from schemas.samples import CHANNELS
from tests.schemas.strategies import EXAMPLES, events

TYPES = tuple(name for name in EVENT_MODELS if QUICK[name] is not None)
ODD = st.sampled_from(
    [None, True, False, 0, 1, -1, 10, 10.0, 10.5, 11, -0.5, 1e300, 2**53 + 1, 2**63, -(2**63), 2**64 - 1, "", "x", "1", "app", "gait",
     "2026-02-30T00:00:00Z", "2026-02-28T23:59:60Z", "2026-02-28t10:00:00.123456789+05:30", "2026-02-28", [], ["a"], [1], {}, {"a": 1},
     {"a": "b"}, {"a": None}, {"a": 2.5, "b": 3}, [[]], "\x00"]
)  # fmt: skip


def judged(event):
    try:
        said = _VALIDATORS[event["type"]](event)
    except ValidationError:
        return None
    return said.time, said.time if said.recordedtime is None else said.recordedtime, said.data


@st.composite
def altered(draw):
    """An event of a type that has a quick way, with odd values, fields left out, and nulls, in envelope and data."""
    event = draw(st.sampled_from([EXAMPLES[name] for name in TYPES]) | events(TYPES))
    event = {**event, "data": dict(event["data"])}
    for part in draw(st.lists(st.sampled_from(["envelope", "data"]), max_size=3)):
        fields = event if part == "envelope" else event["data"]
        model = EVENT_MODELS[event["type"]]
        known = model if part == "envelope" else model.model_fields["data"].annotation
        names = sorted(known.model_fields.keys() - {"type", "data"})
        if names:
            name = draw(st.sampled_from(names))
            if draw(st.integers(0, 3)):
                fields[name] = draw(ODD)
            else:
                fields.pop(name, None)
    return orjson.loads(orjson.dumps(event))


def quickly(event):
    """What the quick way says, and the fact."""
    fact = _quick_fact(event, QUICK[event["type"]], event["data"], lambda: 0, derived=False)
    return fact and (fact.time, fact.recorded, fact.data)


@given(altered())
def test_the_quick_way_agrees_with_the_model_or_leaves_it_to_it(event):
    checked = quickly(event)
    if checked is not None:
        assert (repr(checked), checked[2]) == (repr(wanted := judged(event)), wanted[2])


@pytest.mark.parametrize("name", TYPES)
def test_the_quick_way_takes_the_examples(name):
    checked = quickly(EXAMPLES[name])
    assert checked == judged(EXAMPLES[name])
    assert checked[2].model_dump_json() == judged(EXAMPLES[name])[2].model_dump_json()


def in_headers(event):
    """The headers of an event, as far as it is text."""
    said = {name: value for name, value in event.items() if isinstance(value, str) and name != "datacontenttype"}
    return [("content-type", b"application/json"), *((f"ce_{name}", value.encode()) for name, value in said.items())]


@st.composite
def odd_records(draw):
    """Value and headers of a record of a type that has a quick way, perhaps not quite as we would write them."""
    event = draw(altered())
    headers = in_headers(event)
    said = dict(headers)
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(headers)))
        name = draw(st.sampled_from([*said, "content-type", "rtm-derived", "traceparent", "ce_data", "ce_sequence"]))
        content = draw(st.sampled_from([None, b"", b"1", b"\xff", b"1.0", b"2026-02-28T10:00:00Z", b"application/json; charset=utf-8"]))
        headers[place : place + draw(st.integers(0, 1))] = [(name, content)] * draw(st.integers(0, 1))
    value = draw(st.sampled_from([orjson.dumps(event["data"])] * 5 + [None, b"", b"{", b"[]", b"null", b"NaN", b'"x"', b"\xff", DEEP]))
    return value, tuple(headers)


DEEP = b'{"x": ' + b"[" * 150 + b"]" * 150 + b"}"


def outcome(value, headers):
    try:
        return repr(decode_kafka(b"", value, headers))
    except Unusable as error:
        return error.reason, error.error, error.event_id, error.recorded


@given(odd_records())
def test_a_record_read_quickly_is_read_as_by_a_closer_look(record):
    read = outcome(*record)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(schemas.kafka, "_quickly", lambda _value, _headers: None)
        patched.setattr(schemas.envelope, "QUICK", dict.fromkeys(EVENT_MODELS))
        assert outcome(*record) == read


CHUNK_HEADERS = (("content-type", b"application/msgpack"), *in_headers(EXAMPLES[CHUNK])[1:])
CHUNK_DATA = {name: value for name, value in EXAMPLES[CHUNK]["data"].items() if name not in SAMPLE_FIELDS}
VECTORS = st.sampled_from([[0, 1, 0], [0.0, 1.05, 0.0], [0, 2, 0], [0, 1], [0, 1, None], [0, 1, math.nan], [0, True, 0], "x", None])
CALIBRATIONS = st.dictionaries(
    st.sampled_from(["axis_proximal", "axis_distal", "lever_proximal_m", "zero_deg", "x", ""]), VECTORS | ODD | st.floats(), max_size=3
)


@st.composite
def odd_chunks(draw):
    """The value of a chunk's record, with odd values, fields left out, fields that nobody knows."""
    kind = draw(st.sampled_from(sorted(CHANNELS)))
    rows = draw(st.integers(0, 3))
    data = CHUNK_DATA | {"kind": kind, "samples": bytes(4 * CHANNELS[kind] * rows), "n": rows, "calibration": draw(CALIBRATIONS)}
    for name in draw(st.lists(st.sampled_from([*data, "samples_b64", "x"]), max_size=3)):
        if draw(st.booleans()):
            data[name] = draw(ODD | st.floats() | st.sampled_from([b"", bytes(12), bytes(13), "AAAA", 2.0, kind]))
        else:
            data.pop(name, None)
    return msgspec.msgpack.encode(data)


@given(odd_chunks())
def test_a_chunk_read_quickly_is_read_as_by_a_closer_look(value):
    read = outcome(value, CHUNK_HEADERS)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(schemas.kafka, "_quickly", lambda _value, _headers: None)
        assert outcome(value, CHUNK_HEADERS) == read


def test_a_chunk_is_read_quickly():
    fact = decode_line(orjson.dumps(EXAMPLES[CHUNK]))
    _, value, headers = encode_kafka(fact)
    assert schemas.kafka._quickly(value, headers) == fact


@pytest.mark.parametrize("name", TYPES)
def test_a_record_of_an_example_is_read_quickly(name):
    value, headers = orjson.dumps(EXAMPLES[name]["data"]), in_headers(EXAMPLES[name])
    assert schemas.kafka._quickly(value, headers) == decode_kafka(b"", value, headers) == decode_line(orjson.dumps(EXAMPLES[name]))


@pytest.mark.parametrize("name", TYPES)
def test_unknown_data_that_nests_too_deep_is_refused(name):
    value = orjson.dumps(EXAMPLES[name]["data"] | {"x": orjson.Fragment(b"[" * 150 + b"]" * 150)})
    with pytest.raises(Unusable, match="nested more than 100 deep"):
        decode_kafka(b"", value, in_headers(EXAMPLES[name]))


def test_what_patients_and_their_devices_send_most_has_a_quick_way():
    assert {
        "rtm.report.exercise.v1",
        "rtm.report.pain.v1",
        "rtm.report.medication.v1",
        "rtm.motion.rep.v1",
        "rtm.sensor.activity.v1",
    } < set(TYPES)
