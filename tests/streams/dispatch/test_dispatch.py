"""`rtm dispatch` on a real Kafka and real HTTP: each answer, order, restarts, the fact that somebody was told, what is never sent."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace

import orjson
import pytest

from schemas.instants import SECOND, format_instant
from streams.dispatch.receiver import Answer
from streams.dispatch.routes import load_routes
from streams.dispatch.watching import RoutesWatch
from streams.kafka.outgoing import Outgoing
from streams.kafka.placement import partition_of
from streams.kafka.writing import Writer
from streams.settings import Settings
from tests.streams.dispatch.house import ALERTS, DEAD, EVENTS, PATIENT, QUICK, House, change, dispatching, facts, rows, until, write
from tests.streams.kafka_records import header, records


@pytest.fixture
def settings(fresh_topics):
    return Settings(kafka=fresh_topics, **QUICK)


OK, ERROR = Answer(200), Answer(500)
EXPECTED = {
    "ok": [("delivered", 200)],
    "flaky": [("failed", 500), ("delivered", 200)],
    "gone": [("given_up", 410)],
    "busy": [("failed", 429), ("delivered", 204)],
    "away": [("failed", 503), ("delivered", 200)],
    "moved": [("failed", 301), ("failed", 301), ("given_up", 301)],
    "hangs": [("failed", None), ("failed", None), ("given_up", None)],
}


def test_each_answer_has_its_end_and_no_endpoint_waits_for_another(settings):
    with ExitStack() as stack:
        house = House(
            stack,
            ok=[OK],
            flaky=[ERROR, OK],
            gone=[Answer(410)],
            busy=[Answer(429, (("retry-after", "1"),)), Answer(204)],
            away=[Answer(503), OK],
            moved=[Answer(301, (("location", "http://127.0.0.1:1/"),))],
            hangs=[Answer(200, delay_s=10)],
        )
        with dispatching(settings, house.endpoints()):
            write(settings.kafka, change("opened"))
            until(lambda: sum(each[-1]["outcome"] != "failed" for each in rows(settings.kafka).values()) == len(EXPECTED))
            write(settings.kafka, change("opened", "a2"))
            until(lambda: any(row["alert_id"] == "a2" for row in rows(settings.kafka)["gone"]))
    found = {name: [row for row in each if row["alert_id"] == "a1"] for name, each in rows(settings.kafka).items()}
    assert {name: [(row["outcome"], row["status_code"]) for row in each] for name, each in found.items()} == EXPECTED
    for name, each in found.items():
        assert [row["attempt"] for row in each] == list(range(1, len(each) + 1))
        received = [request for request in house.receivers[name].received if b'"a1"' in request.body]
        assert len(received) == len(each)
        assert all(request.verified for request in received)
        assert {request.webhook_id for request in received} == {row["webhook_id"] for row in each}
        assert len({request.body for request in received}) == 1
    first, second = house.receivers["busy"].received[:2]
    assert 1.0 <= (second.received_at - first.received_at) / SECOND < 3
    ok = house.receivers["ok"].received[0]
    assert ok.received_at < min(request.received_at for request in house.receivers["hangs"].received) + SECOND
    after = [row for row in rows(settings.kafka)["gone"] if row["alert_id"] == "a2"]
    assert [(row["outcome"], row["attempt"], row["status_code"]) for row in after] == [("given_up", 0, None)]
    assert len(house.receivers["gone"].received) == 1
    told = {fact.payload["endpoint"] for fact in facts(settings.kafka) if fact.payload["alert_id"] == "a1"}
    assert told == {name for name, ends in EXPECTED.items() if ends[-1][0] == "delivered"}
    everything = [request.body for receiver in house.receivers.values() for request in receiver.received]
    assert not any(PATIENT.encode() in body for body in everything)


def test_an_alerts_changes_come_in_order_and_being_told_is_a_fact_once_each(settings):
    at = time.time_ns()
    with ExitStack() as stack:
        house = House(stack, desk=[ERROR, ERROR, OK])
        write(
            settings.kafka,
            *(change(name, at=at + number) for number, name in enumerate(["opened", "notified", "resolved", "reopened", "expired"])),
        )
        with dispatching(settings, house.endpoints()):
            until(lambda: len(facts(settings.kafka)) == 2)
    transitions = [orjson.loads(each.body)["alerts"][0]["transition"] for each in house.receivers["desk"].received]
    assert transitions == ["opened", "opened", "opened", "resolved", "reopened"]
    told = facts(settings.kafka)
    assert [fact.type for fact in told] == ["rtm.alert.notified.v1"] * 2
    assert [fact.id for fact in told] == ["a1/1/desk", f"a1/1/desk/{format_instant(at + 3)}"]
    sent_at = {row["transition"]: row["sent_at"] for row in rows(settings.kafka)["desk"]}
    for fact, transition in zip(told, ["opened", "reopened"], strict=True):
        assert (fact.source, fact.subject, fact.clinic) == ("/rtm/dispatch", PATIENT, "c1")
        assert fact.payload == {"alert_id": "a1", "step": 1, "endpoint": "desk", "therapist_id": "t1"}
        assert format_instant(fact.time) == format_instant(fact.recorded) == sent_at[transition]
    for partition, batch in records(settings.kafka, EVENTS).items():
        assert all(partition == partition_of(record.key, 4) for record in batch)


def test_an_endpoint_that_asks_for_time_is_left_alone_by_every_alert(settings):
    with ExitStack() as stack:
        house = House(stack, desk=[Answer(503, (("retry-after", "1"),)), OK])
        with dispatching(settings, house.endpoints()):
            write(settings.kafka, change("opened"))
            assert house.receivers["desk"].wait_for(1, 120)
            write(settings.kafka, change("opened", "a2"))
            until(lambda: len(facts(settings.kafka)) == 2)
    first, *others = [each.received_at for each in house.receivers["desk"].received]
    assert len(others) == 2
    assert min(others) - first >= SECOND


def test_what_an_earlier_dispatcher_put_down_is_not_sent_again_and_its_fact_is_the_same(settings, monkeypatch):
    monkeypatch.setattr("streams.dispatch.dispatcher.POLL_RECORDS", 1)
    with ExitStack() as stack:
        house = House(stack, desk=[OK], dead=[ERROR])
        write(settings.kafka, change("opened"), change("opened", "a2"))
        with dispatching(settings, house.endpoints()):
            until(lambda: sum(row["outcome"] != "failed" for each in rows(settings.kafka).values() for row in each) == 4)
        before = [len(receiver.received) for receiver in house.receivers.values()]
        with dispatching(settings.model_copy(update={"group": "another"}), house.endpoints()):
            write(settings.kafka, change("opened", "a3"))
            until(lambda: any(fact.payload["alert_id"] == "a3" for fact in facts(settings.kafka)))
        assert len(house.receivers["desk"].received) == before[0] + 1
    copies = Counter((fact.id, fact.time, repr(fact.payload)) for fact in facts(settings.kafka))
    assert sorted((name, count) for (name, _, _), count in copies.items()) == [("a1/1/desk", 2), ("a2/1/desk", 2), ("a3/1/desk", 1)]


def test_stopped_in_good_order_it_goes_on_behind_what_it_has_ended(settings):
    with ExitStack() as stack:
        house = House(stack, desk=[OK])
        for alert in ("a1", "a2"):
            write(settings.kafka, change("opened", alert))
            with dispatching(settings, house.endpoints()):
                until(lambda alert=alert: any(row["alert_id"] == alert for row in rows(settings.kafka)["desk"]))
    assert [orjson.loads(each.body)["alerts"][0]["alert_id"] for each in house.receivers["desk"].received] == ["a1", "a2"]
    assert {fact.id for fact in facts(settings.kafka)} == {"a1/1/desk", "a2/1/desk"}
    assert len({(fact.id, fact.time) for fact in facts(settings.kafka)}) == 2


def test_killed_while_an_endpoint_thinks_the_next_one_delivers_it_with_the_same_id(settings, tmp_path):
    with ExitStack() as stack:
        house = House(stack, desk=[ERROR, Answer(200, delay_s=30), OK])
        (tmp_path / "routes.toml").write_text(
            f'[[endpoints]]\nname = "desk"\nurl = "{house.receivers["desk"].url}"\nsecret_env = "DESK_SECRET"\n'
        )
        environment = os.environ | {
            "RTM_KAFKA": settings.kafka,
            "RTM_ROUTES": str(tmp_path / "routes.toml"),
            "DESK_SECRET": house.secret,
            "RTM_WEBHOOK_BACKOFF_S": "0.05",
            "RTM_WORKER_TIMEOUT_S": "6",
        }
        command = [sys.executable, "-c", "from streams.cli import main; main()", "dispatch"]
        write(settings.kafka, change("opened"))
        first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        assert house.receivers["desk"].wait_for(2, 90)
        first.send_signal(signal.SIGKILL)
        first.wait()
        second = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert second.stdout.readline() == "dispatch ready: 1 endpoint (desk), group rtm-1-dispatch\n"
        until(lambda: len(facts(settings.kafka)) == 1)
        second.send_signal(signal.SIGTERM)
        assert second.stdout.read() == "dispatch stopped: 1 delivered, 0 failed, 0 given_up, 0 expired, 0 nobody\n"
        assert second.wait() == 0
    received = house.receivers["desk"].received
    assert len(received) == 3
    assert len({each.webhook_id for each in received}) == 1
    found = [(row["attempt"], row["outcome"]) for row in rows(settings.kafka)["desk"]]
    assert found == [(1, "failed"), (2, "delivered")]


@pytest.mark.parametrize("clock", ["wall", "log"])
def test_what_happened_too_long_ago_is_put_down_and_not_sent(settings, clock):
    day = 86_400
    if clock == "wall":
        old, young = change("opened", at=time.time_ns() - (day + 60) * SECOND), change("opened", "a2", time.time_ns() - (day - 60) * SECOND)
    else:
        old, young = change("opened", at=10 * day * SECOND, issued_after_s=day + 1), change("opened", "a2", at=10 * day * SECOND)
    with ExitStack() as stack:
        house = House(stack, desk=[OK])
        write(settings.kafka, old, young)
        with dispatching(settings.model_copy(update={"clock": clock}), house.endpoints()):
            until(lambda: len(rows(settings.kafka)["desk"]) == 2)
            until(lambda: len(facts(settings.kafka)) == 1)
    ends = {row["alert_id"]: (row["outcome"], row["attempt"]) for row in rows(settings.kafka)["desk"]}
    assert ends == {"a1": ("expired", 0), "a2": ("delivered", 1)}
    assert len(house.receivers["desk"].received) == 1
    (fact,) = facts(settings.kafka)
    if clock == "log":
        assert fact.time == fact.recorded == young.at


def test_an_endpoint_gets_its_clinics_alerts_and_what_nobody_wants_is_said(settings):
    with ExitStack() as stack:
        house = House(stack, one=[OK], all=[OK])
        write(settings.kafka, change("opened", "a1", clinic="c1"), change("opened", "a2", clinic="c2"))
        with dispatching(settings, house.endpoints(one=["c1"])):
            until(lambda: len(facts(settings.kafka)) == 3)
        with dispatching(settings, house.endpoints(one=["c1"], all=["c2"])) as said:
            write(settings.kafka, change("opened", "a3", clinic="c3"))
            until(lambda: len(said) == 2)
    found = {name: {row["alert_id"] for row in each} for name, each in rows(settings.kafka).items()}
    assert found == {"one": {"a1"}, "all": {"a1", "a2"}, "": {"a3"}}
    assert [(row["outcome"], row["attempt"]) for row in rows(settings.kafka)[""]] == [("nobody", 0)]
    assert said[1].startswith("an alert reaches nobody, no endpoint in the routes takes it (rtm.alerts.v1, partition ")
    assert "a3" not in said[1]


def test_a_record_that_is_no_change_is_a_dead_letter_and_holds_nothing_up(settings):
    with ExitStack() as stack:
        house = House(stack, desk=[OK])
        with Writer(settings.kafka) as writer:
            headers = [("ce_type", b"rtm.alert.changed.v1"), ("ce_subject", b"p")]
            for value in (b"{", b'{"transition": "opened"}'):
                writer.send(Outgoing(ALERTS, partition_of(PATIENT.encode(), 4), PATIENT.encode(), value, headers))
            writer.flush()
        write(settings.kafka, change("opened"))
        with dispatching(settings, house.endpoints()):
            until(lambda: len(facts(settings.kafka)) == 1)
    letters = [record for batch in records(settings.kafka, DEAD).values() for record in batch]
    assert [record.value for record in letters] == [b"{", b'{"transition": "opened"}']
    assert {(header(each, "rtm-topic"), header(each, "rtm-reason"), header(each, "ce_subject")) for each in letters} == {
        (ALERTS, "invalid", "p")
    }


def test_changed_routes_are_taken_without_a_restart_broken_ones_are_not_and_operations_hear(settings, tmp_path, monkeypatch):
    with ExitStack() as stack:
        house = House(stack, old=[OK], new=[OK], ops=[OK])
        monkeypatch.setenv("DESK_SECRET", house.secret)
        file = tmp_path / "routes.toml"

        def routes(name):
            found = [(name, "['*']"), ("ops", "['none']")]
            entries = [
                f"[[endpoints]]\nname = '{each}'\nurl = '{house.receivers[each].url}'\nsecret_env = 'DESK_SECRET'\nclinics = {clinics}\n"
                for each, clinics in found
            ]
            return "".join(entries) + "[operations]\nendpoint = 'ops'\n"

        file.write_text(routes("old"))
        directory = replace(load_routes(file), lag_s=-1)
        with dispatching(settings, directory, watch=RoutesWatch(file, directory)) as said:
            write(settings.kafka, change("opened"))
            assert house.receivers["old"].wait_for(1, 120)
            file.write_text(routes("old") + "[[clinics]]\n")
            until(lambda: any("the former ones stay" in line for line in said))
            write(settings.kafka, change("opened", "a2"))
            assert house.receivers["old"].wait_for(2, 120)
            file.write_text(routes("new"))
            until(lambda: any("routes taken anew" in line for line in said))
            write(settings.kafka, change("opened", "a3"))
            assert house.receivers["new"].wait_for(1, 120)
            assert house.receivers["ops"].wait_for(2, 120)
    reasons = {orjson.loads(each.body)["reason"] for each in house.receivers["ops"].received}
    assert reasons == {"lag", "routes_broken"}
    assert "clinics.0.clinic: Field required" in next(line for line in said if "the former ones stay" in line)
    assert len(house.receivers["old"].received) == 2
