"""How fast the tables answer and take rows: the worklist, a patient's page, a cohort's week, the questions of docs/sql.md, in chDB over
metric rows of a cohort that is made here; the same after every row was issued again; raw inserts of JSON Lines as the sink makes them.

One JSON object a figure: the median of some runs on the clock, the CPU time beside it. The reference of a query is `count()` over the same
number of rows of one column, of the inserts the same lines into a table that keeps nothing. A million rows unless told; the figures of
docs/sql.md are of ten million.

    python tests/bench/warehouse.py [--rows 10000000]
"""

import argparse
import os
import re
import statistics
import tempfile
import time
from pathlib import Path

import orjson

from streams.warehouse import generations
from streams.warehouse.connection import Warehouse, open_warehouse
from streams.warehouse.migrations import migrate

RUNS = 5
DAYS = 100
CLINICS, THERAPISTS = 10, 200
ROWS_A_DAY = 10
"""Metric rows of a patient and day: adherence by plan and 3 exercises, 2 windows, range of motion, pain, medication, a session."""
BATCH_ROWS = 50_000
DOCUMENT = Path(__file__).parents[2] / "docs" / "sql.md"
QUESTION = re.compile(r"^(?P<title>[^\n]+):\n\n```sql\n(?P<sql>.*?)```", re.MULTILINE | re.DOTALL)
TENANT = (
    "concat('clinic-', toString(p % {clinics})) AS clinic_id, at AS updated_at, {revision} AS revision, at AS issued_at, "
    "{generation} AS generation"
)
DAY = "toDate32('2026-01-01') + d AS local_date"
"""`p` is the patient, `d` the day of the episode, `at` the evening of that day, `h` a hash of both."""
SOURCE = """
(
    SELECT
        intDiv(number, {days}) AS p, number % {days} AS d, cityHash64(number) AS h,
        concat('p', leftPad(toString(p), 7, '0')) AS patient_id,
        toDateTime64('2026-01-01 20:00:00', 9, 'UTC') + INTERVAL d DAY AS at
    FROM numbers({first}, {count})
)
"""
DAILY = {
    "adherence_daily": "exercise_id, 2 AS prescribed_sessions, h % 3 AS completed_sessions, 20 AS prescribed_reps, "
    "h % 21 AS completed_reps, completed_sessions / 2 AS frequency, completed_reps / 20 AS volume, "
    "multiIf(d = {days} - 1, 'pending', h % 11 = 0, 'unknown', volume >= 0.8, 'met', volume = 0, 'missed', 'partial') AS status",
    "adherence_window": "window_days, (h % 100) / 100 AS frequency, (h % 97) / 97 AS volume, (h % 7 + 1) / 7 AS coverage, "
    "if(h % 19 = 0, 2, 0) AS missed_streak, if(h % 23 = 0, 3, 0) AS silent_days",
    "rom_daily": "'knee' AS joint, 'flexion' AS motion, 'left' AS side, 60 + d / 2 + h % 10 AS attained_deg, attained_deg AS rom_best_deg, "
    "attained_deg - 5 AS rom_median_deg, attained_deg AS max_deg, 5. AS min_deg, 20 AS reps, 62 + d / 2 AS goal_deg, "
    "attained_deg - goal_deg AS residual_deg, 3.5 AS slope_deg_per_week",
    "pain_daily": "h % 11 AS nrs_max, nrs_max / 2 AS nrs_mean, 2 AS reports, 4. AS baseline_nrs, h % 31 = 0 AS flare",
    "medication_window": "'m1' AS medication_id, 30 AS window_days, 30 AS days_due, h % 31 AS days_covered, 60 AS doses_due, "
    "2 * days_covered AS doses_taken, days_covered / 30 AS pdc",
    "sessions": "concat('s', toString(p), '-', toString(d)) AS session_id, 'x1' AS exercise_id, 'knee' AS joint, "
    "'flexion' AS motion, 'left' AS side, at AS start_time, at AS end_time, 'sensed' AS modality, 20 AS reps, 70. AS rom_best_deg, "
    "65. AS rom_median_deg, "
    "-1.6 AS sparc, 3. AS pain_nrs, 5. AS rpe, CAST([], 'Array(String)') AS flags",
}
MORE = {"adherence_daily": "ARRAY JOIN ['', 'x1', 'x2', 'x3'] AS exercise_id", "adherence_window": "ARRAY JOIN [7, 30] AS window_days"}
BY_PATIENT = {
    "patients": (
        "concat(patient_id, '/1') AS episode_id, 'Europe/Berlin' AS timezone, toDate32('2026-01-01') AS monitoring_start, "
        "'musculoskeletal' AS therapeutic_area, "
        "arrayElement(['knee arthroplasty', 'rotator cuff', 'low back pain'], p % 3 + 1) AS condition, "
        "toDate32('2025-12-29') AS procedure_date, concat('t', toString(p % {therapists})) AS therapist_id, at AS last_heard_at",
        "d = {days} - 1",
    ),
    "billing_periods": (
        "concat(patient_id, '/1') AS episode_id, toDate32('2026-01-01') + d AS period_start, period_start + 29 AS period_end, "
        "h % 20 AS data_days, data_days AS data_days_lenient, greatest(0, toInt64(d) + 30 - {days}) AS days_left, "
        "if(data_days >= 16, ['98977'], CAST([], 'Array(String)')) AS candidate_codes, '2026' AS rules, '[]' AS evidence",
        "d % 30 = 0",
    ),
    "outcomes": (
        "'KOOS_JR' AS measure, '' AS side, at AS event_time, 50. + d / 4 AS value, 50. AS baseline, d / 4 AS change, 14. AS mcid, "
        "if(change >= mcid, 'improved', 'unchanged') AS meaning",
        "d % 30 = 0",
    ),
    "alerts": (
        "concat('a', toString(p), '-', toString(d)) AS alert_id, concat(patient_id, '/1') AS episode_id, 'missed_days' AS rule_id, "
        "'1' AS rule_version, 'warning' AS severity, if(d < {days} - 2, 'resolved', 'open') AS status, at AS opened_at, at AS due_at, "
        "concat('t', toString(p % {therapists})) AS therapist_id, "
        "if(d < {days} - 2, at + INTERVAL h % 7200 SECOND, NULL) AS acknowledged_at, "
        "0 AS escalation, 'missed 2 days' AS reason, '[]' AS evidence",
        "h % 100 = 0",
    ),
}
"""Rows that don't come every day: their columns and when they come."""
PAGE = (
    "adherence_daily", "adherence_window", "rom_daily", "pain_daily", "medication_window", "sessions", "outcomes", "billing_periods",
    "alerts",
)  # fmt: skip


def fill(warehouse: Warehouse, rows: int) -> dict[str, int]:
    """Make a cohort with so many metric rows; rows by table."""
    patients = rows // (ROWS_A_DAY * DAYS)
    generation = generations.begin(warehouse, "replay", "bench")
    values = {"days": DAYS, "clinics": CLINICS, "therapists": THERAPISTS, "revision": 1, "generation": generation}
    step = 200_000
    for first in range(0, patients * DAYS, step):
        source = SOURCE.format(first=first, count=min(step, patients * DAYS - first), **values)
        for table, columns in DAILY.items():
            listed = f"patient_id, {DAY}, {columns}, {TENANT}".format(**values)
            insert(warehouse, table, listed, f"{source} {MORE.get(table, '')}")
        for table, (columns, when) in BY_PATIENT.items():
            insert(warehouse, table, f"patient_id, {columns}, {TENANT}".format(**values), f"{source} WHERE {when.format(**values)}")
    generations.complete(warehouse, generation)
    return {table: warehouse.query(f"SELECT count() FROM rtm.{table}").rows[0][0] for table in (*DAILY, *BY_PATIENT)}


def insert(warehouse: Warehouse, table: str, columns: str, source: str) -> None:
    names = [re.split(r"\bAS\b", part)[-1].strip() for part in split(columns)]
    warehouse.command(f"INSERT INTO rtm.{table}_rows ({', '.join(names)}) SELECT {columns} FROM {source}")


def split(columns: str) -> list[str]:
    """A list of columns at the commas that stand outside brackets."""
    parts, depth = [""], 0
    for letter in columns:
        depth += letter in "([" if letter not in ")]" else -1
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def timed(warehouse: Warehouse, *statements: str) -> dict[str, float]:
    """The statements one after another, RUNS times: median ms on the clock and of CPU; rows read and given in the last run."""
    clock, cpu, read, given = [], [], 0, 0
    for _ in range(RUNS):
        began, used = time.perf_counter(), time.process_time()
        answers = [warehouse.query(sql) for sql in statements]
        clock.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - used) * 1000)
        read, given = sum(answer.rows_read for answer in answers), sum(len(answer.rows) for answer in answers)
    return {
        "value": statistics.median(clock), "cpu_ms": round(statistics.median(cpu), 1), "fastest_ms": round(min(clock), 1),
        "rows_read": read, "rows": given,
    }  # fmt: skip


def questions(patient: str) -> dict[str, str]:
    """The questions of docs/sql.md by their titles, asked of a patient who is there."""
    found = {each["title"].strip(): each["sql"] for each in QUESTION.finditer(DOCUMENT.read_text("utf-8"))}
    return {title: sql.replace("knee-01", patient) for title, sql in found.items()}


def fingerprints(warehouse: Warehouse) -> dict[str, tuple]:
    """Of each view how many rows it gives and a sum over all that they say, but for what a revision changes."""
    found = {}
    for view in (*DAILY, *BY_PATIENT, "worklist", "cohort_week", "billing_outlook", "time_to_acknowledge"):
        left_out = (
            ""
            if view in {"worklist", "cohort_week", "billing_outlook", "time_to_acknowledge"}
            else " EXCEPT (revision, issued_at, updated_at)"
        )
        found[view] = warehouse.query(f"SELECT count(), sum(cityHash64(*)) FROM (SELECT *{left_out} FROM rtm.{view})").rows[0]
    return found


def issue_again(warehouse: Warehouse) -> None:
    """Every row once more, with a new revision."""
    for table in (*DAILY, *BY_PATIENT):
        warehouse.command(f"INSERT INTO rtm.{table}_rows SELECT * REPLACE (revision + 1 AS revision) FROM rtm.{table}_rows FINAL")


def inserts(warehouse: Warehouse, seconds: float = 4.0) -> None:
    """Batches of JSON Lines, as the sink sends them, for some seconds each: into a table with its history and one that keeps nothing."""
    generation = generations.begin(warehouse, "replay", "bench")
    sql = f"SELECT * FROM rtm.adherence_window_rows LIMIT {BATCH_ROWS}"
    rows = warehouse.query(sql).records()
    warehouse.command("CREATE TABLE IF NOT EXISTS rtm.bench_null AS rtm.adherence_window_rows ENGINE = Null")
    speeds, cpu = {}, {}
    for table in ("bench_null", "adherence_window_rows"):
        sent, spent, used = 0, 0.0, 0.0
        while spent < seconds:
            lines = b"\n".join(orjson.dumps(row | {"generation": generation, "revision": sent + n}) for n, row in enumerate(rows))
            began, cpu_began = time.perf_counter(), time.process_time()
            if table == "bench_null":
                warehouse._client.raw_insert(
                    "rtm.bench_null", insert_block=lines, settings={"date_time_input_format": "best_effort"}, fmt="JSONEachRow"
                )
            else:
                warehouse.insert(table, lines)
            spent, used, sent = spent + time.perf_counter() - began, used + time.process_time() - cpu_began, sent + BATCH_ROWS
        speeds[table], cpu[table] = sent / spent, sent / used
    warehouse.command("DROP TABLE rtm.bench_null")
    reference = {"what": "the same lines into a table that keeps nothing", "value": round(speeds["bench_null"]), "unit": "rows/s"}
    beside = {"rows_per_cpu_s": round(cpu["adherence_window_rows"]), "reference_per_cpu_s": round(cpu["bench_null"])}
    figure("sink_inserts", speeds["adherence_window_rows"], "rows/s", reference=reference, batch=BATCH_ROWS, **beside)


def figure(name: str, value: float, unit: str, **beside: object) -> None:
    beside["load"] = round(os.getloadavg()[0], 1)
    print(orjson.dumps({"figure": name, "value": round(value, 2), "unit": unit, **beside}).decode(), flush=True)


def ask(warehouse: Warehouse, suffix: str, about: dict[str, object]) -> None:
    """The pages and the questions, each with its reference."""
    reference = timed(warehouse, "SELECT sum(completed_reps) FROM rtm.adherence_daily_rows")
    patient = "p0000077"
    asked = {
        "worklist": ["SELECT * FROM rtm.worklist WHERE clinic_id = 'clinic-1'"],
        "patient_page": [f"SELECT * FROM rtm.{table} WHERE patient_id = '{patient}'" for table in PAGE],
        "cohort_week": ["SELECT * FROM rtm.cohort_week WHERE clinic_id = 'clinic-1'"],
    } | {f"question: {title}": [sql] for title, sql in questions(patient).items()}  # fmt: skip
    for name, statements in asked.items():
        found = timed(warehouse, *statements)
        scan = {"what": "the sum of one column of adherence_daily_rows", "value": round(reference["value"], 2), "unit": "ms"}
        figure(name + suffix, unit="ms", reference=scan, **found, **about)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000, help="metric rows")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rtm-bench-") as folder, open_warehouse(f"chdb://{folder}/warehouse") as warehouse:
        migrate(warehouse)
        began = time.perf_counter()
        rows = fill(warehouse, options.rows)
        about = {"metric_rows": sum(rows.values()), "patients": rows["patients"]}
        figure("filled", time.perf_counter() - began, "s", **about)
        ask(warehouse, "", about)
        before = fingerprints(warehouse)
        issue_again(warehouse)
        same = fingerprints(warehouse) == before
        figure("views_changed_by_a_full_reissue", 0 if same else 1, "views" if same else "or more", **about)
        assert same, "a re-issue changed a view"
        ask(warehouse, "_after_reissue", about)
        inserts(warehouse)


if __name__ == "__main__":
    main()
