"""`rtm send` on a real Kafka: what lies where afterwards, in which order, with which ticks, and after a kill."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import nullcontext

import pytest

from schemas.codecs import decode_kafka, encode_kafka, make_fact
from schemas.events import FORGOTTEN
from schemas.instants import parse_instant
from streams.cli import run
from streams.kafka.jars import KafkaError
from streams.kafka.placement import partition_of
from streams.kafka.topics import declare
from streams.replay.ticks import Clock
from streams.send.journal import Journal, JournalError, Sent
from streams.send.sender import send
from streams.send.tick_gate import TickError
from streams.settings import Settings
from tests.conftest import delete_topics
from tests.streams.kafka_records import MINUTE, START, course, header, is_tick, pain, records, ticks_passed_on, write_file

SENSOR, EVENTS, DEAD = "rtm.sensor.v1", "rtm.events.v1", "rtm.dead-letters.v1"
AFTER = START + 10_000 * MINUTE


@pytest.fixture
def settings(fresh_topics):
    return Settings(kafka=fresh_topics)


def bare(record):
    return record.key, record.value, tuple(record.headers)


def sent_facts(bootstrap, topic):
    """The facts in a topic by partition; ticks aside."""
    return {
        partition: [decode_kafka(each.key, each.value, each.headers) for each in batch if not is_tick(each)]
        for partition, batch in records(bootstrap, topic).items()
    }


def test_every_record_lies_where_murmur2_puts_its_subject_in_recorded_order_and_says_what_the_line_said(settings, tmp_path):
    facts = course(200)
    shuffled = random.Random(5).sample(facts, len(facts))
    files = [write_file(tmp_path / "one.jsonl", shuffled[:120]), write_file(tmp_path / "two.jsonl", shuffled[120:])]
    summary = send(files, settings, journal=tmp_path / "journal", machine_clock=AFTER)
    assert (summary.sent.events, summary.sent.chunks, summary.sent.dead) == (160, 40, {})
    for topic, kind in ((SENSOR, "rtm.sensor.chunk.v1"), (EVENTS, "rtm.report.pain.v1")):
        expected = [fact for fact in facts if fact.type == kind]
        for partition, found in sent_facts(settings.kafka, topic).items():
            assert found == [fact for fact in expected if partition_of(fact.subject.encode(), 4) == partition]
        lying = [record for batch in records(settings.kafka, topic).values() for record in batch]
        assert {record.key.decode() for record in lying} == {fact.subject for fact in expected}
        assert {header(record, "content-type") for record in lying} == {"application/msgpack" if topic == SENSOR else "application/json"}


def test_a_subject_to_be_forgotten_is_named_in_both_topics(settings, tmp_path):
    forgotten = make_fact(FORGOTTEN, "patient-1", "/clinic", "f1", START, {"request_id": "r1"})
    send([write_file(tmp_path / "one.jsonl", [forgotten])], settings, journal=tmp_path / "journal", machine_clock=AFTER)
    for topic in (SENSOR, EVENTS):
        assert [fact for found in sent_facts(settings.kafka, topic).values() for fact in found] == [forgotten]


def test_what_is_no_record_is_a_dead_letter_with_its_place_and_what_was_recorded_later_is_left_out(settings, tmp_path):
    broken, unknown = b'{"id": ', b'{"type": "rtm.report.mood.v1", "id": "m1", "time": "2026-03-01T00:00:01Z"}'
    wrong = encode_line_with(pain(1, START), nrs=14)
    late_and_broken = b'{"type": 7, "id": "x", "time": "2026-03-01T09:00:00Z"}'
    tick = b'{"specversion":"1.0","type":"rtm.clock.tick.v1","source":"/c","id":"t","time":"2026-03-01T00:00:00Z"}'
    lines = [pain(0, START), broken, unknown, wrong, tick, pain(2, START + MINUTE), late_and_broken, pain(3, AFTER + 1)]
    file = write_file(tmp_path / "bad.jsonl", lines)
    summary = send([file], settings, journal=tmp_path / "journal", machine_clock=AFTER)
    assert summary.sent.dead == {"unparsable": 1, "unknown_type": 1, "invalid": 1}
    assert (summary.sent.events, summary.sent.left_out, summary.sent.ticks_ignored) == (2, 2, 1)
    letters = {header(each, "rtm-reason"): each for batch in records(settings.kafka, DEAD).values() for each in batch}
    assert {reason: each.value for reason, each in letters.items()} == {"unparsable": broken, "unknown_type": unknown, "invalid": wrong}
    for reason, line in (("unparsable", "2"), ("unknown_type", "3"), ("invalid", "4")):
        said = [header(letters[reason], name) for name in ("rtm-topic", "rtm-partition", "rtm-offset")]
        assert said == [str(file), "0", line]
        assert summary.to_json()["dead_letter_places"][reason][0]["line"] == int(line)


@pytest.mark.parametrize("clock", ["wall", "log"])
def test_what_the_machines_clock_had_not_reached_is_sent_by_a_later_run_and_nothing_else_twice(settings, tmp_path, clock):
    settings = settings.model_copy(update={"clock": clock})
    broken, late_and_broken = b'{"id": ', b'{"type": 7, "id": "x", "time": "2026-03-01T00:02:30Z"}'
    later, illegible = [pain(2, START + 3 * MINUTE), pain(3, START + 60 * MINUTE)], b"{}"
    before, soon = pain(1, START + MINUTE + 1), pain(4, START + MINUTE + 2)
    file = write_file(tmp_path / "a.jsonl", [pain(0, START), broken, before, soon, late_and_broken, later[0], illegible, later[1]])

    def sent(machine_clock):
        with ticks_passed_on(settings.kafka) if clock == "log" else nullcontext():
            summary = send([file], settings, journal=tmp_path / "journal", machine_clock=machine_clock)
        return summary.sent.events, summary.sent.left_out, sum(summary.sent.dead.values()), summary.already

    assert sent(START + MINUTE + 1) == (2, 4, 2, False)
    assert sent(START + MINUTE + 1) == (2, 4, 2, True)
    assert sent(START + 2 * MINUTE) == (3, 3, 2, False)
    assert sent(START + 2 * MINUTE + 1) == (3, 3, 2, False)
    assert sent(START + 4 * MINUTE) == (4, 1, 3, False)
    assert sent(START + 60 * MINUTE) == (5, 0, 3, False)
    assert sent(AFTER) == (5, 0, 3, True)
    lying = [fact.id for batch in sent_facts(settings.kafka, EVENTS).values() for fact in batch]
    assert sorted(lying) == sorted(pain(number, START).id for number in range(5))


def encode_line_with(fact, **data):
    event = {"specversion": "1.0", "type": fact.type, "source": fact.source, "id": fact.id, "subject": fact.subject}
    return json.dumps(event | {"time": "2026-03-01T00:00:00Z", "data": data}).encode()


def ticks_and_recorded(bootstrap, topic):
    """By partition, in order: ("tick", its instant) and ("fact", its recorded time)."""
    return {
        partition: [
            ("tick" if is_tick(each) else "fact", parse_instant(header(each, "ce_time" if is_tick(each) else "ce_recordedtime")))
            for each in batch
        ]
        for partition, batch in records(bootstrap, topic).items()
    }


@pytest.mark.parametrize(("as_of", "last"), [(None, START + 60 * MINUTE), (START + 40 * MINUTE + 7, START + 40 * MINUTE + 7)])
def test_by_the_logs_clock_each_tick_parts_what_was_recorded_before_it_from_what_came_after(settings, tmp_path, as_of, last):
    facts = [fact for fact in course(180) if not START + 10 * MINUTE < fact.recorded < START + 30 * MINUTE]
    by_log = settings.model_copy(update={"clock": "log", "tick_s": 60})
    with ticks_passed_on(settings.kafka):
        summary = send([write_file(tmp_path / "one.jsonl", facts)], by_log, journal=tmp_path / "journal", as_of=as_of, machine_clock=AFTER)
    clock = Clock(60)
    until = AFTER if as_of is None else as_of
    wanted = [tick.now for fact in facts if fact.recorded <= until for tick in clock.before(fact.recorded)] + [last]
    assert summary.sent.ticks == len(wanted)
    assert summary.as_of == last
    for topic in (SENSOR, EVENTS):
        for items in ticks_and_recorded(settings.kafka, topic).values():
            assert [at for what, at in items if what == "tick"] == wanted
            now = None
            for what, at in items:
                assert what == "tick" or (now <= at and not any(now < tick <= at for tick in wanted if tick != last))
                now = at if what == "tick" else now
            assert items[-1] == ("tick", last)


def test_no_worker_is_told_with_the_partitions_that_lag_and_the_send_goes_on_once_there_is_one(settings, tmp_path):
    file = write_file(tmp_path / "one.jsonl", course(12))
    by_log = settings.model_copy(update={"clock": "log", "tick_s": 60, "tick_timeout_s": 1})
    with pytest.raises(TickError, match=r"rtm\.events\.v1, partitions 0, 1, 2, 3, .* RTM_CLOCK=log"):
        send([file], by_log, journal=tmp_path / "journal", machine_clock=AFTER)
    with ticks_passed_on(settings.kafka):
        summary = send([file], by_log.model_copy(update={"tick_timeout_s": 10}), journal=tmp_path / "journal", machine_clock=AFTER)
    assert summary.sent.finished
    assert Counter(fact.id for found in sent_facts(settings.kafka, EVENTS).values() for fact in found).total() == 9


@pytest.mark.parametrize("clock", ["wall", "log"])
def test_killed_and_started_again_it_leaves_nothing_out_and_sends_twice_only_the_same_record(settings, tmp_path, clock):
    facts = course(120 if clock == "log" else 8_000, MINUTE // 6)
    file, journal = write_file(tmp_path / "one.jsonl", facts), tmp_path / "journal"
    environment = os.environ | {"RTM_KAFKA": settings.kafka, "RTM_CLOCK": clock, "RTM_TICK_S": "60"}
    command = [sys.executable, "-c", "from streams.cli import main; main()", "send", str(file), "--journal", str(journal), "--json"]
    with ticks_passed_on(settings.kafka):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        give_up = time.monotonic() + 120
        while not journal.exists() or not json.loads(journal.read_bytes()).get("entries"):
            assert time.monotonic() < give_up
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        before = json.loads(journal.read_bytes())
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, timeout=120, check=True)
        again = subprocess.run(command, env=environment, stdout=subprocess.PIPE, timeout=120, check=True)
    assert not before.get("finished")
    assert 0 < before["entries"] < len(facts)
    summary = json.loads(done.stdout)
    assert summary["began_at"] == before["entries"]
    assert sum(summary["sent"].values()) == len(facts)
    assert json.loads(again.stdout)["already_sent"]
    found = {
        topic: {partition: list(map(bare, batch)) for partition, batch in records(settings.kafka, topic).items()}
        for topic in (SENSOR, EVENTS)
    }
    lying = Counter(record for topic in found.values() for batch in topic.values() for record in batch if record[0] is not None)
    assert set(lying) == {(key, value, tuple(headers)) for key, value, headers in map(encode_kafka, facts)}
    assert all(count <= 2 for count in lying.values())
    first_seen = dict.fromkeys(record for record in found[EVENTS][0] if record[0] is not None)
    recorded = [dict(headers)["ce_recordedtime"] for _, _, headers in first_seen]
    assert [parse_instant(text.decode()) for text in recorded] == sorted(parse_instant(text.decode()) for text in recorded)


def test_topics_made_anew_get_everything_again_unless_a_journal_of_the_old_ones_is_named(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = write_file(tmp_path / "one.jsonl", course(10))
    assert not send([file], settings).already
    assert send([file], settings).already
    (kept,) = (tmp_path / ".rtm").glob("send-*.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert b"patient-" not in kept.read_bytes()
    assert b"one" not in kept.read_bytes()
    delete_topics(settings.kafka, [SENSOR])
    declare(settings.kafka, 4, "rtm", 1)
    assert send([file], settings).sent.chunks == 2
    with pytest.raises(JournalError, match="another Kafka"):
        send([file], settings, journal=kept)


def test_a_journal_of_another_send_or_in_use_is_refused(settings, tmp_path):
    one, two, journal = write_file(tmp_path / "1.jsonl", course(3)), write_file(tmp_path / "2.jsonl", course(4)), tmp_path / "journal"
    send([one], settings, journal=journal, as_of=AFTER)
    for files, as_of in (([two], AFTER), ([one], AFTER + 1), ([one], None)):
        with pytest.raises(JournalError, match="--again"):
            send(files, settings, journal=journal, as_of=as_of)
    with Journal(journal), pytest.raises(JournalError, match="under way"):
        send([one], settings, journal=journal, as_of=AFTER)
    assert not send([two], settings, journal=journal, as_of=AFTER, again=True).already
    journal.write_bytes(b"{")
    with pytest.raises(JournalError, match="remove it"):
        send([two], settings, journal=journal, as_of=AFTER)


def test_a_journal_says_what_was_put_down_last(tmp_path):
    with Journal(tmp_path / "deep" / "journal") as journal:
        assert journal.read() is None
        for entries in (1, 2):
            journal.write(Sent("x", 5, entries=entries, dead={"invalid": 1}))
            assert journal.read() == Sent("x", 5, entries=entries, dead={"invalid": 1})


def test_no_kafka_and_no_topics_are_one_line_each(settings, tmp_path, monkeypatch, capsys):
    file = str(write_file(tmp_path / "one.jsonl", course(3)))
    monkeypatch.setenv("RTM_KAFKA", "127.0.0.1:1")
    assert run(["send", file]) == 1
    assert capsys.readouterr().err == (
        "rtm: no Kafka answers at 127.0.0.1:1: start one with rtm kafka start, or set RTM_KAFKA to the address of yours\n"
    )
    delete_topics(settings.kafka, [DEAD])
    with pytest.raises(KafkaError, match=r"lacks rtm\.dead-letters\.v1: rtm topics declares them"):
        send([file], settings, journal=tmp_path / "journal")
