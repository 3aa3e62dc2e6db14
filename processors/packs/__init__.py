"""Versioned data: alert rules, billing rules and MCIDs, each entry with its source and how sure it is; validated on load.

Certainty: `source` read at the source, `secondary` from secondary sources, `memory` not checked.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from processors.packs.alerts import RuleBook, RulePack
from schemas.instants import LocalDate


class Entry(BaseModel):
    """What every entry of a pack says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Annotated[str, Field(min_length=1)]
    certainty: Literal["source", "secondary", "memory"]


class Mcid(Entry):
    """The minimal clinically important difference of one measure, in its own unit."""

    measure: str
    value: Annotated[float, Field(gt=0)]
    higher_is_better: bool


class McidPack(BaseModel):
    """All MCIDs that are known."""

    pack: str
    what: str
    entries: list[Mcid]


class SetupRule(Entry):
    """The code for set-up and education, once an episode."""

    code: str
    at_least_data_days: int


class SupplyRule(Entry):
    """The codes for a period's device supply, for few and for many data days."""

    therapeutic_area: str
    few: str
    many: str


class DataDays(Entry):
    """From how many data days a period has few, and from how many it has many."""

    few: int
    many: int


class Management(Entry):
    """The codes for a month's treatment management, by minutes."""

    short: str
    first: str
    further: str
    short_minutes: float
    full_minutes: float


class BillingPack(BaseModel):
    """The billing rules in force from a date on, until the next pack begins."""

    pack: str
    what: str
    in_force_from: LocalDate
    setup: SetupRule
    supply: list[SupplyRule]
    data_days: DataDays
    management: Management


def _texts(prefix: str) -> list[bytes]:
    found = sorted((x for x in files("processors.packs").iterdir() if x.name.startswith(prefix)), key=lambda x: x.name)
    return [x.read_bytes() for x in found]


@cache
def mcid_pack() -> dict[str, Mcid]:
    """The MCID of each measure that has one, of the newest pack."""
    pack = TypeAdapter(McidPack).validate_json(_texts("mcid_")[-1])
    return {entry.measure: entry for entry in pack.entries}


@cache
def billing_packs() -> tuple[BillingPack, ...]:
    """Every billing pack, the earliest first."""
    packs = [TypeAdapter(BillingPack).validate_json(text) for text in _texts("billing_")]
    return tuple(sorted(packs, key=lambda pack: pack.in_force_from))


def billing_pack_on(day: int) -> BillingPack | None:
    """The billing pack in force on a day, or None before the first."""
    found = [pack for pack in billing_packs() if pack.in_force_from <= day]
    return found[-1] if found else None


@cache
def alert_rules() -> RulePack:
    """The newest pack of alert rules."""
    return RulePack.model_validate_json(_texts("alert_rules_")[-1])


@cache
def rule_book() -> RuleBook:
    """The rules of that pack, as they are."""
    return RuleBook(alert_rules())
