"""One small cohort in chDB, a hostile patient among it, asked once: the page and every panel's answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from dashboards.board import read_about, render
from dashboards.macros import expand
from dashboards.panels import PANELS
from streams.warehouse import generations
from streams.warehouse.connection import Result, open_warehouse
from streams.warehouse.migrations import migrate
from tests.dashboards import cohort

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = (
    "</script><script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\"> ' \\ {from:String} ${patient} &amp;"
)


@dataclass(frozen=True)
class Asked:
    dsn: str
    page: str
    page_of_three: str
    empty_page: str
    answers: dict[str, Result]
    by_sql: dict[str, Result]
    """What Grafana's panels, annotations and variables ask, by their SQL."""


def grafanas_sql() -> list[str]:
    """Every query in the dashboards' files."""
    found = []
    for entry in (files("infra") / "grafana" / "dashboards").iterdir():
        if entry.name.endswith(".json"):
            dashboard = json.loads(entry.read_text(encoding="utf-8"))
            found += [target["rawSql"] for panel in dashboard["panels"] for target in panel["targets"]]
            found += [each["target"]["rawSql"] for each in dashboard.get("annotations", {}).get("list", [])]
            found += [each["query"] for each in dashboard["templating"]["list"] if each["type"] == "query"]
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one cohort run in one worker of `pytest -n` (--dist loadgroup), so that it is made once."""
    for item in items:
        if "asked" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("boards"))


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    folder: Path = tmp_path_factory.mktemp("board") / "warehouse"
    dsn = f"chdb://{folder}"
    with open_warehouse(dsn) as warehouse:
        migrate(warehouse)
        empty = render(warehouse.query)
        generation = generations.begin(warehouse, "replay", "a test's cohort")
        for table, lines in cohort.lines(generation, hostile=HOSTILE).items():
            warehouse.insert(table, lines)
        generations.complete(warehouse, generation)
        about = read_about(warehouse.query)
        names = [row[0] for row in warehouse.query("SELECT DISTINCT patient_id FROM rtm.patients").rows]
        values: dict[str, Any] = {
            "from": "2026-09-01 00:00:00",
            "to": "2026-11-22 18:00:00",
            "clinic": list(about.clinics),
            "therapist": list(about.therapists),
            "patient": names,
            "calendars": names,
        }
        answers = {}
        for panel in PANELS.values():
            asked_for = expand(panel.sql)
            answers[panel.id] = warehouse.query(asked_for.sql, {name: values[name] for name in asked_for.parameters})
        by_sql = {panel.sql: answers[panel.id] for panel in PANELS.values()}
        for sql in grafanas_sql():
            if sql in by_sql:
                continue
            asked_for = expand(sql)
            by_sql[sql] = warehouse.query(asked_for.sql, {name: values[name] for name in asked_for.parameters})
        return Asked(dsn, render(warehouse.query), render(warehouse.query, most_patients=3), empty, answers, by_sql)
