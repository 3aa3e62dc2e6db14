"""Health over HTTP: `/metrics`, `/healthz` (it lives) and `/readyz` (it does its work), on RTM_METRICS_HOST:RTM_METRICS_PORT.

Off by default. A component calls `beat` as it goes on and `ready` once it works; both do nothing where no server runs.
"""

from __future__ import annotations

import contextlib
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from streams.settings import SettingsError
from streams.telemetry import metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.settings import Settings

STUCK_S = 60.0
"""A component that has not beaten this long is taken for stuck."""
TEXT = "text/plain; version=0.0.4; charset=utf-8"


class _State:
    beaten = time.monotonic()
    ready = False


def beat() -> None:
    """It goes on."""
    _State.beaten = time.monotonic()


def ready(*, works: bool = True) -> None:
    """It does its work, or does it no more."""
    _State.ready = works
    metrics.gauge("rtm_ready", works)
    beat()


@contextlib.contextmanager
def watched(settings: Settings) -> Iterator[None]:
    """Answer while this is open, where RTM_METRICS_PORT is set. SettingsError when the port can't be had, or prometheus-client lacks."""
    if settings.metrics_port is None:
        yield
        return
    try:
        metrics.switch_on()
    except ImportError:
        raise SettingsError("RTM_METRICS_PORT: prometheus-client is not installed: pip install 'rtm[live]'") from None
    ready(works=False)
    try:
        server = ThreadingHTTPServer((settings.metrics_host, settings.metrics_port), _Handler)
    except OSError as error:
        raise SettingsError(f"RTM_METRICS_PORT: {settings.metrics_port} can't be listened on ({error.strerror}): choose another") from None
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server_version = "rtm"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer one of the three."""
        if self.path == "/metrics":
            self._answer(HTTPStatus.OK, metrics.text())
        elif self.path == "/healthz":
            silent = time.monotonic() - _State.beaten
            lives = silent < STUCK_S
            self._answer(HTTPStatus.OK if lives else HTTPStatus.SERVICE_UNAVAILABLE, b"ok\n" if lives else b"stuck for %d s\n" % silent)
        elif self.path == "/readyz":
            self._answer(HTTPStatus.OK if _State.ready else HTTPStatus.SERVICE_UNAVAILABLE, b"ready\n" if _State.ready else b"not ready\n")
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"/metrics, /healthz or /readyz\n")

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", TEXT)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing of requests."""
