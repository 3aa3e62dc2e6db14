"""Links in messages: what they lead to, signed and dated, in; a URL out, and back. Nobody can make or alter one without the secret.

A link names an alert and where its change lies in rtm.alerts.v1, never a patient. Several secrets: the last one signs, all are accepted.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from itsdangerous import BadData, URLSafeSerializer

from schemas.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.dispatch.records import Part, Plan
    from streams.settings import Settings

SHORTEST_SECRET = 16
FORM_S = 3600
"""So long a page that was opened can be sent (s)."""
ALERT_PAGE, SESSION_PAGE = "a", "s"

_Link = TypeVar("_Link", "AlertLink", "SessionLink")


class LinkError(Exception):
    """The link can't be used; the message is for whoever opened it."""


class SecretError(Exception):
    """The secret of links can't be used; the message names the setting."""


@dataclass(frozen=True, slots=True)
class AlertLink:
    """Leads to the page of an alert: its id, where a change of it lies in rtm.alerts.v1, whom the message was for, when it ends (s)."""

    alert_id: str
    partition: int
    offset: int
    staff: str
    ends_at: int


@dataclass(frozen=True, slots=True)
class SessionLink:
    """Leads to the page of a session: its `reference`, and when it ends (s)."""

    reference: str
    ends_at: int


class Links:
    """Makes and reads links. `base` is how this machine's pages are reached from outside."""

    def __init__(self, base: str, secrets: Sequence[str], hours: int) -> None:
        self._base, self._hours = base.rstrip("/"), hours
        self._reference_key = secrets[-1].encode()
        self._of = {page: _serializer(secrets, page) for page in (ALERT_PAGE, SESSION_PAGE, "form")}

    def of_alert(self, part: Part, plan: Plan) -> str:
        """The link in a message about an alert; the same for the same plan."""
        ends_at = plan.planned_at // SECOND + self._hours * 3600
        link = AlertLink(part.alert_id, part.partition, part.offset, part.person or plan.endpoint, ends_at)
        return f"{self._base}/{ALERT_PAGE}/{self._of[ALERT_PAGE].dumps(astuple(link))}"

    def reference(self, patient: str, session_id: str) -> str:
        """What stands for a patient's session in a link: it says nothing without the secret."""
        return hmac.new(self._reference_key, f"{patient}\0{session_id}".encode(), hashlib.sha256).hexdigest()[:32]

    def of_session(self, link: SessionLink) -> str:
        """The link in a message about a session."""
        return f"{self._base}/{SESSION_PAGE}/{self._of[SESSION_PAGE].dumps(astuple(link))}"

    def read_alert(self, token: str, now: int) -> AlertLink:
        """What a link's token says, at an instant (ns); LinkError when it is altered, or over."""
        return _in_time(AlertLink(*self._read(ALERT_PAGE, token)), now)

    def read_session(self, token: str, now: int) -> SessionLink:
        """What a link's token says, at an instant (ns); LinkError when it is altered, or over."""
        return _in_time(SessionLink(*self._read(SESSION_PAGE, token)), now)

    def form(self, token: str, now: int) -> str:
        """What a page's form carries, so that no other page can send it."""
        return str(self._of["form"].dumps([hashlib.sha256(token.encode()).hexdigest(), now // SECOND]))

    def check_form(self, form: str, token: str, now: int) -> None:
        """LinkError when the form was not made for this link a short while ago."""
        named, made_at = self._read("form", form)
        if named != hashlib.sha256(token.encode()).hexdigest() or not 0 <= now // SECOND - made_at <= FORM_S:
            raise LinkError("This page was open for too long. Open the link in the message once more.")

    def _read(self, page: str, token: str) -> list[Any]:
        try:
            found: list[Any] = self._of[page].loads(token)
        except BadData:
            raise LinkError("This link is not complete, or was altered. Open it from the message.") from None
        return found


def _serializer(secrets: Sequence[str], page: str) -> URLSafeSerializer:
    options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeSerializer(list(secrets), salt=f"rtm/{page}", serializer=json, signer_kwargs=options)


def _in_time(link: _Link, now: int) -> _Link:
    if now >= link.ends_at * SECOND:
        raise LinkError("This link is too old. Look the alert up in the worklist.")
    return link


def links_of(settings: Settings) -> Links | None:
    """The links that the settings ask for; None where they name no address. SecretError when the secret is missing or too short."""
    if settings.ack_url is None:
        return None
    text = settings.ack_secret.get_secret_value() if settings.ack_secret else ""
    if settings.ack_secret_file is not None:
        try:
            text = settings.ack_secret_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise SecretError(f"RTM_ACK_SECRET_FILE: {settings.ack_secret_file} can't be read") from None
    secrets = text.split()
    if not secrets or min(map(len, secrets)) < SHORTEST_SECRET:
        raise SecretError(f"RTM_ACK_URL needs RTM_ACK_SECRET or RTM_ACK_SECRET_FILE, of at least {SHORTEST_SECRET} characters")
    return Links(settings.ack_url, secrets, settings.ack_hours)
