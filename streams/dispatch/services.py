"""What the dispatcher offers beside sending alerts: the pages behind links, and feedback after sessions. Without links neither."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from schemas.topics import ALERTS, EVENTS
from streams.dispatch.feedback import SessionFeedback, Sessions
from streams.dispatch.page_server import Pages, PageServer
from streams.dispatch.recovery import change_at
from streams.kafka.placement import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.dispatch.lanes import Lanes
    from streams.dispatch.links import Links
    from streams.dispatch.routes import Directory
    from streams.kafka.writing import Writer
    from streams.settings import Settings


class Services:
    """Pages and feedback. Use as a context; `change` then begins, changes or ends feedback as the routes say.

    `status` says how an alert stands where that is known here, `mine` whether a partition of rtm.alerts.v1 is this dispatcher's.
    """

    def __init__(
        self,
        settings: Settings,
        links: Links | None,
        writer: Writer,
        lanes: Lanes,
        partitions: Mapping[str, int],
        status: Callable[[str], str | None],
        mine: Callable[[int], bool],
        fail: Callable[[BaseException], None],
        say: Callable[[str], None],
    ) -> None:
        self._settings, self._links, self._writer, self._lanes, self._partitions = settings, links, writer, lanes, partitions
        self._status, self._mine, self._fail, self._say = status, mine, fail, say
        self._open = ExitStack()
        self._feedback: SessionFeedback | None = None
        self._wanted: Mapping[str, str] = {}

    def __enter__(self) -> Services:
        if self._links is not None:
            settings = self._settings
            pages = Pages(
                self._links,
                look=lambda partition, offset: change_at(settings.kafka, partition, offset),
                write=self._writer.write,
                partitions=self._partitions[EVENTS.name],
                status=self._status,
                feedback=lambda reference: self._feedback.sessions.of(reference) if self._feedback else None,
            )
            server = self._open.enter_context(PageServer(pages, settings.ack_listen))
            self._say(f"pages ready: {server.address}, reached as {settings.ack_url}")
        return self

    def __exit__(self, *exception: object) -> None:
        self._end_feedback()
        self._open.close()

    def change(self, directory: Directory) -> None:
        """Send feedback to these endpoints, clinic by clinic."""
        wanted = directory.feedback or {}
        if wanted == self._wanted:
            return
        self._wanted = wanted
        self._end_feedback()
        if wanted and self._links is None:
            self._say("no feedback after sessions: it needs RTM_ACK_URL")
        elif wanted and self._links is not None:
            partitions = self._partitions[ALERTS.name]
            self._feedback = SessionFeedback(
                self._settings.kafka,
                Sessions(self._links, wanted),
                self._lanes.submit,
                self._writer.write,
                lambda patient: self._mine(partition_of(patient.encode(), partitions)),
                self._fail,
            )
            self._feedback.start()

    def _end_feedback(self) -> None:
        if self._feedback is not None:
            self._feedback.stop()
            self._feedback = None
