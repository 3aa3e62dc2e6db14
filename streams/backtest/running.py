"""One run: files of events and a policy in, every alert of it from opening to end out, and what the log says of its patients.

The processors are those of every replay; rows are made and dropped.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from processors.store import MemoryStore
from schemas.codecs import MAX_RECORD, decode_line
from schemas.events import TICK, PatientEnrolled
from schemas.facts import Fact, Unusable
from schemas.instants import parse_instant
from streams.progress import Progress, Silent
from streams.replay.disk_store import DiskStore
from streams.replay.folding import fold_records
from streams.replay.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from processors.policy import Policy
    from processors.processor import Transition

TELLS = frozenset({"opened", "reopened"})
ENDS = frozenset({"resolved", "expired"})


@dataclass(slots=True)
class Course:
    """One opening of an alert: to whom it belongs, when it was told (ns; severity), when it ended (None: it stands) and how."""

    patient: str
    clinic: str
    therapist: str
    rule: str
    reason: str
    opened_at: int
    tellings: list[tuple[int, str]]
    again: bool
    ended_at: int | None = None
    ended_how: str = ""


@dataclass(slots=True)
class Run:
    """What a log told under one set of rules. `zones` by patient, `first` and `last` the recorded times (ns) it spans."""

    courses: list[Course] = field(default_factory=list)
    zones: dict[str, str] = field(default_factory=dict)
    therapists: set[str] = field(default_factory=set)
    facts: int = 0
    first: int = 0
    last: int = 0

    @property
    def weeks(self) -> float:
        """How long the log is."""
        return max(1e-9, (self.last - self.first) / (7 * 86_400e9))


def run(files: Sequence[Path], policy: Policy, *, as_of: int | None = None, progress: Progress | None = None) -> Run:
    """Fold the files, in a replay's order, under a policy. ReadError when a file can't be read; lines that are no facts are left out."""
    progress, made = progress or Silent(), Run()
    standing: dict[str, Course] = {}
    with tempfile.TemporaryDirectory(prefix="rtm-backtest-") as folder, Reading(list(files), Path(folder)) as reading:
        reading.survey()
        progress.phase("replaying", reading.lines)
        with DiskStore(Path(folder) / "patient.sqlite") as store:
            facts = _facts(reading, made, progress, as_of)
            for out in fold_records(facts, policy, as_of=as_of, motion_store=MemoryStore(), patient_store=store):
                for change in out.transitions:
                    _follow(change, made, standing)
    made.last = max(made.last, as_of or 0)
    return made


def _facts(reading: Reading, made: Run, progress: Progress, as_of: int | None) -> Iterator[Fact]:
    for entry in reading.entries():
        progress.advance(1)
        try:
            fact = decode_line(entry[5], MAX_RECORD)
        except Unusable:
            continue
        if fact.type == TICK or (as_of is not None and fact.recorded > as_of):
            continue
        made.facts += 1
        made.first = min(made.first or fact.recorded, fact.recorded)
        made.last = max(made.last, fact.recorded)
        if isinstance(fact.data, PatientEnrolled):
            made.zones[fact.subject] = fact.data.timezone
            made.therapists.add(fact.data.therapist_id)
        yield fact


def _follow(change: Transition, made: Run, standing: dict[str, Course]) -> None:
    row = change.row
    course = standing.get(change.alert_id)
    if change.transition in ENDS and course is not None:
        course.ended_at, course.ended_how = change.at, change.transition
        del standing[change.alert_id]
    elif change.transition in TELLS and course is not None:
        course.tellings.append((change.at, str(row["severity"])))
    elif change.transition in TELLS:
        again = change.transition == "reopened"
        told = [(parse_instant(row["opened_at"]), str(row["severity"]))]
        who = (change.patient, str(row["clinic_id"]), str(row["therapist_id"]), str(row["rule_id"]), str(row["reason"]))
        standing[change.alert_id] = course = Course(*who, change.at, told, again)
        made.courses.append(course)
