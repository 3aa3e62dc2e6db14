"""A chDB folder belongs to one process: a lock on a file in it, held while a warehouse is open there.

chDB itself opens one folder a process at a time; a second one in the same process is refused here in words, and another process is
told who holds the folder, and where that process answers for it over HTTP, if it does.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from streams.warehouse.dsn import WarehouseError

if TYPE_CHECKING:
    from pathlib import Path

LOCK_NAME = "rtm.lock"
HTTP_NAME = "rtm.http"
_guard = threading.Lock()
_held: dict[Path, _Lock] = {}


@dataclass(slots=True)
class _Lock:
    file: BinaryIO
    count: int
    turn: threading.RLock = field(default_factory=threading.RLock)


@dataclass(slots=True)
class Hold:
    """One warehouse's share of this process's lock on a folder."""

    path: Path
    turn: threading.RLock
    """Held by whoever has chDB work on this folder: one statement at a time in this process."""
    released: bool = False

    def release(self) -> None:
        """Give the share back; with the last one the folder is free."""
        with _guard:
            if self.released:
                return
            self.released = True
            lock = _held[self.path]
            lock.count -= 1
            if lock.count == 0:
                del _held[self.path]
                lock.file.truncate(0)
                lock.file.close()


class FolderHeldError(WarehouseError):
    """Another process holds the folder; `http` is the port of 127.0.0.1 on which it answers reading queries, None where it doesn't."""

    def __init__(self, message: str, http: int | None) -> None:
        super().__init__(message)
        self.http = http


def offer_http(path: Path, port: int) -> None:
    """Say to other processes that this one, which holds the folder, answers for it on this port of 127.0.0.1."""
    (path / HTTP_NAME).write_text(f"{os.getpid()} {port}\n")


def withdraw_http(path: Path, port: int) -> None:
    """Take back what `offer_http` said of this port."""
    with suppress(OSError):
        if (path / HTTP_NAME).read_text() == f"{os.getpid()} {port}\n":
            (path / HTTP_NAME).unlink()


def _offered(path: Path, holder: str) -> int | None:
    """The port that the holder offers; what a dead process offered counts no more."""
    try:
        pid, port = (path / HTTP_NAME).read_text().split()
        return int(port) if pid == holder else None
    except (OSError, ValueError):
        return None


def hold_folder(path: Path, *, create: bool) -> Hold:
    """Lock the chDB folder `path` for this process, making it first if `create`.

    FolderHeldError when another process holds it; WarehouseError when it isn't there, holds something else, or this process has
    another one open.
    """
    with _guard:
        if path in _held:
            _held[path].count += 1
            return Hold(path, _held[path].turn)
        if _held:
            raise WarehouseError(f"this process has the chDB folder {next(iter(_held))} open: chDB opens one at a time, close it first")
        try:
            _check_folder(path, create=create)
            file = (path / LOCK_NAME).open("a+b")
        except OSError as error:
            raise WarehouseError(f"cannot use the folder {path}: {error.strerror}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read(20).decode("ascii", "replace").strip()
            file.close()
            by = f"process {holder}" if holder.isdigit() else "another process"
            said = f"the warehouse {path} is held by {by}: wait until it is done or stop it"
            raise FolderHeldError(said, _offered(path, holder)) from None
        file.truncate(0)
        file.write(str(os.getpid()).encode())
        file.flush()
        _held[path] = lock = _Lock(file, 1)
        return Hold(path, lock.turn)


def _check_folder(path: Path, *, create: bool) -> None:
    if path.exists() and not path.is_dir():
        raise WarehouseError(f"{path} is a file: a warehouse is a folder")
    if not path.exists() and not create:
        raise WarehouseError(f"there is no warehouse at {path}: `rtm demo` or a replay makes one")
    path.mkdir(parents=True, exist_ok=True)
    names = {entry.name for entry in path.iterdir()} - {LOCK_NAME, HTTP_NAME}
    if names and not {"store", "metadata"} <= names:
        raise WarehouseError(f"the folder {path} holds other files: name an empty folder or a warehouse")
    if not names and not create:
        raise WarehouseError(f"there is no warehouse at {path}: `rtm demo` or a replay makes one")
