"""What operations ask: who needs attention and why, the cohort by week, how long alerts waited, what billing can still reach."""

import orjson
import pytest

from streams.warehouse import generations
from streams.warehouse.connection import open_warehouse
from streams.warehouse.migrations import migrate

MADE = {"clinic_id": "c1", "updated_at": "2026-03-10T05:00:00Z", "issued_at": "2026-03-10T05:30:00Z", "revision": 1, "deleted": 0}
"""05:30 UTC on 10 March: still the 9th in Los Angeles, the 10th in Berlin."""


def put(warehouse, generation, table, *rows):
    warehouse.insert(table, b"\n".join(orjson.dumps(MADE | {"generation": generation} | row) for row in rows))


def patient(name, zone="Europe/Berlin", **values):
    return {
        "patient_id": name,
        "episode_id": f"{name}-1",
        "timezone": zone,
        "monitoring_start": "2026-02-20",
        "discharged_on": None,
        "therapeutic_area": "musculoskeletal",
        "condition": "knee",
        "procedure_date": None,
        "therapist_id": "t1",
        "last_heard_at": "2026-03-09T06:00:00Z",
        **values,
    }


def windows(name, day="2026-03-10", *, volume=0.9, coverage=1.0, missed=0, silent=0):
    shared = {"patient_id": name, "local_date": day, "frequency": volume, "volume": volume, "coverage": coverage}
    return [shared | {"window_days": days, "missed_streak": missed, "silent_days": silent} for days in (7, 30)]


def alert(name, severity, status, **values):
    return {
        "alert_id": f"{name}-{severity}-{status}",
        "patient_id": name,
        "episode_id": f"{name}-1",
        "rule_id": "rule",
        "rule_version": "1",
        "severity": severity,
        "status": status,
        "opened_at": "2026-03-09T05:30:00Z",
        "due_at": "2026-03-09T05:30:00Z",
        "therapist_id": "t1",
        "escalation": 0,
        "reason": f"{severity} reason",
        "evidence": "[]",
        **values,
    }


def rom(name, day, residual, motion="flexion"):
    return {"patient_id": name, "local_date": day, "joint": "knee", "motion": motion, "side": "left", "reps": 10, "residual_deg": residual}


def pain(name, day, most, *, flare=False):
    return {"patient_id": name, "local_date": day, "nrs_max": most, "nrs_mean": most, "reports": 1, "baseline_nrs": 2.0, "flare": flare}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    with open_warehouse(f"chdb://{tmp_path_factory.mktemp('operations') / 'warehouse'}") as opened:
        migrate(opened)
        yield opened


@pytest.fixture
def generation(warehouse):
    number = generations.begin(warehouse, "replay", "test")
    generations.complete(warehouse, number)
    return number


def test_without_patients_every_view_is_empty(warehouse, generation):
    for view in ("clock", "worklist", "cohort_week", "time_to_acknowledge", "billing_outlook", "freshness"):
        assert warehouse.query(f"SELECT * FROM {view}").rows == []


def test_a_device_whose_clock_is_years_ahead_does_not_tell_the_time(warehouse, generation):
    wrong = {"issued_at": "2062-03-10T05:30:00Z"}
    put(warehouse, generation, "patients", patient("fine"), patient("wrong") | wrong, patient("later", issued_at="2026-03-10T07:00:00Z"))
    assert warehouse.query("SELECT now FROM clock").rows == [("2062-03-10T05:30:00Z",)]  # before the first day nothing else tells it
    put(warehouse, generation, "adherence_window", *windows("fine"), *(row | wrong for row in windows("wrong")))
    assert warehouse.query("SELECT now FROM clock").rows == [("2026-03-10T07:00:00Z",)]


def test_the_worklist_puts_the_most_urgent_first_and_says_why(warehouse, generation):
    names = ("fine", "alerting", "answered", "missing", "behind", "flaring", "unknown", "slack")
    put(warehouse, generation, "patients", *map(patient, names))
    put(
        warehouse,
        generation,
        "adherence_window",
        *windows("fine"),
        *windows("alerting", missed=3),
        *windows("answered"),
        *windows("missing", missed=2, volume=0.6),
        *windows("behind"),
        *windows("flaring", "2026-03-09", missed=9),
        *windows("flaring"),
        *windows("unknown", volume=None, coverage=0.0, silent=2),
        *windows("slack", volume=0.4),
    )
    put(
        warehouse,
        generation,
        "alerts",
        alert("alerting", "warning", "open"),
        alert("alerting", "urgent", "resolved"),
        alert("alerting", "info", "open", opened_at="2026-03-08T05:30:00Z"),
        alert("answered", "warning", "acknowledged"),
        alert("fine", "urgent", "expired"),
    )
    put(
        warehouse,
        generation,
        "rom_daily",
        rom("behind", "2026-03-07", 3.0),
        rom("behind", "2026-03-08", -12.4),
        rom("behind", "2026-03-09", 5.0, motion="extension"),
        rom("fine", "2026-02-10", -40.0),
        rom("fine", "2026-03-09", None),
    )
    put(warehouse, generation, "pain_daily", pain("flaring", "2026-03-08", 3), pain("flaring", "2026-03-09", 6, flare=True))
    columns = "patient_id, attention, urgency, reasons, alerts, unanswered"
    assert warehouse.query(f"SELECT {columns} FROM worklist").rows == [
        ("alerting", "warning", 4506 - 3, ["info reason", "warning reason"], 2, 2),
        ("answered", "warning", 4000, ["warning reason"], 1, 0),
        ("missing", "watch", 2002, ["2 missed days in a row"], 0, 0),
        ("slack", "watch", 2000, ["less than half of the plan done"], 0, 0),
        ("behind", "watch", 2000, ["knee flexion left 12° behind its goal"], 0, 0),
        ("flaring", "watch", 2000, ["pain flare"], 0, 0),
        ("unknown", "unknown", 1002, [], 0, 0),
        ("fine", "on track", 0, [], 0, 0),
    ]
    page = warehouse.query("SELECT * FROM worklist WHERE patient_id IN ('alerting', 'behind', 'flaring')").records()
    shown = {row["patient_id"]: row for row in page}
    assert shown["alerting"]["since"] == "2026-03-08T05:30:00Z"
    assert (shown["behind"]["residual_deg"], shown["behind"]["movement"]) == (-12.4, "knee flexion left")
    assert (shown["flaring"]["nrs_max"], shown["flaring"]["missed_streak"], shown["flaring"]["flare"]) == (6, 0, True)
    assert (shown["behind"]["nrs_max"], shown["behind"]["since"], shown["behind"]["flare"]) == (None, None, False)


def test_the_worklist_holds_who_is_in_care_today_by_the_patients_own_zone(warehouse, generation):
    put(
        warehouse,
        generation,
        "patients",
        patient("berlin", last_heard_at="2026-03-08T05:29:59Z", procedure_date="2026-03-01"),
        patient("angeles", "America/Los_Angeles", last_heard_at=None),
        patient("last day", discharged_on="2026-03-10"),
        patient("gone", discharged_on="2026-03-09"),
        patient("gone only in Berlin", "America/Los_Angeles", discharged_on="2026-03-09"),
        patient("coming", monitoring_start="2026-03-11"),
        patient("twice", episode_id="old", discharged_on="2026-03-20"),
        patient("twice", episode_id="new", monitoring_start="2026-03-05"),
    )
    columns = "patient_id, episode_id, local_date, day, days_since_heard, attention"
    assert warehouse.query(f"SELECT {columns} FROM worklist ORDER BY patient_id").rows == [
        ("angeles", "angeles-1", "2026-03-09", 17, None, "unknown"),
        ("berlin", "berlin-1", "2026-03-10", 9, 2, "unknown"),
        ("gone only in Berlin", "gone only in Berlin-1", "2026-03-09", 17, 0, "unknown"),
        ("last day", "last day-1", "2026-03-10", 18, 0, "unknown"),
        ("twice", "new", "2026-03-10", 5, 0, "unknown"),
    ]


def test_a_cohorts_week_is_the_ratio_of_the_sums_over_known_days(warehouse, generation):
    def day(name, date, status, done, **values):
        shared = {"patient_id": name, "local_date": date, "exercise_id": "", "status": status, "frequency": None, "volume": None}
        return (
            shared | {"prescribed_sessions": 1, "completed_sessions": int(done > 0), "prescribed_reps": 30, "completed_reps": done} | values
        )

    put(
        warehouse,
        generation,
        "adherence_daily",
        day("ann", "2026-03-02", "met", 30),
        day("ann", "2026-03-03", "partial", 12),
        day("ann", "2026-03-04", "unknown", 0),
        day("ann", "2026-03-04", "met", 30, exercise_id="squat"),
        day("ann", "2026-03-08", "rest", 0, prescribed_sessions=0, prescribed_reps=0),
        day("ben", "2026-03-04", "met", 24),
        day("ben", "2026-03-09", "missed", 0),
        day("ben", "2026-03-10", "pending", 10),
        day("cat", "2026-03-10", "unknown", 0, clinic_id="c2"),
    )
    put(warehouse, generation, "pain_daily", pain("ann", "2026-03-02", 3), pain("ben", "2026-03-08", 6, flare=True))
    put(warehouse, generation, "rom_daily", rom("ann", "2026-03-02", -4.0), rom("ann", "2026-03-03", 2.0), rom("ben", "2026-03-03", None))
    columns = (
        "clinic_id, week, patients, patients_met, days_met, days_partial, days_missed, days_unknown, days_rest, volume, frequency, coverage"
    )
    assert warehouse.query(f"SELECT {columns} FROM cohort_week").rows == [
        ("c1", "2026-03-02", 2, 1, 2, 1, 0, 1, 1, 66 / 90, 1, 0.75),
        ("c1", "2026-03-09", 1, 0, 0, 0, 1, 0, 0, 0, 0, 1),
        ("c2", "2026-03-09", 1, 0, 0, 0, 0, 1, 0, None, None, 0),
    ]
    course = "week, pain_days, nrs_mean, flare_days, rom_days, residual_deg"
    assert warehouse.query(f"SELECT {course} FROM cohort_week WHERE clinic_id = 'c1'").rows == [
        ("2026-03-02", 2, 4.5, 1, 2, 2),
        ("2026-03-09", 0, None, 0, 0, None),
    ]


def test_how_long_an_alert_waited_is_counted_from_its_opening(warehouse, generation):
    put(warehouse, generation, "patients", patient("ann"))
    put(
        warehouse,
        generation,
        "alerts",
        alert("ann", "urgent", "open"),
        alert("ann", "info", "acknowledged", acknowledged_at="2026-03-09T06:30:00.5Z", acknowledged_by="s1"),
        alert("ann", "info", "resolved"),
    )
    told = {"alert_id": "ann-info-acknowledged", "endpoint": "e", "webhook_id": "w", "status_code": 200, "latency_ms": 4.0}
    deliveries = [
        told | {"transition": "opened", "attempt": 1, "sent_at": "2026-03-09T05:31:00Z", "outcome": "failed"},
        told | {"transition": "opened", "attempt": 2, "sent_at": "2026-03-09T05:32:00Z", "outcome": "delivered"},
        told | {"transition": "resolved", "attempt": 1, "sent_at": "2026-03-09T05:30:30Z", "outcome": "delivered"},
    ]
    made = {name: value for name, value in MADE.items() if name != "deleted"}
    warehouse.insert("alert_deliveries", b"\n".join(orjson.dumps(made | row) for row in deliveries))
    columns = "alert_id, notified_at, acknowledged_after_s, waiting_s"
    assert warehouse.query(f"SELECT {columns} FROM time_to_acknowledge ORDER BY alert_id").rows == [
        ("ann-info-acknowledged", "2026-03-09T05:32:00Z", 3600.5, None),
        ("ann-info-resolved", None, None, None),
        ("ann-urgent-open", None, None, 86400),
    ]


@pytest.mark.parametrize(
    ("data_days", "days_left", "needed", "outlook_2", "outlook_16", "spare"),
    [
        (0, 16, (2, 16), "possible", "possible", 0),
        (0, 15, (2, 16), "possible", "today_too", -1),
        (0, 14, (2, 16), "possible", "out_of_reach", -2),
        (1, 0, (1, 15), "today_too", "out_of_reach", -15),
        (0, 0, (2, 16), "out_of_reach", "out_of_reach", -16),
        (2, 20, (0, 14), "reached", "possible", 6),
        (20, 0, (0, 0), "reached", "reached", 0),
    ],
)
def test_billing_looks_ahead_in_the_running_period(warehouse, generation, data_days, days_left, needed, outlook_2, outlook_16, spare):
    def period(name, start, end):
        own = {"patient_id": name, "episode_id": f"{name}-1", "period_start": start, "period_end": end, "data_days": data_days}
        return own | {"data_days_lenient": data_days, "days_left": days_left, "candidate_codes": [], "rules": "2026", "evidence": "[]"}

    put(warehouse, generation, "patients", patient("ann"), patient("gone", discharged_on="2026-03-09"))
    put(
        warehouse,
        generation,
        "billing_periods",
        period("ann", "2026-02-20", "2026-03-21"),
        period("ann", "2026-01-21", "2026-02-19"),
        period("gone", "2026-02-20", "2026-03-21"),
    )
    columns = "patient_id, local_date, needed_for_2, needed_for_16, outlook_2, outlook_16, spare_days, therapist_id"
    assert warehouse.query(f"SELECT {columns} FROM billing_outlook").rows == [
        ("ann", "2026-03-10", *needed, outlook_2, outlook_16, spare, "t1")
    ]


def test_freshness_tells_of_each_table_how_far_its_newest_fact_lies_behind(warehouse, generation):
    put(warehouse, generation, "patients", patient("ann"), patient("bea", clinic_id="c2"))
    put(
        warehouse,
        generation,
        "pain_daily",
        pain("ann", "2026-03-08", 3) | {"updated_at": "2026-03-10T04:30:00Z"},
        pain("ann", "2026-03-08", 3),
    )
    assert warehouse.query("SELECT clinic_id, table_name, held, behind_s FROM freshness").rows == [
        ("c1", "pain_daily", 1, 1800),
        ("c1", "patients", 1, 1800),
        ("c2", "patients", 1, 1800),
    ]
