"""Routing: what is known of an alert, the routes and the time in; whom to tell what, and when to look again, out.

An alert's course begins when it opens, or opens again. Its steps follow one another for as long as nobody acknowledges it: each says whom
it tells, and how long after the step before it was told. A person is told at the first of their endpoints that takes the message. Whoever
was told is told of the end too. Quiet hours move info and warning to their end; an urgent alert knows none.

A step that can reach nobody gives way to the next one at once. What reaches nobody at all is told to operations, and looked at again when
the next shift begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from schemas.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from processors.rota import Calendar

THERAPIST = "therapist"
ON_CALL = "on_call"
URGENT = "urgent"
OPENINGS = frozenset({"opened", "reopened"})
ENDINGS = {"resolved": "resolved", "expired": "resolved", "acknowledged": "acknowledged", "snoozed": "acknowledged"}
"""Which status is told as which transition to whoever was told of the alert."""

EVERY_CLINIC = "*"
MORNING = 900 * SECOND

Outcome = Literal["planned", "delivered", "given_up", "expired", "nobody"]


@dataclass(frozen=True, slots=True)
class Step:
    """A step: how long after the step before it (s), for which severities, and whom it tells: `therapist`, `on_call`, or people's ids."""

    after_s: int
    to: tuple[str, ...]
    severities: frozenset[str]


@dataclass(frozen=True, slots=True)
class ClinicRoute:
    """A clinic's routes: steps, people with their endpoints (the first that takes a message counts), rota, quiet hours."""

    steps: tuple[Step, ...] = ()
    people: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rota: Calendar | None = None
    quiet: Calendar | None = None
    bundle_s: float = 1.0
    most_messages: int = 0
    per_s: int = 3600


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes. `everywhere` are the endpoints that get every alert of some clinics, with these; `*` stands for all.

    `keep_incidents` are the endpoints that go on calling people by themselves: they want to know that somebody took an alert on, or that it
    is over, at any hour.
    """

    clinics: Mapping[str, ClinicRoute] = field(default_factory=dict)
    everywhere: tuple[tuple[str, frozenset[str]], ...] = ()
    keep_incidents: frozenset[str] = frozenset()

    def of(self, clinic: str) -> ClinicRoute:
        """The routes of a clinic: its own, or those of every clinic, or none."""
        return self.clinics.get(clinic) or self.clinics.get(EVERY_CLINIC) or _NONE

    def endpoints_of_all(self, clinic: str) -> list[str]:
        """The endpoints that get every alert of a clinic."""
        return [name for name, clinics in self.everywhere if EVERY_CLINIC in clinics or clinic in clinics]


_NONE = ClinicRoute(bundle_s=0.0)


@dataclass(slots=True)
class Told:
    """A message about an alert to one endpoint: of which transition, at which step, to whom, since when (ns), and what became of it."""

    transition: str
    step: int
    endpoint: str
    person: str | None
    planned_at: int
    outcome: Outcome = "planned"


@dataclass(slots=True)
class Course:
    """What is known of one alert since it last opened: instants in ns. `sure` is false where nothing tells of its opening any more.

    `former` are messages about former openings that were never told to be over: it opened again while it stood (a snooze's end, say).
    """

    alert_id: str
    clinic: str
    severity: str
    therapist: str
    opening: str
    since: int
    status: str = "open"
    status_at: int = 0
    sure: bool = True
    told: list[Told] = field(default_factory=list)
    former: list[Told] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Send:
    """A message that is due: of which transition, at which step, to which endpoint, for whom; `expired`: too late to be sent."""

    transition: str
    step: int
    endpoint: str
    person: str | None = None
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What to send now; when to look again (ns) if nothing happens before; whether the alert reaches nobody."""

    sends: tuple[Send, ...] = ()
    again: int | None = None
    nobody: bool = False


def decide(course: Course, routes: Routes, now: int, max_age_s: int) -> Decision:
    """What is due for one alert at an instant (ns). What came due longer ago than `max_age_s` wakes nobody any more."""
    if course.status == "open":
        return _climb(course, routes, now, max_age_s * SECOND) if course.sure else Decision()
    transition = ENDINGS.get(course.status)
    if transition is None or (course.status == "expired" and not course.sure):
        return Decision()
    done = {told.endpoint for told in course.told if told.transition == transition}
    whom = [(name, person) for name, person in _to_be_told_of_the_end(course, routes) if name not in done]
    due_at = _awake(_quiet(course, routes), course.status_at)
    if course.status != "resolved" or now < due_at:
        held = course.status == "resolved" and any(name not in routes.keep_incidents for name, _ in whom)
        again = due_at if held else None
        whom = [(name, person) for name, person in whom if name in routes.keep_incidents]
    else:
        again = None
    expired = _too_late(_quiet(course, routes), due_at, now, max_age_s * SECOND)
    return Decision(tuple(Send(transition, 0, name, person, expired) for name, person in whom), again)


def _to_be_told_of_the_end(course: Course, routes: Routes) -> list[tuple[str, str | None]]:
    """The endpoints that were told, or are being told, that the alert is open; where that isn't known, those of the first step."""
    if course.sure:
        told = [each for each in course.former + course.told if each.transition not in ENDINGS.values()]
        return list({each.endpoint: each.person for each in told if each.outcome in {"planned", "delivered"}}.items())
    route = routes.of(course.clinic)
    found = dict.fromkeys(routes.endpoints_of_all(course.clinic))
    for person in _people(route.steps[0], course, route, course.status_at) if route.steps else ():
        found |= dict.fromkeys(route.people[person][:1], person)
    return list(found.items())


def _climb(course: Course, routes: Routes, now: int, max_age: int) -> Decision:
    """The steps of an open alert, up to the one that is due."""
    route = routes.of(course.clinic)
    quiet = _quiet(course, routes)
    at = course.since
    reached = max((told.step for told in course.told if told.outcome != "nobody"), default=0)
    if any(told.outcome == "expired" for told in course.told):
        return Decision()
    if (morning := _awake(quiet, now)) > now:
        return Decision((), morning)
    sends: list[Send] = []
    failed, first = True, True
    for number, step in enumerate(_steps(route), 1):
        if course.severity not in step.severities:
            continue
        at = _awake(quiet, at + step.after_s * SECOND)
        due_at = min(at, now) if failed and not first else at
        first = False
        if number > reached and now < due_at:
            return Decision(tuple(sends), due_at)
        if number < reached:
            continue
        late = _too_late(quiet, due_at, now, max_age)
        fresh = number > reached
        found, failed = _of_step(number, step, course, routes, now)
        if fresh and late:
            return Decision(tuple(Send(each.transition, each.step, each.endpoint, each.person, expired=True) for each in found))
        sends += found
        if found:
            reached = number
        told_at = [told.planned_at for told in course.told if told.step == number and told.outcome != "nobody"]
        at = max(at, min(told_at, default=now if found else at))
    if failed and not sends:
        return Decision((), route.rota.next_begin(now) if route.rota else None, nobody=True)
    return Decision(tuple(sends))


def _steps(route: ClinicRoute) -> Sequence[Step]:
    return route.steps or (Step(0, (), frozenset({"info", "warning", URGENT})),)


def _quiet(course: Course, routes: Routes) -> Calendar | None:
    return routes.of(course.clinic).quiet if course.severity != URGENT else None


def _too_late(quiet: Calendar | None, due_at: int, now: int, max_age: int) -> bool:
    """Whether what came due at an instant wakes nobody any more; what grew old in quiet hours has a moment when they end."""
    return now > (due_at + max_age if quiet is None else quiet.outside(due_at + max_age) + MORNING)


def _awake(quiet: Calendar | None, instant: int) -> int:
    return quiet.outside(instant) if quiet else instant


def _of_step(number: int, step: Step, course: Course, routes: Routes, now: int) -> tuple[list[Send], bool]:
    """What of a step is still to be sent; and whether it has failed: nobody there, or nobody whose endpoints took it."""
    route = routes.of(course.clinic)
    transition = course.opening if number == 1 else "escalated"
    told = [each for each in course.told if each.step == number and each.outcome != "nobody"]
    people = dict.fromkeys(each.person for each in told if each.person is not None)
    if not people:
        people = dict.fromkeys(_people(step, course, route, now))
    sends: list[Send] = []
    reached = False
    for person in people:
        name, taken = _next_endpoint(route.people.get(person, ()), [each for each in told if each.person == person])
        reached = reached or taken
        if name is not None:
            sends.append(Send(transition, number, name, person))
    for name in routes.endpoints_of_all(course.clinic) if number == 1 else ():
        before = [each for each in told if each.endpoint == name and each.person is None]
        if not before:
            sends.append(Send(transition, number, name))
        reached = reached or any(each.outcome in {"planned", "delivered"} for each in before)
    return _each_endpoint_once(sends, told), not (reached or sends)


def _people(step: Step, course: Course, route: ClinicRoute, now: int) -> Iterable[str]:
    """The people whom a step tells, each once: those who have an endpoint."""
    found: list[str] = []
    for name in step.to:
        if name == ON_CALL:
            found += route.rota.people_at(now) if route.rota else ()
        else:
            found.append(course.therapist if name == THERAPIST else name)
    return [name for name in dict.fromkeys(found) if route.people.get(name)]


def _next_endpoint(endpoints: Sequence[str], told: Sequence[Told]) -> tuple[str | None, bool]:
    """The endpoint at which to try a person now, and whether they are told, or being told, already."""
    if any(each.outcome in {"planned", "delivered"} for each in told):
        return None, True
    tried = {each.endpoint for each in told}
    return next((name for name in endpoints if name not in tried), None), False


def _each_endpoint_once(sends: Iterable[Send], told: Iterable[Told]) -> list[Send]:
    """One message of a step to each endpoint, however many people it stands for."""
    found: dict[str, Send] = {}
    for each in sends:
        found.setdefault(each.endpoint, each)
    busy = {each.endpoint for each in told if each.outcome in {"planned", "delivered"}}
    return [each for name, each in found.items() if name not in busy]
