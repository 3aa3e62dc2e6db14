"""The patient stage: facts and ticks of `rtm.events.v1` in; rows, alert transitions and dead letters out.

A fold of one partition. Each fact is judged (duplicate, conflict, future, too late, forgotten), enters its patient's ledger and its row in
`events` goes out at once; alert rules are evaluated after each record; all other rows once a patient and batch.

A tick moves the time. The patients for whom a day begins or is over by then are due, and are worked off one by one, each at his due
instants, in order: by the end of the batch, or, where a runtime wants its next facts sooner, in `work` after later batches. A fact finds
its own patient's work done first. So every patient sees the same facts and instants in the same order, however the work is cut.
"""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from processors import alerts
from processors.calendar import day_start
from processors.due_times import DueTimes
from processors.entries import AnyEntry, Heard, Note, make_entry
from processors.erasure import erasure_row
from processors.index import NOWHERE
from processors.issue import Issue
from processors.ledger import Ledger
from processors.ledgers import WARM, Ledgers
from processors.policy import Policy
from processors.processor import DeadLetter, Output, Record, Row, Tick, revision
from processors.retention import would_lose
from processors.store import StateStore
from schemas.content import content_digest, fact_key
from schemas.events import FORGOTTEN, Report, modality
from schemas.facts import Fact, Reason
from schemas.instants import DAY_SECONDS, SECOND, format_instant

AHEAD = DAY_SECONDS * SECOND
"""How far a fact may lie after its recorded time."""


class PatientProcessor:
    """The fold of one partition of `rtm.events.v1`."""

    def __init__(self, policy: Policy, store: StateStore) -> None:
        self.policy = policy
        self._due = DueTimes(store)
        self._ledgers = Ledgers(store)
        self._used: dict[str, Ledger] = {}
        self._touched: dict[str, Ledger] = {}

    @property
    def now(self) -> int:
        """The newest tick, ns; 0 before the first."""
        return self._due.clock.now

    def fold(self, record: Record, out: Output) -> None:
        """Take one fact or tick."""
        if isinstance(record.item, Tick):
            if record.item.now > self.now:
                self._due.tick(record.item.now, record.position)
        else:
            self._fact(record.item, record.position, out)

    def flush(self, out: Output, *, ticks: bool = True) -> None:
        """Issue the rows of every patient touched since the last flush; with `ticks` also do all that ticks left to be done."""
        for _ in self._issue_touched(out):
            pass
        while ticks and self.work(out):
            pass

    def issue(self, out: Output) -> Iterator[None]:
        """`flush`, patient by patient: between two of them `out` may be emptied."""
        yield from self._issue_touched(out)
        while self.work(out):
            yield

    @property
    def waiting(self) -> tuple[int, int] | None:
        """Position and instant of the first tick that left anything to be done."""
        return self._due.waiting

    def put_off(self) -> None:
        """Let the patient who is due first wait for the next tick."""
        self._due.put_off()

    def work(self, out: Output) -> bool:
        """Work off the patient who is due first, up to the newest tick, and issue his rows; False when nobody is due."""
        subject = self._due.first()
        if subject is None:
            return False
        self._catch_up(subject, out)
        ledger = self._touched.pop(subject)
        Issue(ledger, self.policy, out).run()
        if self._ledgers.crowded:
            ledger.rest()
        return True

    def _issue_touched(self, out: Output) -> Iterator[None]:
        crowded = len(self._touched) > WARM
        for subject in sorted(self._touched):
            ledger = self._touched[subject]
            Issue(ledger, self.policy, out).run()
            if crowded:
                ledger.rest()
            yield
        self._touched.clear()

    def save(self) -> None:
        """Write what changed to the store, and keep only the patients used last in memory."""
        for ledger in self._used.values():
            ledger.save()
        self._ledgers.keep(self._used.values(), self.policy.warm_bytes, self._touched)
        self._used.clear()
        self._due.save()

    def ledger(self, subject: str) -> Ledger:
        """A patient's ledger, from memory or the store."""
        ledger = self._ledgers.get(subject)
        self._used[subject] = ledger
        return ledger

    # -- time ---------------------------------------------------------------------------------------------------------------------

    def _catch_up(self, subject: str, out: Output) -> None:
        """Do what the ticks so far made due for a patient.

        What the newest tick makes too old to be issued is issued before its first step, so with the revision of what was known until then.
        """
        first = True
        while (due := self._due.due(subject)) is not None:
            ledger = self.ledger(subject)
            if would_lose(ledger, self.policy, self.now if first else due):
                Issue(ledger, self.policy, out).run()
            first = False
            ledger.head.position = self._due.position(due)
            ledger.advance(due)
            self._touched[subject] = ledger
            if ledger.timeline.episodes:
                alerts.evaluate(ledger, self.policy, due, alerts.at_due(ledger, due), out)
            self._due.set(subject, self._next_due(ledger))

    def _next_due(self, ledger: Ledger) -> int | None:
        """The patient's next due instant. Before the first tick the time is unknown: then the days since his monitoring began are due.

        Only before it do recorded times say how far back: a wrong one, of years ahead, must not put off every day until then.
        """
        if not ledger.timeline.episodes:
            return None
        began = min(day_start(episode.enrolled.zone, episode.first) for episode in ledger.timeline.episodes)
        remembered = ledger.head.newest_recorded - self.policy.retention_days * DAY_SECONDS * SECOND
        known = ledger.head.now if self.now else max(ledger.head.now, remembered)
        due = ledger.timeline.next_change(max(known, began - 1))
        wakes = alerts.next_wake(ledger)
        return due if wakes is None else min(due, max(wakes, ledger.head.now + 1))

    # -- facts --------------------------------------------------------------------------------------------------------------------

    def _fact(self, fact: Fact, position: int, out: Output) -> None:
        self._catch_up(fact.subject, out)
        ledger = self.ledger(fact.subject)
        key, content = fact_key(fact), content_digest(fact)
        same = ledger.known(key, content)
        if same is not None:
            if same:
                out.duplicates += 1
            else:
                self._refuse(out, position, "conflict", "another fact with this source and id, but other content, came before", fact)
            return
        entry = make_entry(fact)
        reason = self._judge(fact, entry)
        ledger.changed = True
        if reason is not None:
            if not ledger.head.forgotten:
                ledger.take_key(key, content, NOWHERE)
            self._refuse(out, position, *reason, fact)
            return
        if ledger.head.forgotten:
            self._refuse(out, position, "forgotten", "the subject was erased on request", fact)
            return
        if fact.type == FORGOTTEN:
            self._forget(ledger, fact, position, out)
            return
        self._admit(ledger, fact, entry, key, content, position, out)

    def _forget(self, ledger: Ledger, fact: Fact, position: int, out: Output) -> None:
        """Erase a patient: alerts ended, every row once more as deleted, the state dropped, then the warehouse told.

        What stays is that he was forgotten.
        """
        ledger.head.position = position
        alerts.end_all(ledger, self.policy, max(self.now, fact.recorded), "the patient was erased", out)
        Issue(ledger, self.policy, out).erase()
        ledger.forget()
        self._touched.pop(ledger.subject, None)
        self._due.set(ledger.subject, None)
        known = revision(self.policy.generation, position)
        out.rows.append(erasure_row(fact.subject, fact.data.request_id, known, max(self.now, fact.recorded)))  # type: ignore[attr-defined]
        out.applied += 1

    def _judge(self, fact: Fact, entry: AnyEntry) -> tuple[Reason, str] | None:
        if fact.derived:
            return None
        if max(entry.time, entry.at) > fact.recorded + AHEAD:
            return "future", "lies more than 24 hours after its recorded time"
        if isinstance(entry, Heard) and entry.at < fact.recorded - self.policy.lateness:
            return "too_late", f"lies more than {self.policy.lateness_days} days before its recorded time"
        return None

    def _refuse(self, out: Output, position: int, reason: Reason, error: str, fact: Fact) -> None:
        out.dead.append(DeadLetter(position, reason, error, fact.id, erased=self.ledger(fact.subject).head.forgotten))

    def _admit(self, ledger: Ledger, fact: Fact, entry: AnyEntry, key: bytes, content: bytes, position: int, out: Output) -> None:
        head = ledger.head
        had_timeline = bool(ledger.timeline.episodes)
        ledger.advance(self.now)
        head.position = position
        head.newest_recorded = max(head.newest_recorded, fact.recorded)
        scope = alerts.of_fact(ledger, self.policy, entry)
        ledger.add(entry, key, content)
        out.applied += 1
        entry.shown_retracted, entry.shown_clinic = entry.retracted, ledger.clinic_of(entry)
        out.rows.append(self._event_row(ledger, fact, entry))
        self._touched[fact.subject] = ledger
        at = max(self.now, fact.recorded)
        if not ledger.timeline.episodes:
            alerts.end_all(ledger, self.policy, at, alerts.EPISODE_OVER, out)
        elif isinstance(entry, Note):
            alerts.act(ledger, self.policy, fact, at, out)
        else:
            alerts.evaluate(ledger, self.policy, at, scope, out)
        if not isinstance(entry, Heard) or not had_timeline:
            self._due.set(fact.subject, self._next_due(ledger))

    def _event_row(self, ledger: Ledger, fact: Fact, entry: AnyEntry) -> Row:
        recorded = format_instant(fact.recorded)
        issued = max(self.now, ledger.head.newest_recorded)
        return Row(
            "events",
            fact.subject,
            {
                "patient_id": fact.subject,
                "source": fact.source,
                "event_id": fact.id,
                "type": fact.type,
                "event_time": format_instant(fact.time),
                "recorded_time": recorded,
                "modality": modality(fact.type),
                "channel": fact.data.channel if isinstance(fact.data, Report) else None,
                "retracted": entry.retracted,
                "data": orjson.dumps(fact.payload).decode(),
                "attributes": orjson.dumps(fact.attributes).decode() if fact.attributes else "{}",
                "clinic_id": entry.shown_clinic,
                "updated_at": recorded,
                "revision": revision(self.policy.generation, ledger.head.position),
                "issued_at": recorded if issued == fact.recorded else format_instant(issued),
                "deleted": 0,
            },
        )
