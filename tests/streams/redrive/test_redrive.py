"""`rtm redrive`: what is chosen, where it goes, with which bytes; and on a real Kafka that nothing is sent twice."""

import orjson
import pytest
from kafka import KafkaProducer

from schemas.codecs import encode_kafka, encode_line
from schemas.events import CHUNK
from schemas.topics import DEAD_LETTERS, EVENTS, SENSOR
from streams.cli import run
from streams.kafka.outgoing import Outgoing, dead_letter_record, tick_record
from streams.kafka.placement import misplacement, partition_of
from streams.live_sink.records import piece_of
from streams.redrive.letters import Chosen, Letter, _original
from streams.redrive.placing import NotSentError, record_of
from tests.streams.live_log import BEGIN, Workers, header, last_tick, read_all, send_tick, small_log, wait_for_tick

FACTS = small_log(patients=1, days=2)
CHUNK_FACT = next(fact for fact in FACTS if fact.type == CHUNK)
PAIN = next(fact for fact in FACTS if fact.type == "rtm.report.pain.v1")
PARTITIONS = {SENSOR.name: 4, EVENTS.name: 4, "rtm.metrics.v1": 4}
HOME = partition_of(b"p000", 4)


def letter(fact, topic=EVENTS.name, partition=HOME, offset=7, reason="misplaced", **changes):
    key, value, headers = encode_kafka(fact)
    return Letter((topic, partition, offset), reason, BEGIN, changes.get("key", key), value, headers, 0)


@pytest.mark.parametrize(
    ("dead", "topic"),
    [
        (letter(PAIN, partition=(HOME + 1) % 4), EVENTS.name),
        (letter(PAIN, key=b"somebody-else"), EVENTS.name),
        (letter(PAIN, key=None), EVENTS.name),
        (letter(PAIN, topic=SENSOR.name), EVENTS.name),
        (letter(CHUNK_FACT, topic=EVENTS.name), SENSOR.name),
        (letter(CHUNK_FACT, topic=SENSOR.name, reason="crash"), SENSOR.name),
    ],
)
def test_what_lay_wrong_goes_where_its_type_and_subject_say_with_its_own_bytes(dead, topic):
    record = record_of(dead, PARTITIONS, 1 << 20)
    assert (record.topic, record.partition, record.key, record.value) == (topic, HOME, b"p000", dead.value)
    assert record.headers == [*dead.headers, ("rtm-redriven-from", f"{dead.place[0]}/{dead.place[1]}/7".encode())]
    assert misplacement(record.topic, record.partition, 4, record.key, record.headers) is None


def test_a_line_that_rtm_send_set_aside_is_decoded_anew_or_refused():
    line = Letter(("events.jsonl", 0, 12), "invalid", BEGIN, None, encode_line(CHUNK_FACT), [], 0)
    record = record_of(line, PARTITIONS, 1 << 20)
    assert (record.topic, record.partition, record.key) == (SENSOR.name, HOME, b"p000")
    broken = Letter(("events.jsonl", 0, 13), "unparsable", BEGIN, None, b"{", [], 0)
    with pytest.raises(NotSentError, match="still can't be used"):
        record_of(broken, PARTITIONS, 1 << 20)


def test_what_can_not_be_sent_says_why_and_rows_go_back_to_their_topic():
    tick = tick_record(SENSOR.name, 1, BEGIN)
    with pytest.raises(NotSentError, match="a tick"):
        record_of(Letter((SENSOR.name, 1, 3), "crash", BEGIN, None, tick.value, tick.headers, 0), PARTITIONS, 1)
    with pytest.raises(NotSentError, match="neither key nor subject"):
        record_of(Letter((EVENTS.name, 1, 3), "invalid", BEGIN, None, b"{}", [], 0), PARTITIONS, 1)
    with pytest.raises(NotSentError, match="no fix mends `conflict`"):
        record_of(letter(PAIN, reason="conflict"), PARTITIONS, 1)
    rows = record_of(Letter(("rtm.metrics.v1", 2, 5), "unparsable", BEGIN, b"p", b"{}", [("table", b"reps")], 0), PARTITIONS, 1)
    assert (rows.topic, rows.partition, rows.key) == ("rtm.metrics.v1", 2, b"p")


def test_the_originals_headers_come_back_whole_also_those_that_look_like_ours():
    original = Outgoing(EVENTS.name, 1, b"k", b"v", [("rtm-reason", b"mine"), ("odd", b"\xff"), ("odd", b"again")])
    made = dead_letter_record(original, 5, "invalid", "e", "i", 0, 4)
    assert _original(list(made.headers)) == original.headers


@pytest.mark.parametrize(
    ("chosen", "fits"),
    [
        (Chosen(), True),
        (Chosen(frozenset({"crash"})), False),
        (Chosen(topic=SENSOR.name), False),
        (Chosen(first_offset=7, last_offset=7), True),
        (Chosen(first_offset=8), False),
        (Chosen(since=BEGIN + 1), False),
        (Chosen(until=BEGIN + 1), True),
    ],
)
def test_letters_are_chosen_by_reason_place_and_time(chosen, fits):
    assert chosen.fits(letter(PAIN)) is fits


def test_a_reason_that_no_fix_mends_is_wrong_use(capsys):
    assert run(["redrive", "--reason", "conflict"]) == 2
    assert "no fix mends it" in capsys.readouterr().err


def test_what_lay_wrong_is_sent_once_and_then_counts(fresh_topics, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RTM_KAFKA", fresh_topics)
    producer = KafkaProducer(bootstrap_servers=fresh_topics)
    for fact in FACTS:
        key, value, headers = encode_kafka(fact)
        producer.send(SENSOR.name if fact.type == CHUNK else EVENTS.name, key=key, value=value, headers=headers, partition=(HOME + 1) % 4)
    producer.flush()
    producer.close()

    def redrive(*more):
        status = run(["redrive", "--json", *more])
        return status, orjson.loads(capsys.readouterr().out)

    workers = Workers(fresh_topics, tmp_path)
    try:
        workers.start()
        workers.wait_until_ready()
        send_tick(fresh_topics, BEGIN)
        wait_for_tick(fresh_topics, BEGIN)
        counts = {"chosen": len(FACTS), "sent": 0, "sent_before": 0, "not_sent": {}}
        assert redrive("--dry-run") == (0, counts)
        assert run(["redrive"]) == 2
        assert "give --yes" in capsys.readouterr().err
        assert redrive("--yes") == (0, counts | {"sent": len(FACTS)})
        assert redrive("--yes") == (0, {"chosen": 0, "sent": 0, "sent_before": len(FACTS), "not_sent": {}})
        assert redrive("--yes", "--force", "--topic", SENSOR.name, "--offset", "0")[1]["sent"] == 1
        send_tick(fresh_topics, last_tick(2))
        wait_for_tick(fresh_topics, last_tick(2))
    finally:
        for process in workers.running:
            process.kill()
            process.wait()
    letters = read_all(fresh_topics, DEAD_LETTERS.name)
    assert sum(header(each, "rtm-reason") is not None for each in letters) == len(FACTS)
    markers = [each for each in letters if header(each, "rtm-redriven") is not None]
    assert len(markers) == len(FACTS) + 1
    assert {piece_of(marker, 1) for marker in markers} == {None}
    events = [
        orjson.loads(line)
        for r in read_all(fresh_topics, "rtm.metrics.v1")
        if header(r, "table") == "events"
        for line in r.value.splitlines()
    ]
    assert {row["event_id"] for row in events} >= {fact.id for fact in FACTS if fact.type != CHUNK}
    assert sum(row["type"] == "rtm.motion.session.v1" for row in events) == len({f.data.session_id for f in FACTS if f.type == CHUNK})
