"""What a patient is shown after a session: rows of the tables in; repetitions against the plan, range against the goal, days in a row, out.

The rows are those of the session's patient, by the columns of `schemas.rows`; newest revisions only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = dict[str, Any]

KEPT_DAYS = 31
"""So many days of a patient are remembered; a longer streak shows as this."""

TABLES = frozenset({"sessions", "adherence_daily", "rom_daily"})


@dataclass(frozen=True, slots=True)
class Feedback:
    """One session: its repetitions; the day's of its exercise against the plan's; days in a row.

    `range_deg` is what the joint attained that day where there is a goal to compare it with, else the session's range of motion.
    """

    reps: int
    completed_reps: int
    prescribed_reps: int
    range_deg: float | None
    goal_deg: float | None
    streak: int


@dataclass(slots=True)
class PatientRows:
    """A patient's newest rows: sessions by id, days by (date, exercise), range by (date, joint, motion, side)."""

    sessions: dict[str, Row] = field(default_factory=dict)
    days: dict[tuple[str, str], Row] = field(default_factory=dict)
    ranges: dict[tuple[str, str, str, str], Row] = field(default_factory=dict)

    def take(self, table: str, row: Row) -> None:
        """A row of one of `TABLES` was issued; one that is deleted goes."""
        if table == "sessions":
            _put(self.sessions, row["session_id"], row)
        elif table == "adherence_daily":
            _put(self.days, (row["local_date"], row["exercise_id"]), row)
        else:
            _put(self.ranges, (row["local_date"], row["joint"], row["motion"], row["side"]), row)

    def forget_before(self, day: str) -> None:
        """Drop what is of days before a date, but the whole plan's days of the streak."""
        oldest = (date.fromisoformat(day) - timedelta(days=KEPT_DAYS)).isoformat()
        self.sessions = {name: row for name, row in self.sessions.items() if row["local_date"] >= day}
        self.ranges = {key: row for key, row in self.ranges.items() if key[0] >= day}
        self.days = {key: row for key, row in self.days.items() if key[0] >= (oldest if key[1] == "" else day)}

    def of(self, session_id: str) -> Feedback | None:
        """What is shown after a session; None where it is not known."""
        session = self.sessions.get(session_id)
        if session is None:
            return None
        day = session["local_date"]
        plan: Mapping[str, Any] = self.days.get((day, session["exercise_id"] or ""), {})
        goal = self.ranges.get((day, session["joint"] or "", session["motion"] or "", session["side"] or ""), {})
        return Feedback(
            reps=session["reps"],
            completed_reps=plan.get("completed_reps", 0),
            prescribed_reps=plan.get("prescribed_reps", 0),
            range_deg=session["rom_best_deg"] if goal.get("goal_deg") is None else goal["attained_deg"],
            goal_deg=goal.get("goal_deg"),
            streak=self.streak(day),
        )

    def streak(self, day: str) -> int:
        """How many days in a row, up to a date, the plan was met; days without anything due, and one that is not over, don't break it."""
        found, at = 0, date.fromisoformat(day)
        for number in range(KEPT_DAYS):
            status = self.days.get(((at - timedelta(days=number)).isoformat(), ""), {}).get("status")
            if status == "met":
                found += 1
            elif status not in {"rest", "pending"}:
                break
        return found


def _put(rows: dict[Any, Row], key: Any, row: Row) -> None:
    known = rows.get(key)
    if known is not None and known["revision"] > row["revision"]:
        return
    if row.get("deleted"):
        rows.pop(key, None)
    else:
        rows[key] = row
