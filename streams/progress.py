"""Progress of long work: a bar with rate and time left on a terminal's standard error, and nothing at all elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Progress(Protocol):
    """What long work tells: a phase begins (its total, where known), so many units of it are done."""

    def phase(self, name: str, total: int | None = None) -> None:
        """A phase begins."""

    def advance(self, count: int) -> None:
        """So many more units are done."""


class Silent:
    """Says nothing."""

    def phase(self, name: str, total: int | None = None) -> None:
        """Say nothing."""

    def advance(self, count: int) -> None:
        """Say nothing."""


@contextmanager
def terminal_progress(unit: str, *, quiet: bool = False) -> Iterator[Progress]:
    """A bar on standard error while the context is open, counting `unit`s; silent when that is no terminal, or on request."""
    if quiet or not sys.stderr.isatty():
        yield Silent()
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    rate = TextColumn("{task.fields[rate]}")
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as bars:
        yield _Terminal(bars, unit)


class _Terminal:
    def __init__(self, bars: object, unit: str) -> None:
        from rich.progress import Progress as Bars  # noqa: PLC0415

        assert isinstance(bars, Bars)  # noqa: S101 - for the type checker
        self._bars = bars
        self._unit = unit
        self._task = bars.add_task("", total=None, rate="", visible=False)

    def phase(self, name: str, total: int | None = None) -> None:
        """Begin a bar of that name."""
        self._bars.remove_task(self._task)
        self._task = self._bars.add_task(name, total=total, rate="")

    def advance(self, count: int) -> None:
        """Move the bar."""
        speed = self._bars.tasks[-1].speed
        self._bars.update(self._task, advance=count, rate=f"{speed:,.0f} {self._unit}/s" if speed else "")
