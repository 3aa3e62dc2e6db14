"""A board in, a dashboard's JSON out: variables, links to the other boards, annotations, panels, the time range.

The datasource is the variable `ds`, so that the same file works provisioned and imported. Dates are the patient's own and stand at
midnight UTC, hence the dashboards' time zone.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards.grafana import target
from dashboards.grafana.panels import panels
from dashboards.panels import BOARDS

if TYPE_CHECKING:
    from datetime import date

    from dashboards.panel import Board, Variable

TAG = "rtm"
GRAFANA_VERSION = "11.6.0"
"""Whose panel models the SDK's are: a panel that names none is taken for one of version 6, and migrated."""
REFRESH = "1m"
_ALL = VariableOption(selected=True, text=["All"], value=["$__all"])
_QUERIES: dict[Variable, str] = {
    "clinic": "SELECT DISTINCT clinic_id FROM rtm.patients ORDER BY clinic_id",
    "therapist": "SELECT DISTINCT therapist_id FROM rtm.patients WHERE clinic_id IN (${clinic:singlequote}) ORDER BY therapist_id",
    "patient": "SELECT patient_id, concat(patient_id, ' · ', ifNull(condition, '')) FROM rtm.patients"
    " WHERE clinic_id IN (${clinic:singlequote}) ORDER BY monitoring_start DESC LIMIT 1 BY patient_id",
}
_MOST_URGENT = "SELECT patient_id FROM rtm.worklist WHERE clinic_id IN (${clinic:singlequote}) ORDER BY urgency DESC, patient_id LIMIT 50"
"""Of a board of many patients: whose calendars it can hold."""
_CALENDARS = "calendars"
"""What that variable is called: `patient` is the one patient of the Patient board, and the links between boards carry variables along."""
_LABELS: dict[Variable, str] = {"clinic": "Clinic", "therapist": "Therapist", "patient": "Patient"}


def uid(board: Board) -> str:
    """Its address in Grafana, the same for ever."""
    return f"rtm-{board.id}"


def render(board: Board, until: date | None = None) -> dict[str, Any]:
    """The dashboard's JSON. It looks back from now, or, for data of the past, from the end of the day `until`."""
    made = (
        build.Dashboard(f"RTM {board.title}")
        .uid(uid(board))
        .description(board.question)
        .tags([TAG])
        .timezone("utc")
        .editable()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(_datasource())
        .link(_other_boards())
    )
    if until is None:
        made.time(f"now-{board.days}d", "now").refresh(REFRESH)
    else:
        made.time(f"{until - timedelta(days=board.days)}T00:00:00.000Z", f"{until}T23:59:59.000Z").refresh("")
    for name in board.variables:
        made.with_variable(_variable(board, name))
    for panel in board.panels:
        if panel.annotation:
            made.annotation(_annotation(panel.title, panel.annotation.kind))
        for each in panels(board, panel):
            made.with_panel(each)
    built = json.dumps(made.build(), cls=JSONEncoder)
    found: dict[str, Any] = json.loads(built if _one_patient(board) else built.replace("${patient:", f"${{{_CALENDARS}:"))
    marks = [(panel, panel.annotation) for panel in board.panels if panel.annotation]
    listed = found.get("annotations", {}).get("list", [])
    for entry, (panel, annotation) in zip(listed, marks, strict=True):
        entry["target"] = json.loads(
            json.dumps(target.annotation(panel, annotation), cls=JSONEncoder)
        )  # the SDK knows no plugin's query here
    for number, panel in enumerate(found["panels"], start=1):
        panel["id"], panel["pluginVersion"] = number, GRAFANA_VERSION
    return found


def text(dashboard: dict[str, Any]) -> str:
    """As it stands in a file."""
    return json.dumps(dashboard, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def render_all(until: date | None = None) -> dict[str, dict[str, Any]]:
    """Every dashboard by its uid."""
    return {uid(board): render(board, until) for board in BOARDS.values()}


def _one_patient(board: Board) -> bool:
    return board.id == "patient"


def _datasource() -> build.DatasourceVariable:
    return build.DatasourceVariable("ds").label("ClickHouse").type(target.DATASOURCE_TYPE)


def _variable(board: Board, name: Variable) -> build.QueryVariable:
    one = _one_patient(board) and name == "patient"
    most_urgent = name == "patient" and not one
    sql = _MOST_URGENT if most_urgent else _QUERIES[name]
    made = (
        build.QueryVariable(_CALENDARS if most_urgent else name)
        .label("Calendars of" if most_urgent else _LABELS[name])
        .datasource(target.DATASOURCE)
        .query(sql)
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(VariableSort.DISABLED)
    )
    return made.multi(False) if one else made.multi(True).include_all(True).current(_ALL)


def _other_boards() -> build.DashboardLink:
    return (
        build.DashboardLink("Boards").type(DashboardLinkType.DASHBOARDS).tags([TAG]).keep_time(True).include_vars(True).as_dropdown(False)
    )


def _annotation(title: str, kind: str) -> build.AnnotationQuery:
    return (
        build.AnnotationQuery().name(title).datasource(target.DATASOURCE).enable(True).icon_color("orange" if kind == "alert" else "purple")
    )
