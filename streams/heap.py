"""The C library's heap, kept small in a process that runs for months, where that library is glibc.

**One heap for all threads.** By default each thread that allocates gets a heap of its own, up to eight a core, and what one has freed
another can't use: a worker's memory, whose slices are read by one thread and let go by another, grew by a fifth within hours.

**Given back.** What is freed amid a heap stays the process's. With 100,000 patients such holes were a third of a worker's memory, and it
crept up for hours with those that happened to be used again. Giving them back takes some milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

M_ARENA_MAX = -8
"""mallopt's option, from glibc's malloc.h."""

GIVE_BACK_S = 20.0


def one_heap() -> None:
    """Have all threads that begin after this share one heap, unless MALLOC_ARENA_MAX says how many; nothing where there is no mallopt."""
    mallopt = _of_glibc("mallopt")
    if mallopt is not None and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt(M_ARENA_MAX, 1)


@contextmanager
def giving_back(every_s: float = GIVE_BACK_S) -> Iterator[None]:
    """Give the pages that are free within the heap back to the system every so many seconds, until the context ends."""
    trim, ended = _of_glibc("malloc_trim"), threading.Event()

    def give_back() -> None:
        while not ended.wait(every_s):
            trim(0)

    if trim is None:
        yield
        return
    thread = threading.Thread(target=give_back, name="heap", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _of_glibc(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
