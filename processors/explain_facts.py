"""What is known of one patient, read to be explained: which facts count on a day, and of the others why they don't.

In: the patient's admitted facts and the time. Out: the `Known` that `processors.explain` asks. Beside the ledger's own fold, and over the
same functions (`episodes`, `plans`, `days`): nothing is kept, everything is found anew at every question.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from processors.calendar import day_start
from processors.days import DayFacts, Sensed, assemble, chain, stand
from processors.entries import (
    AnyEntry,
    Dated,
    Discharged,
    Ended,
    Enrolled,
    Exercise,
    Heard,
    Minutes,
    Prescribed,
    Rep,
    Retraction,
    Session,
    Setup,
    make_entry,
)
from processors.episodes import Episode, Timeline
from processors.plans import PlanBook
from schemas.facts import Fact
from schemas.instants import SECOND, format_day
from schemas.zones import load_zone


@dataclass(frozen=True, slots=True)
class Told:
    """One fact as it is shown: its type and identity, its instant in local time, and what it says or why it doesn't count."""

    type: str
    source: str
    id: str
    local_time: str
    what: str


@dataclass(frozen=True, slots=True)
class Story:
    """One row and why it says so."""

    table: str
    row: dict[str, Any]
    rule: list[str]
    counted: list[Told] = field(default_factory=list)
    not_counted: list[Told] = field(default_factory=list)


class Known:
    """One patient's facts as of `now` (ns). A `Source` of `processors.days`."""

    def __init__(self, facts: Iterable[Fact], now: int) -> None:
        self.now = now
        self.entries: list[AnyEntry] = []
        self._types: dict[int, str] = {}
        self._standing: dict[str, Sensed | None] = {}
        for fact in facts:
            entry = make_entry(fact)
            self.entries.append(entry)
            self._types[id(entry)] = fact.type
        self._back = {(x.fact_source, x.fact_id): x for x in self.entries if isinstance(x, Retraction)}
        self._lost = {x.session_id: x for x in self.entries if isinstance(x, Session) and (x.source, x.id) in self._back}
        for entry in self.entries:
            named = (entry.source, entry.id) in self._back and not isinstance(entry, Retraction)
            entry.retracted = named or (isinstance(entry, Session | Rep) and entry.session_id in self._lost)
        standing = [x for x in self.entries if not x.retracted]
        enrolled, discharged = [x for x in standing if isinstance(x, Enrolled)], [x for x in standing if isinstance(x, Discharged)]
        self.timeline = Timeline(enrolled, discharged)
        self.prescribed = [x for x in standing if isinstance(x, Prescribed)]
        self.ended = [x for x in standing if isinstance(x, Ended)]
        self.plans = PlanBook(self.prescribed, self.ended, self.timeline)

    @cached_property
    def today(self) -> int:
        """The local date of `now`."""
        return self.timeline.day_of(self.now)

    @cached_property
    def _by_day(self) -> dict[int, list[Dated]]:
        found: dict[int, list[Dated]] = {}
        for entry in self.entries:
            if isinstance(entry, Heard):
                found.setdefault(self.timeline.day_of(entry.at), []).append(entry)
        return found

    @cached_property
    def _sessions(self) -> dict[str, list[Session | Rep]]:
        found: dict[str, list[Session | Rep]] = {}
        for entry in self.entries:
            if isinstance(entry, Session | Rep):
                found.setdefault(entry.session_id, []).append(entry)
        return found

    # -- the Source of processors.days --------------------------------------------------------------------------------------------

    def counted_on(self, day: int) -> list[Dated]:
        """The facts dated to a day that count."""
        return [entry for entry in self._by_day.get(day, ()) if self._counts(entry)]

    def standing(self, session_id: str) -> Sensed | None:
        """The standing derivation of a sensed session."""
        if session_id not in self._standing:
            found = stand(session_id, [x for x in self._sessions.get(session_id, ()) if self._counts(x)])
            if found is not None:
                found.day = self.timeline.day_of(found.start)
            self._standing[session_id] = found
        return self._standing[session_id]

    def standing_report(self, session_id: str) -> Exercise | None:
        """The newest report that names a session."""
        named = [x for x in self.entries if isinstance(x, Exercise) and x.session_id == session_id and self._counts(x)]
        return max(named, key=lambda x: x.age, default=None)

    def bounds(self, day: int) -> tuple[int, int]:
        """The first instants of a day and of the next."""
        episode = self.timeline.episode_of(day)
        zone = episode.enrolled.zone if episode else self.timeline.episodes[0].enrolled.zone
        return day_start(zone, day), day_start(zone, day + 1)

    def chain(self, day: int) -> range:
        """The days whose sessions may be paired with the day's."""
        return chain(self, day)

    def _counts(self, entry: AnyEntry) -> bool:
        return self.never(entry) is None

    # -- what is asked --------------------------------------------------------------------------------------------------------------

    def day(self, day: int) -> DayFacts:
        """The facts of a day as they count."""
        episode = self.timeline.episode_of(day)
        return assemble(self, day, over=episode is not None and self.now >= episode.over_at(day))

    def dated(self, day: int) -> list[Dated]:
        """Every fact from the patient that lies on a day or is of a session that stands on it, whether it counts or not."""
        here = self._by_day.get(day, ())
        sessions = sorted({entry.session_id for entry in here if isinstance(entry, Session | Rep)})
        found = {id(entry): entry for entry in here} | {id(x): x for name in sessions for x in self._sessions[name]}
        return sorted(found.values(), key=lambda entry: (entry.at, entry.time, entry.source, entry.id))

    def care(self) -> list[Setup | Minutes]:
        """Everything that staff did, retracted or not, by time."""
        return sorted((x for x in self.entries if isinstance(x, Setup | Minutes)), key=lambda x: (x.time, x.source, x.id))

    def never(self, entry: AnyEntry) -> str | None:
        """Why a fact from patient or staff counts in no table at all; None where it may count."""
        if entry.retracted:
            return self._retracted(entry)
        day = self.timeline.day_of(entry.at)
        if day > self.today:
            return f"lies on {format_day(day)}, after today"
        if self.timeline.episode_of(day) is None:
            return f"lies on {format_day(day)}, in no episode"
        return None

    def superseded(self, entry: Dated, day: int) -> str | None:
        """Why a fact that counts is not measured on a day: a newer report, another derivation, another day of its session."""
        if isinstance(entry, Exercise) and entry.session_id is not None:
            newest = self.standing_report(entry.session_id)
            return (
                None if newest is entry or newest is None else f"superseded by the newer report of its session, {newest.source}#{newest.id}"
            )
        if not isinstance(entry, Session | Rep):
            return None
        standing = self.standing(entry.session_id)
        if standing is None:
            return None
        if entry not in standing.entries:
            number = standing.session.derivation if standing.session else standing.reps[0].derivation
            if entry.derivation != number:
                return f"derivation {entry.derivation}; derivation {number} of its session stands"
            return "superseded by a newer fact of the same derivation"
        return None if standing.day == day else f"its session started on {format_day(standing.day)}"

    def type_of(self, entry: AnyEntry) -> str:
        """The event type of a fact."""
        return self._types[id(entry)]

    def told(self, entry: AnyEntry, what: str) -> Told:
        """A fact with what there is to say of it."""
        instant = entry.start if isinstance(entry, Rep) else entry.at
        return Told(self.type_of(entry), entry.source, entry.id, self.local(instant), what)

    def local(self, instant: int) -> str:
        """An instant as local time with its offset from UTC."""
        zone = load_zone(self.timeline.zone_of(instant))
        wall = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=instant // SECOND)).astimezone(zone)
        return wall.isoformat(" ")

    def episode(self, day: int) -> Episode | None:
        """The episode of a day."""
        return self.timeline.episode_of(day)

    def _retracted(self, entry: AnyEntry) -> str:
        back = self._back.get((entry.source, entry.id))
        if back is None and isinstance(entry, Session | Rep):
            lost = self._lost[entry.session_id]
            return f"its session was retracted, as {lost.source}#{lost.id}"
        return "retracted" if back is None else f"retracted by {back.source}#{back.id}"
