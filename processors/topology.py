"""The topology, in one place: which stage reads which topic and writes which, and the two stages composed in one process.

    rtm.sensor.v1 ──▶ motion ──▶ rtm.events.v1 ──▶ patient ──▶ rtm.metrics.v1, rtm.alerts.v1

A chunk goes to `motion`; every other fact, those that motion derives, and the ticks as motion forwards them go to `patient`; the request to
forget a patient goes to both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from processors.motion import MotionProcessor
from processors.patient import PatientProcessor
from processors.policy import Policy
from processors.processor import Output, Processor, Record, Tick
from processors.store import StateStore
from schemas.events import CHUNK, FORGOTTEN


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: its name, the topic it reads, the topics it writes, and how its processor is made.

    `patients` is the most that a checkpoint of it may hold: their state is in memory until then. `kernels`: most of its time goes into
    kernels, which leave the interpreter to other threads.
    """

    name: str
    reads: str
    writes: tuple[str, ...]
    make: Callable[[Policy, StateStore], Processor]
    patients: int = 512
    kernels: bool = False


MOTION = Stage("motion", "rtm.sensor.v1", ("rtm.events.v1", "rtm.metrics.v1", "rtm.dead-letters.v1"), MotionProcessor, kernels=True)
PATIENT = Stage("patient", "rtm.events.v1", ("rtm.metrics.v1", "rtm.alerts.v1", "rtm.dead-letters.v1"), PatientProcessor)
STAGES: tuple[Stage, ...] = (MOTION, PATIENT)


class Pipeline:
    """Both stages in one process, record by record: what the embedded runtime folds with."""

    def __init__(self, policy: Policy, motion_store: StateStore, patient_store: StateStore) -> None:
        self.motion = MOTION.make(policy, motion_store)
        self.patient = PatientProcessor(policy, patient_store)

    def fold(self, record: Record, out: Output) -> None:
        """Fold one record through the stage it belongs to, and what motion makes of it through the next."""
        item = record.item
        if not isinstance(item, Tick) and item.type != CHUNK:
            if item.type == FORGOTTEN:
                self.motion.fold(record, Output())
            self.patient.fold(record, out)
            return
        made = Output()
        self.motion.fold(record, made)
        for fact in made.facts:
            self.patient.fold(Record(record.position, fact), out)
        out.rows += made.rows
        out.dead += made.dead
        out.applied += made.applied
        out.duplicates += made.duplicates

    def flush(self, out: Output) -> None:
        """Add the rows that changed to `out`."""
        self.motion.flush(out)
        self.patient.flush(out)

    def issue(self, out: Output) -> Iterator[None]:
        """`flush` in steps: between two of them `out` may be emptied."""
        self.motion.flush(out)
        yield
        yield from self.patient.issue(out)

    def save(self) -> None:
        """Write what changed to the stores."""
        self.motion.save()
        self.patient.save()
