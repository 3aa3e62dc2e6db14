"""Episodes of care: from enrolments and discharges to which day belongs to which episode, and which zone dates an instant.

A day belongs to the episode with the latest `monitoring_start` on or before it, until that one's discharge date; of equal starts the newest
enrolment has the days. An instant is dated by the zone of the episode with the latest start not after its date in that episode's own zone;
before every episode by the first one's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from processors.calendar import GRACE, day_start, local_day, over_at
from processors.entries import Discharged, Enrolled

FOREVER = 1 << 40
NEVER = 1 << 63


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode of care. `first` to `last` (inclusive) are its days; none when `last` < `first`. `succeeded` (ns) is when the date of a
    later episode begins, in that one's zone: from then on no date of this one goes on."""

    enrolled: Enrolled
    discharged: Discharged | None
    first: int
    last: int
    succeeded: int = NEVER

    @property
    def id(self) -> str:
        """The episode's id."""
        return self.enrolled.episode_id

    def over_at(self, day: int) -> int:
        """The instant from which one of its days is over."""
        return min(over_at(self.enrolled.zone, day), self.succeeded + GRACE)


@lru_cache(4096)
def _next_change(zones: tuple[str, ...], today: int, now: int) -> int:
    instants = [day_start(zone, day) for zone in zones for day in (today, today + 1, today + 2)]
    instants += [over_at(zone, day) for zone in zones for day in (today - 2, today - 1, today)]
    return min(x for x in instants if x > now)


class Timeline:
    """All episodes of one patient, as the facts known now tell them."""

    def __init__(self, enrolled: Iterable[Enrolled], discharged: Iterable[Discharged]) -> None:
        standing: dict[str, Enrolled] = {}
        for entry in sorted(enrolled, key=lambda x: x.age):
            standing[entry.episode_id] = entry
        ended: dict[str, Discharged] = {}
        for discharge in sorted(discharged, key=lambda x: x.age):
            ended[discharge.episode_id] = discharge
        ordered = sorted(standing.values(), key=lambda x: (x.start, x.age))
        self.episodes: list[Episode] = []
        succeeded, before = NEVER, FOREVER
        for entry in reversed(ordered):
            end = ended.get(entry.episode_id)
            self.episodes.insert(0, Episode(entry, end, entry.start, min(end.day if end else FOREVER, before), succeeded))
            succeeded, before = min(succeeded, day_start(entry.zone, entry.start)), entry.start - 1
        self._successions = sorted({x.succeeded + GRACE for x in self.episodes if x.succeeded != NEVER})
        self._over: dict[int, int] = {}
        self._starts = [episode.first for episode in self.episodes]
        self._zones = tuple(sorted({x.enrolled.zone for x in self.episodes}))
        self._only_zone = self._zones[0] if len(self._zones) == 1 else None
        self._only = self.episodes[0] if len(self.episodes) == 1 else None

    def zone_of(self, instant: int) -> str:
        """The zone that dates an instant; there must be an episode."""
        if self._only_zone is not None:
            return self._only_zone
        for episode in reversed(self.episodes):
            zone = episode.enrolled.zone
            if episode.first <= local_day(zone, instant):
                return zone
        return self.episodes[bisect_right(self._starts, self._starts[0]) - 1].enrolled.zone

    def day_of(self, instant: int) -> int:
        """The patient-local date (day number) of an instant; there must be an episode."""
        zone = self._only_zone
        return local_day(self.zone_of(instant) if zone is None else zone, instant)

    def episode_of(self, day: int) -> Episode | None:
        """The episode that a day belongs to, or None."""
        if (only := self._only) is not None:
            return only if only.first <= day <= only.last else None
        i = bisect_right(self._starts, day) - 1
        if i < 0:
            return None
        found = self.episodes[i]
        return found if day <= found.last else None

    def over_at(self, day: int) -> int:
        """The instant (ns) from which a day is over; `NEVER` for a day in no episode."""
        if (known := self._over.get(day)) is None:
            episode = self.episode_of(day)
            known = self._over[day] = NEVER if episode is None else episode.over_at(day)
        return known

    def coming_after(self, day: int) -> Episode | None:
        """The next episode to begin after a day that is in none."""
        i = bisect_right(self._starts, day)
        while i < len(self.episodes):
            if self.episodes[i].last >= self.episodes[i].first:
                return self.episodes[i]
            i += 1
        return None

    def next_change(self, now: int) -> int:
        """The first instant after `now` at which a local date begins or a day is over."""
        change = _next_change(self._zones, self.day_of(now), now)
        return min([change, *(x for x in self._successions if x > now)])
