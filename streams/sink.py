"""The sink: rows of the processors in, raw JSON Lines into the base tables out.

It looks into no row: it adds the generation where the table has one, and sends each table's lines together when they are many.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from streams.warehouse_tables import BaseTable, base_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from processors.processor import Row
    from streams.warehouse import Warehouse

MEBIBYTE = 1 << 20


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
