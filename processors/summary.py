"""The summary of a day: the few totals of one day's facts and plan that other days' rows look back on.

A pure function of the day's facts, its plan, and whether the day is over. The strip of summaries is what windows, slopes, baselines and
billing are computed from, so that a fact of today never reads the facts of last month.
"""

from __future__ import annotations

from functools import cached_property

import msgspec
import orjson

from processors.days import DayFacts
from processors.entries import Alone, Checkin, Dose, Exercise, Pain, Rep, Score
from processors.plans import DayPlan
from processors.shelf import raw


class Adherence(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The whole plan's totals of a day."""

    prescribed_sessions: int = 0
    completed_sessions: int = 0
    prescribed_reps: int = 0
    completed_reps: int = 0
    heard: bool = False
    over: bool = False

    @property
    def status(self) -> str:
        """The day's status, first that fits; contract, "Status"."""
        if not self.prescribed_sessions:
            return "rest"
        return status(self.prescribed_reps, self.completed_reps, over=self.over, heard=self.heard)


class Datum(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """A fact as evidence, in the order of evidence: event time, source, id."""

    time: int
    source: str
    id: str


class ScoreSeen(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One outcome measured on a day."""

    measure: str
    side: str
    time: int
    id: str
    source: str
    value: float
    recorded: int


DOUBTFUL = frozenset({"gap", "nan", "saturated", "outlier", "mixed_kind", "sensors_swapped", "not_a_hinge", "sensors_skewed"})
"""Flags of a sensed session that say that its signals can't be trusted."""


class Seen(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What only alert rules ask of a day: sensed sessions, those of doubtful signals, repetitions beyond what was due, and, by medication
    (as text), how many reports there were of it, doses taken or not."""

    sensed: int = 0
    doubtful: int = 0
    beyond: int = 0
    dose_reports: dict[str, int] = {}


NOTHING_SEEN = Seen()


class DaySummary(msgspec.Struct, array_like=True, frozen=True, dict=True):
    """What other days need to know of a day. Instants in ns."""

    adherence: Adherence = Adherence()
    heard_at: int | None = None
    datum: Datum | None = None
    attained: dict[str, float] = {}
    pains: list[tuple[int, float]] = []
    doses: dict[str, tuple[int | None, int]] = {}
    scores: list[ScoreSeen] = []
    recorded: int = 0
    seen: Seen | None = None

    @cached_property
    def worst(self) -> float | None:
        """The highest NRS told on the day; None where none was."""
        return max([nrs for _, nrs in self.pains], default=None)

    def packed(self) -> msgspec.Raw:
        """The summary as it is written, remembered."""
        found: msgspec.Raw | None = self.__dict__.get("_packed")
        if found is None:
            found = self.__dict__["_packed"] = raw(self)
        return found


NOTHING = DaySummary()
"""The summary of a day of which nothing is known."""


def status(prescribed_reps: int, completed_reps: int, *, over: bool, heard: bool) -> str:
    """The status of something due; contract, "Status"."""
    if prescribed_reps and completed_reps / prescribed_reps >= 0.8:
        return "met"
    if not over:
        return "pending"
    if not heard:
        return "unknown"
    return "partial" if completed_reps > 0 else "missed"


def done_by_exercise(facts: DayFacts, plan: DayPlan) -> dict[str, tuple[int, int]]:
    """The sessions and repetitions of a day that count for what was due; contract, "Done"."""
    done: dict[str, tuple[int, int]] = {}
    for session in facts.sessions:
        exercise = session.exercise_id
        if session.reps >= 1 and exercise is not None and (due := plan.due.get(exercise)) is not None:
            sessions, reps = done.get(exercise, (0, 0))
            done[exercise] = min(due.sessions, sessions + 1), min(due.reps, reps + min(session.reps, due.cap))
    return done


def plan_totals(facts: DayFacts, plan: DayPlan) -> Adherence:
    """What the whole plan asked of a day and what was done of it."""
    if not facts.sessions:
        return Adherence(plan.sessions, 0, plan.reps, 0, facts.heard, facts.over)
    done = done_by_exercise(facts, plan).values()
    completed_sessions = sum([sessions for sessions, _ in done])
    completed_reps = sum([reps for _, reps in done])
    return Adherence(plan.sessions, completed_sessions, plan.reps, completed_reps, facts.heard, facts.over)


def seen_on(facts: DayFacts, plan: DayPlan) -> Seen | None:
    """What alert rules ask of a day's sessions and doses; None where there is nothing."""
    sensed = doubtful = 0
    done: dict[str, int] = {}
    for session in facts.sessions:
        if session.sensed is not None:
            sensed += 1
            doubtful += not DOUBTFUL.isdisjoint(session.sensed.flags)
        if session.exercise_id in plan.due:
            done[session.exercise_id] = done.get(session.exercise_id, 0) + session.reps
    beyond = sum(max(0, reps - plan.due[exercise].reps) for exercise, reps in done.items())
    reports: dict[str, int] = {}
    for entry in facts.entries:
        if type(entry) is Dose:
            reports[entry.medication_id] = reports.get(entry.medication_id, 0) + 1
    return Seen(sensed, doubtful, beyond, reports) if sensed or beyond or reports else None


def joint_key(joint: str, motion: str | None, side: str) -> str:
    """One text for joint, motion and side, for the keys of `attained`."""
    return orjson.dumps((joint, motion or "", side)).decode()


def measured(rep: Rep) -> bool:
    """Whether a repetition counts for range of motion: it has an angle, and no flag `gap` or `outlier`."""
    has_angle = rep.max_deg is not None or rep.min_deg is not None or rep.rom_deg is not None
    return has_angle and not ("gap" in rep.flags or "outlier" in rep.flags)


def attained(motion: str | None, reps: list[Rep]) -> float | None:
    """The greatest angle reached, deg; for extension the least."""
    if motion == "extension":
        return min((rep.min_deg for rep in reps if rep.min_deg is not None), default=None)
    return max((rep.max_deg for rep in reps if rep.max_deg is not None), default=None)


def reps_by_joint(facts: DayFacts) -> dict[str, list[Rep]]:
    """The repetitions of a day that count for range of motion, by joint, motion and side."""
    found: dict[str, list[Rep]] = {}
    for rep in facts.reps:
        if measured(rep):
            found.setdefault(joint_key(rep.joint, rep.motion, rep.side), []).append(rep)
    return found


def pain_reports(facts: DayFacts) -> list[tuple[int, float]]:
    """(instant, NRS) of a day's pain reports, those of exercise reports included, in time order."""
    found = [(entry.at, entry.nrs) for entry in facts.entries if isinstance(entry, Pain)]
    found += [(entry.at, entry.pain_nrs) for entry in facts.reports if entry.pain_nrs is not None]
    return sorted(found)


def _seen_score(entry: Score) -> ScoreSeen:
    return ScoreSeen(entry.measure, entry.side, entry.time, entry.id, entry.source, entry.value, entry.recorded)


def _in_order(scores: list[ScoreSeen]) -> list[ScoreSeen]:
    return sorted(scores, key=lambda s: (s.time, s.id, s.source))


def summarise(facts: DayFacts, plan: DayPlan) -> DaySummary:
    """The summary of a day."""
    if not facts.heard:
        return DaySummary(plan_totals(facts, plan), doses={medication: (due, 0) for medication, due in sorted(plan.medications.items())})
    heard = facts.heard_entries
    first = min([(entry.time, entry.source, entry.id) for entry in heard if type(entry) is not Checkin], default=None)
    reached = {key: attained(reps[0].motion, reps) for key, reps in reps_by_joint(facts).items()}
    taken: dict[str, int] = {}
    scores = []
    for entry in facts.entries:
        if isinstance(entry, Dose) and entry.taken:
            taken[entry.medication_id] = taken.get(entry.medication_id, 0) + 1
        elif isinstance(entry, Score):
            scores.append(_seen_score(entry))
    return DaySummary(
        plan_totals(facts, plan),
        max([entry.time for entry in heard], default=None),
        None if first is None else Datum(*first),
        {key: value for key, value in sorted(reached.items()) if value is not None},
        pain_reports(facts),
        {medication: (due, taken.get(medication, 0)) for medication, due in sorted(plan.medications.items())},
        _in_order(scores),
        max([entry.recorded for entry in heard], default=0),
        seen_on(facts, plan),
    )


def grown(summary: DaySummary, facts: DayFacts, entry: Alone, plan: DayPlan) -> DaySummary:
    """A day's summary when an entry that stands alone was added to its facts; `summarise` of them gives the same."""
    if isinstance(entry, Exercise):
        summary = msgspec.structs.replace(summary, adherence=plan_totals(facts, plan), seen=seen_on(facts, plan))
    elif not summary.adherence.heard:
        summary = msgspec.structs.replace(summary, adherence=plan_totals(facts, plan))
    return with_entry(summary, entry)


def with_entry(summary: DaySummary, entry: Alone) -> DaySummary:
    """The summary of a day on which something was heard, with one more entry that stands alone; of a report but for its session."""
    pains, doses, scores, seen = summary.pains, summary.doses, summary.scores, summary.seen
    datum = summary.datum
    if type(entry) is not Checkin:
        own = Datum(entry.time, entry.source, entry.id)
        datum = own if datum is None else min(datum, own)
    nrs = entry.nrs if isinstance(entry, Pain) else entry.pain_nrs if isinstance(entry, Exercise) else None
    if nrs is not None:
        pains = sorted([*pains, (entry.at, nrs)])
    elif isinstance(entry, Score):
        scores = _in_order([*scores, _seen_score(entry)])
    elif isinstance(entry, Dose):
        if entry.taken and entry.medication_id in doses:
            due, taken = doses[entry.medication_id]
            doses = {**doses, entry.medication_id: (due, taken + 1)}
        before = seen or NOTHING_SEEN
        reports = {**before.dose_reports, entry.medication_id: before.dose_reports.get(entry.medication_id, 0) + 1}
        seen = Seen(before.sensed, before.doubtful, before.beyond, reports)
    heard_at = entry.time if summary.heard_at is None else max(summary.heard_at, entry.time)
    recorded = max(summary.recorded, entry.recorded)
    return DaySummary(summary.adherence, heard_at, datum, summary.attained, pains, doses, scores, recorded, seen)


def aged(summary: DaySummary, *, over: bool) -> DaySummary:
    """A day's summary when only the time has passed."""
    adherence = msgspec.structs.replace(summary.adherence, over=over)
    return msgspec.structs.replace(summary, adherence=adherence)
