"""What a panel is: a question, the SQL that answers it, and how its columns are shown. Rendered to the embedded board and to Grafana.

The SQL is in the dialect of Grafana's ClickHouse plugin (`dashboards.macros` says which part of it) and reads only the contract's
views. A panel of one patient's course has `patient_id` as its first column, so that one query serves many patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, get_args

Kind = Literal["stat", "table", "bars", "timeseries", "heatmap"]
Variable = Literal["clinic", "therapist", "patient"]
Level = Literal["warn", "bad"]
Show = Literal["text", "number", "ratio", "duration", "instant", "date", "patient", "attention", "status", "flags", "pain"]
"""How a value reads: `ratio` as per cent, `duration` from seconds, `instant` in the patient's zone, `patient` as a link."""
Role = Literal["", "time", "split", "row", "state", "line", "points", "goal", "baseline", "mark", "stack"]
"""What a column is in a chart: `time` its x, `split` one chart each, `row` a heat map's row, `state` its cell, `mark` a flag on a point."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """From `at` on (or, `below`, under it) a value is shown as `level`, by colour and by a sign."""

    at: float
    level: Level
    below: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a panel's SQL and how it is shown; `under` puts it as a second line into another field's cell."""

    name: str
    label: str
    show: Show = "text"
    unit: str = ""
    decimals: int = 0
    thresholds: tuple[Threshold, ...] = ()
    role: Role = ""
    under: str = ""
    hidden: bool = False
    description: str = ""
    none: str = "–"
    """What stands where the value is null: unknown is not zero."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """Columns that mark time in the other charts of the board: where a mark stands, where it ends, what it says."""

    kind: Literal["plan", "alert"]
    start: str
    text: str
    end: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what it answers, its columns in the order of its SQL, its width in twelfths of the page."""

    id: str
    title: str
    question: str
    kind: Kind
    fields: tuple[Field, ...]
    no_data: str
    variables: tuple[Variable, ...] = ("clinic",)
    width: int = 12
    unit: str = ""
    low: float | None = None
    high: float | None = None
    annotation: Annotation | None = None
    connect: bool = False
    """Whether a line goes on over days without a value: of what is measured now and then only."""

    @property
    def sql(self) -> str:
        """Its SQL, from `dashboards/sql/<id>.sql`."""
        return (files("dashboards") / "sql" / f"{self.id}.sql").read_text(encoding="utf-8")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the SQL yields, in order."""
        return tuple(field.name for field in self.fields)


@dataclass(frozen=True, slots=True)
class Board:
    """A board: its panels in reading order and the days that it looks back on."""

    id: str
    title: str
    question: str
    panels: tuple[Panel, ...]
    days: int

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables that its panels take, in the order in which they are chosen."""
        taken = {name for panel in self.panels for name in panel.variables}
        return tuple(name for name in get_args(Variable) if name in taken)
