"""Links and the pages behind them, over real HTTP: who may do what, what it becomes, and that no page tells of the patient."""

import re
import time
from contextlib import contextmanager

import pytest
import urllib3

from processors.session_feedback import Feedback
from schemas.codecs import decode_kafka
from schemas.instants import SECOND, parse_instant
from streams.dispatch import pages
from streams.dispatch.links import FORM_S, LinkError, Links, SecretError, SessionLink, links_of
from streams.dispatch.messages import AlertChange
from streams.dispatch.page_server import ListenError, Pages, PageServer
from streams.dispatch.records import Part, Plan
from streams.kafka.jars import KafkaError
from streams.settings import Settings

ROW = {
    "alert_id": "a1",
    "rule_id": "missed_<days>",
    "severity": "urgent",
    "opened_at": "2026-03-01T06:00:00Z",
    "clinic_id": "c1",
}
PATIENT = "patient-zero"
BASE = "https://rtm.example.org/care"
NOW = 1_772_345_600 * SECOND


def plan(planned_at=None, person="anna"):
    part = Part("a1", PATIENT, "c1", "t1", "e1", "urgent", "missed_days", "", "", "", "opened", 0, 0, 1, person, 2, 17)
    return Plan("w", "desk", planned_at or time.time_ns(), (part,))


def link(links, **other):
    made = plan(**other)
    return links.of_alert(made.parts[0], made)


class House:
    """The pages of one alert at partition 2, offset 17, and the facts that were written."""

    def __init__(self):
        self.links = Links(BASE, ["s" * 16], 72)
        self.facts, self.broken, self.feedback = [], False, {}
        answers = Pages(self.links, self.look, self.write, 4, {"a1": "open"}.get, self.feedback.get)
        self.server = PageServer(answers, "127.0.0.1:0")

    def look(self, partition, offset):
        return AlertChange("opened", 0, ROW, PATIENT, partition, offset) if (partition, offset) == (2, 17) else None

    def write(self, record):
        if self.broken:
            raise KafkaError("away")
        self.facts.append(decode_kafka(record.key, record.value, record.headers))

    def ask(self, url, method="GET", fields=None):
        path = url.removeprefix(BASE)
        address = f"http://{self.server.address}/care{path}"
        if method == "GET":
            return urllib3.request("GET", address)
        return urllib3.PoolManager().request_encode_body("POST", address, fields=fields, encode_multipart=False)

    def form(self, url):
        return re.search(r'name="form" value="([^"]+)"', self.ask(url).data.decode())[1]


@contextmanager
def open_house():
    house = House()
    with house.server:
        yield house


def test_the_page_says_why_and_nothing_of_the_patient_and_needs_nothing_from_elsewhere():
    with open_house() as house:
        answer = house.ask(link(house.links))
    text = answer.data.decode()
    assert answer.status == 200
    assert "missed &lt;days&gt;" in text
    for shown in ("urgent", "2026-03-01 06:00 UTC", "open", 'lang="en"', "width=device-width", '<label for="hours">'):
        assert shown in text
    assert PATIENT not in text
    assert not re.search(r"(src|href|url\()", text)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert house.facts == []


def test_acknowledge_and_snooze_become_facts_of_whom_the_message_was_for():
    with open_house() as house:
        url = link(house.links)
        assert house.ask(url, "POST", {"do": "acknowledge", "form": house.form(url)}).status == 200
        before = time.time_ns()
        assert "3 days" in house.ask(url, "POST", {"do": "snooze", "hours": "72", "form": house.form(url)}).data.decode()
        url = link(house.links, person=None)
        house.ask(url, "POST", {"do": "acknowledge", "form": house.form(url)})
    first, second, third = house.facts
    assert (first.type, first.subject, first.source, first.clinic) == ("rtm.alert.acknowledged.v1", PATIENT, "/rtm/acknowledge", "c1")
    assert first.payload == {"alert_id": "a1", "staff_id": "anna"}
    assert second.type == "rtm.alert.snoozed.v1"
    assert 0 <= parse_instant(second.payload["until"]) - before - 72 * 3600 * SECOND < 600 * SECOND
    assert third.payload["staff_id"] == "desk"
    assert len({first.id, second.id, third.id}) == 3


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"do": "acknowledge"}, "not complete, or was altered"),
        ({"do": "acknowledge", "form": "x.y"}, "not complete, or was altered"),
        ({"do": "delete", "form": "{form}"}, "Nothing was asked for"),
        ({"do": "snooze", "hours": "9999", "form": "{form}"}, "For how long?"),
        ({"do": "acknowledge", "form": "{other}"}, "open for too long"),
        ({"do": "acknowledge", "form": "{old}"}, "open for too long"),
    ],
)
def test_a_form_that_was_not_made_for_this_page_does_nothing(fields, said):
    with open_house() as house:
        url, other = link(house.links), link(house.links, person="ben")
        token = url.rpartition("/")[2]
        old = house.links.form(token, time.time_ns() - (FORM_S + 5) * SECOND)
        made = {"{form}": house.form(url), "{other}": house.form(other), "{old}": old}
        answer = house.ask(url, "POST", {name: made.get(value, value) for name, value in fields.items()})
    assert answer.status == 403
    assert said in answer.data.decode()
    assert house.facts == []


def test_a_link_that_is_altered_old_of_another_secret_or_of_nothing_opens_no_page():
    with open_house() as house:
        url = link(house.links)
        altered = url[:-5] + ("A" if url[-5] != "A" else "B") + url[-4:]
        old = link(house.links, planned_at=time.time_ns() - 73 * 3600 * SECOND)
        foreign = link(Links(BASE, ["x" * 16], 72))
        session = house.links.of_session(SessionLink("r", time.time_ns() // SECOND + 60)).replace("/s/", "/a/")
        for each in (altered, old, foreign, session):
            assert house.ask(each).status == 403
        for path in ("", "/a", "/b/x", "/a/"):
            assert house.ask(BASE + path).status in {403, 404}
        gone = plan()
        part = gone.parts[0].__class__(**{name: getattr(gone.parts[0], name) for name in gone.parts[0].__struct_fields__} | {"offset": 3})
        assert "not kept any more" in house.ask(house.links.of_alert(part, gone)).data.decode()


def test_kafka_away_is_said_and_a_form_too_large_is_not_read():
    with open_house() as house:
        url = link(house.links)
        form = house.form(url)
        house.broken = True
        assert house.ask(url, "POST", {"do": "acknowledge", "form": form}).status == 503
        assert house.ask(url, "POST", {"do": "acknowledge", "form": "x" * 9000}).status == 413


def test_a_link_is_the_same_for_the_same_plan_and_holds_with_either_secret_while_one_is_replaced():
    old, both = Links(BASE, ["a" * 16], 1), Links(BASE, ["a" * 16, "b" * 16], 1)
    made = plan(NOW)
    url = old.of_alert(made.parts[0], made)
    assert url == old.of_alert(made.parts[0], made)
    assert PATIENT not in url
    for links in (old, both):
        assert links.read_alert(url.rpartition("/")[2], NOW).staff == "anna"
    with pytest.raises(LinkError, match="too old"):
        old.read_alert(url.rpartition("/")[2], NOW + 3600 * SECOND)
    with pytest.raises(LinkError, match="altered"):
        old.read_alert(both.of_alert(made.parts[0], made).rpartition("/")[2], NOW)


def test_a_sessions_page_shows_what_was_done():
    with open_house() as house:
        house.feedback["r1"] = Feedback(12, 24, 30, 96.4, 100.0, 3)
        soon = time.time_ns() // SECOND + 60
        text = house.ask(house.links.of_session(SessionLink("r1", soon))).data.decode()
        for shown in ("12 in this session", "24 of 30 planned", "96°, goal 100°", "<dd>3</dd>"):
            assert shown in text
        assert house.ask(house.links.of_session(SessionLink("r2", soon))).status == 404
        assert house.ask(house.links.of_session(SessionLink("r1", soon - 120))).status == 403
    assert "planned" not in pages.session_page(Feedback(12, 0, 0, None, None, 0))


def test_what_the_settings_lack_is_told(tmp_path):
    assert links_of(Settings()) is None
    with pytest.raises(SecretError, match="RTM_ACK_SECRET or RTM_ACK_SECRET_FILE, of at least 16"):
        links_of(Settings(ack_url=BASE))
    with pytest.raises(SecretError, match="at least 16"):
        links_of(Settings(ack_url=BASE, ack_secret="short"))
    with pytest.raises(SecretError, match="can't be read"):
        links_of(Settings(ack_url=BASE, ack_secret_file=tmp_path / "none"))
    (tmp_path / "key").write_text("a" * 20 + "\n" + "b" * 20 + "\n")
    assert links_of(Settings(ack_url=BASE, ack_secret_file=tmp_path / "key")) is not None
    with open_house() as house, pytest.raises(ListenError, match="RTM_ACK_LISTEN"):
        PageServer(None, house.server.address)
