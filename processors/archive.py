"""What is known of a patient, to be read: entries by week, the exact index of ids, the strip of summaries, timeline, plans, a day's facts.

State: one head (what isn't dated by a day: enrolments, plans, care, retractions), the dated entries by UTC week of the instant that dates
them, an index of ids in buckets, and a strip of day summaries by week. All but the head are read from the store when they are needed.
`processors.ledger` changes it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace

import msgspec

from processors.calendar import day_start
from processors.days import DayFacts, Sensed, assemble, chain, stand
from processors.entries import (
    Activity,
    Checkin,
    Dated,
    Discharged,
    Dose,
    Ended,
    Enrolled,
    Exercise,
    Minutes,
    Note,
    Pain,
    Prescribed,
    Rep,
    Retraction,
    Score,
    Session,
    Setup,
    Symptom,
)
from processors.episodes import Timeline
from processors.plans import PlanBook
from processors.shelf import Shelf, unpack
from processors.store import StateStore
from processors.summary import DaySummary, aged, summarise
from schemas.content import reference_key
from schemas.instants import DAY_SECONDS, SECOND

WEEK = 7 * DAY_SECONDS * SECOND
FARTHEST = 14 * 3600 * SECOND
"""No local date lies farther than this from the UTC date of the same name."""
BUCKETS = 16
KNOWN_FACT = struct.Struct("<16s16sq")
LONG_SILENCE = 400
"""After so many days without a tick everything is computed anew rather than day by day."""
HEAD = -(1 << 40)
"""The place of an entry that stands in the head, where others have a week."""
NOWHERE = HEAD - 1
"""The place of a fact that took its key but was not admitted."""

DatedUnion = Session | Rep | Exercise | Pain | Dose | Score | Activity | Symptom | Checkin
StructuralUnion = Enrolled | Discharged | Prescribed | Ended | Setup | Minutes | Retraction | Note


class Week(msgspec.Struct, array_like=True):
    """The dated entries of one UTC week, as they came."""

    entries: list[DatedUnion] = []


class Bucket(msgspec.Struct, array_like=True):
    """A part of the index: the facts' keys; session → weeks with its facts; session → weeks with reports naming it.

    `facts` are records of key (16 bytes), content digest (16 bytes) and place (8 bytes) one after the other: it grows with all history.
    """

    facts: bytearray = msgspec.field(default_factory=bytearray)
    sessions: dict[str, list[int]] = {}
    reports: dict[str, list[int]] = {}

    def find(self, key: bytes) -> tuple[bytes, int] | None:
        """The content digest and the place of a fact, by its key."""
        at = self.facts.find(key)
        while at > 0 and at % KNOWN_FACT.size:
            at = self.facts.find(key, at + 1)
        if at < 0:
            return None
        _, content, place = KNOWN_FACT.unpack_from(self.facts, at)
        return content, place

    def take(self, key: bytes, content: bytes, place: int) -> None:
        """Add a fact; its key must be new."""
        self.facts += KNOWN_FACT.pack(key, content, place)


class Strip(msgspec.Struct, array_like=True):
    """The summaries of a week of days."""

    days: dict[int, DaySummary] = {}


class Issued(msgspec.Struct, array_like=True):
    """The digests of the rows issued for a week of days, by day, table and key."""

    days: dict[int, dict[str, dict[str, bytes]]] = {}


class Stale(msgspec.Struct, array_like=True):
    """What must be computed again at the next flush."""

    everything: bool = False
    days: set[int] = set()
    care: bool = False
    restate: bool = False


class OpenAlert(msgspec.Struct, array_like=True):
    """An alert as it stands; `row` is its row in `alerts`."""

    rule: str
    episode_id: str
    status: str
    row: dict[str, str | int | None]


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


def week_of(instant: int) -> int:
    """The number of an instant's UTC week (of seven days since the epoch)."""
    return instant // WEEK


class Archive:
    """What is known of one patient, over a store."""

    def __init__(self, subject: str, store: StateStore) -> None:
        name = subject.encode()
        self.subject = subject
        self._store, self._head_key = store, b"patient/h/" + name
        blob = store.get(self._head_key)
        self.head = Head() if blob is None else unpack(blob, Head)
        self._weeks = Shelf(store, b"patient/w/" + name + b"/", Week, Week)
        self._ids = Shelf(store, b"patient/i/" + name + b"/", Bucket, Bucket)
        self.strips = Shelf(store, b"patient/s/" + name + b"/", Strip, Strip)
        self.issued = Shelf(store, b"patient/r/" + name + b"/", Issued, Issued)
        self._timeline: Timeline | None = None
        self._plans: PlanBook | None = None
        self._retracted: set[tuple[str, str]] | None = None
        self._by_day: dict[int, dict[int, list[Dated]]] = {}
        self._standing: dict[str, Sensed | None] = {}
        self._standing_reports: dict[str, Exercise | None] = {}
        self._counted: dict[int, list[Dated]] = {}
        self._chains: dict[int, range] = {}
        self._fresh: dict[int, tuple[DayFacts, DaySummary]] = {}
        self._quiet_until = 0  # before this instant the time alone changes nothing
        self.changed = False

    # -- identity -----------------------------------------------------------------------------------------------------------------

    def _bucket_of_key(self, key: bytes) -> int:
        return key[0] % BUCKETS

    def _bucket_of_name(self, session_id: str) -> int:
        return reference_key("session", session_id)[0] % BUCKETS

    def known(self, key: bytes) -> bytes | None:
        """The content digest of the fact that has taken a key, or None."""
        bucket = self._ids.get(self._bucket_of_key(key))
        found = bucket.find(key) if bucket else None
        return found[0] if found else None

    def take_key(self, key: bytes, content: bytes, place: int) -> None:
        """Remember a fact's key, its content, and where its entry stands."""
        self._ids.edit(self._bucket_of_key(key)).take(key, content, place)

    # -- what is known now --------------------------------------------------------------------------------------------------------

    def retractions(self) -> set[tuple[str, str]]:
        """(source, id) of every fact that is retracted, as named."""
        if self._retracted is None:
            self._retracted = {(x.fact_source, x.fact_id) for x in self.head.structural if isinstance(x, Retraction)}
        return self._retracted

    @property
    def timeline(self) -> Timeline:
        """The episodes, as the facts that count now tell them."""
        if self._timeline is None:
            counted = [x for x in self.head.structural if not x.retracted]
            enrolled = [x for x in counted if isinstance(x, Enrolled)]
            self._timeline = Timeline(enrolled, [x for x in counted if isinstance(x, Discharged)])
        return self._timeline

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
        if entry.retracted:
            return False
        day = self.timeline.day_of(entry.at)
        return day <= self.today and self.timeline.episode_of(day) is not None

    def _session_entries(self, session_id: str) -> list[Session | Rep]:
        bucket = self._ids.get(self._bucket_of_name(session_id))
        weeks = [self._weeks.get(number) for number in (bucket.sessions.get(session_id, ()) if bucket else ())]
        return [x for week in weeks if week for x in week.entries if isinstance(x, Session | Rep) and x.session_id == session_id]

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
            bucket = self._ids.get(self._bucket_of_name(session_id))
            weeks = [self._weeks.get(number) for number in (bucket.reports.get(session_id, ()) if bucket else ())]
            named = [x for week in weeks if week for x in week.entries if isinstance(x, Exercise) and x.session_id == session_id]
            self._standing_reports[session_id] = max((x for x in named if self._counts(x)), key=lambda x: x.age, default=None)
        return self._standing_reports[session_id]

    def facts_of(self, day: int) -> DayFacts:
        """The facts of a day in an episode, as they count."""
        return assemble(self, day, over=self._over(day))

    def _over(self, day: int) -> bool:
        episode = self.timeline.episode_of(day)
        return episode is not None and self.head.now >= episode.over_at(day)

    def summary(self, day: int) -> DaySummary | None:
        """The summary of a day as of the last flush, or None."""
        strip = self.strips.get(day // 7)
        return strip.days.get(day) if strip else None

    def examine(self, day: int) -> tuple[DayFacts, DaySummary]:
        """The facts of a day in an episode and their summary, as of now."""
        over, found = self._over(day), self._fresh.get(day)
        if found is None:
            facts = assemble(self, day, over=over)
            found = self._fresh[day] = (facts, summarise(facts, self.plans.of(day)))
        elif found[0].over != over:
            found = self._fresh[day] = (replace(found[0], over=over), aged(found[1], over=over))
        return found

    def current(self, day: int) -> DaySummary:
        """The summary of a day in an episode as of now, whether it was issued or not."""
        stale = self.head.stale
        if not stale.everything and day not in stale.days and (known := self.summary(day)) is not None:
            return known
        return self.examine(day)[1]

    def settled(self) -> None:
        """Everything stale is issued."""
        self.head.stale = Stale()
        self._fresh.clear()
