"""The forms in which a message is sent, one file each: a message, its endpoint and the instant (ns) of sending in, a request out."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from streams.dispatch.kinds import alertmanager, chat, pagerduty, standard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.dispatch.messages import Message, Request
    from streams.dispatch.routes import Endpoint
    from streams.dispatch.routes_file import Kind

FORMS: Mapping[Kind, Callable[[Message, Endpoint, int], Request]] = MappingProxyType(
    {
        "webhook": standard.request,
        "pagerduty": pagerduty.request,
        "alertmanager": alertmanager.request,
        "chat": chat.request,
    }
)
"""How each kind of endpoint is written to."""

ONE_ALERT_EACH = frozenset({"pagerduty"})
"""Kinds whose requests are about one alert each."""
