"""The life of an alert: each change of its state, its row, and the transition that tells of it.

    opened, reopened ─▶ notified, escalated ─▶ acknowledged, snoozed ─▶ (reopened ─▶ …) ─▶ resolved, expired

`reopened` is told when an alert that had ended holds again on the same grounds, when a snooze ends, and when an alert rises to a higher
level: it is then open anew, at a new severity and with nobody's acknowledgement, so that whoever is told begins again.
"""

from __future__ import annotations

import uuid

import orjson

from processors.alerts.finding import Finding
from processors.alerts.view import View
from processors.alerts_state import OpenAlert
from processors.episodes import Episode
from processors.ledger import Ledger
from processors.packs.alerts import InForce
from processors.policy import Policy
from processors.processor import Output, Row, Transition, revision
from schemas.instants import SECOND, format_instant

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:rtm:alert")
HOUR = 3600 * SECOND
AFRESH = {"acknowledged_at": None, "acknowledged_by": None, "snoozed_until": None, "resolved_at": None, "escalation": 0}


def alert_id(clinic: str, subject: str, episode_id: str, rule: str, rests_on: str) -> str:
    """UUIDv5 of clinic, subject, episode, rule and the first day or fact that the alert rests on."""
    return str(uuid.uuid5(NAMESPACE, orjson.dumps([clinic, subject, episode_id, rule, rests_on]).decode()))


def name_of(subject: str, episode: Episode, rule: InForce, finding: Finding) -> str:
    """The id of the alert that a finding opens."""
    return alert_id(episode.enrolled.clinic_id, subject, episode.id, rule.name, finding.name)


class Change:
    """Changes of one patient's alerts at one instant, `at` (ns)."""

    def __init__(self, ledger: Ledger, policy: Policy, at: int, out: Output) -> None:
        self.ledger, self.policy, self.at, self.out = ledger, policy, at, out
        self._alerts = ledger.head.alerts

    # -- by the rules ---------------------------------------------------------------------------------------------------------------

    def opened(self, view: View, rule: InForce, finding: Finding, level: int) -> None:
        """A finding opens an alert, or the one that rests on the same grounds again."""
        episode = view.episode
        name = name_of(self.ledger.subject, episode, rule, finding)
        transition = "reopened" if name in self._alerts else "opened"
        row: dict[str, str | int | None] = {
            "alert_id": name,
            "patient_id": self.ledger.subject,
            "episode_id": episode.id,
            "rule_id": rule.name,
            **self._of(rule, finding, level),
            "status": "open",
            "opened_at": format_instant(self.at),
            "therapist_id": episode.enrolled.therapist_id,
            **AFRESH,
            "clinic_id": episode.enrolled.clinic_id,
        }
        self._alerts[name] = OpenAlert(rule.name, episode.id, "open", row, finding.key, finding.day, level)
        self._tell(name, transition)

    def raised(self, name: str, rule: InForce, finding: Finding, level: int) -> None:
        """An alert comes to a higher level: it is open anew, whoever had acknowledged or snoozed it."""
        alert = self._alerts[name]
        alert.level, alert.day, alert.status, alert.until = level, finding.day, "open", 0
        alert.row |= {**self._of(rule, finding, level), **AFRESH, "status": "open"}
        self._tell(name, "reopened")

    def _of(self, rule: InForce, finding: Finding, level: int) -> dict[str, str | int | None]:
        step = rule.rule.levels[level]
        return {
            "rule_version": rule.version,
            "severity": step.severity,
            "due_at": format_instant(finding.due(step.at)),
            "reason": rule.rule.reason.format(**finding.says),
            "evidence": orjson.dumps(finding.evidence).decode(),
        }

    def resolved(self, name: str, why: str, last_over: int) -> None:
        """It is over, and why; `last_over` is the last day that is over."""
        self._ended(name, "resolved", why, last_over)

    def expired(self, name: str, last_over: int) -> None:
        """It stood long enough without anything new."""
        self._ended(name, "expired", "nothing new for long", last_over)

    def woken(self, name: str) -> None:
        """Its snooze has ended."""
        alert = self._alerts[name]
        alert.status, alert.until = "open", 0
        alert.row |= {"status": "open", "snoozed_until": None}
        self._tell(name, "reopened")

    # -- by facts -------------------------------------------------------------------------------------------------------------------

    def told(self, name: str, step: int, *, escalated: bool) -> None:
        """Somebody was told, at a step of the escalation."""
        row = self._alerts[name].row
        row["escalation"] = max(int(row["escalation"] or 0), step)
        self._tell(name, "escalated" if escalated else "notified")

    def acknowledged(self, name: str, time: int, staff: str) -> None:
        """Somebody took it on; who was first stays."""
        alert = self._alerts[name]
        if alert.status == "acknowledged":
            return
        alert.status, alert.until = "acknowledged", 0
        alert.row |= {"status": "acknowledged", "snoozed_until": None, "acknowledged_at": format_instant(time), "acknowledged_by": staff}
        self._tell(name, "acknowledged")

    def snoozed(self, name: str, until: int | None) -> None:
        """It is quiet until an instant, by default for as long as its rule says; one that has passed changes nothing."""
        alert = self._alerts[name]
        if until is None:
            rule = next((x for x in self.policy.alert_rules.of(str(alert.row["clinic_id"])) if x.name == alert.rule), None)
            until = self.at + round((rule.rule.snooze_h if rule else 24.0) * HOUR)
        if until <= self.at:
            return
        alert.status, alert.until = "snoozed", until
        alert.row |= {"status": "snoozed", "snoozed_until": format_instant(until)}
        self._tell(name, "snoozed")

    def closed(self, name: str, last_over: int, staff: str) -> None:
        """Staff ended it; what still holds then opens it again only after the rule's cool-down, or at a higher level."""
        self._alerts[name].closed = True
        self._ended(name, "resolved", f"closed by {staff}", last_over)

    # -- out ------------------------------------------------------------------------------------------------------------------------

    def _ended(self, name: str, status: str, why: str, last_over: int) -> None:
        alert = self._alerts[name]
        alert.status, alert.until, alert.ended = status, 0, last_over
        reason = f"{alert.row['reason']}; {why}"
        alert.row |= {"status": status, "snoozed_until": None, "resolved_at": format_instant(self.at), "reason": reason}
        self._tell(name, status)
        alert.row = {}

    def _tell(self, name: str, transition: str) -> None:
        head = self.ledger.head
        self.ledger.changed = True
        row = self._alerts[name].row
        row |= {
            "updated_at": format_instant(head.newest_recorded),
            "revision": revision(self.policy.generation, head.position),
            "issued_at": format_instant(max(head.now, head.newest_recorded)),
            "deleted": 0,
        }
        row = dict(row)
        self.out.transitions.append(Transition(name, self.ledger.subject, transition, self.at, row))
        self.out.rows.append(Row("alerts", self.ledger.subject, row))
