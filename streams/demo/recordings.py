"""The SPAR recordings of PyPI's `seglearn`, read from the installed package's data file. In: nothing. Out: 140 sets of gyroscope samples.

Ten volunteers did seven shoulder exercises with either arm, twenty repetitions a set, a smart watch on the wrist (D. M. Burns et al. 2018,
arXiv:1802.01489; BSD licence). 50 Hz. The accelerometer's units are inconsistent and left out; the gyroscope is in rad/s: integrated
over half a repetition, abduction and forward elevation turn the wrist through 166 to 239 degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 50
SETS = 140
REPS_A_SET = 20
EXERCISES = ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")
GYROSCOPE = slice(3, 6)


class NoRecordingsError(Exception):
    """The recordings aren't installed."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded set of twenty repetitions: its number in the data file, who, which exercise, which arm, and the wrist's angular rate.

    `samples` has shape (n, 3), float32, rad/s at 50 Hz.
    """

    number: int
    volunteer: int
    exercise: str
    side: str
    samples: NDArray[np.float32]


def recordings_file() -> Path:
    """The data file inside the installed `seglearn`, found without importing it; `NoRecordingsError` when there is none."""
    found = find_spec("seglearn")
    for folder in (found.submodule_search_locations or ()) if found else ():
        if (path := Path(folder) / "data" / "watch_dataset.npy").is_file():
            return path
    raise NoRecordingsError("the demo's recordings are not installed: pip install 'rtm[demo]'")


def read_recordings() -> list[Recording]:
    """All 140 sets in the order of the data file; `NoRecordingsError` when `seglearn` isn't there or carries other data."""
    data = np.load(recordings_file(), allow_pickle=True).item()
    if tuple(data["y_labels"]) != EXERCISES or len(data["X"]) != SETS:
        raise NoRecordingsError("seglearn's recordings are not the 140 sets that the demo knows: pip install 'rtm[demo]'")
    return [
        Recording(number, int(volunteer), EXERCISES[int(label)], "right" if side == 1 else "left", rows[:, GYROSCOPE].astype("<f4"))
        for number, (rows, label, volunteer, side) in enumerate(zip(data["X"], data["y"], data["subject"], data["side"], strict=True))
    ]
