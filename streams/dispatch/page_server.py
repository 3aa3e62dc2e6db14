"""The server of the pages behind links: a signed link in, a page out; what somebody does on it becomes a fact in the log.

It looks an alert up where its link says it lies in Kafka, so any dispatcher answers any link. Opening a page changes nothing: whatever
looks at links ahead of people can. A form is only taken from a page that was made for the same link.
"""

from __future__ import annotations

import threading
import time
import uuid
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from schemas.codecs import encode_kafka, make_fact
from schemas.instants import SECOND, format_instant
from schemas.topics import EVENTS
from streams.dispatch import pages
from streams.dispatch.links import ALERT_PAGE, SESSION_PAGE, LinkError
from streams.kafka.jars import KafkaError
from streams.kafka.outgoing import Outgoing
from streams.kafka.placement import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from processors.session_feedback import Feedback
    from streams.dispatch.links import AlertLink, Links
    from streams.dispatch.messages import AlertChange

SOURCE = "/rtm/acknowledge"
LARGEST_FORM = 4096
PATIENCE_S = 10.0
ACTIONS = {"acknowledge": "rtm.alert.acknowledged.v1", "snooze": "rtm.alert.snoozed.v1"}


class ListenError(Exception):
    """The pages can't be served where the settings say."""


class Pages:
    """Answers links. `look` gives the change of an alert that lies at a partition and offset of rtm.alerts.v1, `write` writes a fact to
    the log, `status` says how an alert stands where that is known here, `feedback` what is known of a session by its reference.
    """

    def __init__(
        self,
        links: Links,
        look: Callable[[int, int], AlertChange | None],
        write: Callable[[Outgoing], None],
        partitions: int,
        status: Callable[[str], str | None],
        feedback: Callable[[str], Feedback | None],
    ) -> None:
        self._links, self._look, self._write, self._partitions = links, look, write, partitions
        self._status, self._feedback = status, feedback

    def get(self, page: str, token: str) -> tuple[HTTPStatus, str]:
        """The page of a link."""
        now = time.time_ns()
        if page == SESSION_PAGE:
            found = self._feedback(self._links.read_session(token, now).reference)
            if found is None:
                return HTTPStatus.NOT_FOUND, pages.said("Not there", "This session is not there any more.")
            return HTTPStatus.OK, pages.session_page(found)
        link = self._links.read_alert(token, now)
        row = self._change(link).row
        status = self._status(link.alert_id)
        text = pages.alert_page(row["rule_id"], row["severity"], row["opened_at"], status, self._links.form(token, now))
        return HTTPStatus.OK, text

    def post(self, page: str, token: str, form: Mapping[str, list[str]]) -> tuple[HTTPStatus, str]:
        """What was done on the page of an alert."""
        now = time.time_ns()
        action = form.get("do", [""])[0]
        if page != ALERT_PAGE or action not in ACTIONS:
            raise LinkError("Nothing was asked for.")
        link = self._links.read_alert(token, now)
        self._links.check_form(form.get("form", [""])[0], token, now)
        hours = form.get("hours", [""])[0]
        if action == "snooze" and hours not in {str(each) for each, _ in pages.SNOOZES}:
            raise LinkError("For how long?")
        data = {"alert_id": link.alert_id, "staff_id": link.staff}
        if action == "snooze":
            data["until"] = format_instant(now + int(hours) * 3600 * SECOND)
        change = self._change(link)
        clinic = change.row["clinic_id"] or None
        fact = make_fact(ACTIONS[action], change.patient, SOURCE, str(uuid.uuid4()), now, data, clinic=clinic)
        key, value, headers = encode_kafka(fact)
        self._write(Outgoing(EVENTS.name, partition_of(key, self._partitions), key, value, headers))
        done = "The alert is yours now." if action == "acknowledge" else f"You will be reminded in {dict(pages.SNOOZES)[int(hours)]}."
        return HTTPStatus.OK, pages.said("Done", done)

    def _change(self, link: AlertLink) -> AlertChange:
        change = self._look(link.partition, link.offset)
        if change is None or change.alert_id != link.alert_id:
            raise LinkError("This alert is not kept any more.")
        return change


class PageServer:
    """Serves the pages while it is open. Use as a context; ListenError when the address can't be had."""

    def __init__(self, answers: Pages, listen: str) -> None:
        host, _, port = listen.rpartition(":")
        try:
            self._server = ThreadingHTTPServer((host.strip("[]"), int(port)), _handler(answers))
        except (OSError, OverflowError) as error:
            raise ListenError(f"RTM_ACK_LISTEN: {listen} can't be listened at: {getattr(error, 'strerror', None) or error}") from None
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="pages", daemon=True)

    @property
    def address(self) -> str:
        """Where it listens."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def __enter__(self) -> PageServer:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(answers: Pages) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE_S
        server_version, sys_version = "rtm", ""

        def do_GET(self) -> None:
            """Show a page."""
            self._answer(answers.get)

        do_HEAD = do_GET  # noqa: N815

        def do_POST(self) -> None:
            """Do what its form says."""
            length = int(self.headers.get("content-length") or 0) if (self.headers.get("content-length") or "0").isdigit() else -1
            if not 0 <= length <= LARGEST_FORM:
                self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, pages.said("Too large", "This is no form of this page."))
                return
            form = parse_qs(self.rfile.read(length).decode("utf-8", "replace"), max_num_fields=10)
            self._answer(lambda page, token: answers.post(page, token, form))

        def _answer(self, answer: Callable[[str, str], tuple[HTTPStatus, str]]) -> None:
            page, _, token = self.path.partition("?")[0].rstrip("/").rpartition("/")
            page = page.rpartition("/")[2]
            if page not in {ALERT_PAGE, SESSION_PAGE}:
                self._send(HTTPStatus.NOT_FOUND, pages.said("Not there", "There is nothing here without a link."))
                return
            try:
                self._send(*answer(page, token))
            except LinkError as error:
                self._send(HTTPStatus.FORBIDDEN, pages.said("Not possible", str(error)))
            except KafkaError:
                self._send(HTTPStatus.SERVICE_UNAVAILABLE, pages.said("Not now", "This can't be done now. Try again in a minute."))

        def _send(self, status: HTTPStatus, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.send_header("cache-control", "no-store")
            self.send_header("content-security-policy", pages.CONTENT_POLICY)
            self.send_header("referrer-policy", "no-referrer")
            self.send_header("x-content-type-options", "nosniff")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Say nothing: a link stands in every request."""

    return Handler
