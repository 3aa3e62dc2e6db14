"""What a rule finds in a view: that its condition holds, since when, on what it rests, and how far it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from processors.alerts.view import View
from processors.packs.alerts import InForce
from schemas.instants import format_day


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition that holds.

    `key` tells findings of one rule apart; `rests_on` is the first day or fact that it rests on, `day` the newest; `value` is held against
    the rule's levels; `due` tells when (ns) what it rests on came due, for a level's `at`; `says` fills the rule's reason.
    """

    key: str
    rests_on: str
    day: int
    value: float
    due: Callable[[float], int]
    evidence: list[dict[str, Any]]
    says: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the alert's id is made of."""
        return f"{self.key}/{self.rests_on}" if self.key else self.rests_on


Find = Callable[[View, InForce, int], list[Finding]]
"""What holds on a day, by the facts up to it. Asked for the `day` of a finding, it gives that finding again, unless facts have changed."""
Clear = Callable[[View, InForce, str, int], str | None]
"""Why the alert of a key, which last held on a day, is over now that its condition doesn't hold any more; None while that isn't sure."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of condition. `at_once`: it looks at today, too, so that a fact of today can change it; others at days that are over."""

    find: Find
    clear: Clear
    at_once: bool = False


def always(instant: int) -> Callable[[float], int]:
    """Due at one instant, whatever the level."""
    return lambda _: instant


def rows_of(table: str, days: list[int]) -> list[dict[str, Any]]:
    """Rows of a table by their date, as evidence."""
    return [{"table": table, "local_date": format_day(day)} for day in days]


def of_days(view: View, table: str, days: list[int], value: float, says: Mapping[str, object], key: str = "") -> Finding:
    """A finding that rests on days, oldest first, and came due when the newest was over."""
    newest = days[-1]
    return Finding(key, format_day(days[0]), newest, value, lambda _: view.over_at(newest), rows_of(table, days), {"value": value, **says})
