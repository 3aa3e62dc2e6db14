"""The sink: rows of the processors in, raw JSON Lines into the base tables out.

It looks into no row: it adds the generation where the table has one, and sends each table's lines together when they are many.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Self

import orjson

from streams.warehouse.tables import BaseTable, base_table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from processors.processor import Row
    from streams.warehouse.connection import Warehouse

MEBIBYTE = 1 << 20
WAITING = 4
"""How many additions may wait for the thread of a sink beside the fold."""


@dataclass(slots=True)
class _Batch:
    base: BaseTable
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
        """Take rows, by the contract's table names or those of side tables (`event_marks`, `chunk_samples`)."""
        generation = {"generation": self._generation}
        for row in rows:
            batch = self._batches.get(row.table)
            if batch is None:
                batch = self._batches[row.table] = _Batch(base_table(row.table))
            values = row.values
            if batch.base.generations:
                values = values | generation
            elif row.table == "chunk_samples":
                values = {"patient_id": row.patient} | values
            batch.lines += orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)
            batch.rows += 1
            if batch.rows >= self._batch_rows or len(batch.lines) >= self._batch_bytes:
                self._send(row.table, batch)

    def flush(self) -> None:
        """Insert all that waits."""
        for table, batch in self._batches.items():
            if batch.rows:
                self._send(table, batch)

    def _send(self, table: str, batch: _Batch) -> None:
        self._warehouse.insert(batch.base.name, bytes(batch.lines))
        self.rows_sent[table] += batch.rows
        batch.lines.clear()
        batch.rows = 0


class SinkBeside:
    """A sink in a thread of its own: the fold goes on while rows are encoded and inserted, a few additions ahead at most.

    Use as a context. What goes wrong in the thread is raised by the next `add` or by `flush`; after `flush` all is in the warehouse.
    """

    def __init__(self, sink: RowSink) -> None:
        self._sink = sink
        self._queue: Queue[list[Row] | None] = Queue(WAITING)
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

    def add(self, rows: list[Row]) -> None:
        """Hand rows over; they must not be changed any more."""
        self._check()
        if rows:
            self._queue.put(rows)

    def flush(self) -> None:
        """Wait until all that was added is inserted."""
        self._queue.join()
        self._check()
        self._sink.flush()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        while (rows := self._queue.get()) is not None:
            if self._failure is None:
                try:
                    self._sink.add(rows)
                except BaseException as failure:  # raised again where the rows came from
                    self._failure = failure
            self._queue.task_done()
