"""The facts of one day as they count: standing derivations, one session of what was sensed and reported, what was heard.

From the ledger's entries to `DayFacts`; contract, "The same session sensed and self-reported" and "Derivations".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Protocol

from processors.entries import Activity, Alone, Dated, Exercise, Rep, Session
from schemas.instants import SECOND

NEAR = 30 * 60 * SECOND
"""Starts that lie less than this apart may be one session."""
MOTION = (Session, Rep)


@dataclass(slots=True)
class Sensed:
    """The derivation of a session that stands: its `motion.session` (None while there is none) and its repetitions by number."""

    session_id: str
    session: Session | None
    reps: list[Rep]
    start: int
    day: int

    @property
    def entries(self) -> list[Dated]:
        """All facts of the derivation that stands."""
        return [*([self.session] if self.session else []), *self.reps]


@dataclass(slots=True)
class DaySession:
    """One session, sensed, self-reported or both."""

    session_id: str
    exercise_id: str | None
    reps: int
    sensed: Session | None
    report: Exercise | None


@dataclass(slots=True)
class DayFacts:
    """What counts of one day. `entries` are all but the motion facts; `reports` the exercise reports that stand."""

    day: int
    over: bool
    entries: list[Dated] = field(default_factory=list)
    reports: list[Exercise] = field(default_factory=list)
    sensed: list[Sensed] = field(default_factory=list)
    sessions: list[DaySession] = field(default_factory=list)

    @property
    def reps(self) -> list[Rep]:
        """The sensed repetitions of the day."""
        return [rep for sensed in self.sensed for rep in sensed.reps]

    @property
    def heard_entries(self) -> list[Dated]:
        """Every fact by which the day was heard."""
        return [*self.entries, *(entry for sensed in self.sensed for entry in sensed.entries)]

    @property
    def heard(self) -> bool:
        """Whether anything came from the patient."""
        return bool(self.entries) or bool(self.sensed)

    @property
    def activities(self) -> list[Activity]:
        """The summaries of activity."""
        return [entry for entry in self.entries if type(entry) is Activity]

    def with_entries(self, added: list[Alone]) -> DayFacts:
        """These facts and more that aren't about a session, or report one, where none was sensed."""
        reports = [entry for entry in added if isinstance(entry, Exercise)]
        entries = [*self.entries, *added]
        if not reports:
            return DayFacts(self.day, self.over, entries, self.reports, self.sensed, self.sessions)
        sessions = [*self.sessions, *map(_reported, reports)]
        return DayFacts(self.day, self.over, entries, [*self.reports, *reports], self.sensed, sessions)

    def same_sessions(self, other: DayFacts) -> bool:
        """Whether the sessions and repetitions are made of the very same entries as in `other`, the facts of the day some time ago."""
        if self.sessions is other.sessions and self.sensed is other.sensed:
            return True
        return _identical(
            [part for x in self.sessions for part in (x.sensed, x.report)], [part for x in other.sessions for part in (x.sensed, x.report)]
        ) and _identical(self.reps, other.reps)

    def same_adherence(self, other: DayFacts) -> bool:
        """Whether nothing differs from `other` that adherence depends on, the plan aside."""
        return self.over == other.over and self.heard == other.heard and self.same_sessions(other)

    def same_activities(self, other: DayFacts) -> bool:
        """Whether the summaries of activity are the very same entries as in `other`."""
        return _identical(self.activities, other.activities)


def _identical(some: Sequence[object], others: Sequence[object]) -> bool:
    return len(some) == len(others) and all(map(is_, some, others))


class Source(Protocol):
    """What assembling a day needs from a ledger: only facts that count (not retracted, in an episode, not after today)."""

    def counted_on(self, day: int) -> list[Dated]:
        """The facts dated to a day by their own instant."""

    def standing(self, session_id: str) -> Sensed | None:
        """The standing derivation of a sensed session."""

    def standing_report(self, session_id: str) -> Exercise | None:
        """The newest report that names a session."""

    def bounds(self, day: int) -> tuple[int, int]:
        """The first instants of a day and of the next."""

    def chain(self, day: int) -> range:
        """`chain` of the day, remembered."""


def stand(session_id: str, entries: Iterable[Session | Rep]) -> Sensed | None:
    """The derivation that stands among a session's facts; its `day` is left to the caller (-1)."""
    facts = list(entries)
    sessions = [entry for entry in facts if isinstance(entry, Session)]
    if not facts:
        return None
    number = max(entry.derivation for entry in sessions or facts)
    session = max((entry for entry in sessions if entry.derivation == number), key=lambda entry: entry.age, default=None)
    reps: dict[int, Rep] = {}
    for entry in facts:
        if isinstance(entry, Rep) and entry.derivation == number and (entry.rep not in reps or entry.age > reps[entry.rep].age):
            reps[entry.rep] = entry
    ordered = [reps[n] for n in sorted(reps)]
    start = session.at if session else max(ordered, key=lambda entry: entry.age).at
    return Sensed(session_id, session, ordered, start, -1)


def _sensed_on(source: Source, day: int) -> list[Sensed]:
    ids = {entry.session_id for entry in source.counted_on(day) if isinstance(entry, MOTION)}
    if not ids:
        return []
    found = [standing for session_id in sorted(ids) if (standing := source.standing(session_id)) is not None]
    return [standing for standing in found if standing.day == day]


def _reports_on(source: Source, day: int) -> list[Exercise]:
    found = [entry for entry in source.counted_on(day) if isinstance(entry, Exercise)]
    return [r for r in found if r.session_id is None or source.standing_report(r.session_id) is r]


def chain(source: Source, day: int) -> range:
    """The days around `day` whose sessions may be paired with each other: days that touch within 30 minutes of a midnight."""

    def starts(number: int) -> list[int]:
        return [entry.at for entry in source.counted_on(number) if type(entry) is Session or type(entry) is Exercise]

    def beside(number: int, step: int) -> int:
        """The next date in one direction that has any time at all: a zone may skip one."""
        number += step
        while source.bounds(number)[0] == source.bounds(number)[1]:
            number += step
        return number

    first = last = day
    own = here = starts(day)
    while here and min(here) < source.bounds(first)[0] + NEAR:
        first = beside(first, -1)
        here = starts(first)
    here = own
    while here and max(here) >= source.bounds(last)[1] - NEAR:
        last = beside(last, 1)
        here = starts(last)
    return range(first, last + 1)


def near_midnight(source: Source, day: int, at: int) -> bool:
    """Whether an instant of a day may pair with one of another day."""
    begins, ends = source.bounds(day)
    return at < begins + NEAR or at >= ends - NEAR


def _pair(source: Source, sensed: list[Session], reports: list[Exercise]) -> dict[int, Exercise]:
    """Which report belongs to which sensed session, by `id()` of the sensed one."""
    paired: dict[int, Exercise] = {}
    loose: list[Session] = []
    for session in sensed:
        report = source.standing_report(session.session_id)
        if report is None:
            loose.append(session)
        else:
            paired[id(session)] = report
    named = {id(report) for report in paired.values()}
    free = [report for report in reports if id(report) not in named and not _named_elsewhere(source, report)]
    near = [
        (abs(session.at - report.at), session.at, report.at, session.session_id, report.id, report.source, session, report)
        for session in loose
        for report in free
        if session.exercise_id == report.exercise_id and abs(session.at - report.at) < NEAR
    ]
    taken: set[int] = set()
    for *_, session, report in sorted(near, key=lambda pair: pair[:6]):
        if id(session) not in paired and id(report) not in taken:
            paired[id(session)] = report
            taken.add(id(report))
    return paired


def _named_elsewhere(source: Source, report: Exercise) -> bool:
    """Whether a report names a sensed session, wherever that lies: then it is paired by its name alone."""
    if report.session_id is None:
        return False
    standing = source.standing(report.session_id)
    return standing is not None and standing.session is not None


def assemble(source: Source, day: int, *, over: bool) -> DayFacts:
    """The facts of a day as they count."""
    facts = DayFacts(day, over)
    counted = source.counted_on(day)
    if not counted:
        return facts
    facts.entries = [entry for entry in counted if not isinstance(entry, MOTION)]
    facts.sensed = _sensed_on(source, day)
    facts.reports = _reports_on(source, day)
    if not facts.reports and not any(sensed.session for sensed in facts.sensed):
        return facts
    days = source.chain(day)
    sensed = [x.session for d in days for x in (_sensed_on(source, d) if d != day else facts.sensed) if x.session]
    reports = [report for d in days for report in (_reports_on(source, d) if d != day else facts.reports)]
    paired = _pair(source, sensed, reports)
    taken = {id(report) for report in paired.values()}
    for standing in facts.sensed:
        if (session := standing.session) is not None:
            report = paired.get(id(session))
            exercise = session.exercise_id if session.exercise_id is not None or report is None else report.exercise_id
            reps = report.reps if report is not None and session.reps == 0 else session.reps
            facts.sessions.append(DaySession(session.session_id, exercise, reps, session, report))
    for report in facts.reports:
        if id(report) not in taken and not _named_elsewhere(source, report):
            facts.sessions.append(_reported(report))
    return facts


def _reported(report: Exercise) -> DaySession:
    """The session of which only a report is known."""
    name = report.session_id if report.session_id is not None else f"{report.source}#{report.id}"
    return DaySession(name, report.exercise_id, report.reps, None, report)
