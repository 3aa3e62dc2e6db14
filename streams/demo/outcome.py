"""What the demo showed. In: the recordings, and the tables as a replay of the cohort left them. Out: one summary, as text or as JSON."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.instants import format_instant
from streams.demo.recordings import EXERCISES, REPS_A_SET
from streams.demo.shoulder import NAMES, session_id

if TYPE_CHECKING:
    from pathlib import Path

    from streams.demo.recordings import Recording
    from streams.replay.summary import Summary
    from streams.warehouse.connection import Warehouse

COUNTED = """
SELECT session_id, toInt64(sum(reps)) AS reps FROM sessions
WHERE startsWith(patient_id, 'spar-') AND modality IN ('sensed', 'both') GROUP BY session_id ORDER BY session_id"""
DAYS = "SELECT status, toInt64(count()) AS days FROM adherence_daily WHERE exercise_id = '' GROUP BY status ORDER BY status"
PATIENTS = """
SELECT patient_id,
  toInt64(countIf(status = 'met')) AS met, toInt64(countIf(status = 'partial')) AS partial,
  toInt64(countIf(status = 'missed')) AS missed, toInt64(countIf(status = 'unknown')) AS unknown,
  toInt64(sumIf(completed_reps, status IN ('met', 'partial', 'missed'))) AS completed_reps,
  toInt64(sumIf(prescribed_reps, status IN ('met', 'partial', 'missed'))) AS prescribed_reps
FROM adherence_daily WHERE exercise_id = '' GROUP BY patient_id ORDER BY patient_id"""
ALERTS = """
SELECT patient_id, rule_id, severity, status, opened_at, resolved_at, reason FROM alerts ORDER BY opened_at, patient_id, rule_id"""

STATUSES = ("met", "partial", "missed", "unknown", "rest", "pending")
TO_TRY = (
    "SELECT patient_id, status, opened_at, resolved_at, reason FROM alerts ORDER BY opened_at",
    "SELECT local_date, attained_deg, goal_deg, residual_deg FROM rom_daily"
    " WHERE patient_id = 'knee-01' AND motion = 'flexion' ORDER BY local_date",
    "SELECT patient_id, countIf(status = 'met') AS met, countIf(status = 'partial') AS partial, countIf(status = 'missed') AS missed,"
    " countIf(status = 'unknown') AS unknown FROM adherence_daily WHERE exercise_id = '' GROUP BY patient_id ORDER BY patient_id",
)
"""Queries that the summary offers."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The sets of one exercise: how many were recorded and found, repetitions counted, sets counted exactly and within one."""

    exercise: str
    sets: int
    found: int
    reps: int
    exact: int
    within_one: int


@dataclass(frozen=True, slots=True)
class Places:
    """Where the demo puts what it makes: the file of events, the warehouse's DSN, the board."""

    events: Path
    warehouse: str
    board: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """The demo's summary. `patients` and `alerts` are rows as the warehouse gave them."""

    counted: list[Counted]
    days: dict[str, int]
    patients: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    dead_letters: dict[str, int]
    duplicates: int
    facts: int
    as_of: str
    places: Places
    seconds: float

    @property
    def sets(self) -> int:
        """Recorded sets."""
        return sum(row.sets for row in self.counted)

    @property
    def found(self) -> int:
        """Recorded sets that became a session with at least one repetition."""
        return sum(row.found for row in self.counted)

    @property
    def volume(self) -> float | None:
        """Completed ÷ prescribed repetitions over the known days of all patients; None where nothing was prescribed."""
        prescribed = sum(row["prescribed_reps"] for row in self.patients)
        return sum(row["completed_reps"] for row in self.patients) / prescribed if prescribed else None

    def commands(self) -> list[str]:
        """Commands to try, each as one types it."""
        return [f'rtm sql --warehouse {shlex.quote(self.places.warehouse)} "{query}"' for query in TO_TRY]

    def to_json(self) -> dict[str, Any]:
        """All of it as one JSON object."""
        return {
            "recorded_sets": self.sets,
            "sessions_found": self.found,
            "recorded_reps": self.sets * REPS_A_SET,
            "counted_reps": sum(row.reps for row in self.counted),
            "exercises": [
                {
                    "exercise": row.exercise,
                    "sets": row.sets,
                    "found": row.found,
                    "reps": row.reps,
                    "exact": row.exact,
                    "within_one": row.within_one,
                }
                for row in self.counted
            ],
            "adherence": {"volume": self.volume, "days": self.days, "patients": self.patients},
            "alerts": self.alerts,
            "dead_letters": self.dead_letters,
            "duplicates": self.duplicates,
            "facts": self.facts,
            "as_of": self.as_of,
            "events": str(self.places.events),
            "warehouse": self.places.warehouse,
            "board": str(self.places.board),
            "commands": self.commands(),
            "seconds": round(self.seconds, 1),
        }

    def to_text(self) -> str:
        """All of it for people."""
        counted = sum(row.reps for row in self.counted)
        exact = sum(row.exact for row in self.counted)
        near = sum(row.within_one for row in self.counted)
        volume = "–" if self.volume is None else f"{self.volume:.0%}"
        days = ", ".join(f"{self.days[status]} {status}" for status in STATUSES if status in self.days)
        lines = [
            f"Three weeks of {len(self.patients)} patients, {self.facts:,} facts, in {self.seconds:.0f} s; as of {self.as_of}.",
            "",
            f"Sessions     {self.found} of {self.sets} recorded sets found",
            f"Repetitions  {counted:,} counted of {self.sets * REPS_A_SET:,} recorded, {exact} sets exactly, {near} within one",
        ]
        lines += [
            f"             {NAMES[row.exercise][1]:<27} {row.reps:>3} of {row.sets * REPS_A_SET}"
            f"   exact {row.exact:>2} of {row.sets} sets, within one {row.within_one:>2}"
            for row in self.counted
        ]
        lines.append(f"Adherence    {volume} of the prescribed repetitions on days heard of; days: {days}")
        lines.append("             (self-reported sessions count too; `modality` in sessions tells them apart)")
        for row in self.alerts:
            end = f"resolved {_second(row['resolved_at'])}" if row["resolved_at"] else f"still {row['status']}"
            lines.append(f"Alert        {row['patient_id']}: {row['reason']}; opened {_second(row['opened_at'])}, {end}")
        if not self.alerts:
            lines.append("Alert        none")
        dead = ", ".join(f"{count} {reason}" for reason, count in sorted(self.dead_letters.items())) or "none"
        lines += [f"Duplicates   {self.duplicates}", f"Dead letters {dead}", f"Board        {self.places.board}", "", "Try:"]
        return "\n".join(lines + [f"  {command}" for command in self.commands()])


def _second(instant: str) -> str:
    """An instant's RFC 3339 text to the second."""
    return instant.partition(".")[0].removesuffix("Z") + "Z"


def count_sets(recordings: list[Recording], reps: dict[str, int]) -> list[Counted]:
    """What became of the recordings, by exercise; `reps` are the repetitions counted by session."""
    table = []
    for exercise in EXERCISES:
        sets = [reps.get(session_id(recording), 0) for recording in recordings if recording.exercise == exercise]
        table.append(
            Counted(
                exercise=exercise,
                sets=len(sets),
                found=sum(count > 0 for count in sets),
                reps=sum(sets),
                exact=sum(count == REPS_A_SET for count in sets),
                within_one=sum(abs(count - REPS_A_SET) <= 1 for count in sets),
            )
        )
    return table


def read_outcome(warehouse: Warehouse, recordings: list[Recording], replayed: Summary, places: Places, seconds: float) -> Outcome:
    """Ask the warehouse what the demo showed; `replayed` is what the replay counted, `seconds` what all of it took."""
    reps = {row["session_id"]: row["reps"] for row in warehouse.query(COUNTED).records()}
    return Outcome(
        counted=count_sets(recordings, reps),
        days={row["status"]: row["days"] for row in warehouse.query(DAYS).records()},
        patients=warehouse.query(PATIENTS).records(),
        alerts=warehouse.query(ALERTS).records(),
        dead_letters=dict(sorted(replayed.dead.items())),
        duplicates=replayed.duplicates,
        facts=replayed.lines,
        as_of=format_instant(replayed.as_of or 0),
        places=places,
        seconds=seconds,
    )
