"""Alerts: rules over a patient's days, evaluated after each record and at each due instant, in the log's order.

    a fact, a due instant ─▶ scope (which rules it can change) ─▶ engine (what opens, rises, is over) ─▶ lifecycle ─▶ transitions, rows
    alert.* facts, the end of a snooze ──────────────────────────────────────────────────────────────▶ lifecycle

`days`, `pain`, `motion` and `care` hold the conditions, one file a family: pure functions of a `view`. State is in the ledger's head.
"""

from processors.alerts.engine import EPISODE_OVER, act, end_all, evaluate, next_wake
from processors.alerts.scope import EVERYTHING, Scope, at_due, of_fact

__all__ = ["EPISODE_OVER", "EVERYTHING", "Scope", "act", "at_due", "end_all", "evaluate", "next_wake", "of_fact"]
