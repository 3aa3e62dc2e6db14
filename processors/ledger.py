"""A patient's ledger: what is known of him, and how a new fact, a retraction or the time changes it.

In: entries (`processors.entries`) in the log's order, and the time. Out: the days that are stale, for `processors.issue`. Which days an
entry can change is told in one place, `Ledger.days_touched_by`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeGuard

from processors.archive import FARTHEST, LONG_SILENCE, Archive, Examined, Head
from processors.days import MOTION, DayFacts, Sensed, near_midnight
from processors.entries import (
    PLAIN,
    SUMMED,
    Alone,
    AnyEntry,
    Dated,
    Discharged,
    Enrolled,
    Exercise,
    Heard,
    Minutes,
    Note,
    Rep,
    Retraction,
    Session,
    Setup,
)
from processors.index import HEAD, NOWHERE, report_key, session_key
from processors.shelf import pack
from processors.summary import DaySummary, with_entry
from processors.weeks import week_of
from schemas.content import reference_key
from schemas.instants import DAY_SECONDS, SECOND

NAMING = (Session, Rep, Exercise)
"""What may name a session."""
STARTING = (Session, Exercise)
"""What may be paired by its start."""


class Ledger(Archive):
    """The ledger of one patient."""

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
        if isinstance(entry, Rep) and (standing := self.extends(entry)) is not None:
            self._lay(entry, number, standing.day)
            self._standing[entry.session_id] = Sensed(
                entry.session_id, standing.session, [*standing.reps, entry], standing.start, standing.day
            )
            self._stale_again(standing.day)
            return
        day = self.timeline.day_of(entry.at) if self.timeline.episodes else None
        if day is not None and self._counts_on(entry, day) and self.stands_alone(entry, day):
            self._lay(entry, number, day)
            self._add_alone(entry, day)
            return
        before = set[int]()
        if isinstance(entry, NAMING) and entry.session_id is not None:
            if isinstance(entry, Session | Rep) and entry.session_id in self.head.lost_sessions:
                entry.retracted = True
            elif isinstance(entry, Session) and entry.retracted:
                self._lose_session(entry.session_id)
            if self.names_known_session(entry):
                before = self.days_touched_by(entry)
            self._index_session(entry, number)
            self._forget_standing(entry)
        self._lay(entry, number, day)
        if day is not None and isinstance(entry, STARTING) and near_midnight(self, day, entry.at):
            self._chains.clear()
        self._stale(before | self.days_touched_by(entry))

    def _lay(self, entry: Dated, number: int, day: int | None) -> None:
        """Put an entry with the others of its week, its session and its day (None while no episode dates it)."""
        self._weeks.append(number, entry)
        self.head.weeks.add(number)
        if isinstance(entry, MOTION) and entry.session_id in self._of_session:
            self._of_session[entry.session_id].append(entry)
        if day is not None:
            if day in self._counted and self._counts_on(entry, day):
                self._counted[day].append(entry)
            if number in self._by_day:
                self._by_day[number].setdefault(day, []).append(entry)

    def stands_alone(self, entry: Dated, day: int) -> TypeGuard[Alone]:
        """Whether an entry of a day can be added to what is known of it: it is about no session, or about one that pairs with no other."""
        if isinstance(entry, Exercise):
            return entry.session_id is None and not near_midnight(self, day, entry.at) and len(self.chain(day)) == 1
        return isinstance(entry, PLAIN)

    def _add_alone(self, entry: Alone, day: int) -> None:
        """Have what is at hand of a day grow by an entry that stands alone, the facts once they are asked for."""
        found, summary = self._fresh.get(day), self._summed.get(day)
        if found is None and summary is None:
            found, summary = self._as_issued(day)
        self._stale({day})
        if found is not None:
            if not (isinstance(entry, Exercise) and found.facts.sensed):
                found.added.append(entry)
                self._fresh[day] = found
        elif summary is not None and isinstance(entry, SUMMED):
            self._summed[day] = with_entry(summary, entry)

    def _as_issued(self, day: int) -> tuple[Examined | None, DaySummary | None]:
        """A day as of the last flush, if nothing changed since, and anything was issued: all of it where its facts are at hand, else its
        summary."""
        stale, summary = self.head.stale, self.summary(day)
        if summary is None or stale.everything or day in stale.days:
            return None, None
        if day not in self.shown and not summary.adherence.heard:
            self.shown[day] = DayFacts(day, summary.adherence.over), self.plans.of(day)
        return (Examined(self.shown[day][0], summary), None) if day in self.shown else (None, summary)

    def _index_session(self, entry: Dated, number: int) -> None:
        if isinstance(entry, Session | Rep):
            self._index.note_week(session_key(entry.session_id), number)
        elif isinstance(entry, Exercise) and entry.session_id is not None:
            self._index.note_week(report_key(entry.session_id), number)

    def names_known_session(self, entry: Dated) -> bool:
        """Whether a motion fact or an exercise report names a session of which something is known."""
        if not isinstance(entry, NAMING) or entry.session_id is None:
            return False
        return bool(self._index.weeks(session_key(entry.session_id)) or self._index.weeks(report_key(entry.session_id)))

    def extends(self, entry: Rep) -> Sensed | None:
        """The derivation that stands of a repetition's session, where that is known and the repetition is its next, dated as it is."""
        standing = self._standing.get(entry.session_id)
        if standing is None or entry.retracted or entry.at != standing.start:
            return None
        known = standing.session or standing.reps[0]
        follows = not standing.reps or entry.rep > standing.reps[-1].rep
        return standing if follows and entry.derivation == known.derivation else None

    def _forget_standing(self, entry: Dated) -> None:
        if isinstance(entry, NAMING) and entry.session_id is not None:
            self._standing.pop(entry.session_id, None)
            self._standing_reports.pop(entry.session_id, None)

    def _forget_days(self) -> None:
        self._counted.clear()
        self._chains.clear()
        self._of_session.clear()
        self._standing.clear()
        self._standing_reports.clear()

    def _stale(self, days: set[int]) -> None:
        for day in days:
            self._stale_again(day)
        if self.pain_baselines and days:
            first = min(days)
            for key in [key for key in self.pain_baselines if key[0] > first]:
                del self.pain_baselines[key]

    def _stale_again(self, day: int) -> None:
        self.head.stale.days.add(day)
        self._fresh.pop(day, None)
        self._summed.pop(day, None)
        if self._now is not None:
            self._now.pop(day, None)

    def days_touched_by(self, entry: Dated) -> set[int]:
        """The days whose own facts an entry can change, as things stand: its day, and for sessions all days that pair with it."""
        if not self.timeline.episodes:
            return set()
        if isinstance(entry, Rep) and (standing := self.extends(entry)) is not None:
            return {standing.day}
        days = {self.timeline.day_of(entry.at)}
        if isinstance(entry, NAMING) and entry.session_id is not None:
            standing = self.standing(entry.session_id)
            if standing is not None:
                days.add(standing.day)
            if not isinstance(entry, Rep):
                report = self.standing_report(entry.session_id)
                if report is not None:
                    days.add(self.timeline.day_of(report.at))
        if isinstance(entry, STARTING):
            days = {near for day in days for near in self.chain(day)}
        return days

    def recount(self, *, redate: bool) -> None:
        """Forget everything derived: the plans, and with `redate` the timeline and every fact's date as well."""
        self.changed = True
        self.shown.clear()
        self.head.stale.everything = True
        self._fresh.clear()
        self._summed.clear()
        self._now = None
        self.pain_baselines.clear()
        self._plans = None
        self._quiet_until = 0
        if redate:
            self.head.stale.restate = True
            self.timeline = self._told_timeline()
            self._by_day.clear()
            self._forget_days()

    def _apply_retraction(self, source: str, name: str) -> None:
        """Mark the fact that is named, if it is there; a retracted `motion.session` takes all facts of its session."""
        found = self._index.places(reference_key(source, name))
        place = found[0][1] if found else NOWHERE
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
        before = self.days_touched_by(entry)
        entry.retracted = True
        self._counted.clear()
        self._chains.clear()
        self.head.stale.restate = True
        self._forget_standing(entry)
        self._stale(before | self.days_touched_by(entry))

    def _lose_session(self, session_id: str) -> None:
        self.head.lost_sessions.add(session_id)
        for number in self._index.weeks(session_key(session_id)):
            for entry in self._weeks.edit(number).entries:
                if isinstance(entry, Session | Rep) and entry.session_id == session_id and not entry.retracted:
                    self._retract(entry)

    def advance(self, now: int) -> None:
        """Move the time on; what a new day reveals, or a day that is over changes, becomes stale."""
        head, before = self.head, self.head.now
        if now <= before:
            return
        self.changed = True
        if now < self._quiet_until:
            head.now = now
            return
        self._forget_recent(now)
        if self.timeline.episodes and head.today == self.timeline.day_of(now):
            head.now = now
            self._age(head.today)
            return
        coming = self._coming(now) if self.timeline.episodes else []
        linked = {day for entry in coming for day in self.days_touched_by(entry)}
        head.now = now
        if not self.timeline.episodes:
            return
        today = self.today
        if head.today is None or today - head.today > LONG_SILENCE:
            self.recount(redate=False)
        if head.today != today:
            self.pain_baselines.clear()
            head.stale.care = head.stale.care or any(isinstance(x, Setup | Minutes) for x in head.structural)
            self._forget_days()
        linked |= {day for entry in coming for day in self.days_touched_by(entry)}
        last = min(head.today if head.today is not None else today, today)
        self._stale(linked | set(range(max(last + 1, today - LONG_SILENCE), today + 1)))
        for week in range(last // 7, today // 7):
            self._close(week)
        head.today = today
        self._age(last)

    def _forget_recent(self, now: int) -> None:
        """Forget what was said of the days that the time may change when it moves on to `now`."""
        last = self.head.today
        if last is None or not self.timeline.episodes or (today := self.timeline.day_of(now)) - last > LONG_SILENCE:
            self._now = None
        elif self._now is not None:
            for day in range(last - 2, today + 1):
                self._now.pop(day, None)

    def _age(self, last: int) -> None:
        """Make stale what the time alone changed of the days up to `last`, and note until when nothing will change."""
        head, today = self.head, self.today
        head.stale.days |= {day for day in range(max(last - 2, today - LONG_SILENCE), last + 1) if self._turned(day)}
        self._quiet_until = self.timeline.next_change(head.now)

    def _close(self, week: int) -> None:
        """Have the parts of a week that is over written anew: from now on they are compressed."""
        for shelf in (self.strips, self.issued):
            if week in self.head.strips and shelf.get(week) is not None:
                shelf.edit(week)

    def _turned(self, day: int) -> bool:
        """Whether the time alone changes a day of an episode: it has begun, or it is over."""
        summary, episode = self.summary(day), self.timeline.episode_of(day)
        return episode is not None and (summary is None or summary.adherence.over != (self.head.now >= episode.over_at(day)))

    def _coming(self, now: int) -> list[Dated]:
        """The facts of days that begin by `now`: until then they were not there."""
        today, before = self.timeline.day_of(now), self.head.today if self.head.today is not None else self.today
        if today <= before:
            return []
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

    # -- state --------------------------------------------------------------------------------------------------------------------

    def forget(self) -> None:
        """Drop all of the patient's state, in the store too; what stays is that he was forgotten, and the time."""
        self._weeks.erase(sorted(self.head.weeks))
        self._index.erase()
        self.strips.erase(sorted(self.head.strips))
        self.issued.erase(sorted(self.head.strips))
        self.head = Head(now=self.head.now, position=self.head.position, forgotten=True)
        self.recount(redate=True)
        self.settled()

    def save(self) -> None:
        """Write what changed to the store and drop what is cold."""
        if not self.changed:
            return
        self.head.known = self._index.size
        self._store.put(self._head_key, pack(self.head))
        self._weeks.save()
        self._index.save()
        self.strips.save(tight_before=self._this_week)
        self.issued.save(tight_before=self._this_week)
        self.changed = False
        hot = week_of(self.head.now) - 1
        self._weeks.drop_before(hot)
        for number in [number for number in self._by_day if number < hot]:
            del self._by_day[number]
        self._forget_days()
        self._index.cool()
        self.shown = {day: shown for day, shown in self.shown.items() if day >= self._today - 1}
        self.strips.drop_before(self._this_week - 5)
        self.issued.drop_before(self._this_week - 1)

    def rest(self) -> None:
        """Drop what was read only to look back, and didn't change."""
        self.strips.drop_before(self._this_week - 1)
        self.issued.drop_before(self._this_week - 1)

    @property
    def _this_week(self) -> int:
        return self._today // 7

    @property
    def _today(self) -> int:
        """The date of `now` in UTC."""
        return self.head.now // (DAY_SECONDS * SECOND)
