"""What a step of time would make too old to be issued: beyond the retention days keep the rows they have, and must have them before."""

from __future__ import annotations

from processors.ledger import Ledger
from processors.metrics import billing
from processors.policy import Policy
from schemas.instants import DAY_SECONDS, SECOND


def would_lose(ledger: Ledger, policy: Policy, now: int) -> bool:
    """Whether `now` would make anything stale too old to be issued: a day, or a first period or a month of care.

    Such rows keep what they had, so they must have it before, however seldom rows are issued.
    """
    head, timeline, kept = ledger.head, ledger.timeline, policy.retention_days
    stale = head.stale
    if not head.now or not timeline.episodes:
        return False
    if not stale.everything and now // (DAY_SECONDS * SECOND) + 1 - kept <= timeline.episodes[0].first:
        return False
    before, after = ledger.today - kept, timeline.day_of(now) - kept
    if after <= before:
        return False
    if stale.everything:
        return any(timeline.episode_of(day) or ledger.has_issued(day) for day in range(before, after))
    if stale.care:
        ends = (episode.first + billing.PERIOD for episode in timeline.episodes)
        if billing.month_of(before) != billing.month_of(after) or any(before < end <= after for end in ends):
            return True
    return any(before <= day < after for day in stale.days)
