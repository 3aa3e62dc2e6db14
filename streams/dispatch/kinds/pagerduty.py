"""PagerDuty Events API v2: trigger, acknowledge and resolve, one alert a request; `dedup_key` is the alert's id.

So what opens again, or climbs a step, joins the incident that is open, and what arrives twice is one.
Reference: PagerDuty, "Events API v2: Send an Alert Event"; 202 is taken, 429 asks to wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from schemas.instants import format_instant
from streams.dispatch.messages import Request

if TYPE_CHECKING:
    from streams.dispatch.messages import Message
    from streams.dispatch.routes import Endpoint

ACTIONS = {"resolved": "resolve", "acknowledged": "acknowledge"}
SEVERITIES = {"info": "info", "warning": "warning", "urgent": "critical"}
SOURCE = "rtm"


def request(message: Message, endpoint: Endpoint, _sent_at: int) -> Request:
    """The request for the message's one alert, or for what it says instead."""
    event = _of_alert(message) if message.notices else _of_operations(message)
    return Request(orjson.dumps({"routing_key": endpoint.token, "client": SOURCE, **event}), {"content-type": "application/json"})


def _of_alert(message: Message) -> dict[str, Any]:
    (notice,) = message.notices
    action = ACTIONS.get(notice.transition, "trigger")
    event: dict[str, Any] = {"event_action": action, "dedup_key": notice.alert_id}
    if action != "trigger":
        return event
    event["payload"] = {
        "summary": f"{notice.rule_id}, {notice.severity}: {notice.transition}",
        "source": SOURCE,
        "severity": SEVERITIES[notice.severity],
        "timestamp": format_instant(message.at),
        "class": notice.rule_id,
        "custom_details": {"alert_id": notice.alert_id, "episode_id": notice.episode_id, "step": notice.step},
    }
    if notice.link:
        event["links"] = [{"href": notice.link, "text": "acknowledge"}]
    return event


def _of_operations(message: Message) -> dict[str, Any]:
    said = dict(message.said)
    payload = {"summary": said["text"], "source": SOURCE, "severity": "error", "timestamp": format_instant(message.at)}
    return {"event_action": "trigger", "dedup_key": f"{SOURCE}/{said['reason']}", "payload": payload}
