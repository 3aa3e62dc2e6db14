"""A chat's incoming webhook, as Slack, Mattermost and others take it: one `text`, an alert a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from streams.dispatch.messages import Request

if TYPE_CHECKING:
    from streams.dispatch.messages import Message, Notice
    from streams.dispatch.routes import Endpoint


def request(message: Message, _endpoint: Endpoint, _sent_at: int) -> Request:
    """The request. The URL is the secret, nothing is signed."""
    lines = [_line(notice) for notice in message.notices] or [dict(message.said)["text"]]
    return Request(orjson.dumps({"text": "\n".join(lines)}), {"content-type": "application/json"})


def _line(notice: Notice) -> str:
    step = f", step {notice.step}" if notice.step > 1 else ""
    link = f" {notice.link}" if notice.link else ""
    return f"[{notice.severity}] {notice.rule_id} {notice.transition}{step}: alert {notice.alert_id}, episode {notice.episode_id}{link}"
