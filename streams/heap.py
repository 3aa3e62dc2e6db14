"""One heap for all threads of a process, where the C library is glibc.

By default each thread that allocates gets a heap of its own, up to eight a core, and what one has freed another can't use: a worker's
memory, whose slices are read by one thread and let go by another, grew by a fifth within hours.
"""

from __future__ import annotations

import ctypes
import os
import sys

M_ARENA_MAX = -8
"""mallopt's option, from glibc's malloc.h."""


def one_heap() -> None:
    """Have all threads that begin after this share one heap, unless MALLOC_ARENA_MAX says how many; nothing where there is no mallopt."""
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_ARENA_MAX, 1)
