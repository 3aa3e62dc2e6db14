"""The cohort: patients made one by one, their events brought into recorded order by an external sort, the truth written as it is made.

In: a frame and the rates of faults. Out: two files of JSON Lines. Memory holds one patient and one run of the sort.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from schemas.codecs import LineWriter, open_whole
from schemas.instants import DAY_SECONDS, SECOND, format_day, format_instant
from streams.progress import Progress, Silent
from streams.replay.sorting import Sorter
from streams.simulate.faults import befall
from streams.simulate.life import Frame, Life
from streams.simulate.telling import live

WHOLE_DAY = DAY_SECONDS * SECOND


@dataclass(slots=True)
class Made:
    """What a simulation made."""

    patients: int = 0
    facts: int = 0
    size: int = 0
    as_of: int = 0
    by_type: dict[str, int] = field(default_factory=dict)
    behaviours: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The summary as one JSON object."""
        return {
            "patients": self.patients,
            "facts": self.facts,
            "bytes": self.size,
            "as_of": format_instant(self.as_of),
            "types": dict(sorted(self.by_type.items())),
            "behaviours": dict(sorted(self.behaviours.items())),
            "patients_with_fault": dict(sorted(self.faults.items())),
            "seconds": round(self.seconds, 2),
            "facts_per_s": round(self.facts / self.seconds) if self.seconds else 0,
        }


def as_of(frame: Frame) -> int:
    """When everything is there, ns: noon UTC of the second day after the last, when that is over in every zone."""
    return (frame.first + frame.days + 1) * WHOLE_DAY + WHOLE_DAY // 2


def make_patient(frame: Frame, number: int, rates: dict[str, float]) -> Life:
    """One patient (from 1) with his faults; what would be recorded, or be done by staff, after the end is so at the end."""
    life = live(frame, number)
    befall(frame, life, rates)
    end = as_of(frame)
    for draft in life.drafts:
        draft.recorded = min(draft.recorded, end)
        if draft.origin == "clinic":
            draft.time = min(draft.time, draft.recorded)
    return life


def truth_of(life: Life) -> Iterator[dict[str, Any]]:
    """The truth about a patient: one `patient`, his `spell`s and his `day`s."""
    yield {
        "what": "patient",
        "patient": life.subject,
        "episode_id": life.episode,
        "condition": life.condition.name,
        "therapeutic_area": life.condition.area,
        "timezone": life.zone,
        "behaviour": life.behaviour,
        "device": life.device,
        "monitoring_start": format_day(life.first),
        "last_day": format_day(life.last),
        "discharged_on": None if life.discharged is None else format_day(life.discharged),
        "faults": life.faults,
    }
    for spell in life.course.spells:
        first, last = format_day(life.first + spell.first), format_day(life.first + spell.last)
        yield {"what": "spell", "patient": life.subject, "spell": spell.what, "first": first, "last": last}
    yield from life.days


def simulate(
    frame: Frame,
    rates: dict[str, float],
    write: Callable[[bytes], object],
    tell: Callable[[bytes], object],
    progress: Progress | None = None,
) -> Made:
    """Make the cohort: event lines to `write` in recorded order, lines of truth to `tell`."""
    progress = progress or Silent()
    made = Made(patients=frame.patients, as_of=as_of(frame))
    head = {"what": "cohort", "seed": frame.seed, "patients": frame.patients, "first_date": format_day(frame.first), "days": frame.days}
    tell(orjson.dumps(head | {"as_of": format_instant(made.as_of), "samples": frame.samples, "faults": rates}))
    with tempfile.TemporaryDirectory(prefix="rtm-simulate-") as folder:
        sorter = Sorter(Path(folder))
        progress.phase("simulating patients", frame.patients)
        for number in range(1, frame.patients + 1):
            life = make_patient(frame, number, rates)
            _count(made, life)
            for place, draft in enumerate(life.drafts):
                line = memoryview(draft.line()).tobytes()  # a copy of its own size: orjson's bytes keep a larger buffer
                sorter.add((draft.recorded, draft.time, number, place, True, line))
            for true in truth_of(life):
                tell(orjson.dumps(true))
            progress.advance(1)
        progress.phase("writing events", made.facts)
        _write(sorter.entries(), write, made, progress)
    return made


def _count(made: Made, life: Life) -> None:
    made.facts += len(life.drafts)
    made.behaviours[life.behaviour] = made.behaviours.get(life.behaviour, 0) + 1
    for draft in life.drafts:
        made.by_type[draft.kind] = made.by_type.get(draft.kind, 0) + 1
    for fault in {note["fault"] for note in life.faults}:
        made.faults[fault] = made.faults.get(fault, 0) + 1


def _write(
    entries: Iterable[tuple[int, int, int, int, bool, bytes]], write: Callable[[bytes], object], made: Made, progress: Progress
) -> None:
    held = 0
    for *_, raw in entries:
        write(raw)
        made.size += len(raw) + 1
        held += 1
        if held == 4096:
            progress.advance(held)
            held = 0
    progress.advance(held)


def open_lines(path: Path | None, stream: Any) -> AbstractContextManager[LineWriter]:
    """A writer to `path` by its suffix, which appears when it is complete, or to `stream` where there is none."""
    return nullcontext(LineWriter(stream)) if path is None else open_whole(path)
