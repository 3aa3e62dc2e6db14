"""What is known of one simulated patient: who he is, the drafts of his events, and the truth about him, by day and at large."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.instants import SECOND
from streams.simulate.drafts import APP, CLINIC, DEVICE, Draft, Origin

if TYPE_CHECKING:
    from streams.simulate.behaviours import Course
    from streams.simulate.conditions import Condition

HOUR = 3600 * SECOND
MINUTE = 60 * SECOND
UPLOAD = 20 * SECOND


@dataclass(frozen=True, slots=True)
class Frame:
    """What all patients of a cohort share: the seed, their number, the first day (day number), how many days, samples or not."""

    seed: int
    patients: int
    first: int
    days: int
    samples: bool = False


@dataclass(slots=True)
class Life:
    """What happened: drafts in the order told, and the truth, by day and at large."""

    number: int
    subject: str
    zone: str
    condition: Condition
    behaviour: str
    device: bool
    clinic: str
    therapist: str
    first: int
    last: int
    course: Course
    discharged: int | None = None
    drafts: list[Draft] = field(default_factory=list)
    days: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)

    @property
    def episode(self) -> str:
        """The episode's id."""
        return f"{self.subject}-e1"

    def tell(self, kind: str, day: int, time: int, data: dict[str, Any], origin: Origin = "phone", **more: Any) -> Draft:
        """Write one event down; by default recorded 20 s later, from the source of its origin, with the next id."""
        source = more.get("source") or {"phone": APP, "device": DEVICE, "clinic": CLINIC}[origin]
        name = more.get("name") or f"{self.subject}-{len(self.drafts):05d}"
        recorded = more.get("recorded", time + UPLOAD)
        draft = Draft(kind, self.subject, source, name, time, recorded, data, self.clinic, origin, day)
        self.drafts.append(draft)
        return draft
