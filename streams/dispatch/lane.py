"""The lane of one endpoint: deliveries in; attempts, waits and outcomes out. Lanes don't wait for each other.

    submit ─▶ by alert, in order ─▶ due now, or after a wait ─▶ attempt ─┬▶ delivered
                                         ▲                               ├▶ failed: again later ─┐
                                         └───────────────────────────────│───────────────────────┘
                                                                         └▶ given_up

The deliveries of one alert keep their order: a later one begins when the one before it has ended. Two alerts overtake each other.
"""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from streams.dispatch.records import Tried

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.dispatch.webhooks import AlertChange, Sender

THREADS = 4
LONGEST_BACKOFF_S = 300.0
LONGEST_RETRY_AFTER_S = 3600.0
EXTRA_STOP_S = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How often an endpoint is tried, and how long the first wait is (s); each next one is twice as long, less a random share."""

    attempts: int
    backoff_s: float

    def wait_s(self, attempt: int, share: float) -> float:
        """The wait after a failed attempt, the first of which is 1; `share` in 0..1 is chance's: half the wait to all of it.

        >>> Patience(5, 1.0).wait_s(3, 1.0), Patience(5, 1.0).wait_s(3, 0.0)
        (4.0, 2.0)
        """
        return min(self.backoff_s * 2.0 ** min(attempt - 1, 30), LONGEST_BACKOFF_S) * (0.5 + 0.5 * share)


@dataclass(slots=True)
class Delivery:
    """A change on its way to one endpoint: its offset in its partition, whom to tell of its end, and the attempts made already."""

    change: AlertChange
    offset: int
    ends: list[Callable[[], None]]
    attempts: int = 0

    def end(self) -> None:
        """It has ended."""
        for told in self.ends:
            told()


@dataclass(order=True, slots=True)
class _Due:
    at: float
    number: int
    delivery: Delivery = field(compare=False)


class Lane:
    """Delivers to one endpoint with a few threads.

    `record` puts down what was tried before anything follows from it; `fail` is told what else went wrong, and the lane then stands still.
    """

    def __init__(
        self,
        name: str,
        sender: Sender,
        patience: Patience,
        record: Callable[[str, Delivery, Tried], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self.name = name
        self.disabled = False
        self._sender, self._patience, self._record, self._fail = sender, patience, record, fail
        self._changed = threading.Condition()
        self._due: list[_Due] = []
        self._by_alert: dict[str, deque[Delivery]] = {}
        self._number = count()
        self._not_before = 0.0
        self._stopping = False
        self._random = random.Random()  # noqa: S311 - it spreads retries, it guards nothing
        self._threads = [threading.Thread(target=self._run, name=f"webhook {name} {number}", daemon=True) for number in range(THREADS)]

    def start(self) -> None:
        """Begin to deliver."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin no other attempt; those under way end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait for the attempts under way, so long at most."""
        give_up = time.monotonic() + timeout_s + EXTRA_STOP_S
        for thread in self._threads:
            thread.join(max(0.0, give_up - time.monotonic()))
        self._sender.close()

    def submit(self, delivery: Delivery) -> None:
        """Deliver it, after what came before it of the same alert; what is on its way already (a rebalance) isn't sent twice."""
        with self._changed:
            line = self._by_alert.setdefault(delivery.change.alert_id, deque())
            for other in line:
                if other.change == delivery.change:
                    other.ends += delivery.ends
                    return
            line.append(delivery)
            if len(line) == 1:
                self._push(delivery, 0.0)

    def _push(self, delivery: Delivery, wait_s: float) -> None:
        heapq.heappush(self._due, _Due(time.monotonic() + wait_s, next(self._number), delivery))
        self._changed.notify()

    def _run(self) -> None:
        try:
            while (delivery := self._next()) is not None:
                wait_s = self._attempt(delivery)
                with self._changed:
                    if wait_s is None:
                        self._end(delivery)
                    else:
                        self._push(delivery, wait_s)
        except BaseException as error:
            self._fail(error)

    def _next(self) -> Delivery | None:
        """The next delivery that is due, waited for; None when the lane stops."""
        with self._changed:
            while not self._stopping:
                wait_s = max(self._due[0].at, self._not_before) - time.monotonic() if self._due else None
                if wait_s is not None and wait_s <= 0:
                    found = heapq.heappop(self._due).delivery
                    if self._due:
                        self._changed.notify()
                    return found
                self._changed.wait(wait_s)
        return None

    def _attempt(self, delivery: Delivery) -> float | None:
        """Try once; how long to wait before the next attempt (s), None when there will be none."""
        if self.disabled:
            self._record(self.name, delivery, Tried(0, "given_up", time.time_ns()))
            return None
        made = self._sender.send(delivery.change.webhook_id, delivery.change.body())
        delivery.attempts += 1
        last = made.gone or delivery.attempts >= self._patience.attempts
        outcome = "delivered" if made.delivered else "given_up" if last else "failed"
        self.disabled = self.disabled or made.gone
        self._record(self.name, delivery, Tried(delivery.attempts, outcome, made.sent_at, made.status, made.latency_ms))
        if outcome != "failed":
            return None
        if made.retry_after_s is None:
            return self._patience.wait_s(delivery.attempts, self._random.random())
        asked = min(made.retry_after_s, LONGEST_RETRY_AFTER_S)
        with self._changed:
            self._not_before = max(self._not_before, time.monotonic() + asked)
        return asked

    def _end(self, delivery: Delivery) -> None:
        line = self._by_alert[delivery.change.alert_id]
        line.popleft()
        if line:
            self._push(line[0], 0.0)
        else:
            del self._by_alert[delivery.change.alert_id]
        delivery.end()
