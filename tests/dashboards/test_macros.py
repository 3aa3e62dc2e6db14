import pytest

from dashboards.macros import expand
from dashboards.panels import PANELS

FROM, TO = "{from:DateTime64(9, 'UTC')}", "{to:DateTime64(9, 'UTC')}"


@pytest.mark.parametrize(
    ("sql", "expanded", "names"),
    [
        ("SELECT 1", "SELECT 1", set()),
        ("x > $__fromTime", f"x > {FROM}", {"from"}),
        ("x < toDate($__toTime) + 1", f"x < toDate({TO}) + 1", {"to"}),
        ("WHERE $__timeFilter(opened_at)", f"WHERE (opened_at >= {FROM} AND opened_at <= {TO})", {"from", "to"}),
        ("WHERE $__timeFilter(a.opened_at)", f"WHERE (a.opened_at >= {FROM} AND a.opened_at <= {TO})", {"from", "to"}),
        ("WHERE $__dateFilter(local_date)", f"WHERE (local_date >= toDate({FROM}) AND local_date <= toDate({TO}))", {"from", "to"}),
        ("p IN (${patient:singlequote})", "p IN {patient:Array(String)}", {"patient"}),
        (
            "c IN (${clinic:singlequote}) AND p IN (${patient:singlequote})",
            "c IN {clinic:Array(String)} AND p IN {patient:Array(String)}",
            {"clinic", "patient"},
        ),
    ],
)
def test_a_macro_becomes_a_bound_parameter(sql, expanded, names):
    assert expand(sql).sql == expanded
    assert expand(sql).parameters == names


@pytest.mark.parametrize(
    "sql", ["$__interval", "$__timeFilter(a; DROP)", "x = $patient", "(${device:singlequote})", "${patient}", "$__fromTime_ms"]
)
def test_what_the_board_does_not_know_never_reaches_the_database(sql):
    with pytest.raises(ValueError, match="doesn't know"):
        expand(sql)


@pytest.mark.parametrize("panel", PANELS.values(), ids=lambda panel: panel.id)
def test_a_panel_takes_just_the_variables_that_it_names(panel):
    assert expand(panel.sql).parameters - {"from", "to"} == set(panel.variables)
