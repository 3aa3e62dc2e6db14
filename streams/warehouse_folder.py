"""A chDB folder belongs to one process: a lock on a file in it, held while a warehouse is open there.

chDB itself opens one folder a process at a time; a second one in the same process is refused here in words, and another process is
told who holds the folder.
"""

from __future__ import annotations

import fcntl
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from streams.warehouse_dsn import WarehouseError

if TYPE_CHECKING:
    from pathlib import Path

LOCK_NAME = "rtm.lock"
_guard = threading.Lock()
_held: dict[Path, _Lock] = {}


@dataclass(slots=True)
class _Lock:
    file: BinaryIO
    count: int


@dataclass(slots=True)
class Hold:
    """One warehouse's share of this process's lock on a folder."""

    path: Path
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


def hold_folder(path: Path, *, create: bool) -> Hold:
    """Lock the chDB folder `path` for this process, making it first if `create`.

    WarehouseError when it isn't there, holds something else, is held by another process, or this process has another one open.
    """
    with _guard:
        if path in _held:
            _held[path].count += 1
            return Hold(path)
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
            raise WarehouseError(f"the warehouse {path} is held by {by}: wait until it is done or stop it") from None
        file.truncate(0)
        file.write(str(os.getpid()).encode())
        file.flush()
        _held[path] = _Lock(file, 1)
        return Hold(path)


def _check_folder(path: Path, *, create: bool) -> None:
    if path.exists() and not path.is_dir():
        raise WarehouseError(f"{path} is a file: a warehouse is a folder")
    if not path.exists() and not create:
        raise WarehouseError(f"there is no warehouse at {path}: `rtm demo` or a replay makes one")
    path.mkdir(parents=True, exist_ok=True)
    names = {entry.name for entry in path.iterdir()} - {LOCK_NAME}
    if names and not {"store", "metadata"} <= names:
        raise WarehouseError(f"the folder {path} holds other files: name an empty folder or a warehouse")
    if not names and not create:
        raise WarehouseError(f"there is no warehouse at {path}: `rtm demo` or a replay makes one")
