"""The instants of samples on a grid."""

from __future__ import annotations

import numpy as np

from processors.kernels.compiled import kernel


@kernel
def grid_instants(anchor: int, first: int, period: float, instants: np.ndarray) -> None:
    """`anchor` + ⌊(`first` + i) · `period`⌋ of each i, ns, to `instants`, int64 (n,). numpy leaves the interpreter three times for it,

    and whoever leaves it waits until he has it back.
    """
    for i in range(instants.shape[0]):
        instants[i] = anchor + int((first + i) * period)
