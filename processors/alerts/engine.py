"""The engine: what opens, rises and is over, for one patient at one instant; and what staff and the dispatcher did with an alert.

In: a ledger whose time was moved and a scope. Out: transitions and rows of `alerts`. In this order: whatever is over is resolved, a snooze
that has ended wakes, what stands too long expires, then, rule by rule in the pack's order, alerts rise or open.
"""

from __future__ import annotations

from processors.alerts import lifecycle
from processors.alerts.finding import Finding
from processors.alerts.kinds import EVERY, KINDS
from processors.alerts.lifecycle import Change
from processors.alerts.scope import EVERYTHING, Scope
from processors.alerts.view import View
from processors.alerts_state import OpenAlert
from processors.ledger import Ledger
from processors.packs.alerts import InForce
from processors.policy import Policy
from processors.processor import Output
from schemas.events import AlertAction, AlertStep
from schemas.facts import Fact

MOOT = "no longer so: a later fact changed it"
EPISODE_OVER = "the episode is over"
NO_PLAN = "no plan is in force any more"
RULE_OFF = "its rule is no longer in force"


def next_wake(ledger: Ledger) -> int | None:
    """The instant (ns) at which the first snooze ends, or None."""
    return min((x.until for x in ledger.head.alerts.values() if x.status == "snoozed"), default=None)


def act(ledger: Ledger, policy: Policy, fact: Fact, at: int, out: Output) -> None:
    """Do what an `alert.*` fact says, as of `at` (ns). An alert that isn't known, or is over, is left as it is."""
    data = fact.data
    if not isinstance(data, AlertAction | AlertStep):
        return
    alert = ledger.head.alerts.get(data.alert_id)
    if alert is None or not alert.stands:
        return
    change = Change(ledger, policy, at, out)
    if isinstance(data, AlertStep):
        change.told(data.alert_id, data.step, escalated=fact.type.endswith("escalated.v1"))
    elif fact.type.endswith("acknowledged.v1"):
        change.acknowledged(data.alert_id, fact.time, data.staff_id)
    elif fact.type.endswith("snoozed.v1"):
        change.snoozed(data.alert_id, data.until)
    else:
        change.closed(data.alert_id, _last_over(ledger, policy), data.staff_id)
        evaluate(ledger, policy, at, EVERYTHING, out)


def _last_over(ledger: Ledger, policy: Policy) -> int:
    view = _view(ledger, policy)
    return ledger.today if view is None else view.last_over


def _view(ledger: Ledger, policy: Policy) -> View | None:
    """What rules see today; None while no alert can be: outside every episode, or without a plan."""
    episode = ledger.timeline.episode_of(ledger.today)
    if episode is None:
        return None
    plan = ledger.plans.of(ledger.today)
    return View(ledger, episode, plan.recorded, lenient=policy.lenient_data_days) if plan.versions else None


def evaluate(ledger: Ledger, policy: Policy, at: int, scope: Scope, out: Output) -> None:
    """Evaluate the rules that the scope names for one patient, as of `at` (ns), and add what changed to `out`."""
    if not scope.kinds:
        return
    view = _view(ledger, policy)
    standing = {name: x for name, x in ledger.head.alerts.items() if x.stands}
    if view is None and not standing:
        return
    change = Change(ledger, policy, at, out)
    if view is None:
        over = ledger.timeline.episode_of(ledger.today) is None
        for name in standing:
            change.resolved(name, EPISODE_OVER if over else NO_PLAN, ledger.today - 1)
        return
    _Evaluation(ledger, policy, view, change, scope).run(standing)


def end_all(ledger: Ledger, policy: Policy, at: int, why: str, out: Output) -> None:
    """Resolve every alert of a patient that stands, whatever the rules say; he may have no episode any more."""
    change = Change(ledger, policy, at, out)
    today = ledger.today if ledger.timeline.episodes else ledger.head.today or 0
    for name in [name for name, alert in ledger.head.alerts.items() if alert.stands]:
        change.resolved(name, why, today - 1)


class _Evaluation:
    """One evaluation of one patient."""

    def __init__(self, ledger: Ledger, policy: Policy, view: View, change: Change, scope: Scope) -> None:
        self.ledger, self.view, self.change, self.scope = ledger, view, change, scope
        self.whole = view.whole()  # as standing alerts are judged: mostly the same
        self.rules = policy.alert_rules.of(view.episode.enrolled.clinic_id)
        self._found: dict[tuple[str, bool], dict[str, Finding]] = {}

    def run(self, standing: dict[str, OpenAlert]) -> None:
        """Resolve, wake, expire, raise, open."""
        kinds = self.scope.kinds
        if self._end(standing):
            kinds = EVERY
        for rule in self.rules:
            if rule.kind in kinds:
                self._raise_or_open(rule)

    def _day(self, rule: InForce) -> int:
        return self.view.today if KINDS[rule.kind].at_once else self.view.last_over

    def _finding(self, rule: InForce, view: View) -> dict[str, Finding]:
        """What holds now, by key."""
        name = rule.name, view is self.whole
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = {x.key: x for x in KINDS[rule.kind].find(view, rule, self._day(rule))}
        return found

    # -- what stands ----------------------------------------------------------------------------------------------------------------

    def _end(self, standing: dict[str, OpenAlert]) -> bool:
        """End what is over, wake what slept; whether anything ended."""
        rules = {rule.name: rule for rule in self.rules}
        ended = False
        for name, alert in standing.items():
            rule = rules.get(alert.rule)
            why = self._why_over(alert, rule)
            if why is not None:
                self.change.resolved(name, why, self.view.last_over)
                ended = True
            elif alert.status == "snoozed" and alert.until <= self.ledger.head.now:
                self.change.woken(name)
            elif rule is not None and self._too_old(alert, rule):
                self.change.expired(name, self.view.last_over)
                ended = True
        return ended

    def _why_over(self, alert: OpenAlert, rule: InForce | None) -> str | None:
        if alert.episode_id != self.view.episode.id:
            return EPISODE_OVER
        if rule is None:
            return RULE_OFF
        if rule.kind not in self.scope.kinds:
            return None
        finding = self._finding(rule, self.whole).get(alert.key) or self._finding(rule, self.view).get(alert.key)
        if finding is not None:
            if alert.day != finding.day:
                alert.day, self.ledger.changed = finding.day, True
            return None
        if self.scope.by_fact and alert.day and not self._held(alert, rule):
            return MOOT
        return KINDS[rule.kind].clear(self.whole, rule, alert.key, alert.day)

    def _held(self, alert: OpenAlert, rule: InForce) -> bool:
        """Whether an alert's condition held on the day on which it was last seen to hold, by what is known now."""
        views = (self.view,) if self.view is self.whole else (self.whole, self.view)
        return any(x.key == alert.key for view in views for x in KINDS[rule.kind].find(view, rule, alert.day))

    def _too_old(self, alert: OpenAlert, rule: InForce) -> bool:
        days = rule.rule.expires_days
        return days is not None and bool(alert.day) and self.view.last_over - alert.day >= days

    # -- what begins ----------------------------------------------------------------------------------------------------------------

    def _raise_or_open(self, rule: InForce) -> None:
        found = self._finding(rule, self.view)
        if not found:
            return
        mine = {x.key: (name, x) for name, x in self.ledger.head.alerts.items() if x.rule == rule.name and x.stands}
        for key, finding in sorted(found.items()):
            level = rule.rule.level_of(finding.value)
            if level is None:
                continue
            if key in mine:
                name, alert = mine[key]
                if 0 <= alert.level < level:
                    self.change.raised(name, rule, finding, level)
            elif self._may_open(rule, finding, level):
                self.change.opened(self.view, rule, finding, level)

    def _may_open(self, rule: InForce, finding: Finding, level: int) -> bool:
        """Whether nothing holds an alert back: another that says enough, or the cool-down of one that has ended."""
        alerts = self.ledger.head.alerts
        if any(x.rule in rule.rule.yields_to and (x.stands or self._closed_lately(x, rule)) for x in alerts.values()):
            return False
        name = lifecycle.name_of(self.ledger.subject, self.view.episode, rule, finding)
        for known, alert in alerts.items():
            if alert.rule != rule.name or alert.key != finding.key or alert.ended is None or level > alert.level:
                continue
            undone = known == name and not alert.closed
            if not undone and self.view.last_over - alert.ended < rule.rule.cool_down_days:
                return False
        return True

    def _closed_lately(self, alert: OpenAlert, rule: InForce) -> bool:
        """Whether staff ended an alert by hand so lately that a rule which yields to it says nothing new."""
        return alert.closed and alert.ended is not None and self.view.last_over - alert.ended < rule.rule.cool_down_days
