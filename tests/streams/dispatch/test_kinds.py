"""What each kind of endpoint is sent, field by field; and that none of it tells of the patient."""

import orjson
import pytest

from streams.dispatch.kinds import FORMS
from streams.dispatch.messages import OPERATIONS_TYPE, Message, Notice, bundle_id, webhook_id
from streams.dispatch.routes import Endpoint

AT = 1_772_345_600_000_000_000
OPENED = Notice("a1", "e1", "urgent", "missed_days", "opened", "2026-03-01T06:00:00Z")
RESOLVED = Notice("a2", "e1", "warning", "silence", "resolved", "2026-03-01T05:00:00Z")
ESCALATED = Notice("a1", "e1", "urgent", "missed_days", "escalated", "2026-03-01T06:00:00Z", 2, "https://rtm.example.org/a/xyz")
LAG = Message("w9", AT, type=OPERATIONS_TYPE, said=(("reason", "lag"), ("text", "alerts are read late")))


def sent(kind, *notices, message=None):
    endpoint = Endpoint("desk", "https://hooks.example.org/x", (b"k" * 24,), kind, token="routing-key")
    request = FORMS[kind](message or Message("w1", AT, notices), endpoint, AT)
    return orjson.loads(request.body), request.headers


def test_a_webhook_lists_its_alerts():
    body, headers = sent("webhook", OPENED, RESOLVED)
    assert body == {
        "type": "rtm.alert.v1",
        "timestamp": "2026-03-01T06:13:20Z",
        "alerts": [
            {
                "alert_id": "a1",
                "episode_id": "e1",
                "severity": "urgent",
                "rule_id": "missed_days",
                "transition": "opened",
                "opened_at": "2026-03-01T06:00:00Z",
            },
            {
                "alert_id": "a2",
                "episode_id": "e1",
                "severity": "warning",
                "rule_id": "silence",
                "transition": "resolved",
                "opened_at": "2026-03-01T05:00:00Z",
            },
        ],
    }
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("w1", "1772345600")
    alert = sent("webhook", ESCALATED)[0]["alerts"][0]
    assert (alert["step"], alert["link"]) == (2, "https://rtm.example.org/a/xyz")


@pytest.mark.parametrize(
    ("transition", "action"),
    [
        ("opened", "trigger"),
        ("reopened", "trigger"),
        ("escalated", "trigger"),
        ("acknowledged", "acknowledge"),
        ("resolved", "resolve"),
    ],
)
def test_pagerduty_gets_an_event_of_the_alert(transition, action):
    body, _ = sent("pagerduty", Notice("a1", "e1", "urgent", "missed_days", transition, "2026-03-01T06:00:00Z"))
    assert (body["routing_key"], body["event_action"], body["dedup_key"]) == ("routing-key", action, "a1")
    assert ("payload" in body) == (action == "trigger")
    if "payload" in body:
        assert set(body["payload"]) == {"summary", "source", "severity", "timestamp", "class", "custom_details"}
        assert body["payload"]["severity"] == "critical"
    assert sent("pagerduty", ESCALATED)[0]["links"] == [{"href": "https://rtm.example.org/a/xyz", "text": "acknowledge"}]


def test_alertmanager_gets_version_4():
    body, headers = sent("alertmanager", OPENED, RESOLVED)
    assert (body["version"], body["status"], body["receiver"], body["truncatedAlerts"]) == ("4", "firing", "desk", 0)
    assert set(body) == {
        "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels", "commonAnnotations", "externalURL",
        "alerts",
    }  # fmt: skip
    assert body["commonLabels"] == {"episode_id": "e1"}
    first, second = body["alerts"]
    assert first["labels"] == {"alertname": "missed_days", "alert_id": "a1", "episode_id": "e1", "severity": "urgent"}
    assert [(each["status"], each["endsAt"]) for each in (first, second)] == [
        ("firing", "0001-01-01T00:00:00Z"),
        ("resolved", "2026-03-01T06:13:20Z"),
    ]
    assert headers["authorization"] == "Bearer routing-key"
    assert sent("alertmanager", RESOLVED)[0]["status"] == "resolved"


def test_a_chat_gets_a_line_an_alert():
    body, _ = sent("chat", ESCALATED, RESOLVED)
    assert set(body) == {"text"}
    assert body["text"].splitlines() == [
        "[urgent] missed_days escalated, step 2: alert a1, episode e1 https://rtm.example.org/a/xyz",
        "[warning] silence resolved: alert a2, episode e1",
    ]


def test_what_operations_are_told_has_a_form_in_every_kind():
    assert sent("webhook", message=LAG)[0] == {
        "type": "rtm.operations.v1",
        "timestamp": "2026-03-01T06:13:20Z",
        "reason": "lag",
        "text": "alerts are read late",
    }
    assert sent("pagerduty", message=LAG)[0]["dedup_key"] == "rtm/lag"
    assert sent("alertmanager", message=LAG)[0]["alerts"][0]["labels"]["alertname"] == "lag"
    assert sent("chat", message=LAG)[0] == {"text": "alerts are read late"}


def test_a_messages_id_is_that_of_alert_transition_instant_and_step():
    ids = [
        webhook_id("a1", "opened", AT),
        webhook_id("a1", "resolved", AT),
        webhook_id("a1", "opened", AT + 1),
        webhook_id("a2", "opened", AT),
        webhook_id("a1", "escalated", AT, 2),
        webhook_id("a1", "escalated", AT, 3),
    ]
    assert len(set(ids)) == 6
    assert webhook_id("a1", "opened", AT, 1) == ids[0]
    assert bundle_id(ids[:1]) == ids[0]
    assert bundle_id(ids[:2]) == bundle_id(reversed(ids[:2])) not in ids
