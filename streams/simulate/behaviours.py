"""How simulated patients behave: on each day of the course, how likely a due session is done, and whether anything is heard.

In: a behaviour's name, the number of days, a generator. Out: arrays by day, and the spells that it brings (relapses, a drop-out).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BEHAVIOURS: dict[str, float] = {"steady": 0.45, "fading": 0.2, "relapsing": 0.15, "dropping_out": 0.1, "over_doing": 0.1}
"""Every behaviour and its share."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of days (indices into the course, both inclusive) that has a name: `relapse`, `drop_out`, `flare`."""

    what: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Course:
    """By day: `doing` the probability that a due session is done, `silent` whether nothing is heard, `pain` the NRS felt."""

    doing: NDArray[np.float64]
    silent: NDArray[np.bool_]
    pain: NDArray[np.float64]
    spells: list[Spell]


def draw_course(behaviour: str, days: int, pain: tuple[float, float], random: np.random.Generator) -> Course:
    """A patient's course over `days` days; `pain` is the NRS at first and in the end."""
    doing = np.full(days, random.uniform(0.86, 0.97))
    silent = random.random(days) < random.uniform(0.01, 0.05)
    spells: list[Spell] = []
    if behaviour == "fading":
        doing = np.linspace(doing[0], random.uniform(0.1, 0.4), days)
        silent |= random.random(days) < np.linspace(0, 0.3, days)
    elif behaviour == "relapsing":
        for _ in range(1 + days // 45):
            _relapse(doing, spells, random)
    elif behaviour == "dropping_out":
        first = int(days * random.uniform(0.3, 0.8))
        doing[first:], silent[first:] = 0.0, True
        if first < days:
            spells.append(Spell("drop_out", first, days - 1))
    elif behaviour == "over_doing":
        doing[:] = random.uniform(0.95, 0.99)
    level = pain[1] + (pain[0] - pain[1]) * np.exp(-np.arange(days) / random.uniform(12, 30))
    felt = level + random.normal(0, 0.45, days)
    often = 0.03 if behaviour == "over_doing" else 0.008
    for start in np.flatnonzero(random.random(days) < often).tolist():
        last = min(days - 1, start + int(random.integers(1, 4)))
        if not any(spell.what == "flare" and spell.last >= start - 3 for spell in spells):
            felt[start : last + 1] = np.maximum(felt[start : last + 1] + random.uniform(2.6, 3.6), level[start] + 2.6)
            doing[start : last + 1] *= 0.6
            spells.append(Spell("flare", start, last))
    return Course(doing, silent, np.clip(np.round(felt), 0, 10), sorted(spells, key=lambda spell: spell.first))


def _relapse(doing: NDArray[np.float64], spells: list[Spell], random: np.random.Generator) -> None:
    days = len(doing)
    first = int(random.integers(0, max(1, days - 4)))
    last = min(days - 1, first + int(random.integers(4, 12)))
    if not any(spell.first <= last and spell.last >= first for spell in spells):
        doing[first : last + 1] = 0.08
        spells.append(Spell("relapse", first, last))
