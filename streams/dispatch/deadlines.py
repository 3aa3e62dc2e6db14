"""A limit in time for whole requests: connections in; one that is overdue is cut, and whoever reads from it sees it end.

A socket's own time-out begins anew with each byte that drips in.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection

LOOK_EVERY_S = 0.25
GRACE_S = 0.25
"""So much longer than the socket's own time-out, which tells better what was wrong."""


class Deadlines:
    """One thread that looks after the requests of all endpoints. Use as a context."""

    def __init__(self) -> None:
        self._until: dict[HTTPConnection, float] = {}
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)

    def __enter__(self) -> Deadlines:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        self._thread.join()

    def set(self, connection: HTTPConnection, within_s: float) -> None:
        """This thread begins a request on a connection, and it must be over in this time."""
        until = time.monotonic() + within_s + GRACE_S
        self._mine.set = connection, until
        with self._lock:
            self._until[connection] = until

    def clear(self) -> None:
        """The request that this thread began last is over. Another one may have begun on its connection."""
        begun: tuple[HTTPConnection, float] | None = getattr(self._mine, "set", None)
        with self._lock:
            if begun is not None and self._until.get(begun[0]) == begun[1]:
                del self._until[begun[0]]

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            now = time.monotonic()
            with self._lock:
                overdue = [connection for connection, until in self._until.items() if until < now]
                for connection in overdue:
                    del self._until[connection]
            for connection in overdue:
                with contextlib.suppress(OSError, TypeError):
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
