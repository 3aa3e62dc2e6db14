"""Python's search for cycles, made seldom while facts are folded: state is many objects that stay, and hardly a cycle among them."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

YOUNG_OBJECTS = 100_000
"""How many new objects start a search; at Python's own threshold it takes a fifth of a fold's time."""

WHOLE_S = 900.0
"""How often everything is searched; a tenth of a second a million objects."""
_searched = [time.monotonic()]


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Search seldom, and never among what is there already, or was when it settled, until the context ends."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


def settle() -> None:
    """Leave out of searches what is there by now, where they are seldom: what a fold keeps is no cycle, and to look through the objects of
    patients that were just read takes an eighth of a fact's time. Everything is searched once in `WHOLE_S`, should there be a cycle yet.
    """
    if gc.get_threshold()[0] != YOUNG_OBJECTS:
        return
    if time.monotonic() - _searched[0] >= WHOLE_S:
        collect_all()
    gc.freeze()


def collect_all() -> None:
    """Search everything once: much was let go of that refers to itself."""
    _searched[0] = time.monotonic()
    gc.unfreeze()
    gc.collect()
    if gc.get_threshold()[0] == YOUNG_OBJECTS:
        gc.freeze()
