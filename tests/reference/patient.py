"""One patient from scratch: which facts stand, what was heard, the sessions and repetitions, the plan of each day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.events import modality
from schemas.instants import SECOND, day_date, format_day, format_instant
from tests.reference.admission import dating_instant, family
from tests.reference.calendar import Calendar, Episode, newest, newness

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.facts import Fact

RETRACTED = "rtm.fact.retracted.v1"
SESSION = "rtm.motion.session.v1"
REP = "rtm.motion.rep.v1"
EXERCISE = "rtm.report.exercise.v1"
DATED = ("sensor", "motion", "report", "care")
Rows = dict[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Session:
    """One exercise session after pairing."""

    id: str
    day: int
    exercise: str | None
    reps: int
    sensed: Any
    report: Any


class Patient:
    """A patient's standing facts at `now`, over plain lists."""

    def __init__(self, subject: str, admitted: list[Fact], now: int) -> None:
        self.subject = subject
        self.now = now
        self.admitted = admitted
        taken_back = [(f.data.fact_source, f.data.fact_id) for f in admitted if f.type == RETRACTED]  # type: ignore[attr-defined]
        sessions_gone = {f.data.session_id for f in admitted if f.type == SESSION and (f.source, f.id) in taken_back}  # type: ignore[attr-defined]
        self.retracted: list[Fact] = [
            fact
            for fact in admitted
            if fact.type != RETRACTED
            and ((fact.source, fact.id) in taken_back or (family(fact) == "motion" and fact.data.session_id in sessions_gone))  # type: ignore[attr-defined]
        ]
        standing = [fact for fact in admitted if not any(fact is gone for gone in self.retracted)]
        self.calendar = Calendar(standing)
        self.plans = [fact for fact in standing if fact.type == "rtm.plan.prescribed.v1"]
        self.ends = [fact for fact in standing if fact.type == "rtm.plan.ended.v1"]
        self.now_day = 0
        self.setups: list[tuple[Fact, str]] = []
        self.facts: list[tuple[Fact, int]] = []
        if self.calendar.episodes:
            self.now_day = self.calendar.date_of(now)
            dated = [(fact, self.calendar.date_of(dating_instant(fact))) for fact in standing if family(fact) in DATED]
            dated = [(fact, day) for fact, day in dated if day <= self.now_day]
            self.facts = [(fact, day) for fact, day in dated if self.calendar.episode_of(day) is not None]
            for fact, day in dated:
                episode = self.calendar.episode_of(day) or self.calendar.next_to_begin(day)
                if fact.type == "rtm.care.setup.v1" and episode is not None:
                    self.setups.append((fact, episode.id))
        self._measure_motion()
        self.reports = self._newest_reports()
        self.sessions = self._pair()
        others = [(f, d) for f, d in self.facts if family(f) == "report" or f.type == "rtm.sensor.activity.v1"]
        self.heard = others + [(f, self.session_day[s]) for s, f in self.sensed.items()] + [(r, d) for r, d in self.reps.values()]

    def of_type(self, kind: str) -> list[tuple[Fact, int]]:
        """The counting facts of a type, each with its day."""
        return [(fact, day) for fact, day in self.facts if fact.type == kind]

    def _measure_motion(self) -> None:
        self.sensed: dict[str, Fact] = {}
        self.session_day: dict[str, int] = {}
        self.reps: dict[tuple[str, int], tuple[Fact, int]] = {}
        motion: list[tuple[Any, int]] = [(f, d) for f, d in self.facts if family(f) == "motion"]
        for name in {fact.data.session_id for fact, _ in motion}:
            of_it = [(f, d) for f, d in motion if f.data.session_id == name]
            candidates = [f.data.derivation for f, _ in of_it if f.type == SESSION] or [f.data.derivation for f, _ in of_it]
            stands = [(f, d) for f, d in of_it if f.data.derivation == max(candidates)]
            sessions = [f for f, _ in stands if f.type == SESSION]
            if sessions:
                self.sensed[name] = newest(sessions)
                self.session_day[name] = next(d for f, d in stands if f is self.sensed[name])
            for number in {f.data.rep for f, _ in stands if f.type == REP}:
                rep = newest([f for f, _ in stands if f.type == REP and f.data.rep == number])
                own_day = next(d for f, d in stands if f is rep)
                self.reps[name, number] = (rep, self.session_day.get(name, own_day))

    def _newest_reports(self) -> list[tuple[Fact, int]]:
        """The exercise reports that are measured: of those with one `session_id` the newest."""
        found: list[tuple[Any, int]] = self.of_type(EXERCISE)
        return [
            (fact, day)
            for fact, day in found
            if fact.data.session_id is None
            or all(newness(other) <= newness(fact) for other, _ in found if other.data.session_id == fact.data.session_id)
        ]

    def _pair(self) -> list[Session]:
        report_of: dict[str, Any] = {}
        for fact, _ in self.reports:
            data: Any = fact.data
            if data.session_id in self.sensed:
                report_of[data.session_id] = fact
        near = []
        for name, sensed in self.sensed.items():
            for report, _ in self.reports:
                a: Any = sensed.data
                b: Any = report.data
                distance = abs(a.start_time - b.started_at)
                if a.exercise_id is not None and a.exercise_id == b.exercise_id and distance < 30 * 60 * SECOND:
                    near.append(((distance, a.start_time, b.started_at, name, report.id, report.source), report))
        for (*_, name, _, _), report in sorted(near, key=lambda pair: pair[0]):
            if name not in report_of and not any(report is taken for taken in report_of.values()):
                report_of[name] = report
        sessions = []
        for name, sensed in self.sensed.items():
            data = sensed.data
            paired = report_of.get(name)
            exercise = data.exercise_id if data.exercise_id is not None or paired is None else paired.data.exercise_id
            reps = data.reps if data.reps != 0 or paired is None else paired.data.reps_completed
            sessions.append(Session(name, self.session_day[name], exercise, reps, sensed, paired))
        for report, day in self.reports:
            if not any(report is taken for taken in report_of.values()):
                data = report.data
                name = f"{report.source}#{report.id}" if data.session_id is None else data.session_id
                sessions.append(Session(name, day, data.exercise_id, data.reps_completed, None, report))
        return sessions

    def clinic(self, day: int) -> str:
        """The clinic of the day's episode."""
        episode = self.calendar.episode_of(day)
        assert episode is not None
        return str(episode.data.clinic_id)

    def days(self) -> Iterator[tuple[int, Episode]]:
        """Every day of an episode up to today, with its episode."""
        for episode in self.calendar.episodes:
            for day in range(episode.start, self.now_day + 1):
                if self.calendar.episode_of(day) is episode:
                    yield day, episode

    def plan_of(self, day: int, episode: Episode) -> list[Any]:
        """The data of the plan versions that hold on a day of an episode, one a `plan_id` at most."""
        found = []
        for plan_id in sorted({fact.data.plan_id for fact in self.plans}):  # type: ignore[attr-defined]
            versions: list[Any] = [
                f
                for f in self.plans
                if f.data.plan_id == plan_id  # type: ignore[attr-defined]
                and f.data.effective_from <= day  # type: ignore[attr-defined]
                and self._holds_in(f) is episode
            ]
            if not versions:
                continue
            highest = max(f.data.version for f in versions)
            version = newest([f for f in versions if f.data.version == highest])
            data: Any = version.data
            ends = [f.data.effective_to for f in self.ends if f.data.plan_id == plan_id and newness(f) > newness(version)]  # type: ignore[attr-defined]
            if (data.effective_to is None or data.effective_to >= day) and (not ends or min(ends) >= day):
                found.append(data)
        return found

    def _holds_in(self, version: Fact) -> Episode | None:
        first: int = version.data.effective_from  # type: ignore[attr-defined]
        return self.calendar.episode_of(first) or self.calendar.next_to_begin(first)

    def event_rows(self) -> Rows:
        """`events`: every admitted fact."""
        rows: Rows = {}
        for fact in self.admitted:
            data: Any = fact.data
            episode = None
            if self.calendar.episodes:
                episode = self.calendar.episode_of(self.calendar.date_of(dating_instant(fact)))
            rows[self.subject, fact.source, fact.id] = {
                "clinic_id": (fact.clinic or "") if episode is None else episode.data.clinic_id,
                "type": fact.type,
                "event_time": format_instant(fact.time),
                "recorded_time": format_instant(fact.recorded),
                "modality": modality(fact.type),
                "channel": data.channel if family(fact) == "report" else None,
                "retracted": any(fact is gone for gone in self.retracted),
                "data": dict(fact.payload),
                "attributes": dict(fact.attributes),
            }
        return rows

    def episode_rows(self) -> Rows:
        """`patients`: every episode, coming ones too."""
        rows: Rows = {}
        for episode in self.calendar.episodes:
            heard = [fact.time for fact, day in self.heard if self.calendar.episode_of(day) is episode]
            data = episode.data
            rows[self.subject, episode.id] = {
                "clinic_id": data.clinic_id,
                "timezone": data.timezone,
                "monitoring_start": format_day(data.monitoring_start),
                "discharged_on": None if episode.discharged is None else format_day(episode.discharged),
                "therapeutic_area": data.therapeutic_area,
                "condition": data.condition,
                "procedure_date": None if data.procedure_date is None else format_day(data.procedure_date),
                "therapist_id": data.therapist_id,
                "last_heard_at": format_instant(max(heard)) if heard else None,
            }
        return rows

    def rep_rows(self) -> Rows:
        """`reps`: the repetitions of the derivation that stands."""
        rows: Rows = {}
        for (session, number), (fact, day) in self.reps.items():
            data: Any = fact.data
            same = ("exercise_id", "joint", "motion", "side", "duration_s", "min_deg", "max_deg", "rom_deg", "peak_rate_deg_s", "hold_s")
            rows[self.subject, session, number] = {
                "clinic_id": self.clinic(day),
                "start_time": format_instant(data.start_time),
                "flags": list(data.flags),
                **{name: getattr(data, name) for name in same},
            }
        return rows

    def session_rows(self) -> Rows:
        """`sessions`: sensed, reported, or both."""
        rows: Rows = {}
        for session in self.sessions:
            sensed: Any = None if session.sensed is None else session.sensed.data
            report: Any = None if session.report is None else session.report.data
            start = report.started_at if sensed is None else sensed.start_time
            end = report.ended_at if sensed is None else sensed.end_time
            rows[self.subject, session.id] = {
                "clinic_id": self.clinic(session.day),
                "exercise_id": session.exercise,
                "joint": sensed and sensed.joint,
                "motion": sensed and sensed.motion,
                "side": sensed and sensed.side,
                "local_date": format_day(session.day),
                "start_time": format_instant(start),
                "end_time": None if end is None else format_instant(end),
                "modality": "self_reported" if sensed is None else "sensed" if report is None else "both",
                "reps": session.reps,
                "rom_best_deg": sensed and sensed.rom_best_deg,
                "rom_median_deg": sensed and sensed.rom_median_deg,
                "sparc": sensed and sensed.sparc,
                "pain_nrs": report and report.pain_nrs,
                "rpe": report and report.rpe,
                "flags": [] if sensed is None else list(sensed.flags),
            }
        return rows


def is_due(entry: Any, day: int) -> bool:
    """Whether an exercise or a medication is due on a day, by its days of the week."""
    return day_date(day).isoweekday() in entry.days_of_week
