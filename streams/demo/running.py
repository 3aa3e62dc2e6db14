"""`rtm up` as a child of the demo: a folder and settings in, the addresses that it tells out."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Self

from streams.supervisor import leashed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

READY = re.compile(r"^(kafka|http|board) ready: (?:http://)?(127\.0\.0\.1:\d+)")
ALL_UP = "all is up"
ROUTES = '[[endpoints]]\nname = "on-call"\nurl = "{url}"\nsecret_file = "receiver.secret"\n'
STOP_TIMEOUT_S = 60.0


class RunningError(Exception):
    """`rtm up` did not come up, or did not stay; the message is its own last line."""


def write_routes(folder: Path, url: str, secret: str) -> None:
    """Write `routes.toml` with one endpoint, and its secret into a file that only its owner can read."""
    path = folder / "receiver.secret"
    path.touch(mode=0o600)
    path.write_text(secret + "\n")
    (folder / "routes.toml").write_text(ROUTES.format(url=url))


class Running:
    """Everything on this machine, over one folder, on ports that are free. Use as a context: it stops at the end, as by Ctrl-C."""

    def __init__(self, folder: Path, settings: Mapping[str, str], *options: str) -> None:
        self.lines: list[str] = []
        self._addresses: dict[str, str] = {}
        self._up = threading.Event()
        self.folder = folder
        environment = {name: value for name, value in os.environ.items() if name != "RTM_KAFKA"}
        command = leashed("up", "--folder", str(folder), "--port-http", "0", "--port-board", "0", "--port-kafka", "0", *options)
        self._process = subprocess.Popen(
            command,
            env=environment | dict(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        self._up.wait()
        if not any(line.startswith(ALL_UP) for line in self.lines):
            self._process.wait()
            raise RunningError(f"rtm up on {self.folder} did not come up: {self.lines[-1]}")
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def kafka(self) -> str:
        """Where Kafka answers."""
        return self._addresses["kafka"]

    @property
    def http(self) -> str:
        """Where ClickHouse's HTTP interface answers, host and port."""
        return self._addresses["http"]

    @property
    def board(self) -> str:
        """Where the board is, host and port."""
        return self._addresses["board"]

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def check(self) -> None:
        """RunningError when it has ended."""
        if self._process.poll() is not None:
            raise RunningError(f"rtm up on {self.folder} ended with status {self._process.returncode}: {' '.join(self.lines[-2:])}")

    def stop(self) -> int:
        """End it, as by Ctrl-C; its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(STOP_TIMEOUT_S)
        return self._process.returncode

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        with self._process.stdout:
            for line in self._process.stdout:
                text = line.strip()
                self.lines.append(text)
                if found := READY.match(text):
                    self._addresses[found[1]] = found[2]
                if text.startswith(ALL_UP):
                    self._up.set()
        if not self._up.is_set():
            self.lines.append(self.lines[-1] if self.lines else "it said nothing")
            self._up.set()
