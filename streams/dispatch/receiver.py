"""A small receiver of webhooks on loopback: requests in, what came and whether its signature holds out. For the demo and for tests.

It verifies with the reference package of Standard Webhooks, and answers by a script: one answer a request, the last one ever after.
"""

from __future__ import annotations

import base64
import secrets
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from standardwebhooks import Webhook, WebhookVerificationError

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_BODY = 1 << 20


def new_secret() -> str:
    """A secret as an endpoint's owner would make it: `whsec_` and base64 of 24 bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with, after so many seconds."""

    status: int = 204
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came: `received_at` in ns since the epoch; `status` is what it is answered with."""

    webhook_id: str
    body: bytes
    verified: bool
    received_at: int
    status: int


class Receiver:
    """Listens on a free port of 127.0.0.1 while it is open. Use as a context; `url` is where to send."""

    def __init__(self, secret: str, answers: Sequence[Answer] = (Answer(),), port: int = 0) -> None:
        self.received: list[Received] = []
        self._webhook = Webhook(secret)
        self._answers = list(answers)
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="receiver", daemon=True)

    @property
    def url(self) -> str:
        """Where to send webhooks."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/webhooks"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_for(self, count: int, timeout_s: float) -> bool:
        """Wait until so many requests came; whether they did."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.received) >= count, timeout_s)

    def _take(self, headers: dict[str, str], body: bytes) -> Answer:
        received_at = time.time_ns()
        try:
            self._webhook.verify(body, headers, json_parse=False)
            verified = True
        except (WebhookVerificationError, ValueError):
            verified = False
        with self._changed:
            answer = self._answers[min(len(self.received), len(self._answers) - 1)]
            self.received.append(Received(headers.get("webhook-id", ""), body, verified, received_at, answer.status))
            self._changed.notify_all()
        return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                """Take one webhook."""
                length = min(int(self.headers.get("content-length") or 0), LARGEST_BODY)
                answer = receiver._take({name.lower(): value for name, value in self.headers.items()}, self.rfile.read(length))
                receiver._closing.wait(answer.delay_s)
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Say nothing."""

        return Handler
