"""The headers by which what was sent again is known: on the record that is sent, and on the marker beside the dead letter."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

REDRIVEN_FROM = "rtm-redriven-from"
"""On a record that was sent again: the place of the original."""
REDRIVEN = "rtm-redriven"
"""On a marker in rtm.dead-letters.v1: the place of the original whose letter was sent again. Such a record is no dead letter."""


def is_marker(headers: Iterable[tuple[str, bytes | None]]) -> bool:
    """Whether a record of rtm.dead-letters.v1 with these headers is such a marker."""
    names = {name for name, _ in headers}
    return REDRIVEN in names and "rtm-reason" not in names
