"""The processes of a campaign, kept alive as a supervisor would: whoever ends is started again, unless that was meant."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from streams.supervisor import leashed

AGAIN_S = 0.3
READY_S = 300.0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass(slots=True)
class Part:
    """A process by name. `statuses` are those with which it ended by itself."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    wanted: bool = True
    process: subprocess.Popen[bytes] | None = None
    expected: bool = False
    statuses: list[int] = field(default_factory=list)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @property
    def ready_count(self) -> int:
        """How often it has said that it is ready."""
        return self.log.read_bytes().count(b" ready: ") if self.log.exists() else 0


class Parts:
    """All of them. Use as a context: at the end none is left."""

    def __init__(self, folder: Path, bootstrap: str, routes: Path, settings: dict[str, str], warehouse: Path) -> None:
        self.folder = folder
        self.http = free_port()
        self.dsn = f"clickhouse://127.0.0.1:{self.http}/rtm"
        self._guard = threading.RLock()
        self._stop = threading.Event()
        self._environment = os.environ | settings | {
            "RTM_KAFKA": bootstrap, "RTM_CLOCK": "log", "RTM_WAREHOUSE": self.dsn, "RTM_ROUTES": str(routes), "RTM_WORKER_TIMEOUT_S": "6",
            "RTM_STATE_FOLDER": str(folder / "state"),
        }  # fmt: skip
        self.parts: dict[str, Part] = {}
        self._add("warehouse", [sys.executable, "-m", "tests.campaign.warehouse", str(warehouse), str(self.http)])
        for name in ("worker-0", "worker-1"):
            self._add(name, leashed("worker"))
        self._add("sink", leashed("sink"))
        self._add("dispatch", leashed("dispatch"))
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Parts:
        for part in self.parts.values():
            part.start()
        self._keeper.start()
        for name in self.parts:
            self.wait_ready(name, 1)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._keeper.join()
        for part in reversed(list(self.parts.values())):
            if part.process is not None and part.process.poll() is None:
                part.process.send_signal(signal.SIGCONT)
                part.process.terminate()
                try:
                    part.process.wait(30)
                except subprocess.TimeoutExpired:
                    part.process.kill()
                    part.process.wait()

    def set_environment(self, name: str, **settings: str) -> None:
        """Settings of one part, from its next start on."""
        self.parts[name].environment = self.parts[name].environment | settings

    # -- faults ----------------------------------------------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        self._signal(name, signal.SIGKILL)

    def freeze(self, name: str, seconds: float) -> None:
        process = self.parts[name].process
        assert process is not None
        if process.poll() is None:
            process.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
            process.send_signal(signal.SIGCONT)

    def restart(self, name: str) -> None:
        """End it in good order; when it is ready again."""
        ready = self.parts[name].ready_count
        self._signal(name, signal.SIGTERM)
        self.wait_ready(name, ready + 1)

    def take_away(self, name: str, seconds: float) -> None:
        part = self.parts[name]
        part.wanted = False
        self.kill(name)
        time.sleep(seconds)
        part.wanted = True

    def add_for_a_while(self, name: str, seconds: float) -> None:
        self._add(name, leashed("worker"))
        self.parts[name].start()
        self.wait_ready(name, 1)
        time.sleep(seconds)
        self.parts[name].wanted = False
        self._signal(name, signal.SIGTERM)

    # -- keeping them alive ----------------------------------------------------------------------------------------------------------

    def wait_ready(self, name: str, count: int) -> None:
        give_up = time.monotonic() + READY_S
        while self.parts[name].ready_count < count:
            assert time.monotonic() < give_up, f"{name} is not ready: {self.parts[name].log.read_text()[-2000:]}"
            time.sleep(0.05)

    def statuses(self) -> dict[str, dict[int, int]]:
        """How often each part ended by itself with which status; killed and told to stop aside."""
        return {name: dict(Counter(part.statuses)) for name, part in self.parts.items() if part.statuses}

    def _add(self, name: str, command: list[str]) -> None:
        self.parts[name] = Part(name, command, dict(self._environment), self.folder / f"{name}.log")

    def _signal(self, name: str, number: signal.Signals) -> None:
        part = self.parts[name]
        with self._guard:
            if part.process is not None and part.process.poll() is None:
                part.expected = True
                part.process.send_signal(number)
        if part.process is not None and number == signal.SIGKILL:
            part.process.wait()

    def _keep(self) -> None:
        while not self._stop.wait(AGAIN_S):
            for part in list(self.parts.values()):
                with self._guard:
                    status = None if part.process is None else part.process.poll()
                    if status is not None and not part.expected:
                        part.statuses.append(status)
                    if status is not None:
                        part.process, part.expected = None, False
                    if part.process is None and part.wanted and not self._stop.is_set():
                        part.start()
