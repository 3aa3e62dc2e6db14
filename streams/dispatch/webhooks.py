"""Webhooks by the Standard Webhooks specification: an alert's change in, one signed HTTP request out, and what was answered.

The body is thin: which alert, which episode, how severe, by which rule. No pseudonym, no measured value, no name.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import orjson
import urllib3
from standardwebhooks import Webhook
from urllib3.exceptions import HTTPError

from schemas.instants import SECOND, format_instant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.dispatch.routes import Endpoint

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:rtm:webhook")
BODY_TYPE = "rtm.alert.v1"
IN_THE_BODY = ("alert_id", "episode_id", "severity", "rule_id")
BUSY = frozenset({429, 503})
GONE = 410


@dataclass(frozen=True, slots=True)
class AlertChange:
    """What happened to an alert, as rtm.alerts.v1 tells it: its transition, the instant (ns) of it, its row, and its patient."""

    transition: str
    at: int
    row: Mapping[str, Any]
    patient: str

    @property
    def alert_id(self) -> str:
        """The alert."""
        return str(self.row["alert_id"])

    @property
    def webhook_id(self) -> str:
        """The id of its webhook: the same over every attempt, restart and endpoint."""
        return str(uuid.uuid5(NAMESPACE, f"{self.alert_id}/{self.transition}/{self.at}"))

    def body(self) -> bytes:
        """What is sent; the same bytes each time."""
        alert = {name: self.row[name] for name in IN_THE_BODY}
        alert |= {"transition": self.transition, "opened_at": self.row["opened_at"]}
        return orjson.dumps({"type": BODY_TYPE, "timestamp": format_instant(self.at), "alerts": [alert]})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request: when it was sent (ns), the answer's status (None: nothing in time), how long it took, how long it asks to wait (s)."""

    sent_at: int
    status: int | None
    latency_ms: float
    retry_after_s: float | None = None

    @property
    def delivered(self) -> bool:
        """Whether the endpoint took it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the endpoint wants no more."""
        return self.status == GONE


class Sender:
    """Sends to one endpoint, from several threads. Certificates are verified, redirects are not followed, an answer's body is not read."""

    def __init__(self, endpoint: Endpoint, timeout_s: float, connections: int = 1) -> None:
        self._endpoint = endpoint
        self._signer = Webhook(endpoint.secret)
        self._pool = urllib3.PoolManager(maxsize=connections, timeout=urllib3.Timeout(total=timeout_s), retries=False)

    def send(self, webhook_id: str, body: bytes) -> Attempt:
        """Make one attempt; it never raises for what the network does."""
        sent_at = time.time_ns()
        instant = datetime.fromtimestamp(sent_at // SECOND, UTC)
        headers = {
            "content-type": "application/json",
            "user-agent": "rtm",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(sent_at // SECOND),
            "webhook-signature": self._signer.sign(webhook_id, instant, body.decode()),
        }
        began = time.perf_counter_ns()
        try:
            answer = self._pool.request("POST", self._endpoint.url, body=body, headers=headers, redirect=False, preload_content=False)
        except (HTTPError, OSError, ValueError):
            return Attempt(sent_at, None, (time.perf_counter_ns() - began) / 1e6)
        latency = (time.perf_counter_ns() - began) / 1e6
        wait = retry_after(answer.headers.get("retry-after"), sent_at) if answer.status in BUSY else None
        if answer.headers.get("content-length") == "0":
            answer.release_conn()
        answer.close()
        return Attempt(sent_at, answer.status, latency, wait)

    def close(self) -> None:
        """Drop the connections."""
        self._pool.clear()


def retry_after(text: str | None, now: int) -> float | None:
    """How long to wait (s) by a Retry-After header, seconds or an HTTP date (RFC 9110, 10.2.3); None where it says nothing legible.

    >>> retry_after("120", 0), retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 0), retry_after("soon", 0)
    (120.0, 60.0, None)
    """
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(text)
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, instant.timestamp() - now / SECOND)
