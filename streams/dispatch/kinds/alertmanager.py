"""Alertmanager's webhook, version 4: the alerts of a message, firing or resolved.

Reference: Prometheus, "Alertmanager configuration", `<webhook_config>`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from schemas.instants import format_instant
from streams.dispatch.messages import Request

if TYPE_CHECKING:
    from streams.dispatch.messages import Message, Notice
    from streams.dispatch.routes import Endpoint

NEVER = "0001-01-01T00:00:00Z"


def request(message: Message, endpoint: Endpoint, _sent_at: int) -> Request:
    """The request; with a bearer token where the endpoint has one."""
    alerts = [_alert(notice, message.at) for notice in message.notices] or [_operations(message)]
    firing = any(alert["status"] == "firing" for alert in alerts)
    said = {
        "version": "4",
        "groupKey": message.webhook_id,
        "truncatedAlerts": 0,
        "status": "firing" if firing else "resolved",
        "receiver": endpoint.name,
        "groupLabels": {},
        "commonLabels": dict(set.intersection(*(set(alert["labels"].items()) for alert in alerts))),
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": alerts,
    }
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {endpoint.token}"} if endpoint.token else {})
    return Request(orjson.dumps(said, option=orjson.OPT_SORT_KEYS), headers)


def _alert(notice: Notice, at: int) -> dict[str, Any]:
    over = notice.transition == "resolved"
    return {
        "status": "resolved" if over else "firing",
        "labels": {
            "alertname": notice.rule_id,
            "alert_id": notice.alert_id,
            "episode_id": notice.episode_id,
            "severity": notice.severity,
        },
        "annotations": {"summary": f"{notice.rule_id}, {notice.severity}: {notice.transition}"},
        "startsAt": notice.opened_at,
        "endsAt": format_instant(at) if over else NEVER,
        "generatorURL": notice.link or "",
        "fingerprint": notice.alert_id.replace("-", "")[:16],
    }


def _operations(message: Message) -> dict[str, Any]:
    said = dict(message.said)
    return {
        "status": "firing",
        "labels": {"alertname": said["reason"], "severity": "warning"},
        "annotations": {"summary": said["text"]},
        "startsAt": format_instant(message.at),
        "endsAt": NEVER,
        "generatorURL": "",
        "fingerprint": message.webhook_id.replace("-", "")[:16],
    }
