"""Signed webhooks and where they go: the request as the reference package sees it, Retry-After, and `routes.toml` by a table."""

import base64
import os
import socket

import orjson
import pytest
import urllib3
from standardwebhooks import Webhook

from streams.dispatch.receiver import Answer, Receiver, new_secret
from streams.dispatch.routes import Endpoint, RoutesError, load_routes
from streams.dispatch.webhooks import AlertChange, Sender, retry_after

ROW = {
    "alert_id": "a1",
    "patient_id": "patient-zero",
    "episode_id": "e1",
    "rule_id": "missed_days",
    "severity": "warning",
    "opened_at": "2026-03-01T06:00:00Z",
    "reason": "2 days missed in a row",
    "evidence": "[]",
    "therapist_id": "t1",
    "clinic_id": "c1",
}
CHANGE = AlertChange("opened", 1_772_345_600_000_000_000, ROW, "patient-zero")


def endpoint(url, secret):
    return Endpoint("on-call", url, base64.b64decode(secret.removeprefix("whsec_")), frozenset({"*"}))


def sent(receiver, secret, webhook_id="id", body=b"{}", timeout_s=1.0):
    sender = Sender(endpoint(receiver.url, secret), timeout_s)
    try:
        return sender.send(webhook_id, body)
    finally:
        sender.close()


def test_the_reference_package_verifies_what_is_sent_and_refuses_it_signed_by_another_secret():
    secret = new_secret()
    with Receiver(secret) as receiver:
        assert sent(receiver, secret, CHANGE.webhook_id, CHANGE.body()).delivered
        assert sent(receiver, new_secret(), CHANGE.webhook_id, CHANGE.body()).delivered
    first, second = receiver.received
    assert (first.verified, second.verified) == (True, False)
    assert (first.webhook_id, first.body) == (CHANGE.webhook_id, CHANGE.body())


def test_an_altered_body_an_altered_id_and_an_old_message_are_refused():
    secret = new_secret()
    from datetime import UTC, datetime, timedelta

    def post(receiver, body, webhook_id, age_s=0):
        instant = datetime.now(UTC) - timedelta(seconds=age_s)
        headers = {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(instant.timestamp())),
            "webhook-signature": Webhook(secret).sign("id", instant, "{}"),
        }
        urllib3.request("POST", receiver.url, body=body, headers=headers)

    with Receiver(secret) as receiver:
        post(receiver, b"{}", "id")
        post(receiver, b"{ }", "id")
        post(receiver, b"{}", "another")
        post(receiver, b"{}", "id", age_s=3600)
    assert [each.verified for each in receiver.received] == [True, False, False, False]


def test_the_body_says_which_alert_and_nothing_of_the_patient():
    assert orjson.loads(CHANGE.body()) == {
        "type": "rtm.alert.v1",
        "timestamp": "2026-03-01T06:13:20Z",
        "alerts": [
            {
                "alert_id": "a1",
                "episode_id": "e1",
                "severity": "warning",
                "rule_id": "missed_days",
                "transition": "opened",
                "opened_at": "2026-03-01T06:00:00Z",
            }
        ],
    }
    assert b"patient-zero" not in CHANGE.body()


def test_the_webhooks_id_is_that_of_alert_transition_and_instant_alone():
    revised = AlertChange("opened", CHANGE.at, ROW | {"reason": "3 days missed in a row", "severity": "urgent"}, "patient-zero")
    others = [
        AlertChange("resolved", CHANGE.at, ROW, "patient-zero"),
        AlertChange("opened", CHANGE.at + 1, ROW, "patient-zero"),
        AlertChange("opened", CHANGE.at, ROW | {"alert_id": "a2"}, "patient-zero"),
    ]
    assert revised.webhook_id == CHANGE.webhook_id
    assert len({CHANGE.webhook_id, *(other.webhook_id for other in others)}) == 4


def test_a_redirect_is_not_followed_a_hanging_endpoint_is_left_and_a_closed_port_is_no_answer():
    secret = new_secret()
    with Receiver(secret) as other, Receiver(secret, [Answer(301, (("location", other.url),)), Answer(200, delay_s=3)]) as receiver:
        assert sent(receiver, secret).status == 301
        hung = sent(receiver, secret, timeout_s=0.2)
    assert other.received == []
    assert (hung.status, hung.delivered) == (None, False)
    assert 200 <= hung.latency_ms < 1000
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        assert Sender(endpoint(url, secret), 1.0).send("id", b"{}").status is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("-1", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:00:30 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:05 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, expected):
    assert retry_after(text, 10_000_000_000) == expected


# -- routes.toml -----------------------------------------------------------------------------------------------------------------------

SECRET = new_secret()
GOOD = 'name = "a"\nurl = "https://hooks.example.org/x"\nsecret_env = "RTM_TEST_SECRET"\n'


def routes(tmp_path, text):
    file = tmp_path / "routes.toml"
    file.write_text(text)
    return load_routes(file)


def test_endpoints_are_read_with_their_secrets_from_a_variable_or_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("RTM_TEST_SECRET", SECRET)
    (tmp_path / "key").write_text(SECRET.rstrip("=") + "\n")
    text = f"[[endpoints]]\n{GOOD}[[endpoints]]\nname='b'\nurl='http://127.0.0.1:9/x'\nsecret_file='key'\nclinics=['c1']\n"
    a, b = routes(tmp_path, text)
    assert a.secret == b.secret == base64.b64decode(SECRET.removeprefix("whsec_"))
    assert (a.wants("c1"), a.wants("c2"), b.wants("c1"), b.wants("c2")) == (True, True, True, False)
    assert SECRET not in repr((a, b))
    assert repr(a.secret) not in repr((a, b))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[endpoints", "not TOML"),
        ("", "endpoints: Field required"),
        ("endpoints = []", "endpoints: List should have at least 1 item"),
        ("[[endpoints]]\n" + GOOD.replace('"a"', '"a b"'), "endpoints.0.name: String should match"),
        ("[[endpoints]]\n" + GOOD.replace("https://", "http://"), "endpoints.0.url: must be https://"),
        ("[[endpoints]]\n" + GOOD.replace("https://", "https://me:topsecret@"), "endpoints.0.url: must hold no user and password"),
        ("[[endpoints]]\n" + GOOD.replace("https://", "ftp://"), "endpoints.0.url: not an https:// URL"),
        ("[[endpoints]]\n" + GOOD.replace("secret_env", "secret"), "endpoints.0.secret: Extra inputs are not permitted"),
        ("[[endpoints]]\n" + GOOD + "secret_file = 'x'", "endpoints.0: give secret_env or secret_file, one of them"),
        ("[[endpoints]]\n" + GOOD + "clinics = []", "endpoints.0.clinics: List should have at least 1 item"),
        ("[[endpoints]]\n" + GOOD + "[[endpoints]]\n" + GOOD, "endpoints: the name a stands twice"),
        (
            "[[endpoints]]\n" + GOOD.replace("RTM_TEST_SECRET", "RTM_TEST_NONE"),
            "endpoint a: the environment variable RTM_TEST_NONE holds no secret",
        ),
        ("[[endpoints]]\n" + GOOD.replace("RTM_TEST_SECRET", "RTM_TEST_SHORT"), "must hold whsec_ and base64 of 24 to 64 bytes"),
        ("[[endpoints]]\n" + GOOD.replace("secret_env", "secret_file"), "endpoint a: the file RTM_TEST_SECRET can't be read"),
    ],
)
def test_what_is_wrong_in_the_routes_is_told_with_its_place_and_never_a_secret(tmp_path, monkeypatch, text, said):
    monkeypatch.setenv("RTM_TEST_SECRET", SECRET)
    monkeypatch.setenv("RTM_TEST_SHORT", "whsec_c2hvcnQ=")
    with pytest.raises(RoutesError) as caught:
        routes(tmp_path, text)
    assert said in str(caught.value)
    assert str(tmp_path / "routes.toml") in str(caught.value)
    for secret in (SECRET.removeprefix("whsec_"), "topsecret", "c2hvcnQ"):
        assert secret not in str(caught.value)


def test_no_routes_is_wrong_use_in_one_line(tmp_path, monkeypatch, capsys):
    from streams.cli import run

    monkeypatch.setenv("RTM_ROUTES", str(tmp_path / "none.toml"))
    assert run(["dispatch"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"rtm: {tmp_path / 'none.toml'}: no such file")
    assert os.linesep not in line
