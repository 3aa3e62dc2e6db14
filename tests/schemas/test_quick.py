"""The quick way of validation says what the models say, or nothing."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.envelope import _QUICK, _VALIDATORS
from schemas.events import EVENT_MODELS
from tests.schemas.strategies import EXAMPLES, events

QUICK = tuple(name for name in EVENT_MODELS if _QUICK[name] is not None)
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
    event = draw(st.sampled_from([EXAMPLES[name] for name in QUICK]) | events(QUICK))
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


@given(altered())
def test_the_quick_way_agrees_with_the_model_or_leaves_it_to_it(event):
    checked = _QUICK[event["type"]](event)
    if checked is not None:
        assert (repr(checked), checked[2]) == (repr(wanted := judged(event)), wanted[2])


@pytest.mark.parametrize("name", QUICK)
def test_the_quick_way_takes_the_examples(name):
    checked = _QUICK[name](EXAMPLES[name])
    assert checked == judged(EXAMPLES[name])
    assert checked[2].model_dump_json() == judged(EXAMPLES[name])[2].model_dump_json()


def test_what_patients_and_their_devices_send_most_has_a_quick_way():
    assert {
        "rtm.report.exercise.v1",
        "rtm.report.pain.v1",
        "rtm.report.medication.v1",
        "rtm.motion.rep.v1",
        "rtm.sensor.activity.v1",
    } < set(QUICK)
