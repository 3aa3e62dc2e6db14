"""What staff do with an alert from the command line stands in the log, where its patient's facts are, with nothing else said of it."""

import pytest
from click.testing import CliRunner

from schemas.codecs import decode_kafka, encode_line
from schemas.instants import parse_instant
from streams.cli.alert_actions import ack, snooze
from streams.kafka.placement import partition_of
from streams.replay.files import replay
from streams.warehouse.connection import open_warehouse
from tests.processors.alert_stories import at, done, enrolled, heard, plan
from tests.streams.kafka_records import records


@pytest.fixture
def alert(fresh_topics, tmp_path, monkeypatch):
    """The id of an open alert in a warehouse, the settings naming it and a real Kafka."""
    file, dsn = tmp_path / "events.jsonl", f"chdb://{tmp_path / 'warehouse'}"
    file.write_bytes(b"".join(encode_line(fact) + b"\n" for fact in (enrolled(), plan(), done(1), done(2), heard(3), heard(4), heard(5))))
    with open_warehouse(dsn) as warehouse:
        replay([file], warehouse, as_of=at(6))
        [[found]] = warehouse.query("SELECT alert_id FROM rtm.alerts WHERE status = 'open'").rows
    monkeypatch.setenv("RTM_WAREHOUSE", dsn)
    monkeypatch.setenv("RTM_KAFKA", fresh_topics)
    return found


def test_an_acknowledgement_and_a_snooze_become_facts_of_the_alerts_patient(alert, fresh_topics):
    until = "2099-01-07T00:00:00Z"
    for command, arguments in ((ack, []), (snooze, ["--until", until])):
        assert not CliRunner().invoke(command, [alert[:12], "--staff", "s1", *arguments], standalone_mode=False).exception
    found = {place: batch for place, batch in records(fresh_topics, "rtm.events.v1").items() if batch}
    assert list(found) == [partition_of(b"p", 4)]
    facts = [decode_kafka(record.key, record.value, record.headers) for batch in found.values() for record in batch]
    assert [(fact.type, fact.subject, fact.clinic) for fact in facts] == [
        ("rtm.alert.acknowledged.v1", "p", "c"),
        ("rtm.alert.snoozed.v1", "p", "c"),
    ]
    assert facts[0].payload == {"alert_id": alert, "staff_id": "s1"}
    assert facts[1].payload["alert_id"] == alert
    assert parse_instant(facts[1].payload["until"]) == parse_instant(until)
