"""Days and episodes: which local date an instant has, which episode a day, when a day is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from schemas.instants import EPOCH_ORDINAL, SECOND
from schemas.zones import load_zone

if TYPE_CHECKING:
    from schemas.facts import Fact

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = 3600


def newness(fact: Fact) -> tuple[int, str, str]:
    """What "newest" compares: event time, id, source (code points order as UTF-8 bytes do)."""
    return (fact.time, fact.id, fact.source)


def newest(facts: list[Fact]) -> Fact:
    """The newest of some facts."""
    return max(facts, key=newness)


@cache
def _local(second: int, zone: str) -> tuple[int, int]:
    local = (EPOCH + timedelta(seconds=second)).astimezone(load_zone(zone))
    offset = local.utcoffset()
    assert offset is not None
    return local.date().toordinal() - EPOCH_ORDINAL, int(offset.total_seconds())


def date_in(instant: int, zone: str) -> int:
    """The day number of an instant in a zone."""
    return _local(instant // SECOND, zone)[0]


@cache
def changes_of_date(day: int, zone: str) -> tuple[int, ...]:
    """The instants around a day at which the date in the zone becomes that day or a later one: once, or twice where a midnight repeats."""
    seconds = [day * 86_400 + hour * HOUR for hour in range(-30, 31)]
    moments = []
    for before, after in pairwise(seconds):
        moments += [day * 86_400 - _local(before, zone)[1], day * 86_400 - _local(after, zone)[1]]
        if _local(before, zone)[1] != _local(after, zone)[1]:
            moments.append(next(s for s in range(before + 1, after + 1) if _local(s, zone)[1] != _local(before, zone)[1]))
    return tuple(sorted({s * SECOND for s in moments if _local(s, zone)[0] >= day > _local(s - 1, zone)[0]}))


@dataclass(frozen=True)
class Episode:
    """One episode of care as it stands: day numbers; `discharged` is the discharge date, `last` its last day of all."""

    id: str
    fact: Fact
    data: Any
    start: int
    discharged: int | None
    last: int | None

    @property
    def has_days(self) -> bool:
        return self.last is None or self.last >= self.start


class Calendar:
    """A patient's episodes, from the standing facts."""

    def __init__(self, facts: list[Fact]) -> None:
        enrolled: dict[str, list[Fact]] = {}
        discharged: dict[str, list[Fact]] = {}
        for fact in facts:
            data: Any = fact.data
            if fact.type == "rtm.patient.enrolled.v1":
                enrolled.setdefault(data.episode_id, []).append(fact)
            elif fact.type == "rtm.patient.discharged.v1":
                discharged.setdefault(data.episode_id, []).append(fact)
        standing = {episode: newest(of_it) for episode, of_it in enrolled.items()}
        by_start = sorted(standing, key=lambda episode: self._rank(standing[episode]))
        self.episodes: list[Episode] = []
        for position, name in enumerate(by_start):
            fact = standing[name]
            data = fact.data
            ends: Any = newest(discharged[name]).data if name in discharged else None
            discharge = None if ends is None else ends.date
            followers = [standing[other] for other in by_start[position + 1 :]]
            taken_over = min((other.data.monitoring_start - 1 for other in followers), default=None)  # type: ignore[attr-defined]
            limits = [day for day in (discharge, taken_over) if day is not None]
            self.episodes.append(Episode(name, fact, data, data.monitoring_start, discharge, min(limits, default=None)))
        self._dates: dict[int, int] = {}
        self._ends: dict[int, int] = {}

    @staticmethod
    def _rank(enrolled: Fact) -> tuple[int, tuple[int, str, str]]:
        data: Any = enrolled.data
        return (data.monitoring_start, newness(enrolled))

    def date_of(self, instant: int) -> int:
        """The patient's local date of an instant."""
        if instant not in self._dates:
            begun = [e for e in self.episodes if e.start <= date_in(instant, e.data.timezone)]
            earliest = [e for e in self.episodes if e.start == self.episodes[0].start]
            self._dates[instant] = date_in(instant, (begun or earliest)[-1].data.timezone)
        return self._dates[instant]

    def episode_of(self, day: int) -> Episode | None:
        """The episode a day belongs to."""
        begun = [e for e in self.episodes if e.start <= day]
        if not begun:
            return None
        latest = begun[-1]
        return latest if latest.discharged is None or day <= latest.discharged else None

    def next_to_begin(self, day: int) -> Episode | None:
        """The episode that begins next after a day."""
        return next((e for e in self.episodes if e.start > day and e.has_days), None)

    def is_over(self, day: int, now: int) -> bool:
        """Whether a day is over: from the first instant of the next local date + 6 elapsed hours."""
        if day not in self._ends:
            moments = [t for e in self.episodes for start in (day + 1, e.start) for t in changes_of_date(start, e.data.timezone)]
            self._ends[day] = min(t for t in moments if self.date_of(t) > day) + 6 * HOUR * SECOND
        return now >= self._ends[day]
