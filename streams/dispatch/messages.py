"""What a message says: changes of alerts in, one message for one endpoint out. How it looks on the wire is its kind's (`kinds/`).

It is thin: which alert, which episode, how severe, by which rule, and a link. No pseudonym, no measured value, no name.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:rtm:webhook")
ALERT_TYPE = "rtm.alert.v1"
OPERATIONS_TYPE = "rtm.operations.v1"
HEARTBEAT_TYPE = "rtm.heartbeat.v1"
FEEDBACK_TYPE = "rtm.feedback.session.v1"


@dataclass(frozen=True, slots=True)
class AlertChange:
    """What happened to an alert, as rtm.alerts.v1 tells it: the transition and its instant (ns), the row, the patient, where it lies."""

    transition: str
    at: int
    row: Mapping[str, Any]
    patient: str
    partition: int = 0
    offset: int = 0

    @property
    def alert_id(self) -> str:
        """The alert."""
        return str(self.row["alert_id"])


def webhook_id(alert_id: str, transition: str, at: int, step: int = 1) -> str:
    """The id of the message about one change: the same over every attempt, restart and endpoint; of each further step another."""
    name = f"{alert_id}/{transition}/{at}" + (f"/{step}" if step > 1 else "")
    return str(uuid.uuid5(NAMESPACE, name))


def bundle_id(ids: Iterable[str]) -> str:
    """The id of a message about several changes; of a single one its own."""
    found = sorted(ids)
    return found[0] if len(found) == 1 else str(uuid.uuid5(NAMESPACE, "/".join(found)))


@dataclass(frozen=True, slots=True)
class Notice:
    """What a message says of one alert: `opened_at` as RFC 3339; `step` from 1; `link` leads to a page that acknowledges it."""

    alert_id: str
    episode_id: str
    severity: str
    rule_id: str
    transition: str
    opened_at: str
    step: int = 1
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message: `at` (ns) is the instant it tells of. `said` is what it says beside its alerts, or instead of them."""

    webhook_id: str
    at: int
    notices: tuple[Notice, ...] = ()
    type: str = ALERT_TYPE
    said: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """A message on the wire."""

    body: bytes
    headers: Mapping[str, str]
