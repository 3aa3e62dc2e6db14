"""A patient's ledger: every admitted fact, who is known already, what is retracted, and which days a new fact changes.

In: entries (`processors.entries`), in the log's order, and the time. Out: the facts of a day as they count, the timeline, the plans, and the
set of stale days. State: one head (what isn't dated by a day: enrolments, plans, care, retractions), the dated entries by UTC week, an exact
index of ids in buckets, and a strip of day summaries by week. Weeks and buckets are read when they are needed and dropped after a save.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from processors.calendar import day_start
from processors.days import DayFacts, Sensed, assemble, chain, stand
from processors.entries import (
    Activity,
    AnyEntry,
    Checkin,
    Dated,
    Discharged,
    Dose,
    Ended,
    Enrolled,
    Exercise,
    Heard,
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
from processors.episodes import Episode, Timeline
from processors.plans import PlanBook
from processors.shelf import Shelf, pack, unpack
from processors.store import StateStore
from processors.summary import DaySummary, summarise
from schemas.content import reference_key
from schemas.instants import DAY_SECONDS, SECOND

WEEK = 7 * DAY_SECONDS * SECOND
FARTHEST = 14 * 3600 * SECOND
"""No local date lies farther than this from the UTC date of the same name."""
BUCKETS = 16
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
    """A part of the index: fact key → (content digest, place); session → weeks with its facts; session → weeks with reports naming it."""

    facts: dict[bytes, tuple[bytes, int]] = {}
    sessions: dict[str, list[int]] = {}
    reports: dict[str, list[int]] = {}


class Strip(msgspec.Struct, array_like=True):
    """One week of days: their summaries, and the digests of the rows issued by day and table."""

    days: dict[int, DaySummary] = {}
    issued: dict[int, dict[str, dict[str, bytes]]] = {}


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


class Ledger:
    """The ledger of one patient, over a store."""

    def __init__(self, subject: str, store: StateStore) -> None:
        name = subject.encode()
        self.subject = subject
        self._store, self._head_key = store, b"patient/h/" + name
        blob = store.get(self._head_key)
        self.head = Head() if blob is None else unpack(blob, Head)
        self._weeks = Shelf(store, b"patient/w/" + name + b"/", Week, Week)
        self._ids = Shelf(store, b"patient/i/" + name + b"/", Bucket, Bucket)
        self.strips = Shelf(store, b"patient/s/" + name + b"/", Strip, Strip)
        self._timeline: Timeline | None = None
        self._plans: PlanBook | None = None
        self._retracted: set[tuple[str, str]] | None = None
        self._by_day: dict[int, dict[int, list[Dated]]] = {}
        self._standing: dict[str, Sensed | None] = {}
        self._standing_reports: dict[str, Exercise | None] = {}
        self._counted: dict[int, list[Dated]] = {}
        self._fresh: dict[int, DaySummary] = {}
        self.changed = False

    # -- identity -----------------------------------------------------------------------------------------------------------------

    def _bucket_of_key(self, key: bytes) -> int:
        return key[0] % BUCKETS

    def _bucket_of_name(self, session_id: str) -> int:
        return reference_key("session", session_id)[0] % BUCKETS

    def known(self, key: bytes) -> bytes | None:
        """The content digest of the fact that has taken a key, or None."""
        bucket = self._ids.get(self._bucket_of_key(key))
        found = bucket.facts.get(key) if bucket else None
        return found[0] if found else None

    def take_key(self, key: bytes, content: bytes, place: int) -> None:
        """Remember a fact's key, its content, and where its entry stands."""
        self._ids.edit(self._bucket_of_key(key)).facts[key] = (content, place)

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
        episode = self.timeline.episode_of(day)
        return assemble(self, day, over=episode is not None and self.head.now >= episode.over_at(day))

    def summary(self, day: int) -> DaySummary | None:
        """The summary of a day as of the last flush, or None."""
        strip = self.strips.get(day // 7)
        return strip.days.get(day) if strip else None

    def current(self, day: int) -> DaySummary:
        """The summary of a day in an episode as of now, whether it was issued or not."""
        stale = self.head.stale
        if not stale.everything and day not in stale.days and (known := self.summary(day)) is not None:
            return known
        if day not in self._fresh:
            self._fresh[day] = summarise(self.facts_of(day), self.plans.of(day))
        return self._fresh[day]

    def settled(self) -> None:
        """Everything stale is issued."""
        self.head.stale = Stale()
        self._fresh.clear()

    # -- change -------------------------------------------------------------------------------------------------------------------

    def add(self, entry: AnyEntry, key: bytes, content: bytes) -> None:
        """Take an admitted fact in, and note which days it changes."""
        self.changed = True
        if isinstance(entry, Heard):
            entry.retracted = (entry.source, entry.id) in self.retractions()
            self._add_dated(entry, key, content)
            return
        self.take_key(key, content, HEAD)
        self.head.structural.append(entry)
        if isinstance(entry, Retraction):
            self._retracted = None
            self._apply_retraction(entry.fact_source, entry.fact_id)
            return
        entry.retracted = (entry.source, entry.id) in self.retractions()
        if isinstance(entry, Setup | Minutes):
            self.head.stale.care = True
        elif not isinstance(entry, Note) and not entry.retracted:
            self.recount(redate=isinstance(entry, Enrolled | Discharged))

    def _add_dated(self, entry: Dated, key: bytes, content: bytes) -> None:
        number = week_of(entry.at)
        self.take_key(key, content, number)
        if isinstance(entry, Session | Rep):
            if entry.session_id in self.head.lost_sessions:
                entry.retracted = True
            elif isinstance(entry, Session) and entry.retracted:
                self._lose_session(entry.session_id)
        before = self._touched_by(entry) if self.names_known_session(entry) else set()
        self._weeks.edit(number).entries.append(entry)
        self.head.weeks.add(number)
        if self.timeline:
            day = self.timeline.day_of(entry.at)
            self._counted.pop(day, None)
            if number in self._by_day:
                self._by_day[number].setdefault(day, []).append(entry)
        self._index_session(entry, number)
        self._forget_standing(entry)
        self._stale(before | self._touched_by(entry))

    def _index_session(self, entry: Dated, number: int) -> None:
        if isinstance(entry, Session | Rep):
            weeks = self._ids.edit(self._bucket_of_name(entry.session_id)).sessions.setdefault(entry.session_id, [])
        elif isinstance(entry, Exercise) and entry.session_id is not None:
            weeks = self._ids.edit(self._bucket_of_name(entry.session_id)).reports.setdefault(entry.session_id, [])
        else:
            return
        if number not in weeks:
            weeks.append(number)

    def names_known_session(self, entry: Dated) -> bool:
        """Whether a motion fact or an exercise report names a session of which something is known."""
        if not isinstance(entry, Session | Rep | Exercise) or entry.session_id is None:
            return False
        bucket = self._ids.get(self._bucket_of_name(entry.session_id))
        return bucket is not None and (entry.session_id in bucket.sessions or entry.session_id in bucket.reports)

    def _forget_standing(self, entry: Dated) -> None:
        if isinstance(entry, Session | Rep | Exercise) and entry.session_id is not None:
            self._standing.pop(entry.session_id, None)
            self._standing_reports.pop(entry.session_id, None)

    def _forget_days(self) -> None:
        self._counted.clear()
        self._standing.clear()
        self._standing_reports.clear()

    def _stale(self, days: set[int]) -> None:
        self.head.stale.days |= days
        for day in days:
            self._fresh.pop(day, None)

    def _touched_by(self, entry: Dated) -> set[int]:
        """The days whose own facts an entry can change, as things stand: its day, and for sessions all days that pair with it."""
        if not self.timeline:
            return set()
        days = {self.timeline.day_of(entry.at)}
        if isinstance(entry, Session | Rep | Exercise) and entry.session_id is not None:
            standing = self.standing(entry.session_id)
            if standing is not None:
                days.add(standing.day)
            if not isinstance(entry, Rep):
                report = self.standing_report(entry.session_id)
                if report is not None:
                    days.add(self.timeline.day_of(report.at))
        if isinstance(entry, Session | Exercise):
            days = {near for day in days for near in chain(self, day)}
        return days

    def recount(self, *, redate: bool) -> None:
        """Forget everything derived: the plans, and with `redate` the timeline and every fact's date as well."""
        self.changed = True
        self.head.stale.everything = True
        self._fresh.clear()
        self._plans = None
        if redate:
            self.head.stale.restate = True
            self._timeline = None
            self._by_day.clear()
            self._forget_days()

    def _apply_retraction(self, source: str, name: str) -> None:
        """Mark the fact that is named, if it is there; a retracted `motion.session` takes all facts of its session."""
        key = reference_key(source, name)
        bucket = self._ids.get(self._bucket_of_key(key))
        place = bucket.facts[key][1] if bucket and key in bucket.facts else NOWHERE
        if place == HEAD:
            for entry in self.head.structural:
                if (entry.source, entry.id) == (source, name) and not isinstance(entry, Retraction):
                    entry.retracted = True
                    self.head.stale.restate = self.head.stale.care = True
                    self.recount(redate=True)
        elif place != NOWHERE:
            for dated in [x for x in self._weeks.edit(place).entries if (x.source, x.id) == (source, name) and not x.retracted]:
                if isinstance(dated, Session):
                    self._lose_session(dated.session_id)
                else:
                    self._retract(dated)

    def _retract(self, entry: Dated) -> None:
        before = self._touched_by(entry)
        entry.retracted = True
        self._counted.clear()
        self.head.stale.restate = True
        self._forget_standing(entry)
        self._stale(before | self._touched_by(entry))

    def _lose_session(self, session_id: str) -> None:
        self.head.lost_sessions.add(session_id)
        bucket = self._ids.get(self._bucket_of_name(session_id))
        for number in bucket.sessions.get(session_id, ()) if bucket else ():
            for entry in self._weeks.edit(number).entries:
                if isinstance(entry, Session | Rep) and entry.session_id == session_id and not entry.retracted:
                    self._retract(entry)

    def advance(self, now: int) -> None:
        """Move the time on; what a new day reveals, or a day that is over changes, becomes stale."""
        head, before = self.head, self.head.now
        if now <= before:
            return
        self.changed = True
        coming = self._coming(now) if self.timeline else []
        linked = {day for entry in coming for day in self._touched_by(entry)}
        head.now = now
        if not self.timeline:
            return
        today = self.today
        if head.today is None or today - head.today > LONG_SILENCE:
            self.recount(redate=False)
        if head.today != today:
            head.stale.care = head.stale.care or any(isinstance(x, Setup | Minutes) for x in head.structural)
            self._forget_days()
        linked |= {day for entry in coming for day in self._touched_by(entry)}
        first = min(head.today if head.today is not None else today, today) - 2
        self._stale(linked | set(range(max(first, today - LONG_SILENCE), today + 1)))
        head.today = today

    def _coming(self, now: int) -> list[Dated]:
        """The facts of days that begin by `now`: until then they were not there."""
        today, before = self.timeline.day_of(now), self.head.today if self.head.today is not None else self.today
        weeks = range(week_of(self.head.now) - 1, week_of(now + FARTHEST) + 2) if self.head.now else ()
        found = [self._indexed(number) for number in weeks if number in self.head.weeks]
        return [entry for index in found for day in range(before + 1, today + 1) for entry in index.get(day, ()) if not entry.retracted]

    def restate(self, shown: Callable[[AnyEntry], str]) -> Iterator[AnyEntry]:
        """Every entry whose row in `events` says something else than holds now (`shown` gives the clinic), brought up to date."""
        places: list[tuple[int | None, list[AnyEntry]]] = [(None, list(self.head.structural))]
        places += [(number, list(week.entries)) for number in sorted(self.head.weeks) if (week := self._weeks.get(number))]
        for number, entries in places:
            for entry in entries:
                clinic = shown(entry)
                if entry.retracted != entry.shown_retracted or clinic != entry.shown_clinic:
                    if number is not None:
                        self._weeks.edit(number)
                    entry.shown_retracted, entry.shown_clinic = entry.retracted, clinic
                    yield entry

    def clinic_of(self, entry: AnyEntry) -> str:
        """The clinic of a fact: that of its day's episode, else what its envelope says, else ''."""
        if not self.timeline:
            return entry.clinic
        episode = self.timeline.episode_of(self.timeline.day_of(entry.at))
        return episode.enrolled.clinic_id if episode else entry.clinic

    def episodes(self) -> list[Episode]:
        """The episodes, in order."""
        return self.timeline.episodes

    # -- state --------------------------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write what changed to the store and drop what is cold."""
        if not self.changed:
            return
        self._store.put(self._head_key, pack(self.head))
        for shelf in (self._weeks, self._ids, self.strips):
            shelf.save()
        self.changed = False
        hot = week_of(self.head.now) - 1
        for number in self._weeks.loaded():
            if number < hot:
                self._weeks.drop(number)
                self._by_day.pop(number, None)
        self._forget_days()
        for number in self._ids.loaded():
            self._ids.drop(number)
        for number in self.strips.loaded():
            if number < hot - 5:
                self.strips.drop(number)
