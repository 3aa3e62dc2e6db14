"""What alert rules see of a patient: days as they stand now, the plan, the scores. The one place where they read the ledger.

In: a ledger whose time was moved. Out: a `View`; every rule is a pure function of it, of a day and of the rule's own numbers.
"""

from __future__ import annotations

from functools import cached_property

from processors.calendar import day_start, local_day
from processors.days import DayFacts
from processors.episodes import Episode
from processors.ledger import Ledger
from processors.metrics.rom import goal_deg
from processors.plans import DayPlan
from processors.summary import NOTHING_SEEN, Seen


class View:
    """A patient's episode of today, as of `ledger.head.now`.

    `day(number)`: the summary of a day. `baselines`: what is known of pain baselines. `since`: of days that ended before it (ns) no rule
    may speak. `lenient`: a check-in alone makes a data day of a period.
    """

    def __init__(self, ledger: Ledger, episode: Episode, since: int, *, lenient: bool = False) -> None:
        self._ledger = ledger
        self.episode = episode
        self.today = ledger.today
        self.now = ledger.head.now
        self.first = episode.first
        self._speaks_from = self._first_after(since)
        self.lenient = lenient
        self.day = ledger.days_of(episode).__getitem__
        self.baselines = ledger.pain_baselines

    def whole(self) -> View:
        """The view without a limit to days that ended after the plan in force was recorded: what a standing alert is judged by."""
        if self._speaks_from == self.first:
            return self
        found = View.__new__(View)
        found.__dict__.update(self.__dict__)
        found._speaks_from = self.first
        return found

    @cached_property
    def last_over(self) -> int:
        """The last day that is over; the one before the episode's first while none is."""
        day, over_at = self.today, self._ledger.timeline.over_at
        while day >= self.first and self.now < over_at(day):
            day -= 1
        return max(day, self.first - 1)

    def over_at(self, day: int) -> int:
        """The instant (ns) from which a day is over."""
        return self.episode.over_at(day)

    def seen(self, day: int) -> Seen:
        """What was sensed and taken on a day."""
        return self.day(day).seen or NOTHING_SEEN

    def _first_after(self, since: int) -> int:
        """The first day of the episode that ended after an instant."""
        if not since:
            return self.first
        zone = self.episode.enrolled.zone
        day = local_day(zone, since) - 1
        while day_start(zone, day + 1) <= since:
            day += 1
        return max(day, self.first)

    def counts(self, day: int) -> bool:
        """Whether rules may speak of a day: it is of the episode and ended after the plan in force was recorded."""
        return day >= self._speaks_from

    def back(self, day: int, count: int) -> range:
        """The days of which rules may speak, among the `count` that end on a day, newest first."""
        return range(day, max(day - count, self._speaks_from - 1), -1)

    def after(self, day: int) -> range:
        """The days of the episode after a day, newest first, up to today."""
        return range(self.today, max(day, self.first - 1), -1)

    def plan(self, day: int) -> DayPlan:
        """The plan of a day."""
        return self._ledger.plans.of(day)

    def goal(self, day: int, joint: str, motion: str, side: str) -> float | None:
        """The goal of a day, deg, or None."""
        return goal_deg(self.plan(day), self.episode, day, joint, motion, side)

    def facts(self, day: int) -> DayFacts:
        """The facts of a day: read only where its summary doesn't tell enough."""
        return self._ledger.examine(day).facts
