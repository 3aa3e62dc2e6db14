"""The signal of a whole session, beside its repetitions: chunks' instants, samples and angles in, arrays out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from processors.kernels.turns import SATURATED

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Trace:
    """What a course's samples were: `instants` int64 (n,), ns; `samples` float32 (n, channels); `signal` float32 (n, 1), deg, where told.

    With `angles` (float32 (n, 1), deg) a course takes these instead of its own, from the first sample on.
    """

    def __init__(
        self, *, samples_only: bool = False, angles: NDArray[np.float32] | None = None, marks: NDArray[np.uint8] | None = None
    ) -> None:
        self.samples_only = samples_only
        self.angles = angles
        self._marks = marks
        self._next = 0
        self._instants: list[NDArray[np.int64]] = []
        self._samples: list[NDArray[np.float32]] = []
        self._signal: list[NDArray[np.float32]] = []

    def add(
        self,
        instants: NDArray[np.int64],
        samples: NDArray[np.float32],
        signal: NDArray[np.float32] | None = None,
        marks: NDArray[np.uint8] | None = None,
    ) -> None:
        """Take the samples of a chunk, and the signal in which its repetitions are sought."""
        self._instants.append(instants)
        self._samples.append(samples)
        if signal is not None:
            self._signal.append(np.where((marks & SATURATED > 0)[:, None], np.nan, signal) if marks is not None and len(marks) else signal)

    def replay(self, count: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """The next `count` of the angles to take, and their marks."""
        if self.angles is None or self._marks is None:
            raise RuntimeError("a trace without angles has none to replay")
        part = slice(self._next, self._next + count)
        self._next += count
        return self.angles[part], self._marks[part]

    @property
    def instants(self) -> NDArray[np.int64]:
        """Every sample's instant, ns."""
        return np.concatenate(self._instants) if self._instants else np.zeros(0, np.int64)

    @property
    def samples(self) -> NDArray[np.float32]:
        """Every sample."""
        return np.concatenate(self._samples) if self._samples else np.zeros((0, 12), np.float32)

    @property
    def signal(self) -> NDArray[np.float32]:
        """The signal in which repetitions are sought: an angle in deg, or the angular rates."""
        return np.concatenate(self._signal) if self._signal else np.zeros((0, 1), np.float32)
