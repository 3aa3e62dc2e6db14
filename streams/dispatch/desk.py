"""The desk: alerts' changes, the ends of deliveries and the time in; plans of messages out. All in memory, nothing of Kafka or HTTP.

It knows the course of every open alert, asks `processors.routing` what is due and when to look again, lets what is due wait for more of its
kind (`processors.routing_bundles`), and plans what goes. What it is told again after a restart it doesn't plan again.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from processors.routing import ENDINGS, OPENINGS, URGENT, Course, Send, Told, decide
from processors.routing_bundles import Reader, Waiting, release
from schemas.instants import SECOND, parse_instant
from streams.dispatch.messages import bundle_id, webhook_id
from streams.dispatch.records import NOBODY, Part, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from processors.routing import Outcome, Routes
    from streams.dispatch.messages import AlertChange

OVER = frozenset({"resolved", "expired"})
RATE_S = 3600
"""How long back messages to a reader are counted."""


@dataclass(slots=True)
class Known:
    """An alert: its newest change, its course, since when it has opened without being over in between, what of it is due and waits,
    attempts by transition and endpoint.
    """

    change: AlertChange
    course: Course
    sinces: list[int]
    waiting: dict[Send, int] = field(default_factory=dict)
    tried: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True, slots=True)
class Unsent:
    """A plan that is put down without being sent: too late (`expired`), or there is `nobody`."""

    plan: Plan
    outcome: Outcome


class Desk:
    """Plans messages. `by_the_log`: an alert's time is that of its newest change, and passes with nothing else."""

    def __init__(self, routes: Routes, max_age_s: int, one_alert_each: Iterable[str] = (), *, by_the_log: bool = False) -> None:
        self.known: dict[str, Known] = {}
        self._max_age_s, self._by_the_log = max_age_s, by_the_log
        self._looks: list[tuple[int, str]] = []
        self._due: set[str] = set()
        self._waiting: dict[str, None] = {}
        self._sent_at: dict[Reader, list[int]] = defaultdict(list)
        self._before: dict[tuple[str, int], list[tuple[int, Told]]] = defaultdict(list)
        self._unsent: list[Unsent] = []
        self._release_at: int | None = None
        self.change_routes(routes, one_alert_each)

    def change_routes(self, routes: Routes, one_alert_each: Iterable[str] = ()) -> None:
        """Decide by these from now on; endpoints of `one_alert_each` take one alert a message."""
        self._routes, self._one_alert_each = routes, frozenset(one_alert_each)
        self._due.update(self.known)

    # -- what comes in -----------------------------------------------------------------------------------------------------------------

    def take(self, change: AlertChange, now: int) -> list[Plan]:
        """An alert changed. What is to be sent without waiting for more is planned at once, so that no change is passed over."""
        self.fold(change)
        self._look(change.alert_id, now)
        return self._release(now) if self._routes.of(change.row["clinic_id"]).bundle_s == 0 else []

    def fold(self, change: AlertChange) -> None:
        """Only know of a change; what follows from it is seen by the next `plans`."""
        known = self.known.get(change.alert_id)
        row = change.row
        if change.transition in OPENINGS:
            course = Course(
                change.alert_id, row["clinic_id"], row["severity"], row["therapist_id"], change.transition, change.at, "open", change.at
            )
            course.told = [told for _, told in self._before.pop((change.alert_id, change.at), [])]
            tried, sinces = (known.tried, known.sinces) if known else (defaultdict(int), [])
            if known is not None and known.course.status not in OVER:
                course.former = known.course.former + known.course.told
            else:
                sinces = []
            known = self.known[change.alert_id] = Known(change, course, [*sinces, change.at], tried=tried)
        elif known is None:
            course = Course(change.alert_id, row["clinic_id"], row["severity"], row["therapist_id"], "opened", 0, sure=False)
            known = self.known[change.alert_id] = Known(change, course, [])
        known.change = change
        course = known.course
        if course.status != row["status"]:
            course.status, course.status_at = row["status"], change.at
        course.severity, course.therapist, course.clinic = row["severity"], row["therapist_id"], row["clinic_id"]
        self._due.add(change.alert_id)

    def recall(self, plan: Plan, outcome: Outcome, attempts: int, unread: Mapping[int, int]) -> None:
        """A former dispatcher planned this, and it has come so far; `unread` is the first offset of each partition not folded here yet."""
        for part in plan.parts:
            if part.partition not in unread:
                continue
            told = Told(part.transition, part.step, plan.endpoint, part.person, plan.planned_at, outcome)
            known = self.known.get(part.alert_id)
            if known is not None:
                key = part.transition, plan.endpoint
                known.tried[key] = max(known.tried[key], part.earlier + attempts)
                if known.course.since == part.since:
                    known.course.told.append(told)
                    continue
                if part.since in known.sinces:
                    known.course.former.append(told)
                    continue
            if part.offset >= unread[part.partition]:
                self._before[part.alert_id, part.since].append((part.partition, told))
        self._count(plan)

    def ended(self, plan: Plan, outcome: Outcome, attempts: int) -> None:
        """A message has been delivered, or given up."""
        for part in plan.parts:
            known = self.known.get(part.alert_id)
            if known is None:
                continue
            known.tried[part.transition, plan.endpoint] = part.earlier + attempts
            for told in known.course.told:
                if (told.transition, told.step, told.endpoint, told.planned_at) == (
                    part.transition, part.step, plan.endpoint, plan.planned_at,
                ) and known.course.since == part.since:  # fmt: skip
                    told.outcome = outcome
            self._due.add(part.alert_id)

    def forget(self, partition: int) -> None:
        """Another dispatcher has this partition of rtm.alerts.v1 now."""
        self.known = {name: each for name, each in self.known.items() if each.change.partition != partition}
        self._waiting = {name: None for name in self._waiting if name in self.known}
        kept = {key: [each for each in told if each[0] != partition] for key, told in self._before.items()}
        self._before = defaultdict(list, {key: told for key, told in kept.items() if told})

    # -- what goes out -----------------------------------------------------------------------------------------------------------------

    def plans(self, now: int) -> list[Plan]:
        """What is due by now (ns), to be put down and sent, in this order."""
        while self._looks and self._looks[0][0] <= now:
            self._due.add(heapq.heappop(self._looks)[1])
        due, self._due = sorted(self._due), set()
        for name in due:
            self._look(name, now)
        return self._release(now) if self._release_at is not None and self._release_at <= now else []

    def unsent(self) -> list[Unsent]:
        """What is put down without being sent, since this was last asked."""
        found, self._unsent = self._unsent, []
        return found

    def _look(self, name: str, now: int) -> None:
        self._due.discard(name)
        known = self.known.get(name)
        if known is None:
            return
        clock = parse_instant(known.change.row["issued_at"]) if self._by_the_log else now
        decision = decide(known.course, self._routes, clock, self._max_age_s)
        known.waiting = {send: known.waiting.get(send, now) for send in decision.sends if not send.expired}
        for send in decision.sends:
            if send.expired:
                self._put_aside(known, send, "expired", now)
        if decision.nobody and not any(told.outcome == "nobody" for told in known.course.told):
            self._put_aside(known, Send(known.course.opening, 1, NOBODY), "nobody", now)
        self._waiting.pop(name, None)
        if known.waiting:
            self._waiting[name] = None
            self._release_at = now
        elif decision.again is not None and not self._by_the_log:
            heapq.heappush(self._looks, (decision.again, name))
        elif known.course.status in OVER and not _under_way(known.course):
            del self.known[name]

    def _put_aside(self, known: Known, send: Send, outcome: Outcome, now: int) -> None:
        part = self._part(known, send)
        known.course.told.append(Told(send.transition, send.step, send.endpoint, send.person, now, outcome))
        name = webhook_id(part.alert_id, part.transition, part.at, part.step)
        self._unsent.append(Unsent(Plan(name, send.endpoint, now, (part,)), outcome))

    def _release(self, now: int) -> list[Plan]:
        waiting = [
            Waiting(send, name, known.course.clinic, known.course.severity == URGENT, since)
            for name, known in ((name, self.known[name]) for name in self._waiting)
            for send, since in known.waiting.items()
        ]
        bundles, self._release_at = release(waiting, self._routes.of, self._sent_lately(now), now)
        found: list[Plan] = []
        for bundle in bundles:
            each_alone = bundle[0].send.endpoint in self._one_alert_each or self._routes.of(bundle[0].clinic).bundle_s == 0
            groups: Sequence[Sequence[Waiting]] = [(each,) for each in bundle] if each_alone else [bundle]
            found += (self._plan(group, now) for group in groups)
        self._waiting = {name: None for name in self._waiting if self.known[name].waiting}
        return found

    def _sent_lately(self, now: int) -> Callable[[Reader], Sequence[int]]:
        def told_at(reader: Reader) -> Sequence[int]:
            instants = self._sent_at.get(reader, [])
            del instants[: bisect_right(instants, now - RATE_S * SECOND)]
            return instants

        return told_at

    def _plan(self, group: Sequence[Waiting], now: int) -> Plan:
        parts = []
        for each in group:
            known = self.known[each.alert_id]
            del known.waiting[each.send]
            parts.append(self._part(known, each.send))
            send = each.send
            known.course.told.append(Told(send.transition, send.step, send.endpoint, send.person, now))
            self._due.add(each.alert_id)
        name = bundle_id(webhook_id(part.alert_id, part.transition, part.at, part.step) for part in parts)
        plan = Plan(name, group[0].send.endpoint, now, tuple(parts))
        self._count(plan)
        return plan

    def _count(self, plan: Plan) -> None:
        part = plan.parts[0]
        instants = self._sent_at[part.clinic, part.person or plan.endpoint]
        place = bisect_right(instants, plan.planned_at)
        if place == 0 or instants[place - 1] != plan.planned_at:
            instants.insert(place, plan.planned_at)

    def _part(self, known: Known, send: Send) -> Part:
        course, change, row = known.course, known.change, known.change.row
        over = send.transition in ENDINGS.values()
        return Part(
            alert_id=course.alert_id,
            patient=change.patient,
            clinic=course.clinic,
            therapist=course.therapist,
            episode_id=row["episode_id"],
            severity=course.severity,
            rule_id=row["rule_id"],
            opened_at=row["opened_at"],
            updated_at=row["updated_at"],
            issued_at=row["issued_at"],
            transition=send.transition,
            since=course.since,
            at=course.status_at if over else course.since,
            step=max(send.step, 1),
            person=send.person,
            partition=change.partition,
            offset=change.offset,
            earlier=known.tried[send.transition, send.endpoint],
        )


def _under_way(course: Course) -> bool:
    return any(told.outcome == "planned" for told in course.told)
