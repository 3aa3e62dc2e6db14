"""What Grafana's ClickHouse plugin is asked: a panel's SQL in the shape that its kind of panel draws, as the plugin's query model.

A panel's own SQL gives rows as the embedded board takes them. Grafana draws a series from a time column, one text label and numbers, in
the order of time (`format` 0), and a table from the columns as they are (`format` 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboards.panel import Annotation, Field, Panel

DATASOURCE_TYPE = "grafana-clickhouse-datasource"
PLUGIN_VERSION = "4.14.1"
"""The plugin whose query model this is; without one it takes a query for one of version 3, and rewrites it."""
DATASOURCE = DataSourceRef(type_val=DATASOURCE_TYPE, uid="${ds}")
STATES = ("missed", "unknown", "rest", "pending", "partial", "met")
"""A day's statuses, numbered from 1 in this order: Grafana spreads numbers by label, not text."""

Format = Literal[0, 1]
TIME_SERIES: Format = 0
TABLE: Format = 1


class ClickHouseQuery(Dataquery):
    """The plugin's query model (4.x). `format` must be a number."""

    def __init__(self, sql: str, shape: Format, ref_id: str = "A") -> None:
        self.sql = sql
        self.shape = shape
        self.ref_id = ref_id

    def to_json(self) -> dict[str, object]:
        """As it stands in a dashboard."""
        return {
            "refId": self.ref_id,
            "datasource": DATASOURCE,
            "pluginVersion": PLUGIN_VERSION,
            "editorType": "sql",
            "queryType": "timeseries" if self.shape == TIME_SERIES else "table",
            "format": self.shape,
            "rawSql": self.sql,
        }


class Target(Builder[ClickHouseQuery]):
    """Builds a query; the SDK wants builders everywhere."""

    def __init__(self, sql: str, shape: Format) -> None:
        self._query = ClickHouseQuery(sql, shape)

    def build(self) -> ClickHouseQuery:
        """The query."""
        return self._query


def table(panel: Panel) -> Target:
    """A panel's rows as they are."""
    return Target(panel.sql, TABLE)


def columns(panel: Panel, fields: Iterable[Field]) -> Target:
    """Some of a panel's columns."""
    return Target(_outer([quoted(field.name) for field in fields], panel), TABLE)


def series(panel: Panel) -> Target:
    """Time, where the panel is split a label, and one number a drawn column, named by its label."""
    points = next((field for field in panel.fields if field.role == "points"), None)
    selected = [_time(panel)]
    if splits := [quoted(field.name) for field in panel.fields if field.role == "split"]:
        selected.append(f"arrayStringConcat(arrayFilter(part -> part != '', [{', '.join(splits)}]), ' ') AS series")
    for field in panel.fields:
        if field.role in {"line", "points", "goal", "baseline", "stack"}:
            selected.append(f"{quoted(field.name)} AS {quoted(field.label)}")
        elif field.role == "mark" and points is not None:
            selected.append(f"if({quoted(field.name)}, {quoted(points.name)}, NULL) AS {quoted(field.label)}")
    return Target(_outer(selected, panel, order="time"), TIME_SERIES)


def states(panel: Panel) -> Target:
    """Time, the row's name, and the number of its state."""
    state = next(field for field in panel.fields if field.role == "state")
    row = next((field for field in panel.fields if field.role == "row"), None)
    listed = ", ".join(f"'{name}'" for name in STATES)
    selected = [
        _time(panel),
        ("'plan'" if row is None else quoted(row.name)) + " AS row",
        f"toUInt8(indexOf([{listed}], {quoted(state.name)})) AS state",
    ]
    return Target(_outer(selected, panel, order="time"), TIME_SERIES)


def annotation(panel: Panel, marks: Annotation) -> dict[str, object]:
    """The query of the marks that a panel puts into the others: time, where they end, what they say."""
    selected = [f"toDateTime({quoted(marks.start)}, 'UTC') AS time"]
    if marks.end:
        selected.append(f"toDateTime({quoted(marks.end)}, 'UTC') AS timeEnd")
    selected += [f"toString({quoted(marks.text)}) AS text", f"'{marks.kind}' AS tags"]
    return ClickHouseQuery(_outer(selected, panel, order="time"), TABLE, "Anno").to_json()


def quoted(name: str) -> str:
    """An identifier of ClickHouse's; the names are our own catalogue's."""
    return name if name.isidentifier() else f"`{name}`"


def _time(panel: Panel) -> str:
    return f"toDateTime({quoted(next(field.name for field in panel.fields if field.role == 'time'))}, 'UTC') AS time"


def _outer(selected: list[str], panel: Panel, order: str = "") -> str:
    listed = ",\n    ".join(selected)
    sql = f"SELECT\n    {listed}\nFROM (\n{panel.sql.rstrip()}\n)"
    return f"{sql}\nORDER BY {order}" if order else sql
