"""What the routes would do: a clinic, a severity and an instant in; who would be told when, if nobody acknowledged, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from processors.routing import Course, Told, decide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processors.routing import Routes

MOST_LOOKS = 1000


@dataclass(frozen=True, slots=True)
class Telling:
    """That somebody would be told: when (ns), at which step, whom, where; `endpoint` is None where nobody is reached then."""

    at: int
    step: int
    person: str | None
    endpoint: str | None


def preview(routes: Routes, clinic: str, severity: str, therapist: str, at: int, max_age_s: int) -> Iterator[Telling]:
    """Who would be told of an alert that opens at an instant (ns), each endpoint taking its message."""
    course = Course("", clinic, severity, therapist, "opened", at, status_at=at)
    now = at
    for _ in range(MOST_LOOKS):
        decision = decide(course, routes, now, max_age_s)
        for send in decision.sends:
            if send.expired:
                return
            course.told.append(Told(send.transition, send.step, send.endpoint, send.person, now, "delivered"))
            yield Telling(now, send.step, send.person, send.endpoint)
        if decision.sends:
            continue
        if decision.nobody:
            yield Telling(now, 1, None, None)
        if decision.again is None:
            return
        now = decision.again
