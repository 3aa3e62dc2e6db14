"""The C library's heap in a process that runs for months and moves many bytes, where that library is glibc.

**One heap for all threads.** By default each thread that allocates gets a heap of its own, up to eight a core, and what one has freed
another can't use: a worker's memory, whose slices are read by one thread and let go by another, grew by a fifth within hours.

**Not given back at once.** By default a large block goes back to the system as it is freed, and each page of the next one is cleared anew.

**Given back now and then.** What is freed amid a heap stays the process's: of a worker of 100,000 patients such holes were a third. Giving
them back took 10 to 50 ms there, on a busy machine up to 200.
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

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""mallopt's options, from glibc's malloc.h."""

OPTIONS = (
    ("MALLOC_ARENA_MAX", M_ARENA_MAX, 1),
    ("MALLOC_MMAP_THRESHOLD_", M_MMAP_THRESHOLD, 32 << 20),
    ("MALLOC_TRIM_THRESHOLD_", M_TRIM_THRESHOLD, 256 << 20),
)
"""What is set, under which name the environment may say otherwise: one heap, which has blocks of up to 32 MiB, and at the most 256 MiB free
at its end."""

GIVE_BACK_S = 10.0


def one_heap() -> None:
    """Have all threads that begin after this share one heap, which lets go of little by itself; nothing where there is no mallopt."""
    if (mallopt := _of_glibc("mallopt")) is not None:
        for name, option, value in OPTIONS:
            if name not in os.environ:
                mallopt(option, value)


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
