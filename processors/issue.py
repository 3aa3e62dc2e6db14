"""Issuing rows: a patient's stale days computed again, compared with what was issued, and what changed emitted.

In: a ledger with stale days, after its time was moved. Out: rows for the tables, a key that has no row any more once more as deleted.
A row is issued only when its content changed; `revision`, `updated_at` and `issued_at` alone don't make a new row.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import orjson

from processors.days import DayFacts
from processors.entries import Minutes
from processors.episodes import Episode
from processors.issued import MOVING
from processors.ledger import Ledger
from processors.metrics import KEY_COLUMNS, Rows, activity, adherence, billing, medication, outcomes, pain, patients, rom, sessions
from processors.policy import Policy
from processors.processor import Output, Row, revision
from processors.summary import DaySummary, ScoreSeen
from schemas.instants import format_day, format_instant, parse_day


def digest(values: dict[str, Any]) -> bytes:
    """What tells two contents of a row apart, 8 bytes."""
    return blake2b(orjson.dumps(values), digest_size=8).digest()


class Recent(dict[int, DaySummary | None]):
    """The summaries of a ledger's days, taken out week by week as they are asked for."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._strips, self._weeks = ledger.strips, ledger.head.strips

    def __missing__(self, day: int) -> DaySummary | None:
        week = day // 7
        strip = self._strips.get(week) if week in self._weeks else None
        for number in range(week * 7, week * 7 + 7):
            self.setdefault(number, strip.days.get(number) if strip else None)
        return self[day]


class Issue:
    """One patient's flush."""

    def __init__(self, ledger: Ledger, policy: Policy, out: Output) -> None:
        self.ledger, self.policy, self.out = ledger, policy, out
        self._facts: dict[int, DayFacts] = {}
        self._recent = Recent(ledger)
        self._summary = self._recent.__getitem__
        self._upserts: dict[tuple[str, str], dict[str, Any]] = {}
        self._gone: dict[tuple[str, str], dict[str, Any]] = {}
        self._heard_changed = False
        head = ledger.head
        issued_at = format_instant(max(head.now, head.newest_recorded))
        self._bookkeeping = {"patient_id": ledger.subject, "revision": revision(policy.generation, head.position), "issued_at": issued_at}

    def run(self) -> None:
        """Issue what is stale."""
        ledger, stale = self.ledger, self.ledger.head.stale
        if not (stale.everything or stale.days or stale.care or stale.restate):
            return
        ledger.changed = True
        if stale.restate:
            self._restate()
        everything, days = stale.everything, set(stale.days)
        if everything:
            days |= self._all_days()
            ledger.head.heard = {}
        self._days(days, everything=everything, care=stale.care)
        ledger.settled()
        self._emit()

    def erase(self) -> None:
        """Every row of the patient once more, as deleted: the rows by day, the rows by patient, his events, his alerts."""
        ledger, head = self.ledger, self.ledger.head
        for number in sorted(head.strips):
            issued = ledger.issued.get(number)
            for day in sorted(issued.days) if issued else ():
                self._empty(day)
        for table in sorted(head.issued):
            self._table(table, {})
        self._emit()
        gone = {"clinic_id": "", "updated_at": format_instant(head.newest_recorded)}
        for entry in ledger.entries():
            self._row("events", {"source": entry.source, "event_id": entry.id, **gone}, deleted=1)
        for name in sorted(head.alerts):
            self._row("alerts", {"alert_id": name, **gone}, deleted=1)

    # -- which days ---------------------------------------------------------------------------------------------------------------

    @property
    def _oldest(self) -> int:
        return self.ledger.today - self.policy.retention_days

    def _all_days(self) -> set[int]:
        ledger = self.ledger
        days: set[int] = set()
        for number in ledger.head.strips:
            if (strip := ledger.strips.get(number)) is not None:
                days |= strip.days.keys()
            if (issued := ledger.issued.get(number)) is not None:
                days |= issued.days.keys()
        if ledger.timeline.episodes:
            today, oldest = ledger.today, self._oldest
            for episode in ledger.episodes():
                days.update(range(max(episode.first, oldest), min(episode.last, today) + 1))
        return days

    def _episode(self, day: int) -> Episode | None:
        ledger = self.ledger
        return ledger.timeline.episode_of(day) if ledger.timeline.episodes and day <= ledger.today else None

    def _days(self, days: set[int], *, everything: bool, care: bool) -> None:
        ledger = self.ledger
        oldest = self._oldest if ledger.timeline.episodes else None
        last = ledger.today if ledger.timeline.episodes else 0
        windows, slopes, pains, doses, periods, begun = set[int](), set[int](), set[int](), set[int](), set[int](), set[int]()
        scored = everything
        for day in sorted(days):
            if oldest is not None and day < oldest:
                continue
            episode, before = self._episode(day), self._summary(day)
            after = self._recent[day] = self._refresh(day, episode)
            if after == before and not everything:
                continue
            old, new = before or DaySummary(), after or DaySummary()
            if before is None or after is None or old.adherence != new.adherence or everything:
                windows.update(range(day, min(day + adherence.REACH, last + 1)))
            if old.attained != new.attained or everything:
                slopes.update(range(day, min(day + rom.REACH, last + 1)))
            if old.pains != new.pains or everything:
                pains.update(self._pain_days(day))
            if ((old.doses or new.doses) and (old.doses != new.doses or old.adherence.over != new.adherence.over)) or everything:
                doses.update(range(day, min(day + medication.WINDOW, last + 1)))
            if before is None or old.datum != new.datum or old.adherence.heard != new.adherence.heard or everything:
                periods.add(day)
            if before is None or after is None:
                begun.add(day)
            scored |= old.scores != new.scores
            if episode is not None and (everything or old.heard_at != new.heard_at):
                self._note_heard(episode, old.heard_at, new.heard_at)
        first_touched = min(days, default=0)
        if windows and ledger.timeline.episodes:
            course = adherence.Course(self._summary, min(windows), max(windows), ledger.timeline.episodes[0].first)
            self._later("adherence_window", windows, lambda day, episode: adherence.window_rows(course, day, episode.first), first_touched)
        self._later("medication_window", doses, lambda day, episode: medication.rows(self._summary, day, episode.first), first_touched)
        self._later("pain_daily", pains, lambda day, episode: pain.rows(self._summary, day, episode.first), first_touched)
        slopes |= self._facts.keys()
        self._later("rom_daily", slopes, self._rom_rows, first_touched)
        if everything:
            self._recount_heard()
            self._heard_changed = True
        self._whole(periods, begun, everything=everything, care=care, scored=scored)

    def _pain_days(self, day: int) -> Iterable[int]:
        yield from range(day, day + pain.REACH + 1)
        seen, number, last = 0, day + 1, self.ledger.today if self.ledger.timeline.episodes else day
        while seen < pain.NEXT_DAYS and number <= last:
            summary = self._summary(number)
            if summary is not None and summary.pains:
                seen += 1
                yield number
            number += 1

    # -- a day's own rows ---------------------------------------------------------------------------------------------------------

    def _refresh(self, day: int, episode: Episode | None) -> DaySummary | None:
        ledger = self.ledger
        if episode is None:
            ledger.shown.pop(day, None)
            strip = ledger.strips.get(day // 7)
            if strip is not None and day in strip.days:
                ledger.strips.edit(day // 7).days.pop(day)
            self._empty(day)
            return None
        summed = ledger.summed(day)
        summary = ledger.examine(day).summary if summed is None else summed
        ledger.head.strips.add(day // 7)
        ledger.strips.edit(day // 7).days[day] = summary
        if summed is None:
            self._own_rows(day, episode)
        return summary

    def _own_rows(self, day: int, episode: Episode) -> None:
        """The rows that are made of a day's facts and its plan."""
        ledger = self.ledger
        plan, examined = ledger.plans.of(day), ledger.examine(day)
        facts, summary = examined.facts, examined.summary
        self._facts[day] = facts
        clinic, recorded = episode.enrolled.clinic_id, max(summary.recorded, plan.recorded, episode.enrolled.recorded)
        shown, shown_plan = ledger.shown.get(day, (None, None))
        ledger.shown[day] = (facts, plan)
        if shown is None or not facts.same_sessions(shown):
            self._cell(day, "sessions", sessions.session_rows(facts), clinic, recorded)
            self._cell(day, "reps", sessions.rep_rows(facts), clinic, recorded)
        if shown is None or plan is not shown_plan or not facts.same_adherence(shown):
            self._cell(day, "adherence_daily", adherence.daily_rows(facts, plan, summary), clinic, recorded)
        if shown is None or not facts.same_activities(shown):
            self._cell(day, "activity_daily", activity.rows(facts), clinic, recorded)

    def _rom_rows(self, day: int, episode: Episode) -> Rows:
        summary = self._summary(day)
        week = self.ledger.issued.get(day // 7)
        issued = week is not None and "rom_daily" in week.days.get(day, ())
        if day not in self._facts and not issued and not (summary and summary.attained):
            return {}
        facts = self._facts.get(day) or self.ledger.facts_of(day)
        return rom.rows(facts, self.ledger.plans.of(day), episode, self._summary) if facts.sensed else {}

    def _later(self, table: str, days: set[int], rows: Any, first_touched: int) -> None:
        ledger = self.ledger
        if not days or not ledger.timeline.episodes:
            return
        oldest, today = self._oldest, ledger.today
        for day in sorted(days):
            episode = ledger.timeline.episode_of(day)
            if day > today or day < oldest or episode is None:
                continue
            summary = self._summary(day)
            if summary is None:
                continue
            recorded = max(summary.recorded, ledger.head.newest_recorded if day == first_touched else 0, episode.enrolled.recorded)
            self._cell(day, table, rows(day, episode), episode.enrolled.clinic_id, recorded)

    def _cell(self, day: int, table: str, rows: Rows, clinic: str, recorded: int) -> None:
        """Issue the rows of one table and day."""
        week = self.ledger.issued.get(day // 7)
        before = week.of(day, table) if week else {}
        if not rows and not before:
            return
        for values in rows.values():
            values["clinic_id"] = clinic
        after = self._compare(table, day, before, rows, recorded)
        if after != before:
            self.ledger.issued.edit(day // 7).note(day, table, after)

    def _empty(self, day: int) -> None:
        """Take back every row of a day."""
        week = self.ledger.issued.get(day // 7)
        for table in sorted(week.days.get(day, ())) if week else ():
            self._cell(day, table, {}, "", 0)

    def _compare(self, table: str, day: int | None, issued: dict[str, bytes], rows: Rows, recorded: int) -> dict[str, bytes]:
        """What differs from what was issued; the digests of what holds now."""
        kept: dict[str, bytes] = {}
        updated = format_instant(recorded) if rows else ""
        for key, values in rows.items():
            kept[key] = seen = digest(values)
            if issued.get(key) != seen:
                values["updated_at"] = updated
                self._upserts[table, key if table in MOVING or day is None else f"{day} {key}"] = values
        for key in issued:
            if key not in rows:
                columns = dict(zip(KEY_COLUMNS[table], orjson.loads(key), strict=True))
                if day is not None and table not in MOVING:
                    columns["local_date"] = format_day(day)
                self._gone[table, key if table in MOVING or day is None else f"{day} {key}"] = columns
        return kept

    # -- rows of more than a day --------------------------------------------------------------------------------------------------

    def _whole(self, periods: set[int], begun: set[int], *, everything: bool, care: bool, scored: bool) -> None:
        head, timeline = self.ledger.head, self.ledger.timeline
        if not timeline.episodes:
            for table in list(head.issued):
                self._table(table, {})
            return
        if everything or self._heard_changed:
            found: Rows = {}
            for episode in self.ledger.episodes():
                heard = head.heard.get(episode.id)
                found |= {k: {**v, "clinic_id": episode.enrolled.clinic_id} for k, v in patients.row(episode, heard).items()}
            self._table("patients", found)
        if scored:
            self._table("outcomes", self._outcome_rows())
        if everything or care or periods:
            self._billing(periods, begun, everything=everything, care=care)

    def _table(self, table: str, rows: Rows, scope: set[str] | None = None) -> None:
        """Issue the rows of a table that are kept by patient; with `scope` only those keys are meant, the others stay."""
        issued = self.ledger.head.issued.get(table, {})
        meant = issued if scope is None else {key: seen for key, seen in issued.items() if key in scope}
        kept = self._compare(table, None, meant, rows, self.ledger.head.newest_recorded)
        if kept != meant or table not in self.ledger.head.issued:
            self.ledger.head.issued[table] = {**{k: v for k, v in issued.items() if k not in meant}, **kept}

    def _outcome_rows(self) -> Rows:
        ledger, found = self.ledger, dict[str, list[ScoreSeen]]()
        for number in sorted(ledger.head.strips):
            strip = ledger.strips.get(number)
            for day in sorted(strip.days) if strip else ():
                episode = self._episode(day)
                if strip and episode and strip.days[day].scores:
                    found.setdefault(episode.id, []).extend(strip.days[day].scores)
        rows: Rows = {}
        for episode in ledger.episodes():
            for key, values in outcomes.rows(found.get(episode.id, ())).items():
                rows[key] = {**values, "clinic_id": episode.enrolled.clinic_id}
        return rows

    def _billing(self, days: set[int], begun: set[int], *, everything: bool, care: bool) -> None:
        ledger, today, oldest = self.ledger, self.ledger.today, self._oldest
        rows: Rows = {}
        for episode in ledger.episodes():
            first, last = episode.first, min(episode.last, today)
            starts = set(range(first, last + 1, billing.PERIOD)) if everything else {day - (day - first) % billing.PERIOD for day in days}
            if care:
                starts.add(first)
            for start in sorted(starts):
                if first <= start <= last and start + billing.PERIOD > oldest:
                    lenient = self.policy.lenient_data_days
                    made = billing.period_rows(ledger.timeline, episode, self._summary, ledger.care, today, start, lenient=lenient)
                    rows |= {k: {**v, "clinic_id": episode.enrolled.clinic_id} for k, v in made.items()}
        scope = (
            set(rows) if not everything else {k for k in ledger.head.issued.get("billing_periods", {}) if self._open(orjson.loads(k)[1])}
        )
        self._table("billing_periods", rows, scope)
        if everything or care or begun:
            self._months(begun, everything=everything or care)

    def _open(self, period_start: str) -> bool:
        return parse_day(period_start) + billing.PERIOD > self._oldest

    def _months(self, days: set[int], *, everything: bool) -> None:
        ledger, today = self.ledger, self.ledger.today
        newest: dict[str, Episode] = {}
        for episode in ledger.episodes():
            for month in billing.months_begun(episode, today):
                newest[month] = episode
        oldest = billing.month_of(self._oldest)
        wanted = {m for m in newest if m >= oldest} if everything else {billing.month_of(day) for day in days} & newest.keys()
        spent: dict[str, list[Minutes]] = {}
        for entry in sorted((x for x in ledger.care() if isinstance(x, Minutes)), key=lambda x: x.age):
            day = ledger.timeline.day_of(entry.at)
            if ledger.timeline.episode_of(day) is not None:
                spent.setdefault(billing.month_of(day), []).append(entry)
        rows: Rows = {}
        for month in sorted(wanted):
            made = billing.month_row(month, spent.get(month, []), per_code=self.policy.live_interaction_per_code)
            rows |= {k: {**v, "clinic_id": newest[month].enrolled.clinic_id} for k, v in made.items()}
        issued = ledger.head.issued.get("billing_months", {})
        self._table("billing_months", rows, {k for k in issued if orjson.loads(k)[0] >= oldest} if everything else set(rows))

    # -- last heard ---------------------------------------------------------------------------------------------------------------

    def _note_heard(self, episode: Episode, old: int | None, new: int | None) -> None:
        heard = self.ledger.head.heard
        last = heard.get(episode.id)
        self._heard_changed = True
        if new is not None and (last is None or new >= last):
            heard[episode.id] = new
        elif old is not None and old == last:
            self._recount_heard()

    def _recount_heard(self) -> None:
        ledger, heard = self.ledger, dict[str, int]()
        for number in sorted(ledger.head.strips):
            strip = ledger.strips.get(number)
            for day, summary in strip.days.items() if strip else ():
                episode = self._episode(day)
                if episode is not None and summary.heard_at is not None:
                    heard[episode.id] = max(heard.get(episode.id, summary.heard_at), summary.heard_at)
        ledger.head.heard = heard

    # -- out ----------------------------------------------------------------------------------------------------------------------

    def _restate(self) -> None:
        """A small row for each fact whose row in `events` doesn't hold any more."""
        ledger = self.ledger
        for entry in ledger.restate(ledger.clinic_of):
            values = {"source": entry.source, "event_id": entry.id, "retracted": entry.retracted, "clinic_id": entry.shown_clinic}
            values["updated_at"] = format_instant(ledger.head.newest_recorded)
            self._row("event_marks", values, deleted=0)

    def _row(self, table: str, values: dict[str, Any], *, deleted: int) -> None:
        """Put a row out; `values` becomes its own."""
        values |= self._bookkeeping
        values["deleted"] = deleted
        self.out.rows.append(Row(table, self.ledger.subject, values))

    def _emit(self) -> None:
        for (table, _), values in sorted(self._upserts.items()):
            self._row(table, values, deleted=0)
        updated = format_instant(self.ledger.head.newest_recorded)
        for where, columns in sorted(self._gone.items()):
            if where not in self._upserts:
                self._row(where[0], {**columns, "clinic_id": "", "updated_at": updated}, deleted=1)
