"""Alerts: the rules over a patient's days, evaluated after each record and at each due instant, in the log's order.

In: a ledger, the instant of evaluation. Out: transitions. State: the open alerts, in the ledger's head. One rule now: missed days in a row.
It opens on days that ended after the plan in force was recorded; it resolves when a day is met or partial again, when a late fact makes it
moot, or when the episode is over. Missing data is never read as a bad value: unknown days neither open nor close it.
"""

from __future__ import annotations

import uuid

import orjson

from processors.archive import OpenAlert
from processors.calendar import day_start
from processors.days import near_midnight
from processors.entries import AnyEntry, Heard, Note
from processors.episodes import Episode
from processors.ledger import NAMING, STARTING, Ledger
from processors.packs import AlertRule, alert_rules
from processors.policy import Policy
from processors.processor import Output, Row, Transition, revision
from schemas.instants import format_day, format_instant

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:rtm:alert")
LOOK_BACK = 30


def alert_id(clinic: str, subject: str, episode_id: str, rule: str, rests_on: str) -> str:
    """UUIDv5 of clinic, subject, episode, rule and the first day or fact that the alert rests on."""
    return str(uuid.uuid5(NAMESPACE, orjson.dumps([clinic, subject, episode_id, rule, rests_on]).decode()))


class Streak:
    """The missed days in a row that end before today, newest first, and the day that ended them when there is one."""

    def __init__(self, ledger: Ledger, episode: Episode, today: int) -> None:
        self.days: list[int] = []
        self.ended_by: int | None = None
        for day in range(today, max(episode.first, today - LOOK_BACK) - 1, -1):
            status = ledger.current(day).adherence.status
            if status in {"met", "partial"}:
                self.ended_by = day
                break
            if status == "missed":
                self.days.append(day)

    def since(self, episode: Episode, instant: int) -> list[int]:
        """The missed days that ended after an instant."""
        return [day for day in self.days if day_start(episode.enrolled.zone, day + 1) > instant]


def decides(ledger: Ledger, entry: AnyEntry) -> bool:
    """Whether an alert can depend on a fact that is about to be added.

    A day that isn't over can't open an alert, it can only resolve one, unless its sessions pair with those of another day; one more sign of
    life of a day that was heard already does neither.
    """
    if isinstance(entry, Note):
        return False
    if not isinstance(entry, Heard) or not ledger.timeline:
        return True
    day = ledger.timeline.day_of(entry.at)
    episode = ledger.timeline.episode_of(day)
    if episode is None or (ledger.head.now < episode.over_at(day) and all(x.status == "resolved" for x in ledger.head.alerts.values())):
        if not isinstance(entry, NAMING):
            return False
        return ledger.names_known_session(entry) or near_midnight(ledger, day, entry.at) or len(ledger.chain(day)) > 1
    return isinstance(entry, STARTING) or not ledger.current(day).adherence.heard


def evaluate(ledger: Ledger, policy: Policy, at: int, out: Output) -> None:
    """Evaluate every rule for one patient, as of `at` (ns), and add what changed to `out`."""
    timeline = ledger.timeline
    episode = timeline.episode_of(ledger.today) if timeline else None
    for rule in alert_rules().rules:
        open_alerts = {k: x for k, x in ledger.head.alerts.items() if x.rule == rule.rule and x.status != "resolved"}
        for name, alert in open_alerts.items():
            if episode is None or alert.episode_id != episode.id:
                _resolve(ledger, policy, name, at, "the episode is over", out)
        if episode is not None:
            _missed_days(ledger, policy, rule, episode, at, out)


def _missed_days(ledger: Ledger, policy: Policy, rule: AlertRule, episode: Episode, at: int, out: Output) -> None:
    standing = next((k for k, x in ledger.head.alerts.items() if x.rule == rule.rule and x.status != "resolved"), None)
    if standing is None and not _may_be_missed(ledger, episode, rule.missed_days):
        return
    streak = Streak(ledger, episode, ledger.today)
    if standing is not None:
        if len(streak.days) < rule.missed_days:
            row = ledger.head.alerts[standing].row
            newest = max(day["local_date"] for day in orjson.loads(str(row["evidence"])))
            back = streak.ended_by is not None and format_day(streak.ended_by) > newest
            _resolve(ledger, policy, standing, at, "exercised again" if back else "no longer so: a later fact changed it", out)
        return
    if len(streak.days) < rule.missed_days:
        return
    plan = ledger.plans.of(ledger.today)
    if not plan.versions:
        return
    days = streak.since(episode, plan.recorded)
    if len(days) >= rule.missed_days:
        _open(ledger, policy, rule, episode, sorted(days), at, out)


def _may_be_missed(ledger: Ledger, episode: Episode, least: int) -> bool:
    """Whether `least` days in a row are missed as far as days that are over can tell: one that isn't can only end a streak."""
    today, missed = ledger.today, 0
    for day in range(today, max(episode.first, today - LOOK_BACK) - 1, -1):
        if ledger.head.now < episode.over_at(day):
            continue
        status = ledger.current(day).adherence.status
        if status in {"met", "partial"}:
            return False
        missed += status == "missed"
        if missed >= least:
            return True
    return False


def _open(ledger: Ledger, policy: Policy, rule: AlertRule, episode: Episode, days: list[int], at: int, out: Output) -> None:
    clinic = episode.enrolled.clinic_id
    name = alert_id(clinic, ledger.subject, episode.id, rule.rule, format_day(days[0]))
    again = name in ledger.head.alerts
    row: dict[str, str | int | None] = {
        "alert_id": name,
        "patient_id": ledger.subject,
        "episode_id": episode.id,
        "rule_id": rule.rule,
        "rule_version": f"{alert_rules().pack}/{rule.version}",
        "severity": rule.severity,
        "status": "open",
        "opened_at": format_instant(at),
        "due_at": format_instant(episode.over_at(days[rule.missed_days - 1])),
        "therapist_id": episode.enrolled.therapist_id,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "snoozed_until": None,
        "resolved_at": None,
        "escalation": 0,
        "reason": rule.reason.format(days=len(days)),
        "evidence": orjson.dumps([{"table": "adherence_daily", "local_date": format_day(day)} for day in days]).decode(),
        "clinic_id": clinic,
    }
    ledger.head.alerts[name] = OpenAlert(rule.rule, episode.id, "open", row)
    _tell(ledger, policy, name, "reopened" if again else "opened", at, out)


def _resolve(ledger: Ledger, policy: Policy, name: str, at: int, why: str, out: Output) -> None:
    alert = ledger.head.alerts[name]
    alert.status = "resolved"
    alert.row |= {"status": "resolved", "resolved_at": format_instant(at), "reason": f"{alert.row['reason']}; {why}"}
    _tell(ledger, policy, name, "resolved", at, out)


def _tell(ledger: Ledger, policy: Policy, name: str, transition: str, at: int, out: Output) -> None:
    head = ledger.head
    ledger.changed = True
    head.alerts[name].row |= {
        "updated_at": format_instant(head.newest_recorded),
        "revision": revision(policy.generation, head.position),
        "issued_at": format_instant(max(head.now, head.newest_recorded)),
        "deleted": 0,
    }
    row = dict(head.alerts[name].row)
    out.transitions.append(Transition(name, ledger.subject, transition, at, row))
    out.rows.append(Row("alerts", ledger.subject, row))
