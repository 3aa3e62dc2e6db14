"""The signal of a whole session, beside its repetitions: chunks' instants, samples and angles in, arrays out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from processors.kernels.turns import SATURATED
from processors.motion_timing import Run, instants
from schemas.samples import CHANNELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from processors.motion_state import Chunk


OBJECTS = 400
"""About what Python takes for a chunk's run and its arrays, bytes."""


def samples_of(kind: str, chunks: list[Chunk]) -> NDArray[np.float32]:
    """The samples of the chunks of a kind, (n, its channels)."""
    return np.frombuffer(b"".join(chunk.samples for chunk in chunks if chunk.kind == kind), "<f4").reshape(-1, CHANNELS[kind])


class Trace:
    """What a course's samples were: `instants` int64 (n,), ns; `samples` float32 (n, channels); `signal` float32 (n, 1), deg, where told.

    With `angles` (float32 (n, 1), deg) a course takes these instead of its own, from the first sample on. With `signal_only` no samples
    are held.
    """

    def __init__(
        self,
        *,
        samples_only: bool = False,
        signal_only: bool = False,
        angles: NDArray[np.float32] | None = None,
        marks: NDArray[np.uint8] | None = None,
    ) -> None:
        self.samples_only = samples_only
        self.angles = angles
        self.bytes = 0
        self._signal_only = signal_only
        self._marks = marks
        self._next = 0
        self._runs: list[Run] = []
        self._instants: NDArray[np.int64] | None = None
        self._samples: list[NDArray[np.float32]] = []
        self._signal: list[NDArray[np.float32]] = []
        self._told: list[NDArray[np.uint8]] = []

    def add(
        self,
        run: Run,
        samples: NDArray[np.float32],
        signal: NDArray[np.float32] | None = None,
        marks: NDArray[np.uint8] | None = None,
    ) -> None:
        """Take the samples of a chunk, and the signal in which its repetitions are sought."""
        self._runs.append(run)
        self._instants = None
        self.bytes += OBJECTS
        if not self._signal_only:
            self._samples.append(samples)
            self.bytes += samples.nbytes
        if signal is not None:
            self._signal.append(signal)
            self.bytes += signal.nbytes
            if marks is not None and len(marks):
                self._told.append(marks)
                self.bytes += marks.nbytes

    def replay(self, count: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """The next `count` of the angles to take, and their marks."""
        if self.angles is None or self._marks is None:
            raise RuntimeError("a trace without angles has none to replay")
        part = slice(self._next, self._next + count)
        self._next += count
        return self.angles[part], self._marks[part]

    def with_signal(self, signal: NDArray[np.float32], marks: NDArray[np.uint8]) -> Trace:
        """The same instants with another signal, without samples."""
        other = Trace(signal_only=True)
        other._runs, other._instants = self._runs, self._instants
        other._signal, other._told = [signal], [marks]
        return other

    @property
    def instants(self) -> NDArray[np.int64]:
        """Every sample's instant, ns; found once, as the final pass asks several times."""
        if self._instants is None:
            self._instants = np.concatenate([instants(run) for run in self._runs]) if self._runs else np.zeros(0, np.int64)
        return self._instants

    @property
    def samples(self) -> NDArray[np.float32]:
        """Every sample."""
        return np.concatenate(self._samples) if self._samples else np.zeros((0, 12), np.float32)

    @property
    def signal(self) -> NDArray[np.float32]:
        """The signal in which repetitions are sought: an angle, deg, NaN where a sensor stood at its scale's end; or the rates."""
        if not self._signal:
            return np.zeros((0, 1), np.float32)
        whole = np.concatenate(self._signal)
        return np.where((np.concatenate(self._told) & SATURATED > 0)[:, None], np.nan, whole) if self._told else whole
