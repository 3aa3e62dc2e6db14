"""Which patients' ledgers stay in memory between saves: those used last, bounded by patients and by bytes.

    subject ─▶ Ledgers ─▶ Ledger: warm (with the parts it has read), cold (its head alone), or read from the store

A ledger keeps its patient's last two weeks, so that a number of patients alone bounds nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container, Iterable

from processors.ledger import Ledger
from processors.store import StateStore

LIVE = 4096
"""How many patients' ledgers stay in memory between checkpoints, their heads at least."""
WARM = 1024
"""How many of them, those used last, keep the parts they have read."""
COLD_PART = 4
"""Heads alone take up to one such part of the bytes."""


class _Queue:
    """Ledgers, the one used longest ago first, and about how many bytes they take."""

    def __init__(self) -> None:
        self.bytes = 0
        self._ledgers: OrderedDict[str, Ledger] = OrderedDict()
        self._sizes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._ledgers)

    def put(self, ledger: Ledger) -> None:
        """Add it as the one used last; one that is there already becomes that."""
        self._ledgers[ledger.subject] = ledger
        self._ledgers.move_to_end(ledger.subject)

    def get(self, subject: str) -> Ledger | None:
        """A patient's, or None."""
        return self._ledgers.get(subject)

    def weigh(self, ledger: Ledger) -> None:
        """Note what one that is here takes by now."""
        size = ledger.size
        self.bytes += size - self._sizes.get(ledger.subject, 0)
        self._sizes[ledger.subject] = size

    def oldest(self) -> str:
        """Whose was used longest ago."""
        return next(iter(self._ledgers))

    def take(self, subject: str) -> Ledger | None:
        """Take a patient's out, or None."""
        self.bytes -= self._sizes.pop(subject, 0)
        return self._ledgers.pop(subject, None)


class Ledgers:
    """The ledgers of one partition, over its store."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._warm, self._cold = _Queue(), _Queue()

    def get(self, subject: str) -> Ledger:
        """A patient's ledger, from memory or the store; from now on it is the one used last."""
        ledger = self._warm.get(subject) or self._cold.take(subject) or Ledger(subject, self._store)
        self._warm.put(ledger)
        return ledger

    @property
    def crowded(self) -> bool:
        """Whether more ledgers are warm than will stay so."""
        return len(self._warm) > WARM

    def keep(self, used: Iterable[Ledger], most: int, pinned: Container[str]) -> None:
        """Stay within about `most` bytes. `used` are those whose size may have changed since, all saved; who is `pinned` isn't dropped."""
        for ledger in used:
            self._warm.weigh(ledger)
        warm, cold, heads = self._warm, self._cold, most // COLD_PART
        while len(warm) and (len(warm) > WARM or warm.bytes > most - heads):
            cooled = warm.take(warm.oldest())
            assert cooled is not None  # noqa: S101 - for the type checker
            cooled.cool()
            cold.put(cooled)
            cold.weigh(cooled)
        while len(cold) and (len(cold) > LIVE - WARM or cold.bytes > heads) and cold.oldest() not in pinned:
            cold.take(cold.oldest())
