"""What the ledger keeps of an alert. New fields stand at the end and have defaults: state written before them still loads."""

from __future__ import annotations

import msgspec

STANDING = frozenset({"open", "acknowledged", "snoozed"})
"""The statuses of an alert that is not over."""


class OpenAlert(msgspec.Struct, array_like=True):
    """An alert as it stands; `row` is its row in `alerts`, empty once it is over.

    `key` tells alerts of one rule apart (a joint, a measure, a medication), `day` is the newest day on which it held (0: not known),
    `level` its rule's level (-1: not known), `ended` the last day that was over when it ended, `closed` whether staff ended it, `until`
    the end of its snooze (ns).
    """

    rule: str
    episode_id: str
    status: str
    row: dict[str, str | int | None]
    key: str = ""
    day: int = 0
    level: int = -1
    ended: int | None = None
    closed: bool = False
    until: int = 0

    @property
    def stands(self) -> bool:
        """Whether it is not over."""
        return self.status in STANDING
