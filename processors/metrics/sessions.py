"""`sessions` and `reps`: what was done on a day, one row a session and one a sensed repetition.

A fact changes these rows of its own day, and of the days whose sessions pair with it (`processors.days.chain`).
"""

from __future__ import annotations

from processors.days import DayFacts
from processors.metrics import Rows, key_text
from schemas.instants import format_day, format_instant


def session_rows(facts: DayFacts) -> Rows:
    """The rows of `sessions` of a day."""
    rows: Rows = {}
    for session in facts.sessions:
        sensed, report = session.sensed, session.report
        start = sensed.at if sensed else report.at if report else 0
        end = sensed.end if sensed else report.end if report else None
        rows[key_text(session.session_id)] = {
            "session_id": session.session_id,
            "exercise_id": session.exercise_id,
            "joint": sensed.joint if sensed else None,
            "motion": sensed.motion if sensed else None,
            "side": sensed.side if sensed else None,
            "local_date": format_day(facts.day),
            "start_time": format_instant(start),
            "end_time": None if end is None else format_instant(end),
            "modality": ("both" if report else "sensed") if sensed else "self_reported",
            "reps": session.reps,
            "rom_best_deg": sensed.rom_best_deg if sensed else None,
            "rom_median_deg": sensed.rom_median_deg if sensed else None,
            "sparc": sensed.sparc if sensed else None,
            "pain_nrs": report.pain_nrs if report else None,
            "rpe": report.rpe if report else None,
            "flags": sensed.flags if sensed else [],
        }
    return rows


def rep_rows(facts: DayFacts) -> Rows:
    """The rows of `reps` of a day."""
    return {
        key_text(rep.session_id, rep.rep): {
            "session_id": rep.session_id,
            "rep": rep.rep,
            "exercise_id": rep.exercise_id,
            "joint": rep.joint,
            "motion": rep.motion,
            "side": rep.side,
            "start_time": format_instant(rep.start),
            "duration_s": rep.duration_s,
            "min_deg": rep.min_deg,
            "max_deg": rep.max_deg,
            "rom_deg": rep.rom_deg,
            "peak_rate_deg_s": rep.peak_rate_deg_s,
            "hold_s": rep.hold_s,
            "flags": rep.flags,
        }
        for rep in facts.reps
    }
