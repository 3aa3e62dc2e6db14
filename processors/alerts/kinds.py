"""Every kind of condition by its name in the pack."""

from processors.alerts import care, days, motion, pain
from processors.alerts.finding import Kind

KINDS: dict[str, Kind] = {
    "missed_days": days.MISSED_DAYS,
    "silence": days.SILENCE,
    "low_volume": days.LOW_VOLUME,
    "over_doing": days.OVER_DOING,
    "pain_flare": pain.PAIN_FLARE,
    "pain_rising": pain.PAIN_RISING,
    "rom_behind_goal": motion.ROM_BEHIND_GOAL,
    "rom_loss": motion.ROM_LOSS,
    "device_silent": motion.DEVICE_SILENT,
    "untrusted_signals": motion.UNTRUSTED_SIGNALS,
    "outcome_worse": care.OUTCOME_WORSE,
    "medication_missed": care.MEDICATION_MISSED,
    "billing_at_risk": care.BILLING_AT_RISK,
}

AT_ONCE = frozenset(name for name, kind in KINDS.items() if kind.at_once)
"""The kinds that a fact of today can change."""
EVERY = frozenset(KINDS)
