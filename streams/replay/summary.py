"""What a replay did: counted while it runs, printed at its end as text or as one JSON object. No subject and no value stands in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.instants import format_instant
from streams.terminal import one_line

if TYPE_CHECKING:
    from streams.replay.lane import Made, Told

PLACES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where a dead letter stood, and what was wrong with it."""

    file: str
    file_number: int
    line: int
    error: str


@dataclass(slots=True)
class Summary:
    """The counts of one replay. `rows` are rows written, re-issued ones too; of alerts the first of each rule is its example."""

    files: list[str]
    generation: int = 0
    as_of: int | None = None
    lines: int = 0
    applied: int = 0
    duplicates: int = 0
    left_out: int = 0
    ticks: int = 0
    ticks_ignored: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[Place]] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    transitions: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[str, Told] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def facts_per_s(self) -> float:
        """Lines read a second, from the first to the complete tables."""
        return self.lines / self.seconds if self.seconds else 0.0

    def count_dead(self, reason: str, place: Place) -> None:
        """Count a dead letter; the first few of each reason keep their places."""
        self.dead[reason] += 1
        shown = self.places.setdefault(reason, [])
        if len(shown) < PLACES_SHOWN:
            shown.append(place)

    def count(self, made: Made) -> None:
        """Count what was made, its dead letters aside."""
        self.applied += made.applied
        self.duplicates += made.duplicates
        self.rows += made.rows.rows
        for told in made.told:
            self.transitions[told.transition, told.rule] += 1
            self.examples[told.rule] = min(self.examples.get(told.rule, told), told)

    def alerts(self, transition: str) -> dict[str, int]:
        """How many alerts made this transition, by rule."""
        return {rule: count for (name, rule), count in sorted(self.transitions.items()) if name == transition}

    def to_json(self) -> dict[str, Any]:
        """All of it, as one JSON object."""
        return {
            "files": self.files,
            "generation": self.generation,
            "as_of": None if self.as_of is None else format_instant(self.as_of),
            "lines": self.lines,
            "applied": self.applied,
            "duplicates": self.duplicates,
            "left_out": self.left_out,
            "dead_letters": dict(sorted(self.dead.items())),
            "dead_letter_places": {
                reason: [
                    {"file": place.file, "file_number": place.file_number, "line": place.line, "error": place.error} for place in places
                ]
                for reason, places in sorted(self.places.items())
            },
            "ticks": self.ticks,
            "ticks_ignored": self.ticks_ignored,
            "rows": dict(sorted(self.rows.items())),
            "alerts": {name: self.alerts(name) for name in sorted({name for name, _ in self.transitions})},
            "alert_reasons": {rule: told.reason for rule, told in sorted(self.examples.items())},
            "seconds": round(self.seconds, 3),
            "facts_per_s": round(self.facts_per_s, 1),
        }

    def to_text(self) -> str:
        """All of it, for people."""
        until = "nothing to replay" if self.as_of is None else f"as of {format_instant(self.as_of)}"
        lines = [
            f"{self.lines:,} lines of {len(self.files)} file{'s' * (len(self.files) != 1)} in {self.seconds:.1f} s "
            f"({self.facts_per_s:,.0f} lines/s), {until}, generation {self.generation}",
            f"  facts applied  {self.applied:,}",
            f"  duplicates     {self.duplicates:,}",
            f"  left out       {self.left_out:,}" + (" (recorded after the as-of)" if self.left_out else ""),
            f"  ticks          {self.ticks:,}" + (f", and {self.ticks_ignored:,} in the files ignored" if self.ticks_ignored else ""),
            f"  dead letters   {self.dead.total():,}",
        ]
        for reason, number in sorted(self.dead.items()):
            lines.append(f"    {reason:<14} {number:,}")
            lines += [f"      {place.file}:{place.line}  {place.error}" for place in self.places[reason]]
            if number > PLACES_SHOWN:
                lines.append(f"      … and {number - PLACES_SHOWN:,} more, in the table dead_letters")
        lines.append("  rows written   " + (", ".join(f"{table} {count:,}" for table, count in sorted(self.rows.items())) or "none"))
        for transition in sorted({name for name, _ in self.transitions}):
            for rule, number in self.alerts(transition).items():
                lines.append(f"  alerts {transition:<8}{number:>4,}  {rule}, such as: {one_line(self.examples[rule].reason)}")
        return "\n".join(lines)
