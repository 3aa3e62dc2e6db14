"""How a column reads in Grafana: units, decimals, what null means, thresholds, links, as overrides by the column's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
)

if TYPE_CHECKING:
    from dashboards.panel import Field
    from dashboards.panel import Threshold as Limit

BAD, WARN, FINE, PLAIN = "dark-orange", "dark-yellow", "blue", "text"
"""Orange and blue are told apart by nearly everybody."""
COLOURS = {
    "met": "blue", "partial": "super-light-blue", "missed": BAD, "unknown": "semi-dark-purple", "pending": "text", "rest": "#808890",
    "urgent": BAD, "warning": "dark-yellow", "info": "light-blue",
    "reports": "blue", "motion": "purple", "activity": "green", "care": "yellow",
}  # fmt: skip
"""Of a stack's parts; what isn't named takes the palette's next."""
ATTENTION = {"urgent": BAD, "warning": "orange", "info": "light-blue", "watch": "dark-yellow", "unknown": "purple", "on track": FINE}

_SENTENCES = {"why", "reason", "error", "exercises", "evidence_facts", "said"}
"""Columns whose text goes over several lines rather than being cut off."""
_UNITS = {"": "none", "d": "d", "°": "degree", "ms": "ms", "h": "h", "%": "percentunit", "s": "s"}
_SHOWN = {"ratio": "percentunit", "duration": "s", "instant": "dateTimeAsIso", "date": "time:YYYY-MM-DD"}


def unit(field: Field) -> str:
    """Grafana's name of a field's unit."""
    return _SHOWN.get(field.show) or unit_named(field.unit)


def unit_named(name: str) -> str:
    """Grafana's name of one of our units; one that it doesn't know stands behind the number as it is."""
    return _UNITS.get(name, f"suffix: {name}" if name[:1].isalpha() else f"suffix:{name}")


def thresholds(limits: tuple[Limit, ...]) -> ThresholdsConfig:
    """Grafana's steps: each begins at a value, the first at minus infinity."""
    colours = {"warn": WARN, "bad": BAD}
    below = sorted((limit for limit in limits if limit.below), key=lambda limit: limit.at)
    steps = [Threshold(color=colours[below[0].level] if below else PLAIN)]
    for place, limit in enumerate(below, start=1):
        steps.append(Threshold(value=limit.at, color=colours[below[place].level] if place < len(below) else PLAIN))
    steps += [
        Threshold(value=limit.at, color=colours[limit.level]) for limit in sorted(limits, key=lambda limit: limit.at) if not limit.below
    ]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def override(field: Field, *, hidden: bool = False, table: bool = True) -> list[DynamicConfigValue]:
    """The properties of one column. `hidden` takes it out of a table."""
    found: dict[str, Any] = {"displayName": field.label, "unit": unit(field)}
    if hidden:
        found["custom.hidden"] = True
    if field.show in {"number", "ratio", "pain"}:
        found["decimals"] = 0 if field.show == "ratio" else field.decimals
    if field.none != "–":
        found["noValue"] = field.none
        found["mappings"] = [{"type": "special", "options": {"match": "null", "result": {"text": field.none or " ", "index": 0}}}]
    if field.thresholds:
        found["thresholds"] = thresholds(field.thresholds).build()
        found["color"] = {"mode": "thresholds"}
        if table:
            found["custom.cellOptions"] = {"type": "color-text"}
    if field.name in _SENTENCES:
        found["custom.cellOptions"] = {"type": "auto", "wrapText": True}
    if field.show == "attention":
        found["mappings"] = [
            {
                "type": "value",
                "options": {name: {"text": name, "color": colour, "index": at} for at, (name, colour) in enumerate(ATTENTION.items())},
            }
        ]
        found["custom.cellOptions"] = {"type": "color-text"}
    if field.show == "patient":
        found["links"] = [
            {
                "title": "The patient's course",
                "url": "/d/rtm-patient?${ds:queryparam}&${clinic:queryparam}&var-patient=${__value.raw}&${__url_time_range}",
                "targetBlank": False,
            }
        ]
    return [DynamicConfigValue(id_val=name, value=value) for name, value in found.items()]
