"""The sink of a replay: rows of the processors in, raw JSON Lines into the base tables out.

It looks into no row: `Encoded` adds the generation where the table has one, and `RowSink` sends each table's lines together when they
are many.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Self

import orjson

from streams.warehouse.tables import base_table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from processors.processor import Row
    from streams.warehouse.connection import Warehouse

MEBIBYTE = 1 << 20
WAITING = 4
"""How many additions may wait for the thread of a sink beside the fold."""


@dataclass(slots=True)
class Encoded:
    """Rows as JSON Lines, and their number, by the contract's table names or those of side tables (`event_marks`, `chunk_samples`)."""

    lines: dict[str, bytearray] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)

    def add(self, rows: Iterable[Row], generation: int) -> None:
        """Encode rows of a generation behind those that are there."""
        in_generation = {"generation": generation}
        for row in rows:
            values = row.values
            if base_table(row.table).generations:
                values = values | in_generation
            elif row.table == "chunk_samples":
                values = {"patient_id": row.patient} | values
            lines = self.lines.get(row.table)
            if lines is None:
                lines = self.lines[row.table] = bytearray()
            lines += orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)
            self.rows[row.table] += 1

    def size(self) -> int:
        """Bytes of all lines."""
        return sum(map(len, self.lines.values()))


@dataclass(slots=True)
class _Batch:
    lines: bytearray = field(default_factory=bytearray)
    rows: int = 0


class RowSink:
    """Collects rows by table and inserts them in large batches; what is added shows in the warehouse after `flush` at the latest.

    A batch that could not be inserted (WarehouseError) is kept, and goes again with the next flush: a row of the same key and revision
    replaces itself.
    """

    def __init__(self, warehouse: Warehouse, generation: int, *, batch_rows: int = 50_000, batch_bytes: int = 8 * MEBIBYTE) -> None:
        self.rows_sent: Counter[str] = Counter()
        self._warehouse = warehouse
        self._generation = generation
        self._batch_rows = batch_rows
        self._batch_bytes = batch_bytes
        self._batches: dict[str, _Batch] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """Take rows, and encode them."""
        encoded = Encoded()
        encoded.add(rows, self._generation)
        self.add_encoded(encoded)

    def add_encoded(self, encoded: Encoded) -> None:
        """Take rows that are encoded already."""
        for table, lines in encoded.lines.items():
            batch = self._batches.setdefault(table, _Batch())
            batch.lines += lines
            batch.rows += encoded.rows[table]
            if batch.rows >= self._batch_rows or len(batch.lines) >= self._batch_bytes:
                self._send(table, batch)

    def flush(self) -> None:
        """Insert all that waits."""
        for table, batch in self._batches.items():
            if batch.rows:
                self._send(table, batch)

    def _send(self, table: str, batch: _Batch) -> None:
        self._warehouse.insert(base_table(table).name, bytes(batch.lines))
        self.rows_sent[table] += batch.rows
        batch.lines.clear()
        batch.rows = 0


class SinkBeside:
    """A sink in a thread of its own: the fold goes on while rows are inserted, a few additions ahead at most.

    Use as a context. What goes wrong in the thread is raised by the next `add` or by `flush`; after `flush` all is in the warehouse.
    """

    def __init__(self, sink: RowSink) -> None:
        self._sink = sink
        self._queue: Queue[Encoded | None] = Queue(WAITING)
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._run, name="sink", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self._failure = self._failure or error
        self._queue.put(None)
        self._thread.join()

    def add(self, encoded: Encoded) -> None:
        """Hand rows over; they must not be changed any more."""
        self._check()
        if encoded.rows:
            self._queue.put(encoded)

    def flush(self) -> None:
        """Wait until all that was added is inserted."""
        self._queue.join()
        self._check()
        self._sink.flush()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        while (encoded := self._queue.get()) is not None:
            if self._failure is None:
                try:
                    self._sink.add_encoded(encoded)
                except BaseException as failure:  # raised again where the rows came from
                    self._failure = failure
            self._queue.task_done()
