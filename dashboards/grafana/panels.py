"""A panel's definition in, Grafana's panels out: mostly one, of tiles with text among them two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.builders import common as part
from grafana_foundation_sdk.builders import stat, statushistory, table, timeseries
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueTextMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from dashboards.grafana import target
from dashboards.grafana.fields import BAD, COLOURS, FINE, override, thresholds, unit_named

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel as GrafanaPanel

    from dashboards.panel import Board, Panel

_TILES = {"number", "ratio", "duration"}
_STYLES: dict[str, dict[str, Any]] = {
    "goal": {
        "custom.lineStyle": {"fill": "dash", "dash": [10, 6]},
        "color": {"mode": "fixed", "fixedColor": "purple"},
        "custom.spanNulls": True,
    },
    "baseline": {"custom.lineStyle": {"fill": "dot", "dash": [2, 4]}, "color": {"mode": "fixed", "fixedColor": "#808890"}},
    "points": {"custom.showPoints": "always", "custom.pointSize": 6},
    "mark": {"custom.drawStyle": "points", "custom.pointSize": 12, "color": {"mode": "fixed", "fixedColor": BAD}},
}


def panels(board: Board, panel: Panel) -> list[Builder[GrafanaPanel]]:
    """Grafana's panels of one definition, in order."""
    match panel.kind:
        case "stat":
            return _stat(panel)
        case "table":
            return [_table(board, panel)]
        case "heatmap":
            return [_heatmap(panel)]
        case _:
            return [_series(panel)]


def _stat(panel: Panel) -> list[Builder[GrafanaPanel]]:
    shown = [field for field in panel.fields if not field.hidden]
    numbers = [field for field in shown if field.show in _TILES]
    texts = [field for field in shown if field.show not in _TILES]
    tiles = (
        stat.Panel()
        .title(panel.title)
        .description(panel.question)
        .datasource(target.DATASOURCE)
        .span(24)
        .height(4)
        .with_target(target.columns(panel, numbers))
        .no_value(panel.no_data)
        .reduce_options(part.ReduceDataOptions().calcs(["lastNotNull"]).fields("/.*/").values(False))
        .color_mode(BigValueColorMode.VALUE)
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .thresholds(thresholds(()))
    )
    for field in numbers:
        tiles.override_by_name(field.name, override(field, table=False))
    if not texts:
        return [tiles]
    about = _plain_table(panel, "About").span(24).height(3).with_target(target.columns(panel, texts))
    for field in texts:
        about.override_by_name(field.name, override(field))
    return [tiles, about]


def _plain_table(panel: Panel, title: str) -> table.Panel:
    return (
        table.Panel()
        .title(title)
        .description(panel.question)
        .datasource(target.DATASOURCE)
        .no_value(panel.no_data)
        .thresholds(thresholds(()))
    )


def _table(board: Board, panel: Panel) -> Builder[GrafanaPanel]:
    made = _plain_table(panel, panel.title).span(panel.width * 2).height(11 if panel.width == 12 else 8).filterable(True)
    made.with_target(target.table(panel))
    for field in panel.fields:
        made.override_by_name(field.name, override(field, hidden=field.hidden or (board.id == "patient" and field.show == "patient")))
    return made


def _series(panel: Panel) -> Builder[GrafanaPanel]:
    bars = panel.kind == "bars"
    made = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.question)
        .datasource(target.DATASOURCE)
        .span(panel.width * 2)
        .height(9)
        .with_target(target.series(panel))
        .no_value(panel.no_data)
        .unit("none" if bars else unit_named(panel.unit) if panel.unit != "NRS" else "none")
        .draw_style(GraphDrawStyle.BARS if bars else GraphDrawStyle.LINE)
        .fill_opacity(80 if bars else 0)
        .line_width(1 if bars else 2)
        .show_points(VisibilityMode.NEVER if bars else VisibilityMode.AUTO)
        .span_nulls(panel.connect)
        .legend(part.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True))
        .tooltip(part.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.NONE))
    )
    if bars:
        made.stacking(part.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if panel.low is not None:
        made.min(panel.low)
    if panel.high is not None:
        made.max(panel.high)
    split = any(field.role == "split" for field in panel.fields)
    if split:
        made.display_name("${__field.labels.series}: ${__field.name}")
    for field in panel.fields:
        style = dict(_STYLES.get(field.role, {}))
        if field.role == "stack" and field.name in COLOURS:
            style["color"] = {"mode": "fixed", "fixedColor": COLOURS[field.name]}
        if style:
            properties = [DynamicConfigValue(id_val=name, value=value) for name, value in style.items()]
            if split:
                made.override_by_regexp(f"/(^{field.label}( |$))|(: {field.label}$)/", properties)  # however the series is named by then
            else:
                made.override_by_name(field.label, properties)
    return made


def _heatmap(panel: Panel) -> Builder[GrafanaPanel]:
    options = {
        str(number): {"text": name, "color": COLOURS.get(name, FINE), "index": number} for number, name in enumerate(target.STATES, start=1)
    }
    made = (
        statushistory.Panel()
        .title(panel.title)
        .description(panel.question)
        .datasource(target.DATASOURCE)
        .span(panel.width * 2)
        .height(12 if panel.width == 12 else 9)
        .with_target(target.states(panel))
        .no_value(panel.no_data)
        .display_name("${__field.labels.row}")
        .show_value(VisibilityMode.NEVER)
        .row_height(0.85)
        .fill_opacity(85)
        .legend(part.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True))
    )
    made.override_by_regexp("/.*/", [DynamicConfigValue(id_val="mappings", value=[{"type": "value", "options": options}])])
    return made
