"""Drafts of events, and the lines they become. What a patient's life tells is held as drafts until every fault has had its turn.

A draft's data holds instants as integers (ns) so that a fault can move them; `line` writes them as text. The lines are made without the
models' validation, which would cost more than all the rest: `tests/streams/simulate/test_simulate.py` validates them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import orjson

from schemas.instants import format_instant

APP = "/simulated/app"
DEVICE = "/simulated/device"
CLINIC = "/simulated/clinic"
MOTION = "/rtm/motion"

Origin = Literal["phone", "device", "clinic"]

INSTANTS: dict[str, tuple[str, ...]] = {
    "report.exercise": ("started_at", "ended_at"),
    "report.medication": ("taken_at",),
    "sensor.activity": ("start", "end"),
    "motion.session": ("start_time", "end_time"),
    "motion.rep": ("start_time", "session_start"),
}
"""The fields of a kind's data that hold instants written as text."""


@dataclass(slots=True)
class Draft:
    """One event to be: `recorded` and `time` in ns, `day` the simulated local date (day number) that it tells of."""

    kind: str
    subject: str
    source: str
    name: str
    time: int
    recorded: int
    data: dict[str, Any]
    clinic: str
    origin: Origin
    day: int

    def shift(self, by: int) -> None:
        """Move every instant that the phone or device stamped, ns."""
        self.time += by
        moved = {name: self.data[name] + by for name in INSTANTS.get(self.kind, ()) if name in self.data}
        if "t0_ns" in self.data:
            moved["t0_ns"] = self.data["t0_ns"] + by
        self.data = {**self.data, **moved}

    def line(self) -> bytes:
        """The event as one line of JSON Lines, without its newline."""
        data = self.data
        if fields := INSTANTS.get(self.kind):
            data = {**data, **{name: format_instant(data[name]) for name in fields if name in data}}
        return orjson.dumps(
            {
                "specversion": "1.0",
                "id": self.name,
                "source": self.source,
                "type": f"rtm.{self.kind}.v1",
                "subject": self.subject,
                "time": format_instant(self.time),
                "recordedtime": format_instant(self.recorded),
                "clinicid": self.clinic,
                "data": data,
            }
        )
