"""How the scenarios of alerts are told: a patient's days in, transitions out. The plan asks for 10 repetitions a day, in Berlin in winter
(UTC+1); a day of January 2026 is over at 05:00 UTC of the second day after it began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from processors.patient import PatientProcessor
from processors.policy import Policy
from processors.processor import Output, Record, Tick, Transition
from processors.store import MemoryStore
from schemas.codecs import make_fact
from schemas.instants import format_instant, parse_instant

if TYPE_CHECKING:
    from schemas.facts import Fact

HOUR = 3600 * 10**9
MINUTE = 60 * 10**9


def at(day: int, hour: float = 12) -> int:
    """An hour (UTC) of a day of January 2026; day 32 is 1 February."""
    return parse_instant("2026-01-01T00:00:00Z") + (day - 1) * 24 * HOUR + int(hour * HOUR)


def date(day: int) -> str:
    return format_instant(at(day))[:10]


def enrolled(day: int = 1, *, procedure: int | None = None, zone: str = "Europe/Berlin") -> Fact:
    data = {"episode_id": "e", "timezone": zone, "monitoring_start": date(day)}
    data |= {"therapeutic_area": "musculoskeletal", "clinic_id": "c", "therapist_id": "t"}
    if procedure is not None:
        data["procedure_date"] = date(procedure)
    return make_fact("rtm.patient.enrolled.v1", "p", "/ehr", f"enrolled-{day}", at(day, 7), data)


def plan(version: int = 1, day: int = 1, recorded: int | None = None, **more: Any) -> Fact:
    exercise = {"exercise_id": "x", "name": "X", "sets": 1, "reps": 10}
    data = {"plan_id": "plan", "version": version, "effective_from": date(day), "exercises": [exercise], **more}
    return make_fact("rtm.plan.prescribed.v1", "p", "/ehr", f"plan-{version}", recorded or at(day, 7), data)


def plan_ended(day: int) -> Fact:
    return make_fact("rtm.plan.ended.v1", "p", "/ehr", f"ended-{day}", at(day, 8), {"plan_id": "plan", "effective_to": date(day)})


def done(day: int, reps: int = 10, recorded: int | None = None, hour: float = 12, **more: Any) -> Fact:
    data = {"exercise_id": "x", "started_at": format_instant(at(day, hour)), "reps_completed": reps, **more}
    return make_fact("rtm.report.exercise.v1", "p", "/app", f"done-{day}-{hour}-{reps}", recorded or at(day, hour + 1), data)


def heard(day: int, recorded: int | None = None) -> Fact:
    return make_fact("rtm.report.checkin.v1", "p", "/app", f"heard-{day}", at(day, 18), {}, recorded=recorded or at(day, 18))


def pain(day: int, nrs: float, hour: float = 8, recorded: int | None = None) -> Fact:
    told = at(day, hour)
    return make_fact("rtm.report.pain.v1", "p", "/app", f"pain-{day}-{hour}-{nrs}", told, {"nrs": nrs}, recorded=recorded or told)


def dose(day: int, *, taken: bool = True, hour: float = 9, drug: str = "m") -> Fact:
    data = {"medication_id": drug, "taken": taken}
    return make_fact("rtm.report.medication.v1", "p", "/app", f"dose-{drug}-{day}-{hour}", at(day, hour), data)


def score(day: int, value: float, instrument: str = "ODI") -> Fact:
    return make_fact("rtm.report.prom.v1", "p", "/app", f"{instrument}-{day}", at(day, 19), {"instrument": instrument, "score": value})


def sensed(day: int, best: float | None = None, reps: int = 10, flags: tuple[str, ...] = (), motion: str = "flexion") -> list[Fact]:
    """A sensed session, and with `best` a repetition that reaches that angle."""
    name = f"s{day}"
    whose = {"session_id": name, "exercise_id": "x", "joint": "knee", "motion": motion, "side": "left"}
    start, end = format_instant(at(day, 10)), format_instant(at(day, 10) + MINUTE)
    session = whose | {"start_time": start, "end_time": end, "reps": reps, "flags": list(flags)}
    facts = [make_fact("rtm.motion.session.v1", "p", "/rtm/motion", f"p/{name}/1", at(day, 10), session, recorded=at(day, 10.5))]
    if best is not None:
        low, high = (best, 90.0) if motion == "extension" else (5.0, best)
        rep = whose | {"session_start": start, "rep": 1, "start_time": start, "duration_s": 3.0, "flags": []}
        rep |= {"min_deg": low, "max_deg": high, "rom_deg": high - low}
        facts.append(make_fact("rtm.motion.rep.v1", "p", "/rtm/motion", f"p/{name}/1/1", at(day, 10), rep, recorded=at(day, 10.5)))
    return facts


def discharged(day: int) -> Fact:
    return make_fact("rtm.patient.discharged.v1", "p", "/ehr", f"out-{day}", at(day, 8), {"episode_id": "e", "date": date(day)})


def retracted(fact: Fact, recorded: int) -> Fact:
    data = {"fact_source": fact.source, "fact_id": fact.id}
    return make_fact("rtm.fact.retracted.v1", "p", "/ehr", f"not-{fact.id}-{recorded}", recorded, data)


@dataclass(frozen=True)
class Step:
    """What staff or the dispatcher does at an instant with the newest alert of a rule (or with one of that id)."""

    kind: str
    when: int
    data: dict[str, Any]
    rule: str = "missed_days"
    alert: str | None = None


def acknowledged(when: int, by: str = "n", **more: Any) -> Step:
    return Step("acknowledged", when, {"staff_id": by}, **more)


def snoozed(when: int, until: int | None = None, **more: Any) -> Step:
    return Step("snoozed", when, {"staff_id": "n"} | ({"until": format_instant(until)} if until else {}), **more)


def closed(when: int, **more: Any) -> Step:
    return Step("closed", when, {"staff_id": "n"}, **more)


def told(when: int, step: int = 1, *, kind: str = "notified") -> Step:
    return Step(kind, when, {"step": step, "endpoint": "hook", "therapist_id": "t"})


@dataclass
class Log:
    """Facts and steps folded in the order of their recorded time, with a tick before each and one at the end."""

    facts: list[Fact | Step]
    until: int
    policy: Policy = field(default_factory=Policy)
    flush_each: int = 1000
    save_each: int = 1000
    store: MemoryStore = field(default_factory=MemoryStore)

    def transitions(self, rule: str | None = None) -> list[Transition]:
        """What was told, of one rule or of all."""
        processor, out, position = PatientProcessor(self.policy, self.store), Output(), 0
        for item in sorted(self.facts, key=lambda x: x.when if isinstance(x, Step) else x.recorded):
            when = item.when if isinstance(item, Step) else item.recorded
            processor.fold(Record(position, Tick(when // MINUTE * MINUTE)), out)
            while isinstance(item, Step) and processor.work(out):
                pass  # what the tick made due is told before somebody answers it
            fact = self._fact(item, out) if isinstance(item, Step) else item
            processor.fold(Record(position + 1, fact), out)
            position += 2
            if position % self.flush_each == 0:
                processor.flush(out)
            if position % self.save_each == 0:
                processor.save()
                processor = PatientProcessor(self.policy, self.store)
        processor.fold(Record(position, Tick(self.until)), out)
        processor.flush(out)
        return [x for x in out.transitions if rule is None or x.row["rule_id"] == rule]

    def _fact(self, step: Step, out: Output) -> Fact:
        names = [x.alert_id for x in out.transitions if x.row["rule_id"] == step.rule] or ["none"]
        data = {"alert_id": step.alert or names[-1], **step.data}
        return make_fact(f"rtm.alert.{step.kind}.v1", "p", "/staff", f"{step.kind}-{step.when}", step.when, data)

    def told(self, rule: str) -> list[str]:
        """The transitions of a rule's alerts, a line each: what, when, and of an opening its severity."""
        lines = []
        for x in self.transitions(rule):
            severity = f" {x.row['severity']}" if x.transition in {"opened", "reopened"} else ""
            lines.append(f"{x.transition} {format_instant(x.at)[5:16]}{severity}")
        return lines


START: list[Fact | Step] = [enrolled(), plan(), done(1), done(2)]
