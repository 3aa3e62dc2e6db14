"""ClickHouse's HTTP interface over this process's chDB folder: requests of clickhouse-connect, Grafana, curl in; answers out.

Read-only unless told otherwise, on loopback unless told otherwise. One statement at a time, in turn with the sink of this process. Where
it answers stands in the folder, so that `rtm sql` and `rtm board` find it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import ipaddress
import logging
import re
import socket
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from streams.warehouse.chdb_engine import Engine, Statement, StatementError
from streams.warehouse.chdb_http_body import packed, read_body, read_form
from streams.warehouse.dsn import DATABASE
from streams.warehouse.folder import offer_http, withdraw_http

if TYPE_CHECKING:
    from pathlib import Path

    from streams.warehouse.connection import Warehouse

HOST = "127.0.0.1"
USER = "default"
MOST_CONNECTIONS = 64
IDLE_S = 60
_LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]", ""})
_OFFERED = frozenset({HOST, "localhost", "0.0.0.0"})  # noqa: S104 - where 127.0.0.1 is answered
_NO_SETTINGS = frozenset(
    {
        "query", "database", "default_format", "client_protocol_version", "query_id", "session_id", "session_timeout", "session_check",
        "close_session", "wait_end_of_query", "buffer_size", "user", "password", "quota_key", "role", "compress", "decompress",
    }
)  # fmt: skip
"""Parameters of the URL that are no settings. Sessions, quotas and roles are accepted and have no effect."""
_STATUS = {
    **dict.fromkeys((6, 27, 36, 38, 41, 43, 53, 62, 115, 271, 307, 457), 400),
    **dict.fromkeys((46, 47, 50, 60, 73, 81), 404),
    **dict.fromkeys((164, 497), 403),
    **dict.fromkeys((48,), 501),
    **dict.fromkeys((159,), 408),
    **dict.fromkeys((202,), 503),
    **dict.fromkeys((516,), 401),
}
_QUERY_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)
_UNFORESEEN = 1002
_BROKEN = frozenset({32, 307, 381, _UNFORESEEN})
"""After these nobody knows what comes next on the connection."""
_log = logging.getLogger(__name__)


class ChdbServer(ThreadingHTTPServer):
    """Answers for a folder from its making on, once `serve_forever` runs; `shutdown` and `server_close` end it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, warehouse: Warehouse, address: tuple[str, int], *, read_only: bool, password: str) -> None:
        self.engine = Engine(warehouse)
        self.read_only = read_only
        self.password = password
        self.local = _loopback(address[0])
        self._folder: Path | None = None
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, _Handler)
        if address[0] in _OFFERED and not password:
            self._folder = warehouse.folder
            assert self._folder is not None  # noqa: S101 - the engine has seen to it
            offer_http(self._folder, self.port)

    @property
    def port(self) -> int:
        """The port on which it answers."""
        return int(self.server_address[1])

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://{self.server_address[0]!s}:{self.port}/"

    def server_close(self) -> None:
        """Answer no more, on connections that are open neither."""
        if self._folder is not None:
            withdraw_http(self._folder, self.port)
        super().server_close()
        with self._guard:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection, unless there are too many."""
        with self._guard:
            free = len(self._open) < MOST_CONNECTIONS
            if free:
                self._open.add(request)
        if free:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A connection that broke is the client's affair."""
        _log.debug("a connection broke", exc_info=True)


def serve(warehouse: Warehouse, port: int, *, host: str = HOST, read_only: bool = True, password: str = "") -> ChdbServer:
    """Listen for ClickHouse's HTTP interface over the chDB folder of an open warehouse; `serve_forever` answers.

    `port` 0 takes any that is free; user is `default`. `read_only=False` lets everybody who reaches it do everything that chDB can,
    this process's files included: for fault campaigns. OSError when the port can't be had, ValueError for a warehouse that is no folder,
    or another host than loopback without a password.
    """
    if not _loopback(host) and not password:
        raise ValueError(f"{host} is not loopback: whoever reaches it could read all, so it needs a password")
    return ChdbServer(warehouse, (host, port), read_only=read_only, password=password)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Handler(BaseHTTPRequestHandler):
    server: ChdbServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_S

    def do_POST(self) -> None:
        """Answer one request."""
        parts = urlsplit(self.path)
        url = dict(parse_qsl(parts.query, keep_blank_values=True))
        named = url.get("query_id", "")
        self._id = named if _QUERY_ID.fullmatch(named) else str(uuid.uuid4())
        try:
            data = read_body(self.rfile, self.headers)  # type: ignore[arg-type]
            self._check_caller(url)
            if parts.path in ("/ping", "/replicas_status") or (self.command != "POST" and "query" not in url):
                self._reply(200, b"Ok.\n", {"Content-Type": "text/html; charset=UTF-8"})
                return
            kind = self.headers.get("Content-Type", "")
            if kind.startswith("multipart/form-data"):
                url, data = url | read_form(kind, data), b""
            self._answer(parts.path, url, data)
        except OSError:  # the client went away
            self.close_connection = True
        except Exception as error:
            self._refuse(error)

    do_GET = do_HEAD = do_POST  # noqa: N815

    def _answer(self, path: str, url: dict[str, str], data: bytes) -> None:
        if path != "/":
            raise StatementError(46, "There is no such handle here: queries go to / (UNKNOWN_FUNCTION)")
        if url.get("compress", "0") == "1" or url.get("decompress", "0") == "1":
            raise StatementError(48, "compress=1 and decompress=1 are not implemented (NOT_IMPLEMENTED)")
        text = b"\n".join(part for part in (url.get("query", "").encode(), data) if part)
        named = self.headers.get("X-ClickHouse-Database") or url.get("database") or DATABASE
        protocol = url.get("client_protocol_version", "0")
        answer = self.server.engine.execute(
            Statement(
                text=text,
                format=self.headers.get("X-ClickHouse-Format") or url.get("default_format", "TabSeparated"),
                database=DATABASE if named == "default" else named,
                settings={name: value for name, value in url.items() if name not in _NO_SETTINGS and not name.startswith("param_")},
                parameters={name.removeprefix("param_"): value for name, value in url.items() if name.startswith("param_")},
                protocol=int(protocol) if protocol.isdigit() else 0,
                read_only=self.server.read_only or self.command != "POST",
            )
        )
        body, encoding = packed(answer.body, self.headers.get("Accept-Encoding", "")) if _wants_packed(url) else (answer.body, None)
        headers = {
            "Content-Type": "application/octet-stream",
            "X-ClickHouse-Format": answer.format,
            "X-ClickHouse-Summary": orjson.dumps(answer.summary).decode(),
        }
        self._reply(200, body, headers | ({"Content-Encoding": encoding} if encoding else {}))

    def _check_caller(self, url: dict[str, str]) -> None:
        """Who may ask: whoever reaches us on loopback, but no web page through somebody's browser; elsewhere who knows the password."""
        names = [self.headers.get("Host", "")]
        if (origin := self.headers.get("Origin")) is not None:
            names.append(urlsplit(origin).netloc or origin)
        if self.server.local and any(name.rsplit(":", 1)[0] not in _LOCAL_NAMES for name in names):
            raise StatementError(497, "This interface answers on loopback only (ACCESS_DENIED)")
        user = self.headers.get("X-ClickHouse-User") or url.get("user") or USER
        password = self.headers.get("X-ClickHouse-Key") or url.get("password", "")
        authorization = self.headers.get("Authorization", "")
        if authorization.startswith("Basic "):
            try:
                user, _, password = base64.b64decode(authorization[6:]).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                user = ""
        if user != USER or not hmac.compare_digest(password.encode(), self.server.password.encode()):
            raise StatementError(516, "Authentication failed: password is incorrect, or there is no such user. (AUTHENTICATION_FAILED)")

    def _refuse(self, error: Exception) -> None:
        if isinstance(error, StatementError):
            code, message = error.code, str(error)
        else:
            code, message = _UNFORESEEN, f"Code: {_UNFORESEEN}. DB::Exception: {type(error).__name__}, which should not happen"
            _log.debug("a request failed", exc_info=True)
        self.close_connection = self.close_connection or code in _BROKEN
        suffix = "" if "(version " in message else f" (version {self.server.engine.version})"
        headers = {"Content-Type": "text/plain; charset=UTF-8", "X-ClickHouse-Exception-Code": str(code)}
        try:
            self._reply(_STATUS.get(code, 500), f"{message.rstrip()}{suffix}\n".encode(), headers)
        except OSError:
            self.close_connection = True

    def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        engine = self.server.engine
        about = {
            "X-ClickHouse-Query-Id": self._id,
            "X-ClickHouse-Server-Display-Name": engine.name,
            "X-ClickHouse-Timezone": engine.timezone,
            "Content-Length": str(len(body)),
        }
        self.send_response(status)
        for name, value in (headers | about).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: a request may hold what somebody typed."""


def _wants_packed(url: dict[str, str]) -> bool:
    return url.get("enable_http_compression", "0") in ("1", "true")
