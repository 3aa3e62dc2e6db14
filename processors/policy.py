"""What may be set: the numbers and switches that the contract leaves to a deployment. Passed in, never read from the environment here."""

from __future__ import annotations

from dataclasses import dataclass, field

from processors.packs import rule_book
from processors.packs.alerts import RuleBook
from schemas.instants import DAY_SECONDS, SECOND


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings of a fold; two folds of one log with one policy give the same rows.

    `final_pass_bytes`: a session with more bytes of samples gets no final pass. `warm_bytes`: about how much of the patients used last a
    partition keeps in memory between its saves; it changes no row.
    """

    generation: int = 1
    tick_s: int = 60
    lateness_days: int = 35
    retention_days: int = 400
    session_silence_s: int = 600
    session_hold_s: int = 48 * 3600
    final_pass_bytes: int = 1 << 20
    warm_bytes: int = 256 << 20
    live_interaction_per_code: bool = False
    lenient_data_days: bool = False
    alert_rules: RuleBook = field(default_factory=rule_book, repr=False)

    @property
    def lateness(self) -> int:
        """How late a patient's fact may come, ns."""
        return self.lateness_days * DAY_SECONDS * SECOND
