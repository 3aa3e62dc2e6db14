"""Simulated signals of a joint's angle: a session's repetitions as angles at 50 Hz. In: angles to reach. Out: float32, shape (n,)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 50
CHUNK_ROWS = 500


def angle_signal(rest: float, peaks: list[float], seconds: list[float], random: np.random.Generator) -> NDArray[np.float32]:
    """Raised cosines from `rest` (deg) to each of `peaks` and back in so many `seconds`, half a second of rest between, ±0.3° of noise."""
    pieces = [np.full(RATE_HZ, rest)]
    for peak, duration in zip(peaks, seconds, strict=True):
        lift = (1 - np.cos(np.linspace(0, 2 * np.pi, int(duration * RATE_HZ)))) / 2
        pieces += [rest + (peak - rest) * lift, np.full(RATE_HZ // 2, rest)]
    angle = np.concatenate([*pieces, np.full(RATE_HZ, rest)])
    return np.asarray(angle + random.uniform(-0.3, 0.3, len(angle)), dtype="<f4")
