"""Keeps components alive or stops them all: components in the order of their start in, one line a component out.

    start in order ─▶ each says that it is ready ─▶ whoever dies is named and started again, later each time
                                                 ─▶ too often within a minute, or a signal: all stop, in the opposite order

A component tells what happens to it by reports, from any thread; all decisions are made in the one that runs the supervisor.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from os import getpid
from typing import TYPE_CHECKING, Literal, Protocol

from streams.telemetry import metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

READY_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 15.0
RESTARTS_A_MINUTE = 5
FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 10.0
MINUTE = 60.0


class StartError(Exception):
    """A component can't be started: one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Report:
    """What happened to a component; `text` is its line when ready, or why it died."""

    name: str
    what: Literal["ready", "died"]
    text: str
    life: int


Tell = Callable[[Literal["ready", "died"], str], None]
"""How a component reports: what happened, and its line."""


class Component(Protocol):
    """Something that runs until it is stopped."""

    name: str

    def start(self, tell: Tell) -> None:
        """Begin, and tell when it is ready, and when it ends without being asked to. StartError when it can't even begin."""

    def stop(self) -> None:
        """End it in good order, whatever state it is in; nothing where it doesn't run."""


@dataclass(slots=True)
class _Watched:
    component: Component
    life: int = 0
    ready: bool = False
    deadline: float | None = None
    due: float | None = None
    deaths: deque[float] = field(default_factory=deque)


class Supervisor:
    """Runs components. `say` takes every line that is for people."""

    def __init__(
        self,
        components: Sequence[Component],
        say: Callable[[str], None],
        *,
        restarts_a_minute: int = RESTARTS_A_MINUTE,
        first_backoff_s: float = FIRST_BACKOFF_S,
        ready_timeout_s: float = READY_TIMEOUT_S,
    ) -> None:
        self._watched = {component.name: _Watched(component) for component in components}
        self._say = say
        self._restarts_a_minute = restarts_a_minute
        self._first_backoff_s = first_backoff_s
        self._ready_timeout_s = ready_timeout_s
        self._reports: queue.SimpleQueue[Report | None] = queue.SimpleQueue()

    def stop(self) -> None:
        """Ask for the end; safe in a signal's handler and in any thread."""
        self._reports.put(None)

    def run(self, when_ready: Callable[[], None] | None = None) -> None:
        """Start all, keep them alive until `stop`, then stop all. StartError, once all have stopped, when one could not be kept alive."""
        started: list[_Watched] = []
        try:
            for watched in self._watched.values():
                started.append(watched)
                self._start(watched)
                while not watched.ready:
                    if not self._step():
                        return
            if when_ready is not None:
                when_ready()
            while self._step():
                pass
        finally:
            for watched in reversed(started):
                watched.life += 1
                watched.component.stop()

    def _step(self) -> bool:
        """Wait for the next report or due moment, and act; False when the end was asked for."""
        now = time.monotonic()
        moments = [moment for watched in self._watched.values() for moment in (watched.due, watched.deadline) if moment is not None]
        report: Report | None = None
        try:
            report = self._reports.get(timeout=max(0.0, min(moments) - now) if moments else None)
            if report is None:
                return False
        except queue.Empty:
            pass
        if report is not None and report.life == self._watched[report.name].life:
            self._take(self._watched[report.name], report)
        now = time.monotonic()
        for name, watched in self._watched.items():
            if watched.deadline is not None and now >= watched.deadline:
                watched.component.stop()
                self._died(watched, f"{name} was not ready after {self._ready_timeout_s:.0f} s")
            elif watched.due is not None and now >= watched.due:
                watched.component.stop()  # what is left of it
                self._start(watched)
        return True

    def _take(self, watched: _Watched, report: Report) -> None:
        if report.what == "ready":
            watched.ready, watched.deadline = True, None
            self._say(report.text)
        else:
            self._died(watched, report.text)

    def _start(self, watched: _Watched) -> None:
        watched.life += 1
        watched.due = None
        watched.deadline = time.monotonic() + self._ready_timeout_s
        name, life = watched.component.name, watched.life

        def tell(what: Literal["ready", "died"], text: str) -> None:
            self._reports.put(Report(name, what, text, life))

        try:
            watched.component.start(tell)
        except StartError as error:
            if not watched.ready:
                raise
            self._died(watched, str(error))

    def _died(self, watched: _Watched, why: str) -> None:
        """Start it again after a while, unless it never was ready or dies too often: then StartError."""
        watched.life += 1
        watched.deadline = None
        if not watched.ready:
            raise StartError(why)
        now = time.monotonic()
        while watched.deaths and now - watched.deaths[0] > MINUTE:
            watched.deaths.popleft()
        watched.deaths.append(now)
        metrics.count("rtm_restarts_total", component=watched.component.name)
        if len(watched.deaths) > self._restarts_a_minute:
            raise StartError(f"{why}; {len(watched.deaths)} times within a minute, so all stops")
        wait = min(self._first_backoff_s * 2 ** (len(watched.deaths) - 1), LONGEST_BACKOFF_S)
        watched.due = now + wait
        self._say(f"{why}; it is started again in {wait:.1f} s")


@contextlib.contextmanager
def stopped_by_signals(supervisor: Supervisor) -> Iterator[None]:
    """While the context is open, SIGINT and SIGTERM end the supervisor in good order."""
    before = {number: signal.signal(number, lambda _number, _frame: supervisor.stop()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leashed(*arguments: str) -> list[str]:
    """The command line of a command of `rtm` that ends with this process, however that ends."""
    return [sys.executable, "-m", "streams.leash", str(getpid()), *arguments]


class Child:
    """A process of its own. Its first line with `<name> ready` in it says that it is; all that it prints goes to its log."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._command = list(command)
        self._environment = dict(environment)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def start(self, tell: Tell) -> None:
        """Start it in a session of its own: a Ctrl-C on the terminal is the parent's to pass on, in its order."""
        self._process = process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(process, tell), name=f"{self.name}-log", daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when it hasn't ended by then."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._reader is not None:
            self._reader.join(STOP_TIMEOUT_S)

    def _read(self, process: subprocess.Popen[bytes], tell: Tell) -> None:
        ready, last = False, ""
        assert process.stdout is not None  # noqa: S101 - for the type checker
        with process.stdout, self._log.open("ab", buffering=0) as log:
            for line in process.stdout:
                log.write(line)
                last = line.decode("utf-8", "replace").strip() or last
                if not ready and f"{self.name} ready" in last:
                    ready = True
                    tell("ready", last)
        status = process.wait()
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        told = f" ({last})" if last and not ready else ""
        tell("died", f"{self.name} ended with {how}{told}; see {self._log}")


@dataclass(frozen=True, slots=True)
class Opened:
    """Something that can run in a thread: the work, which tells its line once it is ready, and what ends it."""

    work: Callable[[Callable[[str], None]], object]
    end: Callable[[], object]


class Threaded:
    """A component that runs in a thread of this process; `make` opens it, anew for each start, StartError when it can't."""

    def __init__(self, name: str, make: Callable[[], Opened]) -> None:
        self.name = name
        self._make = make
        self._opened: Opened | None = None
        self._thread: threading.Thread | None = None

    def start(self, tell: Tell) -> None:
        """Open it and let it run."""
        self._opened = opened = self._make()

        def run() -> None:
            why = "without a word"
            try:
                opened.work(lambda line: tell("ready", line))
            except Exception as error:
                why = f"with {type(error).__name__}: {' '.join(str(error).split())[:300]}"
            tell("died", f"{self.name} ended {why}")

        self._thread = threading.Thread(target=run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it and wait."""
        if self._opened is not None:
            self._opened.end()
            self._opened = None
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT_S)
