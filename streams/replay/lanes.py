"""The lanes of a replay side by side: batches of lines in, verdicts and what was made out, in this process or in several.

A batch is decoded by all lanes, then folded by all; in between the next batch may be handed in, so that no lane waits for the others:

    hand in:  decode 0, decode 1, fold 0, decode 2, fold 1, …        take:  verdicts 0, verdicts 1, made 0, verdicts 2, made 1, …

A patient's lines always go to the same lane.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from contextlib import closing
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any, Protocol, Self
from zlib import crc32

from schemas.structured import subject_of
from streams.collecting import seldom_collecting
from streams.replay.lane import Lane, LaneError, Line, Made, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from processors.policy import Policy

LOOK_S = 1.0
STOP_S = 5.0

Ticks = list[tuple[int, int]]
"""The ticks of a batch: position, instant in ns."""


class Lanes(Protocol):
    """All patients' lanes. Use as a context."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *exception: object) -> None:
        """End; what is under way is given up."""

    def decode(self, lines: Sequence[Line]) -> None:
        """Hand in a batch to be decoded."""

    def verdicts(self) -> dict[int, Verdict]:
        """The verdicts of the next batch, by the lines' numbers."""

    def fold(self, ticks: Ticks) -> None:
        """Have the next decoded batch folded, with its ticks."""

    def made(self) -> Iterator[Made]:
        """What the next folded batch made. Raises LaneError."""


class OneLane:
    """All patients in this process."""

    def __init__(self, policy: Policy, folder: Path, files: Sequence[str], max_record: int) -> None:
        self._lane = Lane(policy, folder, files, max_record)
        self._decoded: deque[dict[int, Verdict]] = deque()
        self._ticks: deque[Ticks] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._lane.close()

    def decode(self, lines: Sequence[Line]) -> None:
        """Decode a batch."""
        numbers = (line.number for line in lines)
        self._decoded.append(dict(zip(numbers, self._lane.decode(lines), strict=True)))

    def verdicts(self) -> dict[int, Verdict]:
        """The verdicts of the next batch."""
        return self._decoded.popleft()

    def fold(self, ticks: Ticks) -> None:
        """Note the ticks: `made` folds."""
        self._ticks.append(ticks)

    def made(self) -> Iterator[Made]:
        """Fold the next batch."""
        return self._lane.fold(self._ticks.popleft())


class ManyLanes:
    """The patients shared out over `jobs` processes of this machine."""

    def __init__(self, jobs: int, policy: Policy, folder: Path, files: Sequence[str], max_record: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._in: list[Any] = [context.Queue() for _ in range(jobs)]
        self._out: list[Any] = [context.Queue() for _ in range(jobs)]
        self._numbers: deque[list[list[int]]] = deque()
        self._processes = []
        for job, (tasks, results) in enumerate(zip(self._in, self._out, strict=True)):
            own = folder / f"lane-{job}"
            own.mkdir()
            arguments = (policy, own, list(files), max_record, tasks, results)
            self._processes.append(context.Process(target=_work, args=arguments, name=f"lane {job}", daemon=True))

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *exception: object) -> None:
        for tasks in self._in:
            tasks.put(None)
            tasks.cancel_join_thread()
        for process in self._processes:
            if exception[0] is None:
                process.join(STOP_S)
            process.kill()
            process.join()

    def decode(self, lines: Sequence[Line]) -> None:
        """Hand each lane its lines."""
        jobs = len(self._in)
        shares: list[list[Line]] = [[] for _ in range(jobs)]
        for line in lines:
            shares[crc32(subject_of(line.raw)) % jobs].append(line)
        self._numbers.append([[line.number for line in share] for share in shares])
        for tasks, share in zip(self._in, shares, strict=True):
            tasks.put(("decode", share))

    def verdicts(self) -> dict[int, Verdict]:
        """The verdicts of the next batch, of all lanes."""
        found: dict[int, Verdict] = {}
        for job, numbers in enumerate(self._numbers.popleft()):
            found.update(zip(numbers, self._take(job), strict=True))
        return found

    def fold(self, ticks: Ticks) -> None:
        """Hand all lanes the ticks."""
        for tasks in self._in:
            tasks.put(("fold", ticks))

    def made(self) -> Iterator[Made]:
        """What the lanes made, one lane after the other."""
        for job in range(len(self._out)):
            while (made := self._take(job)) is not None:
                yield made

    def _take(self, job: int) -> Any:
        """The next result of a lane, waited for. Raises LaneError where its process failed or died."""
        while True:
            try:
                kind, result = self._out[job].get(timeout=LOOK_S)
            except Empty:
                if not self._processes[job].is_alive():
                    raise LaneError(f"a process of this replay died (exit status {self._processes[job].exitcode})") from None
                continue
            if kind == "failed":
                raise LaneError(result)
            return result


def _work(policy: Policy, folder: Path, files: list[str], max_record: int, tasks: Any, results: Any) -> None:
    """One lane's process, until it is told to end or its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    try:
        with seldom_collecting(), closing(Lane(policy, folder, files, max_record)) as lane:
            while (task := tasks.get()) is not None:
                kind, given = task
                if kind == "decode":
                    results.put(("verdicts", lane.decode(given)))
                else:
                    for made in lane.fold(given):
                        results.put(("made", made))
                    results.put(("made", None))
    except LaneError as error:
        _show(error)
        results.put(("failed", str(error)))
    except Exception as error:
        _show(error)
        results.put(("failed", f"a process of this replay failed with {type(error).__name__}; RTM_DEBUG=1 shows where"))


def _show(error: Exception) -> None:
    if os.environ.get("RTM_DEBUG") == "1":
        traceback.print_exception(error)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
