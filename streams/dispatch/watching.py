"""`routes.toml` while the dispatcher runs: a changed file in, what it says now out; or what is wrong with it, once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from streams.dispatch.routes import load_routes

if TYPE_CHECKING:
    from pathlib import Path

    from streams.dispatch.routes import Directory

LOOK_EVERY_S = 1.0

Stamp = tuple[int, int, int] | None


class RoutesWatch:
    """Looks at the file, and at those that hold its secrets, now and then."""

    def __init__(self, path: Path, directory: Directory) -> None:
        self._path = path
        self._directory = directory
        self._seen = self._look(directory)
        self._looked = time.monotonic()

    def changed(self) -> Directory | None:
        """What the file says, when it has changed since it was last looked at; RoutesError, once, when it can't be used."""
        if time.monotonic() - self._looked < LOOK_EVERY_S:
            return None
        self._looked = time.monotonic()
        seen = self._look(self._directory)
        if seen == self._seen:
            return None
        self._seen = seen
        self._directory = load_routes(self._path)
        self._seen = self._look(self._directory) | seen
        return self._directory

    def _look(self, directory: Directory) -> dict[Path, Stamp]:
        files = [file for endpoint in directory.endpoints.values() for file in endpoint.files]
        return {file: _stamp(file) for file in [self._path, *files]}


def _stamp(path: Path) -> Stamp:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
