"""The Billing board: who can still reach a code, which candidates stand, and on which facts. Candidates, never claims."""

from __future__ import annotations

from dashboards.panel import Board, Field, Panel, Threshold, Variable

_BY_THERAPIST: tuple[Variable, ...] = ("clinic", "therapist")

BILLING = Board(
    "billing",
    "Billing",
    "Which codes can stand, and who can still reach one?",
    (
        Panel(
            "billing_now",
            "Billing now",
            "How do the open periods stand?",
            "stat",
            (
                Field("open_periods", "periods open", "number", description="Periods of 30 days that today lies in."),
                Field("reached", "reached 16 data days", "number"),
                Field("reachable", "can still reach 16", "number", description="If every day left brings a datum."),
                Field("lost", "can't reach 16 any more", "number", thresholds=(Threshold(1, "warn"),)),
                Field("full_months", "with 20 minutes this month", "number"),
                Field(
                    "no_live",
                    "10 minutes, nobody talked live",
                    "number",
                    thresholds=(Threshold(1, "warn"),),
                    description="A month's codes need one live talk by phone or video.",
                ),
            ),
            "No period has begun.",
            variables=_BY_THERAPIST,
        ),
        Panel(
            "billing_outlook",
            "Outlook",
            "Who can still reach 16 data days? The tightest first.",
            "table",
            (
                Field("patient_id", "Patient", "patient"),
                Field("outlook", "Outlook"),
                Field("data_days", "Data days", "number"),
                Field("needed_for_16", "Needed", "number", description="Data days that 16 still need."),
                Field("days_left", "Days left", "number", description="Days after today in the period and the episode."),
                Field(
                    "spare_days",
                    "To spare",
                    "number",
                    thresholds=(Threshold(3, "warn", below=True), Threshold(0, "bad", below=True)),
                    description="Days after today that may go without data. Below zero 16 can't be reached by the days left.",
                ),
                Field("period_start", "Period from", "date"),
                Field("period_end", "to", "date"),
                Field("candidate_codes", "Candidates now", none="none"),
                Field("therapist_id", "Therapist"),
            ),
            "No period is open.",
            variables=_BY_THERAPIST,
        ),
        Panel(
            "billing_codes",
            "Candidate codes",
            "How many of each?",
            "table",
            (
                Field("code", "Code"),
                Field("what", "For"),
                Field("candidates_open", "In open periods", "number", description="They may still change."),
                Field("candidates_over", "In periods that are over", "number"),
                Field("patients", "Patients", "number"),
                Field("packs", "Rules"),
            ),
            "No code stands in this time.",
        ),
        Panel(
            "billing_evidence",
            "Evidence",
            "On which facts does each candidate rest?",
            "table",
            (
                Field("patient_id", "Patient", "patient"),
                Field("kind", "Counted by"),
                Field("since", "From", "date"),
                Field("until", "To", "date"),
                Field("candidate_codes", "Codes"),
                Field("counted", "Counted"),
                Field("facts", "Facts", "number"),
                Field("evidence_facts", "The first facts", description="Source and id of each; all of them stand in the tables."),
                Field("rules", "Rules"),
            ),
            "No code stands in this time.",
        ),
    ),
    days=91,
)
"""Outlook of the open periods, candidate codes, evidence."""
