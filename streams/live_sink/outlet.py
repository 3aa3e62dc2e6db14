"""Where the sink's batches go: a batch in, rows in the warehouse out, however long that takes.

A warehouse that is away, or refuses for reasons of its own, is waited for; a batch that it can't read is cut in halves down to the record
that is at fault, which is handed back to be buried, and the rest is inserted.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Literal

from streams.live_sink.records import Piece
from streams.warehouse.dsn import WarehouseAwayError, WarehouseError
from streams.warehouse.erasure import erase_requested, forgotten_among
from streams.warehouse.generations import adopt
from streams.warehouse.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.live_sink.batch import Batch
    from streams.warehouse.connection import Warehouse

FIRST_BACKOFF_S = 0.25
LONGEST_BACKOFF_S = 15.0

AT_FAULT = frozenset(
    {6, 16, 25, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 128, 130, 131, 158, 306, 321, 349, 366, 376, 441, 467, 563, 632, 645, 675, 676}
)
"""ClickHouse's errors that are about what is in the rows: CANNOT_PARSE_…, INCORRECT_DATA, TYPE_MISMATCH and the like.

All others (memory, disk, too many parts, a table that is missing, rights) are about the warehouse, and may be mended there.
"""


def _always(_error: Exception) -> bool:
    return True


class OutletStoppedError(Exception):
    """The end was asked for while the warehouse was waited for: the batch is not in it, or not all of it."""


class Outlet:
    """A warehouse that may be away. One thread writes.

    `warehouse` is one that is open, and stays so, or opens it; `say` takes a line when the warehouse goes away, and when it is back.
    """

    def __init__(
        self,
        warehouse: Warehouse | Callable[[], Warehouse],
        generation: int,
        source: str,
        say: Callable[[str], None],
        *,
        first_backoff_s: float = FIRST_BACKOFF_S,
    ) -> None:
        self._opens = warehouse if callable(warehouse) else None
        self._warehouse: Warehouse | None = None if callable(warehouse) else warehouse
        self._generation, self._source = generation, source
        self._say = say
        self._first_backoff_s = first_backoff_s
        self._away_since: float | None = None
        self._hurry = threading.Event()

    def hurry(self) -> None:
        """Wait for nothing any more: what can't be written at once raises OutletStoppedError. From any thread."""
        self._hurry.set()

    def prepare(self) -> None:
        """Open the warehouse, make its tables, and have the generation shown. Waits while nothing answers; else WarehouseError."""
        self._patiently(self._prepare, lambda error: isinstance(error, WarehouseAwayError))

    def write(self, batch: Batch, bury: Callable[[Any, str], None]) -> int:
        """Insert a batch; `bury` gets the records that the warehouse can't read, and why. Returns the rows that went in.

        What goes in twice replaces itself. Of a forgotten subject nothing goes in any more, and who is to be erased is erased behind the
        rows that came before. OutletStoppedError when `hurry` came first.
        """
        self._patiently(lambda: self._leave_out(batch.pieces), _always)
        rows = sum(self._insert_plain(table, records, bury) for table, records in batch.plain.items())
        rows += sum(self._insert(table, pieces, bury) for table, pieces in batch.pieces.items())
        if batch.plain.get("erasures") or batch.pieces.get("erasures"):
            self._patiently(self._erase, _always)
        return rows

    def close(self) -> None:
        """Close the warehouse, if it was opened here."""
        if self._opens is not None and self._warehouse is not None:
            self._warehouse.close()
            self._warehouse = None

    def _prepare(self) -> None:
        if self._warehouse is None:
            assert self._opens is not None  # noqa: S101 - for the type checker
            self._warehouse = self._opens()
        migrate(self._warehouse)
        adopt(self._warehouse, self._generation, "live", self._source)
        erase_requested(self._warehouse)

    def _leave_out(self, batches: dict[str, list[Piece]]) -> None:
        assert self._warehouse is not None  # noqa: S101 - prepared first
        subjects = {piece.subject for pieces in batches.values() for piece in pieces if piece.subject}
        if subjects and (gone := forgotten_among(self._warehouse, subjects)):
            for table, pieces in batches.items():
                batches[table] = [piece.without_payload() if piece.subject in gone else piece for piece in pieces]

    def _erase(self) -> None:
        assert self._warehouse is not None  # noqa: S101 - prepared first
        erase_requested(self._warehouse)

    def _insert_plain(self, table: str, records: Sequence[Any], bury: Callable[[Any, str], None]) -> int:
        lines = b"".join([record.value for record in records])
        if self._insert_lines(table, lines) is None:
            return lines.count(b"\n")
        return self._insert(table, [Piece(table, record.value, record.value.count(b"\n"), record) for record in records], bury)

    def _insert(self, table: str, pieces: Sequence[Piece], bury: Callable[[Any, str], None]) -> int:
        lines = b"".join([piece.lines for piece in pieces])
        if not lines:
            return 0
        error = self._insert_lines(table, lines)
        if error is None:
            return sum(piece.rows for piece in pieces)
        if len(pieces) == 1:
            bury(pieces[0].record, str(error))
            return 0
        middle = len(pieces) // 2
        return self._insert(table, pieces[:middle], bury) + self._insert(table, pieces[middle:], bury)

    def _insert_lines(self, table: str, lines: bytes) -> WarehouseError | None:
        """Insert lines, as soon as the warehouse takes any; what it says where they are at fault."""
        warehouse = self._warehouse
        assert warehouse is not None  # noqa: S101 - prepared first
        try:
            self._patiently(lambda: warehouse.insert(table, lines), lambda error: getattr(error, "code", None) not in AT_FAULT)
        except WarehouseError as error:
            return error
        return None

    def _patiently(self, work: Callable[[], None], passes: Callable[[Exception], bool]) -> None:
        """Do the work, again and again while it fails for reasons that pass, each time later."""
        delay = self._first_backoff_s
        while True:
            try:
                work()
            except (WarehouseError, OSError) as error:
                if not passes(error):
                    self._change("back")
                    raise
                self._change("away", error)
                if self._hurry.wait(delay):
                    raise OutletStoppedError from None
                delay = min(2 * delay, LONGEST_BACKOFF_S)
            else:
                self._change("back")
                return

    def _change(self, state: Literal["away", "back"], error: Exception | None = None) -> None:
        if state == "away" and self._away_since is None:
            self._away_since = time.monotonic()
            self._say(f"sink: the warehouse takes nothing, so it is waited for, and nothing is lost: {error}")
        elif state == "back" and self._away_since is not None:
            self._say(f"sink: the warehouse takes rows again, after {time.monotonic() - self._away_since:.1f} s")
            self._away_since = None
