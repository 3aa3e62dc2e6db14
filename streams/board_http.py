"""The board on loopback: a warehouse in, a page over HTTP out, rendered anew on request, at most once in a few seconds."""

from __future__ import annotations

import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from dashboards.board import render
from streams.warehouse.dsn import WarehouseError

if TYPE_CHECKING:
    from streams.warehouse.connection import Warehouse

HOST = "127.0.0.1"
FRESH_S = 5.0
LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


class BoardServer(ThreadingHTTPServer):
    """Serves the board at `/`. Made, it listens; OSError when the port can't be had. `port` 0 takes any that is free.

    Only requests that name a loopback host are answered, so that no web page elsewhere can read patients' data through a browser here.
    """

    daemon_threads = True

    def __init__(self, warehouse: Warehouse, port: int, *, fresh_s: float = FRESH_S) -> None:
        self._warehouse = warehouse
        self._fresh_s = fresh_s
        self._page: bytes | None = None
        self._rendered = 0.0
        self._rendering = threading.Lock()
        super().__init__((HOST, port), _Handler)

    @property
    def address(self) -> str:
        """Where the board is, to open in a browser."""
        return f"http://{HOST}:{self.server_address[1]}/"

    def page(self) -> bytes:
        """The page, no older than `fresh_s`. WarehouseError when the tables can't be read."""
        with self._rendering:
            if self._page is None or time.monotonic() - self._rendered > self._fresh_s:
                self._page = render(self._warehouse.query).encode()
                self._rendered = time.monotonic()
            return self._page


class _Handler(BaseHTTPRequestHandler):
    server: BoardServer

    def do_GET(self) -> None:
        """Answer with the page."""
        if self.headers.get("Host", "").rsplit(":", 1)[0] not in LOCAL_NAMES:
            self._answer(HTTPStatus.FORBIDDEN, b"This board answers on loopback only.\n", "text/plain")
        elif self.path.split("?", 1)[0] != "/":
            self._answer(HTTPStatus.NOT_FOUND, b"The board is at /.\n", "text/plain")
        else:
            try:
                self._answer(HTTPStatus.OK, self.server.page(), "text/html")
            except WarehouseError as error:
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n".encode(), "text/plain")

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: a request may hold what somebody typed."""
