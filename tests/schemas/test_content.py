import json
import random
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.codecs import decode_kafka, decode_line, encode_kafka, encode_line
from schemas.content import chunk_key, content_digest, fact_key, has_content, reference_key
from schemas.events import CHUNK, EVENT_MODELS
from tests.schemas.strategies import EXAMPLES, events, json_values, names, texts

ORDINARY = tuple(event_type for event_type in EVENT_MODELS if event_type != CHUNK)
PAIN = EXAMPLES["rtm.report.pain.v1"]


def fact_of(event):
    return decode_line(json.dumps(event).encode())


def pain(unknown, **changes):
    return fact_of({**PAIN, **changes, "data": {**PAIN["data"], "x": unknown}})


def same_value(one, other):
    """Equality of JSON values, written down naively: nulls of objects don't count, numbers are equal by value."""
    if isinstance(one, dict) and isinstance(other, dict):
        one, other = ({name: item for name, item in value.items() if item is not None} for value in (one, other))
        return one.keys() == other.keys() and all(same_value(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_value, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def shaken(value, source):
    """The same JSON value, written another way."""
    if isinstance(value, dict):
        items = [(name, shaken(item, source)) for name, item in value.items() if item is not None or source.random() < 0.5]
        source.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return [shaken(item, source) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and float(value) == value and source.random() < 0.5:
        return float(value)
    return value


@given(events(), st.randoms(use_true_random=False))
def test_another_way_to_write_the_same_is_the_same_content(event, source):
    again = {**event, "data": shaken(event["data"], source), "recordedtime": "2026-01-01T00:00:00Z", "clinicid": "other"}
    assert content_digest(fact_of(event)) == content_digest(fact_of(again))


@given(events())
def test_content_survives_every_codec(event):
    fact = fact_of(event)
    assert content_digest(decode_line(encode_line(fact))) == content_digest(fact)
    assert content_digest(decode_kafka(*encode_kafka(fact))) == content_digest(fact)


@given(json_values, json_values)
def test_content_is_equal_exactly_if_the_values_are(one, other):
    assert (content_digest(pain(one)) == content_digest(pain(other))) == (same_value({"x": one}, {"x": other}))


NUMBERS = [
    0,
    -0.0,
    1,
    True,
    10,
    10.0,
    1e2,
    100,
    0.1,
    1e16,
    10**16,
    10**16 + 1,
    2**53,
    2**53 + 1,
    2.0**53,
    2**63,
    2.0**63,
    2**64 - 1,
    1e300,
    1e-7,
]


@pytest.mark.parametrize("one", NUMBERS)
@pytest.mark.parametrize("other", NUMBERS)
def test_numbers_are_equal_by_value(one, other):
    digests = [content_digest(pain(value)) for value in (one, other)]
    assert (digests[0] == digests[1]) == same_value(one, other)
    nested = [content_digest(pain({"a": [value], "b": None})) for value in (one, other)]
    assert (nested[0] == nested[1]) == same_value(one, other)


@pytest.mark.parametrize("text", ["null", "1.0,", "-0}", "2e5", '"x":null', "10.0]"])
def test_text_that_looks_like_a_number_or_a_null_is_text(text):
    assert content_digest(pain(text)) == content_digest(pain(text))
    assert len({content_digest(pain(other)) for other in (text, text + " ", None)}) == 3


def test_a_null_in_a_list_is_a_value():
    assert content_digest(pain([None])) != content_digest(pain([]))
    assert content_digest(pain({"a": None})) == content_digest(pain({}))


@pytest.mark.parametrize(
    "changes", [{"time": "2026-03-04T08:47:12.000000001-05:00"}, {"type": "rtm.report.symptom.v1", "data": {"symptom": "x", "severity": 1}}]
)
def test_type_and_instant_belong_to_the_content(changes):
    assert content_digest(fact_of({**PAIN, **changes})) != content_digest(fact_of(PAIN))


def test_the_same_instant_in_another_zone_is_the_same_content():
    assert content_digest(fact_of({**PAIN, "time": "2026-03-04T13:47:12Z"})) == content_digest(fact_of(PAIN))


def chunk(**changes):
    event = EXAMPLES[CHUNK]
    return {**event, "data": {**event["data"], **changes}}


@pytest.mark.parametrize(
    ("event", "same"),
    [
        ({**EXAMPLES[CHUNK], "id": "again", "source": "/gateway", "time": "2026-03-04T09:00:00Z"}, True),
        (chunk(seq=7, session_id="other"), True),
        (chunk(samples=[[8 + 50 * (1 - abs(i - 12) / 12)] for i in range(25)], samples_b64=None, n=None), False),
        (chunk(calibration={"zero_deg": 1.50, "axis_distal": None}), True),
        (chunk(calibration={"zero_deg": 2}), False),
        (chunk(motion=None), False),
        (chunk(last=True), False),
        (chunk(t0_ns=1772631000250000001), False),
    ],
)
def test_a_chunk_is_its_samples_and_its_other_data(event, same):
    assert (content_digest(fact_of(event)) == content_digest(fact_of(EXAMPLES[CHUNK]))) == same


@given(events(types=(CHUNK,)), st.data())
def test_any_other_sample_is_another_chunk(event, data):
    fact = fact_of(event)
    samples = fact.data.samples
    assume(samples)
    place = data.draw(st.integers(0, len(samples) - 1))
    changed = bytearray(samples)
    changed[place] ^= 1
    other = replace(fact, data=fact.data.model_copy(update={"samples": bytes(changed)}))
    assert content_digest(other) != content_digest(fact)


@given(st.lists(st.tuples(names, names), min_size=2, max_size=2, unique=True))
def test_no_two_references_share_a_key(references):
    one, other = references
    assert reference_key(*one) != reference_key(*other)


@given(names, names, st.integers(1, 12))
def test_where_the_source_ends_matters(source, event_id, cut):
    joined = source + event_id
    assume(0 < cut < len(joined) and cut != len(source))
    assert reference_key(source, event_id) != reference_key(joined[:cut], joined[cut:])


@given(texts, texts, st.integers(0, 99), st.integers(0, 99))
def test_no_two_chunks_share_a_key(session, other_session, seq, other_seq):
    assert (chunk_key(session, seq) == chunk_key(other_session, other_seq)) == ((session, seq) == (other_session, other_seq))


def test_the_key_of_a_fact_is_that_of_its_reference_and_digests_have_sixteen_bytes():
    fact = fact_of(PAIN)
    assert fact_key(fact) == reference_key(fact.source, fact.id)
    assert {len(digest) for digest in (fact_key(fact), content_digest(fact), chunk_key("s", 0))} == {16}


def test_a_shuffled_object_of_many_fields_is_the_same_content():
    unknown = {f"k{i}": i for i in range(50)}
    names_ = list(unknown)
    random.Random(1).shuffle(names_)
    assert content_digest(pain(unknown)) == content_digest(pain({name: unknown[name] for name in names_}))


def test_a_digest_of_a_chunk_in_earlier_state_is_still_known():
    """Made by BLAKE2b, before SHA-256 took its place."""
    fact = fact_of(EXAMPLES[CHUNK])
    assert has_content(fact, content_digest(fact))
    assert has_content(fact, bytes.fromhex("83dad78725710326cfe7ce2024e3e038"))
    assert not has_content(fact, bytes(16))
