"""Python's search for cycles, made seldom while facts are folded: state is many objects that stay, and hardly a cycle among them."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

YOUNG_OBJECTS = 100_000
"""How many new objects start a search; at Python's own threshold it takes a fifth of a fold's time."""


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Search seldom, and never among what is there already, until the context ends."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
