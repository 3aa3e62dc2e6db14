"""What is known of a patient, to be read: entries by week, the exact index of ids, the strip of summaries, timeline, plans, a day's facts.

State: one head (what isn't dated by a day: enrolments, plans, care, retractions), the dated entries by UTC week of the instant that dates
them, an index of ids in buckets, and a strip of day summaries by week. All but the head are read from the store when they are needed.
`processors.ledger` changes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from weakref import proxy

import msgspec

from processors.alerts_state import OpenAlert
from processors.calendar import day_start
from processors.days import MOTION, DayFacts, Sensed, assemble, chain, stand
from processors.entries import (
    Alone,
    AnyEntry,
    Dated,
    Discharged,
    Ended,
    Enrolled,
    Exercise,
    Minutes,
    Note,
    Prescribed,
    Rep,
    Retraction,
    Session,
    Setup,
)
from processors.episodes import Episode, Timeline
from processors.index import Index, report_key, session_key
from processors.issued import Issued
from processors.plans import DayPlan, PlanBook
from processors.shelf import Shelf, unpack, version_of
from processors.store import StateStore
from processors.summary import NOTHING, DaySummary, aged, grown, summarise
from processors.weeks import Weeks, week_of
from schemas.instants import DAY_SECONDS, SECOND

FARTHEST = 14 * 3600 * SECOND
"""No local date lies farther than this from the UTC date of the same name."""
LONG_SILENCE = 400
"""After so many days without a tick everything is computed anew rather than day by day."""
INDEX_SINCE = 2
"""The version since which the ids stand in `processors.index`."""

StructuralUnion = Enrolled | Discharged | Prescribed | Ended | Setup | Minutes | Retraction | Note


LEDGER_BYTES, STRUCTURAL_BYTES, ENTRY_BYTES, PART_BYTES = 8_000, 500, 800, 5_000
"""About what a ledger takes in memory: by itself, each entry of its head, each dated entry with all that is made of it, each week's part of
a strip and of what was issued. Measured by the bytes of all objects, over patients with 48 and with 2 reports a day."""


class Strip(msgspec.Struct, array_like=True):
    """The summaries of a week of days."""

    days: dict[int, DaySummary] = {}

    @classmethod
    def read(cls, blob: bytes) -> Strip:
        """The strip of a blob."""
        return unpack(blob, cls)

    def form(self) -> list[dict[int, msgspec.Raw]]:
        """What is written of it: each summary packed once."""
        return [{day: summary.packed() for day, summary in self.days.items()}]


class Stale(msgspec.Struct, array_like=True):
    """What must be computed again at the next flush."""

    everything: bool = False
    days: set[int] = set()
    care: bool = False
    restate: bool = False


class Head(msgspec.Struct, array_like=True):
    """What a patient's ledger always has at hand."""

    structural: list[StructuralUnion] = []
    lost_sessions: set[str] = set()
    weeks: set[int] = set()
    strips: set[int] = set()
    now: int = 0
    today: int | None = None
    newest_recorded: int = 0
    position: int = 0
    forgotten: bool = False
    issued: dict[str, dict[str, bytes]] = {}
    heard: dict[str, int] = {}
    alerts: dict[str, OpenAlert] = {}
    stale: Stale = msgspec.field(default_factory=Stale)
    known: int = 0


@dataclass(slots=True)
class Examined:
    """The facts of a day and their summary; `added` stand alone, and aren't in either yet."""

    facts: DayFacts
    summary: DaySummary
    added: list[Alone] = field(default_factory=list)


class Days(dict[int, DaySummary]):
    """The summaries of an episode's days up to today, as of now, whether they were issued or not; any other day is empty.

    The archive has them, so they don't hold it: it would stay until a search for cycles.
    """

    def __init__(self, archive: Archive, episode: Episode) -> None:
        super().__init__()
        self._archive: Archive = proxy(archive)
        self.episode = episode

    def __missing__(self, day: int) -> DaySummary:
        within = self.episode.first <= day <= self._archive.today
        found = self[day] = self._archive.current(day) if within else NOTHING
        return found


class Archive:
    """What is known of one patient, over a store."""

    def __init__(self, subject: str, store: StateStore) -> None:
        name = subject.encode()
        self.subject = subject
        self._store, self._head_key = store, b"patient/h/" + name
        blob = store.get(self._head_key)
        self.head = Head() if blob is None else unpack(blob, Head)
        self._weeks = Weeks(store, name)
        self._index = Index(store, name, self.head.known)
        self.strips = Shelf(store, b"patient/s/" + name + b"/", Strip.read, Strip, Strip.form)
        self.issued = Shelf(store, b"patient/r/" + name + b"/", Issued.read, Issued)
        self.timeline = self._told_timeline()
        self._plans: PlanBook | None = None
        self._retracted: set[tuple[str, str]] | None = None
        self._by_day: dict[int, dict[int, list[Dated]]] = {}
        self._of_session: dict[str, list[Session | Rep]] = {}
        self._standing: dict[str, Sensed | None] = {}
        self._standing_reports: dict[str, Exercise | None] = {}
        self._counted: dict[int, list[Dated]] = {}
        self._chains: dict[int, range] = {}
        self._fresh: dict[int, Examined] = {}
        self._summed: dict[int, DaySummary] = {}  # of stale days of which only the summary changed
        self._now: Days | None = None
        self.pain_baselines: dict[tuple[int, int, int], float | None] = {}  # by day and what the rule asks: `processors.alerts.pain`
        self.shown: dict[int, tuple[DayFacts, DayPlan]] = {}
        self._quiet_until = self._known_quiet()  # before this instant the time alone changes nothing
        self.changed = False
        if blob is not None and version_of(blob) < INDEX_SINCE:
            self._index.adopt_former()
            self.changed = True

    @property
    def size(self) -> int:
        """About how many bytes it takes in memory."""
        parts = len(self.strips) + len(self.issued)
        return LEDGER_BYTES + STRUCTURAL_BYTES * len(self.head.structural) + ENTRY_BYTES * len(self._weeks) + PART_BYTES * parts

    # -- identity -----------------------------------------------------------------------------------------------------------------

    def known(self, key: bytes, content: bytes) -> bool | None:
        """Whether the fact that has taken a key has the same content; None where none has taken it."""
        return self._index.known(key, content)

    def take_key(self, key: bytes, content: bytes, place: int) -> None:
        """Remember a fact's key, its content, and where its entry stands."""
        self._index.take(key, content, place)

    # -- what is known now --------------------------------------------------------------------------------------------------------

    def retractions(self) -> set[tuple[str, str]]:
        """(source, id) of every fact that is retracted, as named."""
        if self._retracted is None:
            self._retracted = {(x.fact_source, x.fact_id) for x in self.head.structural if isinstance(x, Retraction)}
        return self._retracted

    def _told_timeline(self) -> Timeline:
        """The episodes, as the facts that count now tell them."""
        counted = [x for x in self.head.structural if not x.retracted]
        return Timeline([x for x in counted if isinstance(x, Enrolled)], [x for x in counted if isinstance(x, Discharged)])

    def _known_quiet(self) -> int:
        """Until when the time alone changes nothing, where the head was aged by the timeline that holds; else 0."""
        head, timeline = self.head, self.timeline
        aged = head.today is not None and timeline.episodes and timeline.day_of(head.now) == head.today
        return timeline.next_change(head.now) if aged else 0

    @property
    def plans(self) -> PlanBook:
        """The plans, as the facts that count now tell them."""
        if self._plans is None:
            counted = [x for x in self.head.structural if not x.retracted]
            prescribed = [x for x in counted if isinstance(x, Prescribed)]
            self._plans = PlanBook(prescribed, [x for x in counted if isinstance(x, Ended)], self.timeline)
        return self._plans

    def care(self) -> Iterator[Setup | Minutes]:
        """What staff did on days up to today, as far as it counts."""
        for entry in self.head.structural:
            if isinstance(entry, Setup | Minutes) and not entry.retracted and self.timeline.day_of(entry.at) <= self.today:
                yield entry

    @property
    def today(self) -> int:
        """The local date of `now`; there must be an episode."""
        today = self.head.today
        if today is not None and self.head.now < self._quiet_until:
            return today
        return self.timeline.day_of(self.head.now)

    def episodes(self) -> list[Episode]:
        """The episodes, in order."""
        return self.timeline.episodes

    def clinic_of(self, entry: AnyEntry) -> str:
        """The clinic of a fact: that of its day's episode, else what its envelope says, else ''."""
        if not self.timeline.episodes:
            return entry.clinic
        episode = self.timeline.episode_of(self.timeline.day_of(entry.at))
        return episode.enrolled.clinic_id if episode else entry.clinic

    def entries(self) -> Iterator[AnyEntry]:
        """Every entry, those of cold weeks read from the store."""
        yield from self.head.structural
        for number in sorted(self.head.weeks):
            if (week := self._weeks.get(number)) is not None:
                yield from week.entries

    # -- a day's facts (the Source of processors.days) ----------------------------------------------------------------------------

    def _indexed(self, number: int) -> dict[int, list[Dated]]:
        index = self._by_day.get(number)
        if index is None:
            index = self._by_day[number] = {}
            week, timeline = self._weeks.get(number), self.timeline
            for entry in week.entries if week else ():
                index.setdefault(timeline.day_of(entry.at), []).append(entry)
        return index

    def counted_on(self, day: int) -> list[Dated]:
        """The facts dated to a day that count: not retracted, the day in an episode and not after today."""
        found = self._counted.get(day)
        if found is None:
            found = self._counted[day] = []
            if day <= self.today and self.timeline.episode_of(day) is not None:
                first = week_of(day * DAY_SECONDS * SECOND - FARTHEST)
                last = week_of((day + 1) * DAY_SECONDS * SECOND + FARTHEST)
                for number in range(first, last + 1):
                    found += [x for x in self._indexed(number).get(day, ()) if not x.retracted]
        return found

    def bounds(self, day: int) -> tuple[int, int]:
        """The first instants of a day and of the next."""
        episode = self.timeline.episode_of(day)
        zone = episode.enrolled.zone if episode else self.timeline.episodes[0].enrolled.zone
        return day_start(zone, day), day_start(zone, day + 1)

    def chain(self, day: int) -> range:
        """The days around `day` whose sessions may be paired with each other."""
        found = self._chains.get(day)
        if found is None:
            found = self._chains[day] = chain(self, day)
        return found

    def _counts(self, entry: Dated) -> bool:
        return not entry.retracted and self._counts_on(entry, self.timeline.day_of(entry.at))

    def _counts_on(self, entry: Dated, day: int) -> bool:
        """Whether an entry that is dated to a day counts."""
        return not entry.retracted and day <= self.today and self.timeline.episode_of(day) is not None

    def _session_entries(self, session_id: str) -> list[Session | Rep]:
        found = self._of_session.get(session_id)
        if found is None:
            weeks = [self._weeks.get(number) for number in self._index.weeks(session_key(session_id))]
            found = [x for week in weeks if week for x in week.entries if isinstance(x, MOTION) and x.session_id == session_id]
            self._of_session[session_id] = found
        return found

    def standing(self, session_id: str) -> Sensed | None:
        """The standing derivation of a sensed session, or None."""
        if session_id not in self._standing:
            found = stand(session_id, [x for x in self._session_entries(session_id) if self._counts(x)])
            if found is not None:
                found.day = self.timeline.day_of(found.start)
            self._standing[session_id] = found
        return self._standing[session_id]

    def standing_report(self, session_id: str) -> Exercise | None:
        """The newest exercise report that names a session, or None."""
        if session_id not in self._standing_reports:
            weeks = [self._weeks.get(number) for number in self._index.weeks(report_key(session_id))]
            named = [x for week in weeks if week for x in week.entries if isinstance(x, Exercise) and x.session_id == session_id]
            self._standing_reports[session_id] = max((x for x in named if self._counts(x)), key=lambda x: x.age, default=None)
        return self._standing_reports[session_id]

    def facts_of(self, day: int) -> DayFacts:
        """The facts of a day in an episode, as they count."""
        return assemble(self, day, over=self.is_over(day))

    def is_over(self, day: int) -> bool:
        """Whether a day of an episode is over."""
        return self.head.now >= self.timeline.over_at(day)

    def summary(self, day: int) -> DaySummary | None:
        """The summary of a day as of the last flush, or None."""
        strip = self.strips.get(day // 7)
        return strip.days.get(day) if strip else None

    def examine(self, day: int) -> Examined:
        """A day of an episode as of now."""
        over, found = self.is_over(day), self._fresh.get(day)
        if found is None:
            facts = assemble(self, day, over=over)
            found = self._fresh[day] = Examined(facts, summarise(facts, self.plans.of(day)))
            return found
        if found.added:
            facts = found.facts.with_entries(found.added)
            one = found.added[0] if len(found.added) == 1 else None
            plan = self.plans.of(day)
            summary = summarise(facts, plan) if one is None else grown(found.summary, facts, one, plan)
            found = self._fresh[day] = Examined(facts, summary)
        if found.facts.over != over:
            found = self._fresh[day] = Examined(replace(found.facts, over=over), aged(found.summary, over=over))
        return found

    def summed(self, day: int) -> DaySummary | None:
        """The summary of a day of an episode as of now, where nothing else of the day has changed since it was issued."""
        known = self._summed.get(day)
        return known if known is not None and known.adherence.over == self.is_over(day) else None

    def current(self, day: int) -> DaySummary:
        """The summary of a day in an episode as of now, whether it was issued or not."""
        stale = self.head.stale
        known = self.summed(day) if stale.everything or day in stale.days else self.summary(day)
        return self.examine(day).summary if known is None else known

    def days_of(self, episode: Episode) -> Days:
        """The days of an episode as of now, remembered until the time or a fact changes them."""
        if self._now is None or self._now.episode is not episode:
            self._now = Days(self, episode)
        return self._now

    def has_issued(self, day: int) -> bool:
        """Whether a row of a day was issued."""
        week = self.issued.get(day // 7)
        return week is not None and day in week.days

    def settled(self) -> None:
        """Everything stale is issued."""
        self.head.stale = Stale()
        self._fresh.clear()
        self._summed.clear()
        self._now = None
