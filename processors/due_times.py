"""When each patient of a partition is due next, and which ticks wait for whom.

In memory a heap, in the store one blob an hour and the clock. A tick moves the time; who is due by then is worked off one by one.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left

import msgspec

from processors.shelf import pack, unpack
from processors.store import StateStore
from schemas.instants import SECOND

HOUR = 3600 * SECOND


class Clock(msgspec.Struct, array_like=True):
    """What the stage knows of the time: the newest tick, and the hours in which something of some patient is due.

    `ticks`: instant and position of the ticks whose work is not all done, and of the newest. `put_off`: who waits for the next tick, and
    since when he is due.
    """

    now: int = 0
    hours: set[int] = set()
    ticks: list[tuple[int, int]] = []
    put_off: dict[str, int] = {}


class DueTimes:
    """When each patient is due next: in memory a heap, in the store one blob an hour."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        blob = store.get(b"clock")
        self.clock = Clock() if blob is None else unpack(blob, Clock)
        self._due: dict[str, int] = {}
        self._hours: dict[int, set[str]] = {}
        self._changed: set[int] = set()
        for hour in sorted(self.clock.hours):
            held = store.get(b"due/%d" % hour)
            for subject, due in unpack(held, dict[str, int]).items() if held else ():
                self._due[subject] = due
                self._hours.setdefault(hour, set()).add(subject)
        self._heap = [(due, subject) for subject, due in self._due.items()]
        heapq.heapify(self._heap)

    def set(self, subject: str, due: int | None) -> None:
        """Note when a patient is due next, or that he never is."""
        before = self._due.get(subject)
        if before == due:
            return
        if before is not None:
            self._hours[before // HOUR].discard(subject)
            self._changed.add(before // HOUR)
            del self._due[subject]
        if due is not None:
            self._due[subject] = due
            self._hours.setdefault(due // HOUR, set()).add(subject)
            self._changed.add(due // HOUR)
            heapq.heappush(self._heap, (due, subject))

    def due(self, subject: str) -> int | None:
        """When the patient is due next, by `clock.now`; None when he isn't."""
        due = self._due.get(subject)
        return due if due is not None and due <= self.clock.now else None

    def first(self) -> str | None:
        """Who is due first, by `clock.now`."""
        while self._heap and self._heap[0][0] <= self.clock.now:
            due, subject = self._heap[0]
            if self._due.get(subject) == due:
                return subject
            heapq.heappop(self._heap)
        return None

    def tick(self, now: int, position: int) -> None:
        """Move the time."""
        oldest = self._heap[0][0] if self.first() is not None else now
        done = bisect_left(self.clock.ticks, (oldest,))
        del self.clock.ticks[:done]
        self.clock.now = now
        self.clock.ticks.append((now, position))
        for subject, due in self.clock.put_off.items():
            self.set(subject, due)
        self.clock.put_off.clear()

    def position(self, due: int) -> int:
        """Where the tick stands that made an instant due: the first that is not before it."""
        return self._tick_of(due)[1]

    def _tick_of(self, due: int) -> tuple[int, int]:
        """The first tick, instant and position, that is not before an instant."""
        return self.clock.ticks[bisect_left(self.clock.ticks, (due,))]

    @property
    def waiting(self) -> tuple[int, int] | None:
        """Position and instant of the first tick that left somebody due."""
        subject = self.first()
        if subject is None:
            return None
        now, position = self._tick_of(self._due[subject])
        return position, now

    def put_off(self) -> None:
        """Let who is due first wait for the next tick; his instant stays."""
        if (subject := self.first()) is not None:
            self.clock.put_off[subject] = self._due[subject]
            self.set(subject, None)

    def save(self) -> None:
        """Write what changed."""
        for hour in sorted(self._changed):
            subjects = self._hours.get(hour, set())
            if subjects:
                self.clock.hours.add(hour)
                self._store.put(b"due/%d" % hour, pack({subject: self._due[subject] for subject in sorted(subjects)}))
            else:
                self.clock.hours.discard(hour)
                self._hours.pop(hour, None)
                self._store.delete(b"due/%d" % hour)
        self._changed.clear()
        self._store.put(b"clock", pack(self.clock))
