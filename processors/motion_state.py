"""What a derivation of a session takes, keeps and tells: chunks, where it stands between two of them, repetitions and the session's end.

Chunks and courses are stored as they are: the order of their fields is the format of the state.
"""

from __future__ import annotations

from typing import Any

import msgspec

from processors.motion_activity import SUMMARISED
from processors.motion_joint import Joint
from processors.motion_timing import Grid
from schemas.samples import CHANNELS


class Chunk(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An admitted chunk, as it is held: what its derivations need of it."""

    seq: int
    recorded: int
    clinic: str | None
    exercise_id: str | None
    joint: str
    motion: str | None
    side: str
    t0: int
    rate_hz: float
    kind: str
    last: bool
    calibration: dict[str, Any] | None
    samples: bytes

    @property
    def rows(self) -> int:
        """How many samples it has."""
        return len(self.samples) // (4 * CHANNELS[self.kind])


class Repetition(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A repetition that closed. Instants in ns; `recorded` is the greatest of the chunks up to the one that closed it."""

    number: int
    start: int
    end: int
    recorded: int
    min_deg: float | None
    max_deg: float | None
    peak_rate_deg_s: float
    hold_s: float | None
    flags: list[str]

    @property
    def rom_deg(self) -> float | None:
        """Its extent, deg."""
        return None if self.min_deg is None or self.max_deg is None else self.max_deg - self.min_deg


class Course(msgspec.Struct, array_like=True, gc=False):
    """Where a derivation stands."""

    derivation: int
    clinic: str | None = None
    exercise_id: str | None = None
    joint: str = ""
    motion: str | None = None
    side: str = ""
    kind: str = ""
    start: int = 0
    recorded: int = 0
    next_seq: int = 0
    reps: int = 0
    roms: list[float] = []
    flags: list[str] = []
    grid: Grid = msgspec.field(default_factory=Grid)
    first: Chunk | None = None  # the first samples wait for the next chunk, which tells the rate
    first_gap: bool = False  # chunks are missing before them
    gap: bool = False  # chunks are missing before the next samples
    floats: bytes = b""
    ints: bytes = b""
    calibration: dict[str, Any] | None = None
    sensors: Joint | None = None
    enough: float | None = None  # it only watches until the joint has turned by so much (rad)
    ripe: bool = False
    angle_floats: bytes = b""  # of the angle's kernel; while it watches, of the excitation's
    angle_ints: bytes = b""
    sample_bytes: int = 0

    @property
    def counts(self) -> bool:
        """Whether repetitions are counted in it."""
        return self.motion not in SUMMARISED


class Summary(msgspec.Struct, frozen=True):
    """A session at its end."""

    end: int
    rom_best_deg: float | None
    rom_median_deg: float | None
    flags: list[str]
    sparc: float | None = None
