"""What the codecs make and the processors take: a fact decoded and validated once, or the reason why a record can't be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.events import Data

Reason = Literal[
    "misplaced", "unparsable", "unknown_type", "invalid", "conflict", "future", "too_late", "session_closed", "forgotten", "crash"
]
"""Why a record became a dead letter, in the order of the checks."""


@dataclass(slots=True)
class Fact:
    """One event, validated. Instants are nanoseconds since the epoch.

    `payload` is the event's `data` as it came, a JSON value with its unknown fields; of a chunk without its samples.
    `attributes` are the envelope's other attributes, as text. `derived` facts were made by the pipeline itself and aren't judged again.
    """

    type: str
    source: str
    id: str
    subject: str
    time: int
    recorded: int
    data: Data
    payload: Mapping[str, Any]
    clinic: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    derived: bool = False


class Unusable(Exception):  # noqa: N818 - it says what the record is
    """A record that can't be used: the contract's reason, and what was wrong, without any value of the record."""

    erased = False

    def __init__(self, reason: Reason, error: str, event_id: str = "", recorded: int | None = None) -> None:
        super().__init__(error)
        self.reason: Reason = reason
        self.error = error
        self.event_id = event_id
        self.recorded = recorded
