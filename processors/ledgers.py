"""Which patients' ledgers stay in memory between saves: those used last, bounded by patients and by bytes.

A ledger keeps its patient's last two weeks, so that a number of patients alone bounds nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container, Iterable

from processors.ledger import Ledger
from processors.store import StateStore

WARM = 1024
"""How many patients' ledgers stay at the most."""


class Ledgers:
    """The ledgers of one partition, over its store."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._warm: OrderedDict[str, Ledger] = OrderedDict()
        """The one used longest ago first."""
        self._bytes = 0
        self._sizes: dict[str, int] = {}

    def get(self, subject: str) -> Ledger:
        """A patient's ledger, from memory or the store; from now on it is the one used last."""
        ledger = self._warm.get(subject)
        if ledger is None:
            ledger = self._warm[subject] = Ledger(subject, self._store)
        else:
            self._warm.move_to_end(subject)
        return ledger

    @property
    def crowded(self) -> bool:
        """Whether more ledgers are here than will stay."""
        return len(self._warm) > WARM

    def keep(self, used: Iterable[Ledger], most: int, pinned: Container[str]) -> None:
        """Stay within about `most` bytes. `used` are those whose size may have changed since, all saved; who is `pinned` isn't dropped."""
        for ledger in used:
            size = ledger.size
            self._bytes += size - self._sizes.get(ledger.subject, 0)
            self._sizes[ledger.subject] = size
        while self._warm and (len(self._warm) > WARM or self._bytes > most) and (oldest := next(iter(self._warm))) not in pinned:
            del self._warm[oldest]
            self._bytes -= self._sizes.pop(oldest, 0)
