"""Alert rules as data: the pack's rules, validated on load, and a clinic's own thresholds laid over them.

In: `alert_rules_1.json`, and what a file of overrides says (`RTM_ALERT_RULES`, read by `streams.alert_rules`). Out: a `RuleBook`, which
tells the rules in force for a clinic. It is part of the policy, so two folds of one log with one policy give the same alerts.

    name = "north-2"                          # stands in rule_version of every alert that an override touches
    [rules.missed_days]                       # for every clinic
    levels = [{ at = 3, severity = "warning" }]
    [clinics.harbour.rules.low_volume]        # for one
    enabled = false
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Severity = Literal["info", "warning", "urgent"]
Count = Annotated[int, Field(ge=1)]
Days = Annotated[int, Field(ge=1, le=30)]
Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(gt=0)]


class Model(BaseModel):
    """What all parts of a rule have in common: nothing unknown, nothing changed once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MissedDays(Model):
    """Missed days in a row; a level's `at` is their number. Any exercise ends them."""

    kind: Literal["missed_days"]


class Silence(Model):
    """Days in a row on which nothing was heard; a level's `at` is their number. Anything that is heard ends them."""

    kind: Literal["silence"]


class LowVolume(Model):
    """The share of the prescribed repetitions done over `days`, over known days only, of which there must be enough."""

    kind: Literal["low_volume"]
    days: Days
    below: Share
    clear_at: Share
    least_coverage: Share
    least_known_days: Count


class RomBehindGoal(Model):
    """The angle attained is short of the goal curve on the last `measured_days` days with a measurement."""

    kind: Literal["rom_behind_goal"]
    behind_deg: Amount
    clear_within_deg: Annotated[float, Field(ge=0)]
    measured_days: Count
    within_days: Days


class RomLoss(Model):
    """The angle attained is less than the patient's own median of the `days` before, on the last `measured_days` days measured."""

    kind: Literal["rom_loss"]
    loss_deg: Amount
    clear_within_deg: Annotated[float, Field(ge=0)]
    measured_days: Count
    days: Days
    least_days: Count


class PainFlare(Model):
    """Pain `rise` above the median of the daily maxima of the `days` before, in two reports `sustained_h` apart and none lower between."""

    kind: Literal["pain_flare"]
    rise: Annotated[float, Field(ge=1)]
    sustained_h: Annotated[float, Field(ge=1, le=48)]
    days: Days
    least_days: Count
    clear_days: Count


class PainRising(Model):
    """Daily maxima that rise: over `days`, the last two days with reports against the first two, and the trend between."""

    kind: Literal["pain_rising"]
    days: Days
    least_days: Annotated[int, Field(ge=4)]
    rise: Amount
    clear_rise: Annotated[float, Field(ge=0)]


class OutcomeWorse(Model):
    """The newest score of a measure is worse than the episode's first by its minimal clinically important difference."""

    kind: Literal["outcome_worse"]


class MedicationMissed(Model):
    """Doses taken of those due, over the last `days`, on days on which the patient said anything of that medication."""

    kind: Literal["medication_missed"]
    days: Days
    below: Share
    clear_at: Share
    least_days: Count


class DeviceSilent(Model):
    """Nothing sensed on `days` days on which the patient told of an exercise that his device had measured on `before` days."""

    kind: Literal["device_silent"]
    days: Days
    before: Count
    within_days: Days


class UntrustedSignals(Model):
    """The share of the sensed sessions of `days` whose flags say that their signals can't be trusted (`processors.summary.DOUBTFUL`)."""

    kind: Literal["untrusted_signals"]
    days: Days
    least_sessions: Count
    share: Share
    clear_share: Share


class BillingAtRisk(Model):
    """A period's many data days can still be reached, but no more than `spare_days` of the days left may be without data."""

    kind: Literal["billing_at_risk"]
    spare_days: Annotated[int, Field(ge=0, le=14)]


class OverDoing(Model):
    """More than `ratio` times the repetitions asked for, on `days` days of exercise in a row."""

    kind: Literal["over_doing"]
    ratio: Annotated[float, Field(gt=1)]
    clear_ratio: Annotated[float, Field(ge=1)]
    days: Days
    within_days: Days


Condition = Annotated[
    MissedDays
    | Silence
    | LowVolume
    | RomBehindGoal
    | RomLoss
    | PainFlare
    | PainRising
    | OutcomeWorse
    | MedicationMissed
    | DeviceSilent
    | UntrustedSignals
    | BillingAtRisk
    | OverDoing,
    Field(discriminator="kind"),
]


class Level(Model):
    """From which value of its condition on a rule's alert has which severity."""

    at: float
    severity: Severity


class AlertRule(Model):
    """One rule: when it opens (condition and levels), how it goes quiet, and how sure its source is.

    `cool_down_days`: so many days must be over after it ended before it opens on new grounds; a higher level doesn't wait. `expires_days`:
    so long after it last held an alert that nothing has ended is over. `snooze_h`: how long it is quiet when a snooze names no end.
    `yields_to`: it doesn't open while one of those rules' alerts stands, nor within
    its cool-down after staff closed one.
    """

    rule: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.-]{1,20}$")]
    enabled: bool = True
    levels: Annotated[tuple[Level, ...], Field(min_length=1)]
    condition: Condition
    cool_down_days: Annotated[int, Field(ge=0, le=90)]
    expires_days: Annotated[int, Field(ge=1, le=400)] | None = None
    snooze_h: Annotated[float, Field(gt=0, le=24 * 30)] = 24.0
    yields_to: frozenset[str] = frozenset()
    reason: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]
    certainty: Literal["source", "secondary", "memory"]

    @model_validator(mode="after")
    def _levels_rise(self) -> AlertRule:
        order = ["info", "warning", "urgent"]
        places = [(level.at, order.index(level.severity)) for level in self.levels]
        if any(before[0] >= after[0] or before[1] >= after[1] for before, after in pairwise(places)):
            raise ValueError("levels must rise, in `at` and in severity")
        return self

    def level_of(self, value: float) -> int | None:
        """The number of the highest level that a value reaches, or None."""
        return max((i for i, level in enumerate(self.levels) if value >= level.at), default=None)


class RulePack(Model):
    """A pack of alert rules."""

    pack: str
    what: str
    rules: tuple[AlertRule, ...]

    @model_validator(mode="after")
    def _names(self) -> RulePack:
        names = [rule.rule for rule in self.rules]
        if len(set(names)) != len(names):
            raise ValueError("a rule stands twice")
        if unknown := {other for rule in self.rules for other in rule.yields_to} - set(names):
            raise ValueError(f"yields_to names no rule: {min(unknown)}")
        return self


class RuleChange(Model):
    """What an override says of one rule; what it leaves out stays as the pack has it."""

    enabled: bool | None = None
    levels: tuple[Level, ...] | None = None
    condition: Mapping[str, Any] | None = None
    cool_down_days: int | None = None
    expires_days: int | None = None
    snooze_h: float | None = None
    yields_to: frozenset[str] | None = None


class ClinicChange(Model):
    """What an override says for one clinic."""

    rules: Mapping[str, RuleChange] = {}


class Overrides(Model):
    """A file of overrides: for every clinic, and for some."""

    name: Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,40}$")]
    rules: Mapping[str, RuleChange] = {}
    clinics: Mapping[str, ClinicChange] = {}


class RuleBook:
    """The rules in force by clinic: a pack, and what overrides change of it. ValueError, in one line, where they don't fit together."""

    def __init__(self, pack: RulePack, overrides: Overrides | None = None) -> None:
        self.pack, self.overrides = pack, overrides
        self._made: dict[str, tuple[InForce, ...]] = {}
        for clinic in overrides.clinics if overrides else ():
            self.of(clinic)
        self.of("")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RuleBook) and (self.pack, self.overrides) == (other.pack, other.overrides)

    def __hash__(self) -> int:
        return hash(self.mark)

    @cached_property
    def mark(self) -> str:
        """The name of the overrides and what tells two of one name apart; '' without any."""
        if self.overrides is None:
            return ""
        text = orjson.dumps(self.overrides.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        return f"{self.overrides.name}.{sha256(text).hexdigest()[:8]}"

    def of(self, clinic: str) -> tuple[InForce, ...]:
        """The rules in force for a clinic, in the pack's order."""
        known = self._made.get(clinic)
        if known is None:
            changed = self.overrides is not None and clinic in self.overrides.clinics
            known = self._made.get("") if not changed else None
            if known is None:
                known = self._made[clinic if changed else ""] = self._make(clinic)
        return known

    def _make(self, clinic: str) -> tuple[InForce, ...]:
        found, changes = [], list[Mapping[str, RuleChange]]()
        if self.overrides is not None:
            changes.append(self.overrides.rules)
            if clinic in self.overrides.clinics:
                changes.append(self.overrides.clinics[clinic].rules)
        names = {rule.rule for rule in self.pack.rules}
        for change in changes:
            if unknown := sorted(change.keys() - names):
                raise ValueError(f"rules.{unknown[0]}: no such rule; there are {', '.join(sorted(names))}")
        for rule in self.pack.rules:
            mine = [change[rule.rule] for change in changes if rule.rule in change]
            version = f"{self.pack.pack}/{rule.version}" + (f"+{self.mark}" if mine else "")
            if (laid := _laid_over(rule, mine)).enabled:
                found.append(InForce(laid, version))
        return tuple(found)


class InForce:
    """One rule as it holds for a clinic. `version` names the pack, the rule's version and the override that touched it."""

    __slots__ = ("condition", "kind", "name", "rule", "version")

    def __init__(self, rule: AlertRule, version: str) -> None:
        self.rule, self.version, self.name = rule, version, rule.rule
        self.condition: Any = rule.condition
        self.kind: str = rule.condition.kind


def _laid_over(rule: AlertRule, changes: list[RuleChange]) -> AlertRule:
    values = rule.model_dump()
    for change in changes:
        said = change.model_dump(exclude_unset=True)
        condition = said.pop("condition", None) or {}
        if "kind" in condition:
            raise ValueError(f"rules.{rule.rule}.condition.kind: a rule's kind can't be changed")
        values |= said
        values["condition"] |= condition
    try:
        return AlertRule.model_validate(values)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join([rule.rule, *(str(part) for part in detail["loc"] if part != rule.condition.kind)])
        raise ValueError(f"rules.{place}: {detail['msg'].removeprefix('Value error, ')}") from None
