"""A diary: where the facts of one patient of the demo are written down. In: what happened at which local time. Out: `Fact`s.

The calendar is fixed: three weeks from Monday 2026-03-02 (day 0) to Sunday 2026-03-22 (day 20), the board as of the morning after. There
is no clock; the only chance is a seeded generator a patient.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from schemas.codecs import make_fact
from schemas.events import CHUNK
from schemas.instants import SECOND, format_day, parse_day, parse_instant
from schemas.zones import load_zone

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from schemas.facts import Fact

FIRST_DAY = date(2026, 3, 2)
DAYS = 21
AS_OF = parse_instant("2026-03-23T12:00:00Z")
SEED = 2026
MINUTE = 60 * SECOND

APP = "/demo/app"
CLINIC = "/demo/clinic"
RECORDED = "/demo/spar/watch"
SIMULATED = "/demo/simulated/goniometer"
SOURCES = (APP, CLINIC, RECORDED, SIMULATED)

CHUNK_ROWS = 500
UPLOAD_DELAY = 2 * SECOND


def day_text(day: int) -> str:
    """The date of a day of the demo, YYYY-MM-DD."""
    return format_day(parse_day(FIRST_DAY.isoformat()) + day)


class Diary:
    """The facts of one patient, in the order in which they were written down."""

    def __init__(self, patient: str, number: int, zone: str, clinic: str, therapist: str) -> None:
        self.patient = patient
        self.zone = zone
        self.clinic = clinic
        self.therapist = therapist
        self.facts: list[Fact] = []
        self._random = np.random.default_rng([SEED, number])

    def at(self, day: int, clock: str) -> int:
        """The instant (ns) of a local wall time HH:MM on a day of the demo."""
        wall = datetime.combine(FIRST_DAY + timedelta(days=day), time.fromisoformat(clock), load_zone(self.zone))
        return int(wall.timestamp()) * SECOND

    def chance(self) -> float:
        """The next number in [0, 1) of this patient's generator."""
        return float(self._random.random())

    def noise(self, count: int) -> NDArray[np.float64]:
        """`count` numbers in [-1, 1) of this patient's generator."""
        return self._random.random(count) * 2 - 1

    def tell(self, name: str, instant: int, data: dict[str, Any], source: str = APP, recorded: int | None = None) -> Fact:
        """Write a fact down: `rtm.<name>.v1` at an instant (ns), by default recorded a few seconds later."""
        fact = make_fact(
            f"rtm.{name}.v1",
            self.patient,
            source,
            f"{self.patient}-{len(self.facts):04d}",
            instant,
            data,
            recorded=instant + 3 * SECOND if recorded is None else recorded,
            clinic=self.clinic,
        )
        self.facts.append(fact)
        return fact

    def care(self, name: str, instant: int, **data: Any) -> Fact:
        """Write down what the therapist did."""
        return self.tell(f"care.{name}", instant, {"staff_id": self.therapist, **data}, CLINIC)

    def enroll(self, episode: str, condition: str, procedure: str | None = None) -> None:
        """The episode of care begins on day 0; the device was set up the afternoon before."""
        data = {
            "episode_id": episode,
            "timezone": self.zone,
            "monitoring_start": day_text(0),
            "therapeutic_area": "musculoskeletal",
            "condition": condition,
            "clinic_id": self.clinic,
            "therapist_id": self.therapist,
        }
        self.tell("patient.enrolled", self.at(-1, "15:00"), data | ({"procedure_date": procedure} if procedure else {}), CLINIC)
        self.care("setup", self.at(-1, "15:20"))

    def session(self, instant: int, samples: NDArray[np.float32], data: dict[str, Any], source: str, rate_hz: int) -> list[Fact]:
        """Write a session's samples (n, channels) down as chunks of ten seconds, each recorded when it has been uploaded."""
        pieces = range(0, len(samples), CHUNK_ROWS)
        chunks = []
        for seq, start in enumerate(pieces):
            piece = np.ascontiguousarray(samples[start : start + CHUNK_ROWS], dtype="<f4")
            begin = instant + start * SECOND // rate_hz
            end = begin + len(piece) * SECOND // rate_hz
            content = data | {
                "seq": seq,
                "t0_ns": begin,
                "rate_hz": rate_hz,
                "samples": piece.tobytes(),
                "last": seq == len(pieces) - 1,
            }
            identity = f"{data['session_id']}-{seq:03d}"
            chunks.append(make_fact(CHUNK, self.patient, source, identity, begin, content, recorded=end + UPLOAD_DELAY, clinic=self.clinic))
        self.facts += chunks
        return chunks

    def again(self, prefix: str, delay: int) -> None:
        """The app uploads what has such an id once more, `delay` ns later."""
        self.facts += [replace(fact, recorded=fact.recorded + delay) for fact in self.facts if fact.id.startswith(prefix)]

    def hold(self, prefix: str, delay: int) -> None:
        """What has such an id was held up on its way, and recorded `delay` ns later."""
        self.facts = [replace(fact, recorded=fact.recorded + delay) if fact.id.startswith(prefix) else fact for fact in self.facts]
