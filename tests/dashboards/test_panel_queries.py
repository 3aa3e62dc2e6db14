"""Every panel's SQL over the demo and over a simulated cohort: it gives rows, and of the tables it reads no more than it needs."""

import json
import re
from collections import Counter

import pytest

from dashboards.board import read_about
from dashboards.macros import expand
from dashboards.panels import BOARDS, PANELS
from streams.cli import run
from streams.warehouse.connection import open_warehouse
from streams.warehouse.tables import ROW_TABLES, base_table

pytestmark = pytest.mark.xdist_group("panel queries")  # demo and cohort are made once, in one worker

COPIES = 100
GRANULE = 8192
LIVE_ONLY = {"reconciliation", "deliveries", "delivery_latency"}
"""What a replay has nothing of: webhooks, and counts in Kafka."""
BEHIND_VIEWS = {
    "clock": ("adherence_window", "patients"),
    "worklist": ("clock", "patients", "alerts", "adherence_window", "rom_daily", "pain_daily"),
    "cohort_week": ("adherence_daily", "pain_daily", "rom_daily"),
    "time_to_acknowledge": ("clock", "alerts", "alert_deliveries"),
    "billing_outlook": ("clock", "billing_periods", "patients"),
    "events": ("event_facts", "event_marks"),
    "sensor_chunks": ("chunk_admissions", "chunk_samples"),
}
"""What the views of operations and those that join read; the others read the one table behind them."""


def ask(warehouse, patient=None):
    """Every panel's answer over all of the data; of one patient's panels for `patient`, else for all."""
    about = read_about(warehouse.query)
    names = [row[0] for row in warehouse.query("SELECT DISTINCT patient_id FROM rtm.patients").rows]
    values = {
        "from": "2026-01-01 00:00:00",
        "to": "2026-06-01 00:00:00",
        "clinic": list(about.clinics),
        "therapist": list(about.therapists),
    }
    found = {}
    for panel in PANELS.values():
        asked = expand(panel.sql)
        one = [patient] if patient and panel in BOARDS["patient"].panels else names
        found[panel.id] = warehouse.query(asked.sql, {name: ({**values, "patient": one})[name] for name in asked.parameters})
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    assert run(["demo", "--folder", str(folder / "demo"), "--json"]) == 0
    with open_warehouse(f"chdb://{folder / 'demo' / 'warehouse'}", read_only=True) as warehouse:
        return ask(warehouse)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Twelve simulated patients, each a hundred times over: the answers, and the rows of every base table."""
    folder = tmp_path_factory.mktemp("simulated")
    events, dsn = folder / "events.jsonl", f"chdb://{folder / 'warehouse'}"
    assert run(["simulate", "--patients", "12", "--days", "40", "--output", str(events), "--quiet"]) == 0
    with events.open("a", encoding="utf-8") as stream:
        stream.write("no event\n")
        stream.write(
            json.dumps({"specversion": "1.0", "id": "1", "source": "/x", "type": "rtm.unheard.of.v1", "subject": "sim-00001"}) + "\n"
        )
    assert run(["replay", str(events), "--warehouse", dsn, "--quiet"]) == 0
    with open_warehouse(dsn) as warehouse:
        for name in sorted({base_table(table).name for table in ROW_TABLES}):
            described = warehouse.query(
                "SELECT name FROM system.columns WHERE database = 'rtm' AND table = {table:String} AND default_kind != 'EPHEMERAL'",
                {"table": name},
            )
            columns = [row[0] for row in described.rows]
            if "patient_id" not in columns or name.startswith("chunk"):
                continue
            copied = [f"concat({column}, '-', toString(number)) AS {column}" for column in ("patient_id", "alert_id") if column in columns]
            listed = ", ".join(f"`{column}`" for column in columns)
            warehouse.command(
                f"INSERT INTO rtm.{name} ({listed}) SELECT {listed}"
                f" FROM (SELECT * REPLACE({', '.join(copied)}) FROM rtm.{name}, numbers({COPIES}) AS copies)"
            )
        rows = {
            row[0]: row[1]
            for row in warehouse.query("SELECT table, sum(rows) FROM system.parts WHERE active AND database = 'rtm' GROUP BY table").rows
        }
        return ask(warehouse, "sim-00001-77"), rows


@pytest.mark.parametrize("panel", PANELS.values(), ids=lambda panel: panel.id)
def test_the_demo_or_the_cohort_gives_rows(demo, simulated, panel):
    answers = [answer for answer in (demo[panel.id], simulated[0][panel.id]) if answer.rows]
    assert answers or panel.id in LIVE_ONLY
    assert all(tuple(answer.columns) == panel.columns for answer in answers)


def test_the_demo_fills_what_it_is_there_to_show(demo):
    empty = {panel for panel, answer in demo.items() if not answer.rows}
    assert empty <= LIVE_ONLY | {"activity", "dead_letters", "dead_letters_by_day"}


def tables_read(panel):
    """The base tables that a panel's SQL reads, as often as it names them, through the views."""
    named = Counter(re.findall(r"\b(?:FROM|JOIN)\s+rtm\.(\w+)", panel.sql))
    found = Counter()
    while named:
        name, times = named.popitem()
        if name in BEHIND_VIEWS:
            for behind in BEHIND_VIEWS[name]:
                (found if behind.startswith(("event_", "chunk_")) else named)[behind] += times
        else:
            found[base_table(name).name] += times
    return found


@pytest.mark.parametrize("panel", [panel for panel in PANELS.values() if panel.id != "freshness"], ids=lambda panel: panel.id)
def test_a_panel_reads_no_table_oftener_than_it_names_it(simulated, panel):
    answers, rows = simulated
    read = tables_read(panel)
    known = sum(rows.get(table, 0) * times for table, times in read.items())
    seams = sum(read.values()) * 4 * GRANULE  # FINAL reads a granule twice where parts overlap
    assert answers[panel.id].rows_read <= known + seams


@pytest.mark.parametrize("panel", BOARDS["patient"].panels, ids=lambda panel: panel.id)
def test_a_patients_panel_reads_that_patients_part_only(simulated, panel):
    answers, rows = simulated
    read = tables_read(panel)
    whole = sum(rows.get(table, 0) for table in read if table == "alerts_rows")  # by alert, not by patient: there are few
    parts = 2  # what was inserted first, and the copies
    assert answers[panel.id].rows_read <= whole + sum(read.values()) * parts * 2 * GRANULE
    if rows.get("event_facts") and "event_facts" in read:
        assert answers[panel.id].rows_read < rows["event_facts"] / 5
