"""How far a send has come: a small file that outlives the process, so that a killed `rtm send` goes on where it was.

In: what is acknowledged, at every flush. Out: where to go on. It holds numbers and instants only: no name of a file, no fact, no subject.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from typing import TYPE_CHECKING, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class JournalError(Exception):
    """The journal can't be used: it is another send's, damaged, or in use."""


class Sent(msgspec.Struct, omit_defaults=True):
    """How far a send is. Counts are of all lines before `entries`, over all runs of this send.

    `what` tells which files go where, `until` the instant (ns) after whose recorded times nothing is sent, `as_of` the last tick where it
    was asked for; `tick` is the last that came out, `newest` the newest recorded time of a valid record. `since`: what was recorded up to
    it was done with in a former run that ended; this one sends what was left out then.
    """

    what: str
    until: int
    since: int | None = None
    as_of: int | None = None
    entries: int = 0
    tick: int | None = None
    newest: int | None = None
    events: int = 0
    chunks: int = 0
    ticks: int = 0
    ticks_ignored: int = 0
    left_out: int = 0
    dead: dict[str, int] = {}
    finished: bool = False


def what_is_sent(files: Iterable[Path], topic_ids: Iterable[str]) -> str:
    """A digest of the files (names, sizes, times of change) and of the topics that they go to; OSError where a file can't be seen."""
    digest = hashlib.blake2b(digest_size=16)
    for path in files:
        stat = path.stat()
        digest.update(repr((str(path.resolve()), stat.st_size, stat.st_mtime_ns)).encode())
    for topic_id in topic_ids:
        digest.update(topic_id.encode())
    return digest.hexdigest()


class Journal:
    """The file, locked while this is open. Use as a context."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1

    def __enter__(self) -> Self:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise JournalError(f"{self.path}: another rtm send of these files is under way") from None
        return self

    def __exit__(self, *exception: object) -> None:
        os.close(self._lock)

    def read(self) -> Sent | None:
        """How far the send is; None when it has not begun."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Sent)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError:
            raise JournalError(f"{self.path}: no journal of rtm send: remove it, or name another with --journal") from None

    def write(self, sent: Sent) -> None:
        """Put it down, so that it is there after a power cut, or what was there before."""
        beside = self.path.with_name(self.path.name + ".new")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 - with its permissions
            file.write(msgspec.json.encode(sent))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
