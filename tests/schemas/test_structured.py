import base64
import json

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.codecs import decode_envelope, decode_line, derived_fact, encode_line, make_fact
from schemas.content import content_digest
from schemas.events import CHUNK, EVENT_MODELS, MOTION_SOURCE, MotionRep, PainReport
from schemas.facts import Unusable
from schemas.instants import parse_instant
from schemas.structured import subject_of
from tests.schemas.strategies import EXAMPLES, events, written_instants

PAIN = EXAMPLES["rtm.report.pain.v1"]
CHUNK_EVENT = EXAMPLES[CHUNK]
SECRET = "zanzibar"


def line(event):
    return json.dumps(event).encode()


def with_data(event_type, **changes):
    event = EXAMPLES[event_type]
    return {**event, "data": {**event["data"], **changes}}


def rows(samples, kind="gyr3", **more):
    data = {name: value for name, value in CHUNK_EVENT["data"].items() if name not in {"samples_b64", "n"}}
    return {**CHUNK_EVENT, "data": {**data, "kind": kind, "samples": samples, **more}}


@given(events())
def test_a_line_is_the_inverse_of_its_fact(event):
    fact = decode_line(line(event))
    assert decode_line(encode_line(fact)) == fact
    assert fact.time == parse_instant(event["time"])
    assert fact.recorded == parse_instant(event.get("recordedtime") or event["time"])


def test_a_fact_says_all_that_the_envelope_said():
    event = {**PAIN, "dataschema": "/x", "flag": True, "count": 7, "ratio": 1.5, "gone": None, "nested": {"a": 1}}
    fact = decode_line(line(event))
    assert (fact.type, fact.source, fact.id, fact.subject) == (event["type"], event["source"], event["id"], event["subject"])
    assert fact.clinic == "northside-pt"
    assert fact.attributes == {
        "clinicid": "northside-pt",
        "dataschema": "/x",
        "flag": "true",
        "count": "7",
        "ratio": "1.5",
        "nested": '{"a":1}',
    }
    assert fact.payload == event["data"]
    assert isinstance(fact.data, PainReport)
    assert fact.data.nrs == 4
    assert not fact.derived


def test_unknown_fields_and_nulls_stay_in_the_payload_and_count_for_nothing():
    fact = decode_line(line(with_data("rtm.report.pain.v1", context=None, channel=None, mood={"x": [None, 1]})))
    assert fact.payload == {**PAIN["data"], "context": None, "channel": None, "mood": {"x": [None, 1]}}
    assert fact.data == PainReport(nrs=4, body_site="left knee")


@pytest.mark.parametrize("changes", [{"recordedtime": None}, {"clinicid": None}, {"data": None}, {"data_base64": "AA=="}])
def test_null_is_as_left_out_in_the_envelope(changes):
    checkin = {name: value for name, value in EXAMPLES["rtm.report.checkin.v1"].items() if name not in {"data", *changes}}
    assert decode_line(line({**checkin, **changes})) == decode_line(line(checkin))


def test_whole_floats_are_integers():
    fact = decode_line(line(with_data("rtm.report.exercise.v1", reps_completed=28.0, sets_completed=3.0)))
    assert (fact.data.reps_completed, fact.data.sets_completed) == (28, 3)
    assert isinstance(fact.data.reps_completed, int)


def test_samples_as_rows_and_as_base64_are_the_same_chunk():
    samples = [[1.0, 2.5, -3.0], [0, 1e-3, 7]]
    by_rows = decode_line(line(rows(samples)))
    data = {**CHUNK_EVENT["data"], "kind": "gyr3", "samples_b64": base64.b64encode(by_rows.data.samples).decode(), "n": 2}
    assert decode_line(line({**CHUNK_EVENT, "data": data})) == by_rows
    assert by_rows.data.array.shape == (2, 3)
    assert not {"samples", "samples_b64", "n"} & set(by_rows.payload)


def judged(content):
    """(fact, None), or (None, what is wrong)."""
    try:
        return decode_line(content), None
    except Unusable as error:
        return None, error


BAD = [
    ("not JSON", b'{"specversion":', "unparsable"),
    ("not UTF-8", b'{"id":"\xff"}', "unparsable"),
    ("a bare NaN", line(PAIN).replace(b'"nrs": 4', b'"nrs": NaN'), "unparsable"),
    ("a bare NaN among samples", line(rows([[1, 2, 3]])).replace(b"[[1, 2, 3]]", b"[[1, NaN, 3]]"), "unparsable"),
    ("an array", b"[1]", "unparsable"),
    ("text", b'"pain"', "unparsable"),
    ("two objects", line(PAIN) * 2, "unparsable"),
    ("an unknown type", line({**PAIN, "type": "rtm.report.zanzibar.v1"}), "unknown_type"),
    ("an unknown version", line({**PAIN, "type": "rtm.report.pain.v2"}), "unknown_type"),
    ("no type", line({name: value for name, value in PAIN.items() if name != "type"}), "invalid"),
    ("a type of number", line({**PAIN, "type": 7}), "invalid"),
    ("a type of list", line({**PAIN, "type": []}), "invalid"),
    ("another specversion", line({**PAIN, "specversion": "0.3"}), "invalid"),
    ("an empty id", line({**PAIN, "id": ""}), "invalid"),
    ("a number for an id", line({**PAIN, "id": 5}), "invalid"),
    ("an empty source", line({**PAIN, "source": ""}), "invalid"),
    ("no subject", line({**PAIN, "subject": None}), "invalid"),
    ("a time without offset", line({**PAIN, "time": "2026-03-04T08:00:00"}), "invalid"),
    ("a recorded time that is none", line({**PAIN, "recordedtime": SECRET}), "invalid"),
    ("no data where some is needed", line({**PAIN, "data": None}), "invalid"),
    ("data that is no object", line({**PAIN, "data": [1]}), "invalid"),
    ("an NRS of 14", line(with_data("rtm.report.pain.v1", nrs=14)), "invalid"),
    ("an NRS below 0", line(with_data("rtm.report.pain.v1", nrs=-0.5)), "invalid"),
    ("an NRS of text", line(with_data("rtm.report.pain.v1", nrs="4")), "invalid"),
    ("an NRS of true", line(with_data("rtm.report.pain.v1", nrs=True)), "invalid"),
    ("a context not on the list", line(with_data("rtm.report.pain.v1", context=SECRET)), "invalid"),
    ("a channel not on the list", line(with_data("rtm.report.checkin.v1", channel=SECRET)), "invalid"),
    ("half a repetition", line(with_data("rtm.report.exercise.v1", reps_completed=2.5)), "invalid"),
    ("repetitions of true", line(with_data("rtm.report.exercise.v1", reps_completed=True)), "invalid"),
    ("taken as text", line(with_data("rtm.report.medication.v1", taken="yes")), "invalid"),
    ("an unknown instrument", line(with_data("rtm.report.prom.v1", instrument=SECRET)), "invalid"),
    ("a zone that is none", line(with_data("rtm.patient.enrolled.v1", timezone="Mars/Zanzibar")), "invalid"),
    ("a date that is none", line(with_data("rtm.patient.enrolled.v1", monitoring_start="2026-02-30")), "invalid"),
    ("an area not on the list", line(with_data("rtm.patient.enrolled.v1", therapeutic_area=SECRET)), "invalid"),
    ("no sets", line(with_data("rtm.plan.prescribed.v1", exercises=[{"exercise_id": "a", "name": "a", "reps": 1}])), "invalid"),
    (
        "zero sets",
        line(with_data("rtm.plan.prescribed.v1", exercises=[{"exercise_id": "a", "name": "a", "sets": 0, "reps": 1}])),
        "invalid",
    ),
    (
        "an eighth day",
        line(with_data("rtm.plan.prescribed.v1", exercises=[{"exercise_id": "a", "name": "a", "sets": 1, "reps": 1, "days_of_week": [8]}])),
        "invalid",
    ),
    (
        "an exercise twice",
        line(with_data("rtm.plan.prescribed.v1", exercises=[{"exercise_id": SECRET, "name": "a", "sets": 1, "reps": 1}] * 2)),
        "invalid",
    ),
    ("a value that is text", line(with_data("rtm.sensor.activity.v1", values={SECRET: "fast"})), "invalid"),
    ("an unknown kind", line(rows([[1, 2, 3]], kind=SECRET)), "invalid"),
    ("rows too short", line(rows([[1, 2]])), "invalid"),
    ("ragged rows", line(rows([[1, 2, 3], [1]])), "invalid"),
    ("a null among samples", line(rows([[1, None, 3]])), "invalid"),
    ("text among samples", line(rows([[1, "2", 3]])), "invalid"),
    ("booleans for samples", line(rows([[True, False, True]])), "invalid"),
    ("a wrong byte count", line(with_data(CHUNK, n=24)), "invalid"),
    ("no n", line(with_data(CHUNK, n=None)), "invalid"),
    ("samples twice", line(with_data(CHUNK, samples=[[1]])), "invalid"),
    ("no samples", line(with_data(CHUNK, samples_b64=None)), "invalid"),
    ("no base64", line(with_data(CHUNK, samples_b64="zanzibar*")), "invalid"),
    ("a negative seq", line(with_data(CHUNK, seq=-1)), "invalid"),
    ("an axis of no length", line(with_data(CHUNK, calibration={"axis_distal": [0, 0, 0]})), "invalid"),
    ("nothing but brackets", b"[" * 100_000, "unparsable"),
    ("nested beyond what any reader takes", b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"," + line(PAIN)[1:], "unparsable"),
    ("an ignored attribute nested deep", line({**PAIN, "data_base64": json.loads("[" * 200 + "]" * 200)}), "invalid"),
    ("data nested without end", line({**PAIN, "data": {"nrs": 4, "x": json.loads("[" * 200 + "]" * 200)}}), "invalid"),
]


@pytest.mark.parametrize(("content", "reason"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_line_has_its_reason_and_never_tells_a_value(content, reason):
    with pytest.raises(Unusable) as caught:
        decode_line(content)
    assert caught.value.reason == reason
    assert caught.value.error
    told = caught.value.error.casefold()
    assert not any(value in told for value in (SECRET, PAIN["id"], PAIN["subject"], "14", "2.5", "2026"))
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_null_among_the_values_of_an_activity_is_as_left_out():
    fact = decode_line(line(with_data("rtm.sensor.activity.v1", values={"steps": None, "cadence": 80})))
    assert fact.data.values == {"cadence": 80}
    assert content_digest(fact) == content_digest(decode_line(line(with_data("rtm.sensor.activity.v1", values={"cadence": 80}))))


@given(events(), st.data())
def test_whatever_is_broken_the_error_names_a_field_and_no_value(event, data):
    secret = "q7w9"
    fields = EVENT_MODELS[event["type"]].model_fields["data"].annotation.model_fields
    known = sorted(name for name in event["data"] if name in fields)
    assume(known)
    broken = {**event, "id": secret, "data": {**event["data"], data.draw(st.sampled_from(known)): [{secret: [secret]}]}}
    fact, error = judged(line(broken))
    assert fact is None
    assert error.reason == "invalid"
    assert error.error.startswith("data")
    assert secret not in error.error
    assert error.event_id == secret
    assert error.recorded is not None


def test_the_error_names_the_path():
    with pytest.raises(Unusable, match=r"^data\.exercises\.0\.reps: ") as caught:
        decode_line(line(with_data("rtm.plan.prescribed.v1", exercises=[{"exercise_id": "a", "name": "b", "sets": 1, "reps": "many"}])))
    assert caught.value.event_id == EXAMPLES["rtm.plan.prescribed.v1"]["id"]
    assert caught.value.recorded == parse_instant(EXAMPLES["rtm.plan.prescribed.v1"]["recordedtime"])


def test_a_record_that_is_too_large_is_invalid_before_it_is_parsed():
    with pytest.raises(Unusable, match="larger than 100 bytes") as caught:
        decode_line(b"\xff" * 101, max_record=100)
    assert caught.value.reason == "invalid"
    assert decode_line(line(PAIN), max_record=len(line(PAIN)))


def test_id_and_recorded_time_are_legible_in_an_invalid_line():
    event = {**PAIN, "data": {}}
    with pytest.raises(Unusable) as caught:
        decode_line(line(event))
    assert (caught.value.event_id, caught.value.recorded) == (PAIN["id"], parse_instant(PAIN["recordedtime"]))


@given(events(), st.none() | written_instants().map(lambda case: case[1]) | st.just("soon") | st.integers())
def test_the_envelope_says_the_same_times_as_the_fact(event, recordedtime):
    content = line({**event, "recordedtime": recordedtime})
    fact, error = judged(content)
    if fact is None:
        assert error.recorded is None
        assert decode_envelope(content) is None
    else:
        assert decode_envelope(content) == (fact.recorded, fact.time)


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"[]",
        DEEP,
        b'{"x":' + DEEP,
        b'{"time":' + DEEP,
        b'{"time": 5}',
        b'{"id": "x"}',
        b'{"time": "\xff"}',
        b'{"time": NaN}',
    ],
)
def test_an_envelope_that_cannot_be_read_sorts_nowhere(content):
    assert decode_envelope(content) is None
    assert subject_of(content) == b""


def test_a_made_fact_is_the_fact_that_was_written():
    fact = make_fact(
        PAIN["type"],
        PAIN["subject"],
        PAIN["source"],
        PAIN["id"],
        parse_instant(PAIN["time"]),
        PAIN["data"],
        recorded=parse_instant(PAIN["recordedtime"]),
        clinic=PAIN["clinicid"],
    )
    assert fact == decode_line(line(PAIN)) == decode_line(encode_line(fact))


def test_a_made_chunk_takes_its_samples_as_bytes():
    said = decode_line(line(CHUNK_EVENT))
    data = {**said.payload, "samples": said.data.samples}
    made = make_fact(CHUNK, said.subject, said.source, said.id, said.time, data, recorded=said.recorded, clinic=said.clinic)
    assert made == said


@pytest.mark.parametrize(
    ("changes", "reason"), [({"data": {"nrs": 11}}, "invalid"), ({"type": "rtm.x.v1"}, "unknown_type"), ({"subject": ""}, "invalid")]
)
def test_a_fact_is_not_made_of_nonsense(changes, reason):
    parts = {"type": PAIN["type"], "subject": "p", "source": "/s", "id": "i", "time": 0, "data": {"nrs": 1}} | changes
    with pytest.raises(Unusable) as caught:
        make_fact(**parts)
    assert caught.value.reason == reason


def test_a_derived_fact_is_what_a_reader_of_its_line_sees():
    event = EXAMPLES["rtm.motion.rep.v1"]
    data = MotionRep.model_validate(event["data"])
    fact = derived_fact(
        data,
        type=event["type"],
        subject=event["subject"],
        id=event["id"],
        time=parse_instant(event["time"]),
        recorded=parse_instant(event["recordedtime"]),
        clinic=event["clinicid"],
    )
    assert fact.derived
    assert fact.source == MOTION_SOURCE
    assert orjson.loads(orjson.dumps(fact.payload)) == event["data"]
    read = decode_line(encode_line(fact))
    read.derived = True
    assert read == fact


@pytest.mark.parametrize("event_type", EVENT_MODELS)
def test_every_type_has_an_example_that_decodes(event_type):
    event = EXAMPLES[event_type]
    assert event["type"] == event_type
    fact = decode_line(line(event))
    assert fact.type == event_type
    assert decode_line(encode_line(fact)) == fact
