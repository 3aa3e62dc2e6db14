"""Grafana's dashboards: up to date in infra/, whole by the SDK's models, and every query of theirs gives rows."""

import json
import re
from datetime import date
from importlib.resources import files

import pytest

pytest.importorskip("grafana_foundation_sdk")

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.grafana.render import render, render_all, text
from dashboards.macros import expand
from dashboards.panels import BOARDS, PANELS

DASHBOARDS = render_all()
each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
QUERIES = [
    pytest.param(dashboard["uid"], panel["title"], target, id=f"{dashboard['uid']}-{panel['id']}")
    for dashboard in DASHBOARDS.values()
    for panel in dashboard["panels"]
    for target in panel["targets"]
]
COLLECTION = "grafana-clickhouse-datasource"


def test_the_files_are_what_the_definitions_give():
    folder = files("infra") / "grafana" / "dashboards"
    held = {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".json")}
    assert held == {f"{uid}.json": text(dashboard) for uid, dashboard in DASHBOARDS.items()}, (
        "rtm dashboards export infra/grafana/dashboards"
    )


@each_dashboard
def test_a_dashboard_is_one_by_the_sdks_models(dashboard):
    register_default_plugins()
    again = json.loads(json.dumps(Dashboard.from_json(json.loads(text(dashboard))), cls=JSONEncoder))
    for kept in ("uid", "title", "time", "timezone", "links", "tags", "templating"):
        assert again[kept] == dashboard[kept]
    assert [without_style(panel) for panel in again["panels"]] == [without_style(panel) for panel in dashboard["panels"]]


def without_style(panel):
    """A panel but for what the SDK fills in by itself when it reads one."""
    kept = {name: panel[name] for name in ("type", "title", "description", "targets", "datasource", "gridPos")}
    defaults = {name: value for name, value in panel["fieldConfig"]["defaults"].items() if name != "custom"}
    return {**kept, "defaults": defaults, "overrides": panel["fieldConfig"]["overrides"]}


@each_dashboard
def test_panels_lie_side_by_side_and_never_over_each_other(dashboard):
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not taken & cells
        taken |= cells


def test_every_panel_has_its_place_and_says_what_no_data_means():
    titles = {panel["title"] for dashboard in DASHBOARDS.values() for panel in dashboard["panels"]}
    assert {panel.title for panel in PANELS.values()} <= titles
    for dashboard in DASHBOARDS.values():
        for panel in dashboard["panels"]:
            assert panel["fieldConfig"]["defaults"]["noValue"].endswith(".")
            assert panel["description"]


@pytest.mark.parametrize(("uid", "title", "target"), QUERIES)
def test_a_target_is_as_the_plugin_wants_it(uid, title, target):
    assert target["datasource"] == {"type": COLLECTION, "uid": "${ds}"}
    assert target["editorType"] == "sql"
    assert target["pluginVersion"].startswith("4.")
    assert target["format"] in {0, 1}
    assert type(target["format"]) is int
    assert target["queryType"] == ("timeseries" if target["format"] == 0 else "table")
    assert "$__interval" not in target["rawSql"].replace("$__interval_s", "")
    assert set(re.findall(r"\$\{(\w+)(?!\w*:singlequote)\}", target["rawSql"])) == set()
    if target["format"] == 0:
        assert target["rawSql"].startswith("SELECT\n    toDateTime(")
        assert target["rawSql"].endswith("ORDER BY time")


@pytest.mark.parametrize(("uid", "title", "target"), QUERIES)
def test_a_targets_sql_gives_rows_in_the_shape_that_is_drawn(asked, uid, title, target):
    answer = asked.by_sql[target["rawSql"]]
    assert answer.rows
    if target["format"] == 0:
        assert answer.columns[0] == "time"
        times = [row[0] for row in answer.rows]
        assert times == sorted(times)
        texts = [name for name, kind in zip(answer.columns, answer.types, strict=True) if "String" in kind]
        assert texts in ([], ["series"], ["row"])
    assert not any(kind.startswith(("Array", "Map", "Tuple")) for kind in answer.types)


@each_dashboard
def test_annotations_and_variables_give_rows_too(asked, dashboard):
    for entry in dashboard.get("annotations", {}).get("list", []):
        answer = asked.by_sql[entry["target"]["rawSql"]]
        assert answer.rows
        assert set(answer.columns) - {"timeEnd"} == {"time", "text", "tags"}
    kinds = [variable["type"] for variable in dashboard["templating"]["list"]]
    assert kinds[0] == "datasource"
    for variable in dashboard["templating"]["list"][1:]:
        assert asked.by_sql[variable["query"]].rows


@each_dashboard
def test_a_dashboard_has_the_variables_that_it_asks_by_and_patient_is_always_one(dashboard):
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert set(re.findall(r"\$\{(\w+):singlequote\}", json.dumps(dashboard))) <= set(variables)
    if "patient" in variables:
        assert (variables["patient"]["multi"], variables["patient"]["includeAll"]) == (False, False)


def test_a_patients_name_leads_to_his_course():
    operations = DASHBOARDS["rtm-operations"]
    worklist = next(panel for panel in operations["panels"] if panel["title"] == "Worklist")
    links = [
        prop["value"][0]["url"] for each in worklist["fieldConfig"]["overrides"] for prop in each["properties"] if prop["id"] == "links"
    ]
    assert len(links) == 1
    assert links[0].startswith("/d/rtm-patient?")
    assert "var-patient=${__value.raw}" in links[0]


def test_data_of_the_past_is_looked_at_from_its_own_end():
    assert render(BOARDS["operations"], date(2026, 3, 23))["time"] == {"from": "2026-02-23T00:00:00.000Z", "to": "2026-03-23T23:59:59.000Z"}
    assert render(BOARDS["operations"])["time"] == {"from": "now-28d", "to": "now"}


def test_every_sql_of_grafanas_takes_macros_that_the_plugin_knows(asked):
    assert all(expand(sql).sql for sql in asked.by_sql)
