"""`rtm dispatch` with a clinic's routes on a real Kafka: bundles, an escalation over a restart, the link that acknowledges, feedback."""

import re
import time
from contextlib import ExitStack

import orjson
import pytest
import urllib3

from processors.rota import Calendar, Window
from processors.routing import ClinicRoute, Routes, Step
from schemas.instants import SECOND, format_instant
from streams.dispatch.links import Links
from streams.dispatch.receiver import Answer
from streams.dispatch.routes import Directory
from streams.kafka.outgoing import Outgoing
from streams.kafka.placement import partition_of
from streams.kafka.writing import Writer
from streams.settings import Settings
from tests.streams.dispatch.house import PATIENT, QUICK, House, change, dispatching, facts, rows, until, write
from tests.streams.dispatch.test_feedback import session

BASE = "https://rtm.example.org"
LINKS = Links(BASE, ["s" * 16], 72)
ALL = frozenset({"info", "warning", "urgent"})
OK = Answer(200)


@pytest.fixture
def settings(fresh_topics):
    return Settings(kafka=fresh_topics, ack_url=BASE, ack_listen="127.0.0.1:0", **QUICK)


def directory(house, wait_s, feedback=None):
    route = ClinicRoute(
        steps=(Step(0, ("therapist",), ALL), Step(wait_s, ("on_call",), ALL)),
        people={"t1": ("gone", "t1"), "anna": ("anna",)},
        rota=Calendar("Europe/Berlin", (Window(0, 1440, people=("anna",)),)),
        bundle_s=0.5,
    )
    return Directory(house.endpoints().endpoints, Routes({"c1": route}), feedback=feedback)


def alerts_of(request):
    return [(each["alert_id"], each["transition"]) for each in orjson.loads(request.body)["alerts"]]


def test_a_bundle_falls_to_the_next_endpoint_escalates_over_a_restart_and_its_link_acknowledges(settings):
    with ExitStack() as stack:
        house = House(stack, gone=[Answer(410)], t1=[OK], anna=[OK])
        write(settings.kafka, change("opened"), change("opened", "a2"))
        with dispatching(settings, directory(house, 6), LINKS):
            until(lambda: len(facts(settings.kafka)) == 2)
        told = {(fact.type, fact.payload["alert_id"], fact.payload["endpoint"]) for fact in facts(settings.kafka)}
        assert told == {("rtm.alert.notified.v1", name, "t1") for name in ("a1", "a2")}
        with dispatching(settings, directory(house, 6), LINKS) as said:
            assert house.receivers["anna"].wait_for(1, 120)
            until(lambda: len([fact for fact in facts(settings.kafka) if fact.type == "rtm.alert.escalated.v1"]) == 2)
            address = next(line for line in said if line.startswith("pages ready: ")).split()[2].rstrip(",")
            link = orjson.loads(house.receivers["anna"].received[0].body)["alerts"][0]["link"].replace(BASE, f"http://{address}")
            form = re.search(r'name="form" value="([^"]+)"', urllib3.request("GET", link).data.decode())[1]
            urllib3.PoolManager().request_encode_body("POST", link, fields={"do": "acknowledge", "form": form}, encode_multipart=False)
            until(lambda: any(fact.type == "rtm.alert.acknowledged.v1" for fact in facts(settings.kafka)))
    (request,) = house.receivers["t1"].received
    assert alerts_of(request) == [("a1", "opened"), ("a2", "opened")]
    (escalated,) = house.receivers["anna"].received
    assert alerts_of(escalated) == [("a1", "escalated"), ("a2", "escalated")]
    assert request.verified
    assert escalated.verified
    assert len(house.receivers["gone"].received) == 1
    assert {(row["transition"], row["outcome"], row["attempt"]) for row in rows(settings.kafka)["anna"]} == {("escalated", "delivered", 1)}
    fact = next(fact for fact in facts(settings.kafka) if fact.type == "rtm.alert.escalated.v1")
    assert fact.payload == {"alert_id": fact.payload["alert_id"], "step": 2, "endpoint": "anna", "therapist_id": "anna"}
    done = next(fact for fact in facts(settings.kafka) if fact.type == "rtm.alert.acknowledged.v1")
    assert (done.subject, done.payload) == (PATIENT, {"alert_id": "a1", "staff_id": "anna"})
    assert len({(fact.id, fact.time) for fact in facts(settings.kafka)}) == 5


def test_after_a_session_the_app_is_told_once_also_over_a_restart(settings):
    def put(*names):
        with Writer(settings.kafka) as writer:
            for name in names:
                row = session(name, time.time_ns() - 60 * SECOND, patient_id=PATIENT, local_date=format_instant(time.time_ns())[:10])
                key = PATIENT.encode()
                writer.send(Outgoing("rtm.metrics.v1", partition_of(key, 4), key, orjson.dumps(row), [("table", b"sessions")]))
            writer.flush()

    with ExitStack() as stack:
        house = House(stack, gone=[OK], t1=[OK], anna=[OK], app=[OK])
        put("s1", "s2")
        for count in (2, 3):
            with dispatching(settings, directory(house, 600, {"c1": "app"}), LINKS) as said:
                assert house.receivers["app"].wait_for(count, 120)
                link = orjson.loads(house.receivers["app"].received[0].body)["link"]
                address = next(line for line in said if line.startswith("pages ready: ")).split()[2].rstrip(",")
                assert b"12 in this session" in urllib3.request("GET", link.replace(BASE, f"http://{address}")).data
                put("s3")
                assert house.receivers["app"].wait_for(3, 120)
    received = house.receivers["app"].received
    assert sorted(orjson.loads(each.body)["session_id"] for each in received) == ["s1", "s2", "s3"]
    assert not any(PATIENT.encode() in each.body for each in received)
