"""Candidate codes by 30-day period and calendar month, pack `2026`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.instants import format_day

if TYPE_CHECKING:
    from processors.policy import Policy
    from schemas.facts import Fact
    from tests.reference.patient import Patient, Rows

CHECKIN = "rtm.report.checkin.v1"
FULL = {"musculoskeletal": "98977", "respiratory": "98976", "cognitive_behavioral": "98978"}
FEW = {"musculoskeletal": "98985", "respiratory": "98984", "cognitive_behavioral": "98986"}
SETUP = "98975"
FIRST_DAY_2026 = "2026-01-01"


def _order(fact: Fact) -> tuple[int, str, str]:
    return (fact.time, fact.source, fact.id)


def _evidence(facts: list[Fact]) -> list[dict[str, str]]:
    return [{"source": fact.source, "id": fact.id} for fact in sorted(facts, key=_order)]


def billing_periods(patient: Patient, policy: Policy) -> Rows:
    """`billing_periods`: 30 days each, tumbling from `monitoring_start`."""
    rows: Rows = {}
    for episode in patient.calendar.episodes:
        own_days = [day for day, of in patient.days() if of is episode]
        for start in range(episode.start, patient.now_day + 1, 30):
            days = [day for day in own_days if start <= day <= start + 29]
            if not days:
                continue
            data = {day: [f for f, at in patient.heard if at == day and f.type != CHECKIN] for day in days}
            data_days = [day for day in days if data[day]]
            heard_days = [day for day in days if any(at == day for _, at in patient.heard)]
            evidence = [min(data[day], key=_order) for day in data_days]
            setups = [fact for fact, of in patient.setups if of == episode.id]
            rules = "2026" if format_day(start) >= FIRST_DAY_2026 else ""
            codes = []
            enough = len(heard_days if policy.lenient_data_days else data_days)
            if rules and enough >= 2:
                codes.append((FULL if enough >= 16 else FEW)[episode.data.therapeutic_area])
                if start == episode.start and setups:
                    codes.append(SETUP)
                    evidence.append(min(setups, key=_order))
            last = start + 29 if episode.last is None else min(start + 29, episode.last)
            rows[patient.subject, episode.id, format_day(start)] = {
                "clinic_id": episode.data.clinic_id,
                "period_end": format_day(start + 29),
                "data_days": len(data_days),
                "data_days_lenient": len(heard_days),
                "days_left": max(0, last - patient.now_day),
                "candidate_codes": codes,
                "rules": rules,
                "evidence": _evidence(evidence),
            }
    return rows


def billing_months(patient: Patient, policy: Policy) -> Rows:
    """`billing_months`: the patient's local calendar months."""
    latest = {}
    for day, episode in sorted(patient.days(), key=lambda item: item[0]):
        latest[format_day(day)[:7]] = episode
    rows: Rows = {}
    for month, episode in latest.items():
        counted: list[Any] = [
            fact
            for fact, day in patient.facts
            if fact.type in ("rtm.care.review.v1", "rtm.care.interaction.v1") and format_day(day)[:7] == month
        ]
        minutes = sum(fact.data.minutes for fact in counted)
        live = [f for f in counted if f.type == "rtm.care.interaction.v1" and f.data.live and f.data.mode in ("phone", "video")]
        rules = "2026" if f"{month}-01" >= FIRST_DAY_2026 else ""
        codes = []
        if 10 <= minutes < 20:
            codes = ["98979"]
        elif minutes >= 20:
            codes = ["98980"] + ["98981"] * int((minutes - 20) // 20)
        allowed = len(live) if policy.live_interaction_per_code else len(codes) if live else 0
        rows[patient.subject, month] = {
            "clinic_id": episode.data.clinic_id,
            "minutes": minutes,
            "live_interactions": len(live),
            "candidate_codes": codes[:allowed] if rules else [],
            "rules": rules,
            "evidence": _evidence(counted),
        }
    return rows
