"""Which rules a fact or an instant can change, decided cheaply: most facts change none.

Rules that look at days that are over change when a day is over, or by a fact about such a day. Of the rest (`AT_ONCE`): exercise and any
sign of life end missed and silent days, a session that takes a report's place can bring missed ones back, pain makes a flare, a score an
outcome. What is told here is exact: evaluating everything after every record gives the same alerts
(`tests/processors/test_alert_laws.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from processors.alerts.days import DONE
from processors.alerts.kinds import AT_ONCE, EVERY
from processors.alerts.pain import may_flare
from processors.alerts.view import View
from processors.days import near_midnight
from processors.entries import AnyEntry, Dated, Exercise, Heard, Minutes, Note, Pain, Rep, Score, Session, Setup
from processors.ledger import NAMING, STARTING, Ledger
from processors.policy import Policy

ENDED_BY_LIFE = frozenset({"missed_days", "silence"})
MISSED = frozenset({"missed_days"})
"""What a sensed session can bring on that takes the place of a report which told of more: then the day is no longer one of exercise."""
PAIN = frozenset({"pain_flare"})
SCORES = frozenset({"outcome_worse"})


LEAST_RISE = 1.0
"""No rule calls a rise of less than this a flare (`PainFlare.rise`)."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The kinds of condition to evaluate; `by_fact`: facts have changed, so that an alert may turn out never to have been right."""

    kinds: frozenset[str]
    by_fact: bool = True


NOTHING = Scope(frozenset())
EVERYTHING = Scope(EVERY)
BY_TIME = Scope(EVERY, by_fact=False)
TODAY_BY_TIME = Scope(AT_ONCE, by_fact=False)


def of_fact(ledger: Ledger, policy: Policy, entry: AnyEntry) -> Scope:
    """What a fact that is about to be added can change."""
    if isinstance(entry, Note | Minutes | Setup):
        return NOTHING
    if not isinstance(entry, Heard) or not ledger.timeline.episodes:
        return EVERYTHING
    day = ledger.timeline.day_of(entry.at)
    if ledger.is_over(day) or (isinstance(entry, STARTING) and near_midnight(ledger, day, entry.at)):
        return EVERYTHING
    if isinstance(entry, NAMING) and any(ledger.is_over(number) for number in ledger.days_touched_by(entry) if number != day):
        return EVERYTHING
    return _of_open_day(ledger, policy, entry, day)


def _of_open_day(ledger: Ledger, policy: Policy, entry: Dated, day: int) -> Scope:
    """What a fact about days that are not over can change: they hold nothing yet that a rule could hold against the patient but pain, and
    exercise that is taken back."""
    kinds: frozenset[str] = frozenset()
    standing = {x.rule for x in ledger.head.alerts.values() if x.stands} if ledger.head.alerts else frozenset[str]()
    if standing & ENDED_BY_LIFE and (isinstance(entry, STARTING) or not ledger.current(day).adherence.heard):
        kinds |= ENDED_BY_LIFE
    if _may_undo(ledger, entry, day):
        kinds |= MISSED
    nrs = entry.nrs if isinstance(entry, Pain) else entry.pain_nrs if isinstance(entry, Exercise) else None
    if nrs is not None and ("pain_flare" in standing or day < ledger.today or _may_flare(ledger, policy, entry, day, nrs)):
        kinds |= PAIN
    if isinstance(entry, Score):
        kinds |= SCORES
    return Scope(kinds) if kinds else NOTHING


def _may_undo(ledger: Ledger, entry: Dated, day: int) -> bool:
    """Whether an entry can take the place of what made a day one of exercise, as a sensed session does of a report that told of more.

    A report can't that stands alone on a day without sensed sessions; where there is one, it may take that from another report.
    """
    if not isinstance(entry, NAMING) or (isinstance(entry, Rep) and ledger.extends(entry) is not None):
        return False
    if isinstance(entry, Exercise) and ledger.stands_alone(entry, day) and not any(type(x) is Session for x in ledger.counted_on(day)):
        return False
    return any(ledger.current(x).adherence.status in DONE for x in ledger.days_touched_by(entry) if x <= ledger.today)


def _may_flare(ledger: Ledger, policy: Policy, entry: Heard, day: int, nrs: float) -> bool:
    """Whether a report on a day that isn't over can show a flare: high itself, or in the place of another one."""
    episode = ledger.timeline.episode_of(day)
    if isinstance(entry, Exercise) and entry.session_id is not None and ledger.standing_report(entry.session_id) is not None:
        return True
    if nrs < LEAST_RISE or episode is None or day > ledger.today:
        return False
    rule = next((x for x in policy.alert_rules.of(episode.enrolled.clinic_id) if x.kind == "pain_flare"), None)
    return rule is not None and may_flare(View(ledger, episode, 0), rule, day, nrs)


def at_due(ledger: Ledger, due: int) -> Scope:
    """What a due instant (ns) can change: everything when a day has just ended, another plan begins, or facts were waiting for their day;
    else nothing, but that a snooze may end."""
    today = ledger.today
    episode = ledger.timeline.episode_of(today)
    if episode is None or any(episode.over_at(day) == due for day in (today - 1, today - 2, today)):
        return BY_TIME
    if ledger.counted_on(today):
        return EVERYTHING
    plans, before = ledger.plans, today - 1
    if plans.of(today).versions != plans.of(before).versions or ledger.timeline.episode_of(before) is not episode:
        return BY_TIME
    return TODAY_BY_TIME if any(x.status == "snoozed" for x in ledger.head.alerts.values()) else NOTHING
