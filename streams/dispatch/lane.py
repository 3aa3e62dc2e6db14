"""The lane of one endpoint: deliveries in; attempts, waits and outcomes out. Lanes don't wait for each other.

    submit ─▶ by alert, in order ─▶ due now, or after a wait ─▶ attempt ─┬▶ delivered
                                         ▲                               ├▶ failed: again later ─┐
                                         └───────────────────────────────│───────────────────────┘
                                                                         └▶ given_up

The deliveries of one alert keep their order: a later one begins when the one before it has ended. Two alerts overtake each other.
An endpoint that seems dead is only probed: one delivery at a time, ever more seldom; what waits too long for it is given up unsent.
"""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from streams.dispatch.records import Tried

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.dispatch.messages import Message
    from streams.dispatch.sending import Attempt, Sender

THREADS = 4
LONGEST_BACKOFF_S = 300.0
LONGEST_RETRY_AFTER_S = 3600.0
EXTRA_STOP_S = 1.0
DEAD_AFTER = 5
"""So many attempts in a row without an answer, or with a server's error, and the endpoint is only probed."""
LONGEST_PROBE_WAIT_S = 60.0


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

    @property
    def total_s(self) -> float:
        """How long all the waits take together, at most.

        >>> Patience(5, 1.0).total_s
        15.0
        """
        return sum(self.wait_s(attempt, 1.0) for attempt in range(1, self.attempts))


@dataclass(slots=True, eq=False)
class Delivery:
    """A message on its way to one endpoint: the alerts in whose order it stands, who is told of each attempt, the attempts made already.

    `record` is called from the lane's threads, before anything follows from the attempt; an outcome other than `failed` ends the delivery.
    `most` bounds its attempts where it isn't worth the lane's patience. `partitions` are those of rtm.alerts.v1 that it follows from.
    """

    message: Message
    record: Callable[[Delivery, Tried], None]
    attempts: int = 0
    most: int | None = None
    partitions: frozenset[int] = frozenset()
    ended: bool = False
    under_way: bool = False
    give_up_at: float = 0.0

    @property
    def alerts(self) -> tuple[str, ...]:
        """The alerts it tells of."""
        return tuple(dict.fromkeys(notice.alert_id for notice in self.message.notices))


@dataclass(order=True, slots=True)
class _Due:
    at: float
    number: int
    delivery: Delivery = field(compare=False)


class Lane:
    """Delivers to one endpoint with a few threads. `fail` is told what goes wrong beside the network, and the lane then stands still.

    `say` is told, in a line, when the endpoint seems dead and when it is back.
    """

    def __init__(
        self, name: str, sender: Sender, patience: Patience, fail: Callable[[BaseException], None], say: Callable[[str], None]
    ) -> None:
        self.name = name
        self.disabled = False
        self._sender, self._patience, self._fail, self._say = sender, patience, fail, say
        self._changed = threading.Condition()
        self._due: list[_Due] = []
        self._by_alert: dict[str, deque[Delivery]] = {}
        self._in_hand: OrderedDict[str, Delivery] = OrderedDict()
        self._number = count()
        self._not_before = 0.0
        self._failed_in_a_row = 0
        self._under_way = 0
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

    def change(self, sender: Sender | None) -> None:
        """From now on send so; None: the endpoint is gone from the routes, and all that waits is given up."""
        with self._changed:
            self.disabled = sender is None
            self._sender = sender or self._sender
            self._failed_in_a_row, self._not_before = 0, 0.0
            for due in self._due:
                due.at = 0.0
            heapq.heapify(self._due)
            self._changed.notify_all()

    def drop(self, lost: frozenset[int]) -> None:
        """Let go of what follows from these partitions alone, but for what is under way: another dispatcher sends it."""
        with self._changed:
            for delivery in [each for each in self._in_hand.values() if each.partitions and each.partitions <= lost and not each.under_way]:
                self._end(delivery)

    def __len__(self) -> int:
        """How many deliveries have not ended."""
        return len(self._in_hand)

    @property
    def dead(self) -> bool:
        """Whether the endpoint is only probed."""
        return self._failed_in_a_row >= DEAD_AFTER

    def submit(self, delivery: Delivery) -> None:
        """Deliver it, after what came before it of the same alerts; what is on its way already (a rebalance) isn't sent twice."""
        with self._changed:
            known = self._in_hand.get(delivery.message.webhook_id)
            if known is not None:
                known.record = delivery.record
                return
            self._in_hand[delivery.message.webhook_id] = delivery
            delivery.give_up_at = time.monotonic() + self._patience.total_s
            for alert in delivery.alerts:
                self._by_alert.setdefault(alert, deque()).append(delivery)
            if self._first_of_all(delivery):
                self._push(delivery, 0.0)

    def _first_of_all(self, delivery: Delivery) -> bool:
        return all(self._by_alert[alert][0] is delivery for alert in delivery.alerts)

    def _push(self, delivery: Delivery, wait_s: float) -> None:
        heapq.heappush(self._due, _Due(time.monotonic() + wait_s, next(self._number), delivery))
        self._changed.notify()

    # -- a thread ----------------------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while (found := self._next()) is not None:
                delivery, sent = found
                wait_s = None
                if sent:
                    wait_s = self._attempt(delivery)
                else:
                    delivery.record(delivery, Tried(delivery.attempts, "given_up", time.time_ns()))
                with self._changed:
                    delivery.under_way = False
                    self._under_way -= 1
                    if wait_s is None:
                        self._end(delivery)
                    else:
                        self._push(delivery, wait_s)
                    self._changed.notify()
        except BaseException as error:
            self._fail(error)

    def _next(self) -> tuple[Delivery, bool] | None:
        """The next delivery to try (or, False, to give up), waited for; None when the lane stops."""
        with self._changed:
            while not self._stopping:
                wait_s = None
                now = time.monotonic()
                if self.dead and (late := self._too_long_here(now)) is not None:
                    return self._take(late, sent=False)
                while self._due and self._due[0].delivery.ended:
                    heapq.heappop(self._due)
                if self._due and not (self.dead and self._under_way):
                    wait_s = 0.0 if self.disabled else max(self._due[0].at, self._not_before) - now
                    if wait_s <= 0:
                        return self._take(heapq.heappop(self._due).delivery, sent=not self.disabled)
                if self.dead and self._in_hand:
                    give_up_s = max(0.05, next(iter(self._in_hand.values())).give_up_at - now)
                    wait_s = give_up_s if wait_s is None else min(wait_s, give_up_s)
                self._changed.wait(wait_s)
        return None

    def _too_long_here(self, now: float) -> Delivery | None:
        """What has waited for a dead endpoint as long as all its attempts would have taken."""
        oldest = next(iter(self._in_hand.values()), None)
        return oldest if oldest and oldest.give_up_at <= now and not oldest.under_way else None

    def _take(self, delivery: Delivery, *, sent: bool) -> tuple[Delivery, bool]:
        delivery.under_way = True
        self._under_way += 1
        if self._due:
            self._changed.notify()
        return delivery, sent

    def _attempt(self, delivery: Delivery) -> float | None:
        """Try once; how long to wait before the next attempt (s), None when there will be none."""
        sender = self._sender
        made = sender.send(delivery.message)
        delivery.attempts += 1
        now = self._learn(made, sender)
        last = (made.gone and now) or delivery.attempts >= (delivery.most or self._patience.attempts)
        outcome = "delivered" if made.delivered else "given_up" if last else "failed"
        delivery.record(delivery, Tried(delivery.attempts, outcome, made.sent_at, made.status, made.latency_ms))
        if outcome != "failed":
            return None
        if not now:
            return 0.0
        if made.retry_after_s is None:
            return self._patience.wait_s(delivery.attempts, self._random.random())
        asked = min(made.retry_after_s, LONGEST_RETRY_AFTER_S)
        with self._changed:
            self._not_before = max(self._not_before, time.monotonic() + asked)
        return asked

    def _learn(self, made: Attempt, sender: Sender) -> bool:
        """Learn whether the endpoint lives; false when its entry in the routes has changed meanwhile."""
        said = None
        with self._changed:
            if sender is not self._sender:
                return False
            self.disabled = self.disabled or made.gone
            was_dead = self.dead
            if made.dead:
                self._failed_in_a_row += 1
                if self.dead:
                    probe_s = min(2.0 ** min(self._failed_in_a_row - DEAD_AFTER, 10) * self._patience.backoff_s, LONGEST_PROBE_WAIT_S)
                    self._not_before = max(self._not_before, time.monotonic() + probe_s)
            else:
                self._failed_in_a_row = 0
                if was_dead:
                    self._not_before = 0.0
                    self._changed.notify_all()
            if was_dead != self.dead:
                why = made.problem or f"status {made.status}"
                said = (
                    f"endpoint {self.name} is back"
                    if was_dead
                    else f"endpoint {self.name} fails each time ({why}): from now on it is probed"
                )
            if made.gone:
                said = f"endpoint {self.name} answers 410, it wants no more: it is off until its entry in the routes changes"
        if said:
            self._say(said)
        return True

    def _end(self, delivery: Delivery) -> None:
        delivery.ended = True
        del self._in_hand[delivery.message.webhook_id]
        freed = []
        for alert in delivery.alerts:
            line = self._by_alert[alert]
            first = line[0] is delivery
            line.remove(delivery)
            if not line:
                del self._by_alert[alert]
            elif first:
                freed.append(line[0])
        for other in dict.fromkeys(freed):
            if self._first_of_all(other):
                self._push(other, 0.0)
