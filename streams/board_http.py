"""The board on loopback: a warehouse in; over HTTP out a page, its overviews anew, one patient's course.

| address | answer |
|---|---|
| `/` | the page, which asks for the other two by itself |
| `/data` | the overviews' rows, JSON; made anew on request, at most once in a few seconds |
| `/course?patient=…` | one patient's rows, JSON |
"""

from __future__ import annotations

import json
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from dashboards.board import course, overview, render_served
from streams.warehouse.dsn import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.warehouse.connection import Warehouse

HOST = "127.0.0.1"
FRESH_S = 5.0
REFRESH_S = 15
"""How often an open page asks for new data, s."""
LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


class BoardServer(ThreadingHTTPServer):
    """Serves the board at `/`. Made, it listens; OSError when the port can't be had. `port` 0 takes any that is free.

    Only requests that name a loopback host are answered, so that no web page elsewhere can read patients' data through a browser here.
    """

    daemon_threads = True

    def __init__(self, warehouse: Warehouse, port: int, *, fresh_s: float = FRESH_S, refresh_s: int = REFRESH_S) -> None:
        self.warehouse = warehouse
        self._fresh_s = fresh_s
        self._refresh_s = refresh_s
        self._made: dict[str, tuple[float, bytes]] = {}
        self._making = threading.Lock()
        super().__init__((HOST, port), _Handler)

    @property
    def address(self) -> str:
        """Where the board is, to open in a browser."""
        return f"http://{HOST}:{self.server_address[1]}/"

    def page(self) -> bytes:
        """The page, no older than `fresh_s`. WarehouseError when the tables can't be read."""
        return self._fresh("page", lambda: render_served(self.warehouse.query, self._refresh_s).encode())

    def data(self) -> bytes:
        """The overviews, no older than `fresh_s`, JSON."""
        return self._fresh("data", lambda: _json(overview(self.warehouse.query)))

    def course(self, patient: str) -> bytes:
        """One patient's rows by panel, JSON."""
        return _json(course(self.warehouse.query, patient))

    def _fresh(self, name: str, make: Callable[[], bytes]) -> bytes:
        with self._making:
            made = self._made.get(name)
            if made is None or time.monotonic() - made[0] > self._fresh_s:
                made = self._made[name] = (time.monotonic(), make())
            return made[1]


def _json(data: object) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


class _Handler(BaseHTTPRequestHandler):
    server: BoardServer

    def do_GET(self) -> None:
        """Answer with the page or its data."""
        parts = urlsplit(self.path)
        if self.headers.get("Host", "").rsplit(":", 1)[0] not in LOCAL_NAMES:
            self._answer(HTTPStatus.FORBIDDEN, b"This board answers on loopback only.\n", "text/plain")
            return
        try:
            if parts.path == "/":
                self._answer(HTTPStatus.OK, self.server.page(), "text/html")
            elif parts.path == "/data":
                self._answer(HTTPStatus.OK, self.server.data(), "application/json")
            elif parts.path == "/course" and (patient := parse_qs(parts.query).get("patient")):
                self._answer(HTTPStatus.OK, self.server.course(patient[0]), "application/json")
            else:
                self._answer(HTTPStatus.NOT_FOUND, b"The board is at /.\n", "text/plain")
        except WarehouseError as error:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n".encode(), "text/plain")

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: a request may hold what somebody typed."""
