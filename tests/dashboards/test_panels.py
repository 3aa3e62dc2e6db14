import re
from collections import Counter
from importlib.resources import files

import pytest

from dashboards.panels import BOARDS, PANELS
from schemas.rows import TABLES
from tests.dashboards.conftest import HOSTILE

VIEWS = {
    f"rtm.{name}" for name in ("clock", "worklist", "cohort_week", "time_to_acknowledge", "billing_outlook", "freshness", "reconciliation")
}
"""What operations ask, as views on the contract's views."""
each_panel = pytest.mark.parametrize("panel", PANELS.values(), ids=lambda panel: panel.id)


def test_a_panel_has_one_place_and_one_file_of_sql():
    listed = [panel.id for board in BOARDS.values() for panel in board.panels]
    assert max(Counter(listed).values()) == 1
    assert {entry.name for entry in (files("dashboards") / "sql").iterdir()} == {f"{name}.sql" for name in listed}


@each_panel
def test_a_panel_reads_only_the_views_of_the_contract(panel):
    read = set(re.findall(r"\b(?:FROM|JOIN)\s+(\w+\.\w+)", panel.sql))
    assert read
    assert read <= {f"rtm.{name}" for name in TABLES} | VIEWS


@each_panel
def test_a_panels_sql_yields_the_columns_it_declares_and_rows(panel, asked):
    answer = asked.answers[panel.id]
    assert tuple(answer.columns) == panel.columns
    assert answer.rows


@each_panel
def test_a_panel_says_what_it_answers_and_what_no_data_means(panel):
    assert panel.question.endswith(("?", "."))
    assert panel.no_data.endswith(".")
    assert panel.width <= 12
    names = panel.columns
    assert max(Counter(names).values()) == 1
    assert all(field.under in names for field in panel.fields if field.under)
    assert all(field.label for field in panel.fields)


@pytest.mark.parametrize("panel", BOARDS["patient"].panels, ids=lambda panel: panel.id)
def test_a_patient_panel_serves_many_patients_by_its_first_column(panel, asked):
    assert panel.columns[0] == "patient_id"
    assert len({row[0] for row in asked.answers[panel.id].rows}) > 1


@pytest.mark.parametrize("panel", [panel for panel in PANELS.values() if panel.kind in {"timeseries", "bars"}], ids=lambda panel: panel.id)
def test_a_series_is_in_the_order_of_time_as_grafana_demands(panel, asked):
    time = next(field.name for field in panel.fields if field.role == "time")
    times = [row[panel.columns.index(time)] for row in asked.answers[panel.id].rows]
    assert times == sorted(times)


def worklist(asked):
    return {row["patient_id"]: row for row in asked.answers["worklist"].records()}


def test_the_worklist_puts_who_has_an_open_alert_first_with_its_reason(asked):
    names = list(worklist(asked))
    assert set(names[:2]) == {"spar-10", HOSTILE}
    row = worklist(asked)["spar-10"]
    assert (row["attention"], row["open_alerts"], row["unanswered"], row["missed_streak"]) == ("warning", 1, 1, 2)
    assert "2 prescribed days" in row["why"]


def test_a_silent_patient_is_watched_though_no_alert_is_open(asked):
    row = worklist(asked)["spar-04"]
    assert (row["attention"], row["why"], row["silent_days"], row["open_alerts"]) == ("watch", "silent for 4 days", 4, 0)


def test_a_resolved_alert_leaves_its_patient_on_track(asked):
    row = worklist(asked)["knee-01"]
    assert (row["attention"], row["why"], row["since"]) == ("on track", "", None)


def test_who_was_discharged_is_no_work_any_more(asked):
    assert "spar-left" not in worklist(asked)


def test_what_was_not_measured_is_null_and_not_zero(asked):
    row = worklist(asked)["spar-02"]
    assert (row["residual_deg"], row["movement"], row["nrs_max"], row["baseline_nrs"]) == (None, None, None, None)


def test_the_stat_tiles_agree_with_the_worklist(asked):
    tiles = asked.answers["cohort_now"].records()[0]
    rows = worklist(asked).values()
    assert tiles["patients"] == len(rows)
    assert tiles["alert_patients"] == sum(row["open_alerts"] > 0 for row in rows)
    assert tiles["missing"] == sum(row["missed_streak"] >= 2 for row in rows)
    assert tiles["silent"] == sum(row["silent_days"] >= 3 for row in rows)


def test_every_patients_day_is_in_one_bar_of_its_day(asked):
    statuses = Counter((row["local_date"], row["status"]) for row in asked.answers["adherence_by_patient"].records())
    for bar in asked.answers["adherence_by_status"].records():
        for status in ("met", "partial", "missed", "unknown", "pending", "rest"):
            assert bar[status] == statuses[bar["local_date"], status]


def test_a_plan_is_told_with_its_exercises(asked):
    plans = [row for row in asked.answers["plans"].records() if row["patient_id"] == "knee-01"]
    assert [(row["version"], row["effective_from"]) for row in plans] == [("version 2", "2026-11-20"), ("version 1", "2026-11-02")]
    assert plans[0]["exercises"] == "heel slide 3 × 10; straight leg raise 3 × 10; seated knee flexion 3 × 10"


def test_records_set_aside_are_counted_by_reason(asked):
    assert {row["reason"]: row["records"] for row in asked.answers["dead_letters"].records()} == {
        "invalid": 3,
        "unparsable": 2,
        "too_late": 2,
    }
