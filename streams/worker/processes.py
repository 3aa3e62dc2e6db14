"""A worker of several processes, for a machine of several cores: each folds its share of the partitions, as any other worker does.

rtm worker --processes 2 ─▶ rtm worker, rtm worker; the first that ends ends all, with its status
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

from streams.supervisor import STOP_TIMEOUT_S, leashed
from streams.worker.worker import START_ANEW, WorkerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.settings import Settings


def run_processes(settings: Settings, count: int, arguments: Sequence[str] = ()) -> None:
    """Run `count` workers with these arguments until SIGTERM or Ctrl-C; memory and cores are divided among them, and the metrics of each
    are on a port of its own, from RTM_METRICS_PORT on. WorkerError when one ends by itself.
    """
    ended: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    before = {number: signal.signal(number, lambda _number, _frame: ended.put(None)) for number in (signal.SIGTERM, signal.SIGINT)}
    workers: list[subprocess.Popen[bytes]] = []
    try:
        # Each in a session of its own: a Ctrl-C on the terminal comes to it from here, once.
        workers.extend(
            subprocess.Popen(leashed("worker", *arguments), env=_environment(settings, count, number), start_new_session=True)
            for number in range(count)
        )
        for worker in workers:
            threading.Thread(target=lambda worker=worker: ended.put(worker.wait()), daemon=True).start()
        status = ended.get()
    finally:
        _stop(workers)
        for number, handler in before.items():
            signal.signal(number, handler)
    if status is not None:
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        raise WorkerError(f"one of {count} worker processes ended with {how}, so all do", status if status > 0 else START_ANEW)


def _environment(settings: Settings, count: int, number: int) -> dict[str, str]:
    threads = settings.fold_threads or (os.cpu_count() or 1) // count
    own = {"RTM_MEMORY_MB": str(max(1, settings.memory_mb // count)), "RTM_FOLD_THREADS": str(max(1, threads))}
    if settings.metrics_port:  # 0 is any free one, for each
        own["RTM_METRICS_PORT"] = str(settings.metrics_port + number)
    return os.environ | own


def _stop(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    """SIGTERM to all, SIGKILL to whoever hasn't ended by then."""
    for worker in workers:
        worker.terminate()
    for worker in workers:
        try:
            worker.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
