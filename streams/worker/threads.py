"""The threads that fold: a partition always by the same one, so that all that is done with its state is done in order.

A stage whose time goes into kernels has a thread a core: kernels leave the interpreter to others. For all else one thread is enough, as
only one runs at a time.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from processors.topology import Stage


class FoldThreads:
    """Threads by stage and partition, begun when they are asked for. Use as a context: it ends when all that was begun has ended."""

    def __init__(self, cores: int | None = None) -> None:
        self._cores = cores or os.cpu_count() or 1
        self._threads: dict[tuple[str, int], ThreadPoolExecutor] = {}

    def of(self, stage: Stage, partition: int) -> Executor:
        """The thread of a partition, which does one thing after the other."""
        place = stage.name, partition % self._cores if stage.kernels else 0
        if place not in self._threads:
            self._threads[place] = ThreadPoolExecutor(1, f"fold-{stage.name}")
        return self._threads[place]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads.values():
            thread.shutdown()
