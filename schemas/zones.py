"""IANA time zones, always from the `tzdata` package: the same zone rules on every machine, whatever its system carries."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo


@cache
def zone_names() -> frozenset[str]:
    """Every name of the IANA data base."""
    return frozenset((files("tzdata") / "zones").read_text(encoding="utf-8").split())


@cache
def load_zone(name: str) -> ZoneInfo:
    """The zone of an IANA name; ValueError for a name that the data base doesn't have."""
    if name not in zone_names():
        raise ValueError("not an IANA time zone")
    with (files("tzdata") / "zoneinfo").joinpath(*name.split("/")).open("rb") as stream:
        return ZoneInfo.from_file(stream, key=name)
