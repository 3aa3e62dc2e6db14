"""What open sessions heard and told so far, in memory alone: the final pass begins with it, and derives it anew where it isn't here."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from processors.motion_trace import Trace

if TYPE_CHECKING:
    from processors.motion_session import Name
    from processors.motion_state import Course, Repetition

MOST_BYTES = 4 << 20
"""Of all sessions together; a minute at 100 Hz takes 24 kB."""


@dataclass(slots=True)
class Heard:
    """The signal of one derivation up to `next_seq`, and the repetitions that it told."""

    derivation: int
    next_seq: int = 0
    trace: Trace = field(default_factory=lambda: Trace(signal_only=True))
    reps: list[Repetition] = field(default_factory=list)
    kept: int = 0  # bytes


class Hearing:
    """Sessions of a partition by name, those that were heard last, of those that get a final pass (`longest`: of so many bytes)."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._heard: OrderedDict[Name, Heard] = OrderedDict()
        self._bytes = 0

    def of(self, name: Name, course: Course) -> Heard | None:
        """What was heard of a derivation, nothing yet where it begins; None where it isn't known."""
        heard = self._heard.get(name)
        if not course.kind:
            self.forget(name)
            return Heard(course.derivation)
        known = heard is not None and (heard.derivation, heard.next_seq) == (course.derivation, course.next_seq)
        return heard if known else None

    def keep(self, name: Name, course: Course, heard: Heard) -> None:
        """Keep what was heard up to where a derivation stands."""
        if not course.counts or course.sample_bytes > self._longest:
            self.forget(name)
            return
        self._heard[name] = heard
        self._heard.move_to_end(name)
        self._bytes += heard.trace.bytes - heard.kept
        heard.next_seq, heard.kept = course.next_seq, heard.trace.bytes
        while self._bytes > MOST_BYTES:
            self.forget(next(iter(self._heard)))

    def forget(self, name: Name) -> None:
        """Keep nothing of a session."""
        if (heard := self._heard.pop(name, None)) is not None:
            self._bytes -= heard.kept
