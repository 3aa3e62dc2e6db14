"""All lanes: what the routes say in, a lane for each endpoint out. They also carry heartbeats, and what operations must know."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from streams.dispatch.lane import Delivery, Lane, Patience
from streams.dispatch.messages import HEARTBEAT_TYPE, NAMESPACE, OPERATIONS_TYPE, Message
from streams.dispatch.sending import Sender

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.dispatch.deadlines import Deadlines
    from streams.dispatch.records import Tried
    from streams.dispatch.routes import Directory, Endpoint
    from streams.settings import Settings

LONGEST_STOP_S = 5.0
SAY_AGAIN_S = 900.0
"""Operations hear of one kind of trouble at most this often (s)."""


class Lanes:
    """The lane of each endpoint. `fail` and `say` are as a lane's."""

    def __init__(self, settings: Settings, deadlines: Deadlines, fail: Callable[[BaseException], None], say: Callable[[str], None]) -> None:
        self._settings, self._deadlines, self._fail, self._say = settings, deadlines, fail, say
        self._lanes: dict[str, Lane] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._operations: str | None = None
        self._said: dict[str, float] = {}
        self._next_beat: dict[str, float] = {}

    def change(self, directory: Directory) -> None:
        """Have a lane for each endpoint; what waits for one that is gone is given up."""
        for name, endpoint in directory.endpoints.items():
            if self._endpoints.get(name) == endpoint:
                continue
            sender = Sender(endpoint, self._settings.webhook_timeout_s, self._deadlines, connections=4)
            if name in self._lanes:
                self._lanes[name].change(sender)
            else:
                patience = Patience(self._settings.webhook_attempts, self._settings.webhook_backoff_s)
                self._lanes[name] = Lane(name, sender, patience, self._fail, self._say)
                self._lanes[name].start()
        for name in self._lanes.keys() - directory.endpoints.keys():
            self._lanes[name].change(None)
        self._endpoints = dict(directory.endpoints)
        self._operations = directory.operations
        now = time.monotonic()
        beating = {name for name, endpoint in self._endpoints.items() if endpoint.heartbeat_s}
        self._next_beat = {name: self._next_beat.get(name, now) for name in beating}

    def submit(self, endpoint: str, delivery: Delivery) -> bool:
        """Deliver it; false when there is no such endpoint."""
        lane = self._lanes.get(endpoint)
        if lane is None:
            return False
        lane.submit(delivery)
        return True

    def drop(self, lost: frozenset[int]) -> None:
        """Let go of what follows from these partitions alone, but for what is under way: another dispatcher sends it."""
        for lane in self._lanes.values():
            lane.drop(lost)

    def pending(self) -> int:
        """How many deliveries have not ended."""
        return sum(map(len, self._lanes.values()))

    def close(self) -> None:
        """Begin nothing more, and wait a little for what is under way."""
        for lane in self._lanes.values():
            lane.stop()
        for lane in self._lanes.values():
            lane.join(min(self._settings.webhook_timeout_s, LONGEST_STOP_S))

    def tell_operations(self, reason: str, text: str) -> None:
        """Tell operations, where the routes name their endpoint, and here."""
        now = time.monotonic()
        self._said = {said: at for said, at in self._said.items() if now - at < SAY_AGAIN_S}
        if text not in self._said:
            self._say(text)
        if self._operations is not None and reason not in self._said:
            instant = time.time_ns()
            name = str(uuid.uuid5(NAMESPACE, f"{reason}/{text}/{instant}"))
            message = Message(name, instant, type=OPERATIONS_TYPE, said=(("reason", reason), ("text", text)))
            self.submit(self._operations, Delivery(message, _no_record))
        self._said |= {text: now, reason: now}

    def beat(self) -> None:
        """Show each endpoint that asks for it that silence means calm."""
        now = time.monotonic()
        for name, at in self._next_beat.items():
            if at <= now:
                self._next_beat[name] = now + (self._endpoints[name].heartbeat_s or 0)
                instant = time.time_ns()
                message = Message(str(uuid.uuid5(NAMESPACE, f"heartbeat/{name}/{instant}")), instant, type=HEARTBEAT_TYPE)
                self.submit(name, Delivery(message, _no_record, most=1))


def _no_record(_delivery: Delivery, _tried: Tried) -> None:
    """It stands in no table."""
