"""The Therapist board: who carries how much, and what alerts cost whom."""

from __future__ import annotations

from dashboards.panel import Board, Field, Panel, Threshold, Variable

_BY_THERAPIST: tuple[Variable, ...] = ("clinic", "therapist")

THERAPIST = Board(
    "therapist",
    "Therapists",
    "Who carries how much?",
    (
        Panel(
            "caseload",
            "Case load",
            "How many patients, and how many of them need someone?",
            "table",
            (
                Field("therapist_id", "Therapist", none="nobody"),
                Field("patients", "Patients", "number"),
                Field("alert_patients", "with an open alert", "number", thresholds=(Threshold(1, "warn"),)),
                Field("unanswered_alerts", "Unanswered", "number", thresholds=(Threshold(1, "bad"),)),
                Field("waiting_longest_s", "waiting longest", "duration", under="unanswered_alerts"),
                Field("missing", "missed 2 days", "number", thresholds=(Threshold(1, "warn"),)),
                Field("silent", "silent 3 days", "number", thresholds=(Threshold(1, "warn"),)),
                Field(
                    "volume_median",
                    "Median of 7-day volume",
                    "ratio",
                    none="unknown",
                    thresholds=(Threshold(0.8, "warn", below=True), Threshold(0.5, "bad", below=True)),
                ),
            ),
            "No patients are enrolled yet.",
            variables=_BY_THERAPIST,
        ),
        Panel(
            "alert_burden",
            "Burden of alerts",
            "How often does the system speak up, and is it heard?",
            "table",
            (
                Field("therapist_id", "Therapist", none="nobody"),
                Field("opened", "Opened", "number"),
                Field("opened_7_days", "in 7 days", "number"),
                Field(
                    "per_patient_week",
                    "per patient and week",
                    "number",
                    decimals=2,
                    none="no patients now",
                    thresholds=(Threshold(1, "warn"), Threshold(2, "bad")),
                    description="From one a patient and week on, alerts tend not to be read any more.",
                ),
                Field("acknowledged", "Answered", "number"),
                Field("median_s", "Median time to answer", "duration", none="none answered"),
                Field("escalated", "Escalated", "number", thresholds=(Threshold(1, "warn"),)),
                Field("over_unanswered", "Over unanswered", "number", description="Resolved or expired before anybody answered."),
            ),
            "No alert was raised in this time.",
            variables=_BY_THERAPIST,
            width=8,
        ),
        Panel(
            "alerts_by_day",
            "Alerts by day",
            "When did they come?",
            "bars",
            (
                Field("opened_on", "Date", "date", role="time", description="In UTC."),
                Field("urgent", "urgent", "number", role="stack"),
                Field("warning", "warning", "number", role="stack"),
                Field("info", "info", "number", role="stack"),
            ),
            "No alert was raised in this time.",
            variables=_BY_THERAPIST,
            width=4,
            unit="alerts",
            low=0,
        ),
        Panel(
            "cases",
            "Patients by therapist",
            "To whom has nobody talked for long?",
            "table",
            (
                Field("therapist_id", "Therapist", none="nobody"),
                Field("patient_id", "Patient", "patient"),
                Field("condition", "Condition", under="patient_id"),
                Field("attention", "Attention", "attention"),
                Field("day", "Day of the course", "number", description="Days since the procedure, or since monitoring began."),
                Field("open_alerts", "Open alerts", "number", thresholds=(Threshold(1, "bad"),)),
                Field("last_talk", "Last talked live", "instant", none="never"),
                Field("last_care", "Last care", "instant", none="never", description="The newest review or interaction."),
                Field("minutes", "Minutes this month", "number", none="none"),
                Field("last_heard_at", "Last heard", "instant", none="never"),
                Field("timezone", "time zone", under="last_heard_at"),
            ),
            "No patients are enrolled yet.",
            variables=_BY_THERAPIST,
        ),
    ),
    days=28,
)
"""Case load and burden of alerts by therapist."""
