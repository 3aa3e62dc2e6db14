"""Standard Webhooks: `webhook-id`, `webhook-timestamp`, and a signature for each of the endpoint's keys, so that one can be replaced.

Specification: Standard Webhooks 1.0.0, "Webhook scheme" and "Signature scheme".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from standardwebhooks import Webhook

from schemas.instants import SECOND, format_instant
from streams.dispatch.messages import Request

if TYPE_CHECKING:
    from streams.dispatch.messages import Message, Notice
    from streams.dispatch.routes import Endpoint


def request(message: Message, endpoint: Endpoint, sent_at: int) -> Request:
    """The signed request. The body of a message is the same each time."""
    body = _body(message)
    instant = datetime.fromtimestamp(sent_at // SECOND, UTC)
    signatures = [Webhook(key).sign(message.webhook_id, instant, body.decode()) for key in endpoint.keys]
    return Request(
        body,
        {
            "content-type": "application/json",
            "webhook-id": message.webhook_id,
            "webhook-timestamp": str(sent_at // SECOND),
            "webhook-signature": " ".join(signatures),
        },
    )


def _body(message: Message) -> bytes:
    said: dict[str, Any] = {"type": message.type, "timestamp": format_instant(message.at), **dict(message.said)}
    if message.notices:
        said["alerts"] = [_alert(notice) for notice in message.notices]
    return orjson.dumps(said)


def _alert(notice: Notice) -> dict[str, Any]:
    said: dict[str, Any] = {
        "alert_id": notice.alert_id,
        "episode_id": notice.episode_id,
        "severity": notice.severity,
        "rule_id": notice.rule_id,
        "transition": notice.transition,
        "opened_at": notice.opened_at,
    }
    if notice.step > 1:
        said["step"] = notice.step
    if notice.link:
        said["link"] = notice.link
    return said
