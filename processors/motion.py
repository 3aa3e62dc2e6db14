"""The motion stage: raw chunks and ticks in; repetitions, sessions, the rows of admitted chunks, and the ticks after all that out.

    rtm.sensor.v1 ──▶ admission ──▶ reorder buffer ──▶ course (numba kernels) ──▶ motion.rep, motion.session ──▶ rtm.events.v1

A session is `open` while its chunks come, `closed` while they are held (a late one derives it anew), then `known` by their digests alone
until `lateness_days` after the newest of them. What silence ends is due on a timeline that only ticks move.
"""

from __future__ import annotations

from bisect import insort
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from processors.erasure import erasure_row
from processors.motion_activity import SUMMARISED, summarise
from processors.motion_course import advance, finish, recording, settle
from processors.motion_facts import activity_facts, admission_row, chunk_of, rep_fact, session_fact
from processors.motion_final import Derivation, final_pass
from processors.motion_heard import Hearing
from processors.motion_session import Name, Session, Sessions
from processors.motion_state import Chunk, Course, Repetition, Summary
from processors.motion_timeline import Timeline
from processors.processor import DeadLetter, Output, Record, Tick, revision
from schemas.content import content_digest, has_content
from schemas.events import LARGEST, PatientForgotten, SensorChunk
from schemas.instants import DAY_SECONDS, LAST, SECOND

if TYPE_CHECKING:
    from processors.policy import Policy
    from processors.store import StateStore
    from schemas.facts import Fact, Reason

REORDER_CHUNKS = 8
"""How many chunks of a session wait for one that is missing, before it goes on without."""

FUTURE = DAY_SECONDS * SECOND

_ERRORS: dict[Reason, str] = {
    "conflict": "another chunk with this session_id and seq, of other content, came before",
    "future": "time or data.t0_ns lies more than 24 h after the recorded time",
    "too_late": "data.t0_ns lies more than lateness_days before the recorded time",
    "session_closed": "a new chunk of a session that closed, and whose chunks are held no longer",
    "forgotten": "the subject was forgotten",
}


class MotionProcessor:
    """Folds one partition of `rtm.sensor.v1`."""

    def __init__(self, policy: Policy, store: StateStore) -> None:
        self._policy = policy
        self._store = store
        self._sessions = Sessions(store)
        self._timeline = Timeline(store)
        self._hearing = Hearing(policy.final_pass_bytes)
        self._tick = policy.tick_s * SECOND
        self._silence = policy.session_silence_s * SECOND
        self._hold = policy.session_hold_s * SECOND

    def fold(self, record: Record, out: Output) -> None:
        """Take one record; repetitions and sessions that follow from it are added to `out`, a tick after all that it made due."""
        item = record.item
        if isinstance(item, Tick):
            self._timeline.now = max(self._timeline.now, item.now)
            self._expire(out)
            out.facts.append(item)
        elif isinstance(item.data, SensorChunk):
            self._take(record.position, item, item.data, out)
        elif isinstance(item.data, PatientForgotten):
            self._forget(item.subject, out)
            known = revision(self._policy.generation, record.position)
            out.rows.append(erasure_row(item.subject, item.data.request_id, known, max(self._timeline.now, item.recorded)))
            out.applied += 1
        self._sessions.trim()

    waiting: tuple[int, int] | None = None
    """A tick leaves nothing to be done."""

    def flush(self, out: Output, *, ticks: bool = True) -> None:
        """Nothing is left for the end of a batch: all that follows from a record is told with it."""

    def work(self, out: Output) -> bool:  # noqa: ARG002 - nothing is ever left
        """Nothing to do."""
        return False

    def put_off(self) -> None:
        """Nothing to put off."""

    def save(self) -> None:
        """Write what changed since the last save to the store."""
        self._sessions.save()
        self._timeline.save()

    def _take(self, position: int, fact: Fact, data: SensorChunk, out: Output) -> None:
        name = (fact.subject, data.session_id)
        seq = int(data.seq)
        verdict = self._judge(name, seq, fact, data)
        if verdict == "duplicate":
            out.duplicates += 1
            return
        if verdict != "admitted":
            erased = self._store.get(_forgotten_key(fact.subject)) is not None
            out.dead.append(DeadLetter(position, verdict, _ERRORS[verdict], fact.id, erased=erased))
            return
        session = self._sessions.edit(name)
        session.admitted.add(seq)
        session.newest = fact.recorded if session.status == "known" else max(session.newest, fact.recorded)
        if data.last:
            session.last_seq = seq if session.last_seq is None else max(session.last_seq, seq)
        out.applied += 1
        out.rows.append(admission_row(fact, data, position, revision(self._policy.generation, position), self._timeline.now))
        if session.status == "closed":
            self._derive_closed(name, session, out)
        else:
            session.status = "open"
            self._take_in_order(name, session, seq, out)
        self._schedule(name, session)

    def _judge(self, name: Name, seq: int, fact: Fact, data: SensorChunk) -> Reason | Literal["duplicate", "admitted"]:
        """What becomes of a chunk; a new one takes its key, unless its subject was forgotten."""
        untimely: Reason | None = None
        if max(fact.time, data.t0_ns) > fact.recorded + FUTURE:
            untimely = "future"
        elif data.t0_ns < fact.recorded - self._policy.lateness:
            untimely = "too_late"
        if self._store.get(_forgotten_key(fact.subject)) is not None:
            return untimely or "forgotten"
        session = self._sessions.get(name)
        if session is not None and seq in session.seen:
            return "duplicate" if has_content(fact, self._sessions.digest(name, session, seq)) else "conflict"
        reason = untimely
        if reason is None and session is not None and session.status != "open" and session.hold_until:
            reason = "session_closed" if self._timeline.now >= session.hold_until else None
        self._sessions.hold(name, seq, content_digest(fact), None if reason else chunk_of(fact, data))
        session = self._sessions.edit(name)
        session.newest_seen = max(session.newest_seen, fact.recorded)
        self._schedule(name, session)
        return reason or "admitted"

    def _take_in_order(self, name: Name, session: Session, seq: int, out: Output) -> None:
        """Fold a new chunk of an open session when its turn has come; close the session when it was the one missing to the last."""
        course = session.course
        if course is None:
            course = session.course = Course(derivation=1)
        if seq < course.next_seq:
            course = self._derive(name, session, course.next_seq, out)
        else:
            insort(session.waiting, seq)
            out.waiting += 1
        while session.waiting and (session.waiting[0] == course.next_seq or len(session.waiting) > REORDER_CHUNKS):
            out.waiting -= 1
            self._advance(name, course, session.waiting.pop(0), out)
        if session.last_seq is not None and session.admitted.covers(session.last_seq):
            self._close(name, session, session.newest, out)

    def _derive(self, name: Name, session: Session, before: int, out: Output) -> Course:
        """Derive a session anew from its chunks with a `seq` less than `before`: the next derivation, where one was told from."""
        old = session.course
        told = 0 if old is None else old.derivation
        if old is not None and session.status == "open" and not old.reps:
            told -= 1
        course = session.course = Course(derivation=told + 1)
        for seq in session.admitted:
            if seq < before:
                self._advance(name, course, seq, out)
        return course

    def _derive_closed(self, name: Name, session: Session, out: Output) -> None:
        course = self._derive(name, session, LARGEST + 1, out)
        self._finish(name, course, out)

    def _advance(self, name: Name, course: Course, seq: int, out: Output) -> None:
        heard = self._hearing.of(name, course)
        trace = None if heard is None else heard.trace
        reps = advance(course, self._sessions.chunk(name, seq), trace)
        if course.ripe:
            reps += settle(course, self._taken(name, course), trace)
        if heard is not None:
            heard.reps += reps
            self._hearing.keep(name, course, heard)
        self._tell(name, course, reps, out)

    def _taken(self, name: Name, course: Course) -> list[Chunk]:
        """The chunks that a course has taken."""
        return [self._sessions.chunk(name, seq) for seq in self._sessions.edit(name).admitted if seq < course.next_seq]

    @staticmethod
    def _tell(name: Name, course: Course, reps: list[Repetition], out: Output) -> None:
        out.facts.extend(rep_fact(*name, course, rep) for rep in reps)

    def _finish(self, name: Name, course: Course, out: Output) -> None:
        """Tell what was still open, the session, and the final pass where it knows better."""
        heard = self._hearing.of(name, course)
        self._hearing.forget(name)
        reps, summary = finish(course, lambda: self._taken(name, course), None if heard is None else heard.trace)
        self._tell(name, course, reps, out)
        if not course.floats:
            self._summarise(name, course, summary, out)
            return
        if course.sample_bytes > self._policy.final_pass_bytes:
            out.facts.append(session_fact(*name, course, _flagged(summary, ["no_final_pass"])))
            return
        told = None if heard is None else Derivation(course, heard.reps + reps, summary, heard.trace)
        smoothness, doubts, better = final_pass(course, self._taken(name, course), told)
        out.facts.append(session_fact(*name, course, replace(_flagged(summary, doubts), sparc=smoothness)))
        if better is not None:
            course.derivation = better.course.derivation
            self._tell(name, better.course, better.reps, out)
            out.facts.append(session_fact(*name, better.course, better.summary))

    def _summarise(self, name: Name, course: Course, summary: Summary, out: Output) -> None:
        """Tell a session in which no repetitions are counted, and the activity that it shows."""
        if course.motion is None or course.kind not in SUMMARISED.get(course.motion, ()):
            out.facts.append(session_fact(*name, course, summary))
            return
        seen = recording(self._taken(name, course))
        values, flags = summarise(course.motion, course.kind, course.calibration, seen.instants, seen.samples)
        summary = _flagged(summary, flags)
        out.facts.append(session_fact(*name, course, summary))
        out.facts.extend(activity_facts(*name, course, summary, values))

    def _close(self, name: Name, session: Session, instant: int, out: Output) -> None:
        """Close a session; its chunks are held from the first tick of the grid at `instant` or after."""
        course = session.course
        if course is None:
            raise RuntimeError("an open session has no course")
        for seq in session.waiting:
            self._advance(name, course, seq, out)
        out.waiting -= len(session.waiting)
        session.waiting = []
        self._finish(name, course, out)
        session.status = "closed"
        session.hold_until = -(-instant // self._tick) * self._tick + self._hold

    def _due(self, session: Session) -> int:
        """When something happens to the session by itself."""
        if session.status == "open":
            due = session.newest + self._silence
        elif session.status == "closed":
            due = session.hold_until
        else:
            due = max(session.newest_seen + self._policy.lateness, session.hold_until)
        return min(due, LAST)

    def _forget(self, subject: str, out: Output) -> None:
        """Drop all that is held of a subject; what stays is the digest by which later chunks are refused."""
        self._store.put(_forgotten_key(subject), b"\x01")
        for session_id in self._timeline.drop(subject):
            if (session := self._sessions.get((subject, session_id))) is not None:
                out.waiting -= len(session.waiting)
                self._sessions.erase((subject, session_id))
                self._hearing.forget((subject, session_id))

    def _schedule(self, name: Name, session: Session) -> None:
        due = self._due(session)
        if session.scheduled is None or due < session.scheduled:
            session.scheduled = due
            self._timeline.add((due, *name))

    def _expire(self, out: Output) -> None:
        """Do what is due by now, in the order in which it became due."""
        now = self._timeline.now
        while (entry := self._timeline.pop(now)) is not None:
            due, subject, session_id = entry
            name = (subject, session_id)
            found = self._sessions.get(name)
            if found is None or found.scheduled != due:
                continue
            session = self._sessions.edit(name)
            session.scheduled = None
            if self._due(session) <= now:
                if session.status == "known":
                    self._sessions.erase(name)
                    continue
                if session.status == "open":
                    self._close(name, session, session.newest + self._silence, out)
                else:
                    self._sessions.let_go(name)
            self._schedule(name, session)
            self._sessions.trim()


def _flagged(summary: Summary, flags: list[str]) -> Summary:
    return replace(summary, flags=sorted({*summary.flags, *flags}))


def _forgotten_key(subject: str) -> bytes:
    return b"f/" + blake2b(subject.encode("utf-8", "surrogatepass"), digest_size=16).digest()
