"""Bundling: messages that are due for the same person at the same endpoint in, those to send now as one, and when to look again, out.

What is due waits a moment for more, and longer when its reader has had as many messages as the clinic allows in a span of time: then all
that has come together goes as one. An urgent message waits for nothing, and takes along what waits.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from processors.routing import ClinicRoute, Send

MOST_IN_ONE = 50
"""Alerts in one message; the rest goes in a next one."""

Reader = tuple[str, str]
"""A clinic, and a person of it, or the endpoint that stands for nobody."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message about one alert that is due since an instant (ns) by this machine's clock."""

    send: Send
    alert_id: str
    clinic: str
    urgent: bool
    since: int

    @property
    def reader(self) -> Reader:
        """Who reads it."""
        return self.clinic, self.send.person or self.send.endpoint


def release(
    waiting: Iterable[Waiting], route_of: Callable[[str], ClinicRoute], told_at: Callable[[Reader], Sequence[int]], now: int
) -> tuple[list[tuple[Waiting, ...]], int | None]:
    """What goes now, each bundle as one message, and when to look at the rest again (ns).

    `told_at` gives the instants, rising, at which a reader was sent messages before.
    """
    groups: dict[tuple[Reader, str], list[Waiting]] = defaultdict(list)
    for each in waiting:
        groups[each.reader, each.send.endpoint].append(each)
    bundles: list[tuple[Waiting, ...]] = []
    again: int | None = None
    for (reader, _), group in groups.items():
        opens = _opens(group, route_of(reader[0]), told_at(reader))
        if opens <= now:
            bundles += (tuple(group[first : first + MOST_IN_ONE]) for first in range(0, len(group), MOST_IN_ONE))
        else:
            again = opens if again is None else min(again, opens)
    return bundles, again


def _opens(group: Sequence[Waiting], route: ClinicRoute, told: Sequence[int]) -> int:
    """From when on (ns) a group may go."""
    oldest = min(each.since for each in group)
    if any(each.urgent for each in group):
        return oldest
    opens = oldest + int(route.bundle_s * SECOND)
    if route.most_messages and len(told) >= route.most_messages:
        opens = max(opens, told[-route.most_messages] + route.per_s * SECOND)
    return opens
