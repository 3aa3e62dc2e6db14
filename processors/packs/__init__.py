"""Versioned data: alert rules, billing rules and MCIDs, each entry with its source and how sure it is; validated on load.

Certainty: `source` read at the source, `secondary` from secondary sources, `memory` not checked.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from processors.packs.alerts import RuleBook, RulePack
from schemas.events import TherapeuticArea
from schemas.instants import LocalDate

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

FOLDER = files("processors.packs")
Pack = TypeVar("Pack", bound=BaseModel)


class PackError(Exception):
    """A pack can't be used; the message names its file, the place in it, and what is wrong."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(_Strict):
    """What every entry of a pack says of itself."""

    source: Annotated[str, Field(min_length=1)]
    certainty: Literal["source", "secondary", "memory"]


class Mcid(Entry):
    """The minimal clinically important difference of one measure, in its own unit."""

    measure: str
    value: Annotated[float, Field(gt=0)]
    higher_is_better: bool


class McidPack(_Strict):
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

    therapeutic_area: TherapeuticArea
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


class BillingPack(_Strict):
    """The billing rules in force from a date on, until the next pack begins."""

    pack: Annotated[str, Field(min_length=1)]
    what: str
    in_force_from: LocalDate
    setup: SetupRule
    supply: list[SupplyRule]
    data_days: DataDays
    management: Management

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if sorted(rule.therapeutic_area for rule in self.supply) != sorted(get_args(TherapeuticArea)):
            raise ValueError("supply must have one entry for each therapeutic area")
        if self.data_days.few > self.data_days.many:
            raise ValueError("data_days: few must not be more than many")
        if self.management.short_minutes > self.management.full_minutes:
            raise ValueError("management: short_minutes must not be more than full_minutes")
        return self


def _packs(prefix: str) -> list[Traversable]:
    """The files of one kind of pack, by their number or year."""
    found = [entry for entry in FOLDER.iterdir() if entry.name.startswith(prefix) and entry.name.endswith(".json")]
    return sorted(found, key=lambda entry: (len(entry.name), entry.name))


def _load(model: type[Pack], entry: Traversable) -> Pack:
    try:
        return model.model_validate_json(entry.read_bytes())
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in detail["loc"]) or "the pack"
        raise PackError(f"{entry.name}: {place}: {detail['msg'].removeprefix('Value error, ')}") from None


@cache
def mcid_pack() -> dict[str, Mcid]:
    """The MCID of each measure that has one, of the newest pack."""
    return {entry.measure: entry for entry in _load(McidPack, _packs("mcid_")[-1]).entries}


@cache
def billing_packs() -> tuple[BillingPack, ...]:
    """Every billing pack, the earliest first."""
    packs = sorted((_load(BillingPack, entry) for entry in _packs("billing_")), key=lambda pack: pack.in_force_from)
    for earlier, later in pairwise(packs):
        if earlier.in_force_from == later.in_force_from or earlier.pack == later.pack:
            raise PackError(f"two billing packs, {earlier.pack} and {later.pack}, begin on the same date or have the same name")
    return tuple(packs)


def load_packs() -> None:
    """Read and check every pack. PackError: before a worker folds anything, lest it takes a wrong pack for a bug at a record."""
    mcid_pack()
    billing_packs()
    alert_rules()


def billing_pack_on(day: int) -> BillingPack | None:
    """The billing pack in force on a day, or None before the first."""
    found = [pack for pack in billing_packs() if pack.in_force_from <= day]
    return found[-1] if found else None


@cache
def alert_rules() -> RulePack:
    """The newest pack of alert rules."""
    return _load(RulePack, _packs("alert_rules_")[-1])


@cache
def rule_book() -> RuleBook:
    """The rules of that pack, as they are."""
    return RuleBook(alert_rules())
