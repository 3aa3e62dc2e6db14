"""A line of a reconciliation: two counts that must agree, what they count, and whether they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Check = Literal["counted", "in kafka", "dead letters kept", "dead letters stored", "rows stored", "told", "deliveries stored"]
"""What is compared.

counted              records read = applied + ticks + duplicates + waiting + dead letters, in the state's own transaction
in kafka             records read, and the records that lie in the topic up to there
dead letters kept    dead letters counted by the state, and their rows
dead letters stored  dead letters in rtm.dead-letters.v1, and their rows
rows stored          rows sent to rtm.metrics.v1, and the rows in the table and its history
told                 deliveries that told somebody of an open alert, and the alert.notified and alert.escalated facts
deliveries stored    deliveries in rtm.deliveries.v1, and their rows
"""

State = Literal["equal", "differs", "unknown"]


@dataclass(frozen=True, slots=True)
class Line:
    """`found` must lie between `expected` and `most`: the counts before and after it, equal when nothing flows.

    `topic` and `partition` (-1: all) or `what` (a table) say of what; `offset` is where the state stands; `said` explains;
    `unread`: records that no worker has read yet.
    """

    check: Check
    expected: int
    found: int
    most: int
    topic: str = ""
    partition: int = -1
    what: str = ""
    offset: int = 0
    said: str = ""
    unknown: bool = False
    unread: int = 0

    @property
    def state(self) -> State:
        """Whether they agree; `unknown` where they don't and there is a good reason, which is told."""
        if self.expected <= self.found <= self.most:
            return "equal"
        return "unknown" if self.unknown else "differs"
