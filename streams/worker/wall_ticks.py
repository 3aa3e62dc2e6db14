"""The clock on the wall (`RTM_CLOCK=wall`): at each instant of the grid, whoever owns a partition of rtm.sensor.v1 writes a tick into it.

The owner writes it by its own transactional producer, between two checkpoints: a worker that lost the partition and doesn't know yet is
fenced, so its late tick never shows. After an outage only the newest grid instant is written, once, and so no flood: an instant that was
missed is due by the next.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from schemas.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streams.worker.owner import Owner

LONGEST_SLEEP_S = 1.0
"""The grid is looked at this often, so that a new owner or a corrected clock is noticed."""


async def write_wall_ticks(tick_s: int, owners: Callable[[], Iterable[Owner]], clock: Callable[[], int] = time.time_ns) -> None:
    """Offer each owner the newest instant of the grid of `tick_s` seconds, for ever. `clock` gives ns since the epoch."""
    step = tick_s * SECOND
    while True:
        now = clock()
        for owner in owners():
            owner.offer_tick(now // step * step)
        await asyncio.sleep(min((step - now % step) / SECOND, LONGEST_SLEEP_S))
