"""The base tables behind the contract's views: which one a row of which table goes into, and which hold generations.

The SQL in infra/clickhouse/migrations makes them; identifiers in statements come from here only.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.rows import TABLES
from streams.warehouse.dsn import WarehouseError


@dataclass(frozen=True, slots=True)
class BaseTable:
    """A table that takes rows. `insert_columns` is None where a row may bring every column."""

    name: str
    generations: bool
    insert_columns: tuple[str, ...] | None = None


CHUNK_SAMPLES = BaseTable("chunk_samples", False, ("patient_id", "origin", "partition", "offset", "samples", "sha256", "stored_at"))

ROW_TABLES: dict[str, BaseTable] = {
    **{name: BaseTable(f"{name}_rows", table.generations) for name, table in TABLES.items()},
    "events": BaseTable("event_facts", True),
    "event_marks": BaseTable("event_marks", True),
    "sensor_chunks": BaseTable("chunk_admissions", False),
    "chunk_admissions": BaseTable("chunk_admissions", False),
    "chunk_samples": CHUNK_SAMPLES,
    "erasures": BaseTable("erasures", False),
    "generations": BaseTable("generations", False),
    "migrations": BaseTable("migrations", False),
    "reconciliation": BaseTable("reconciliation_rows", False),
}
"""The base table by the name of a row's table: the contract's, and the warehouse's own side tables."""

_BY_OWN_NAME = {base.name: base for base in ROW_TABLES.values()}

GENERATION_TABLES: tuple[str, ...] = tuple(
    name
    for base in {base.name: base for base in ROW_TABLES.values() if base.generations}
    for name in ((base,) if base == "event_facts" else (base, f"{base.removesuffix('_rows')}_revisions"))
)
"""Every table that is partitioned by generation: base tables and their histories."""


def base_table(table: str) -> BaseTable:
    """The base table of a row's table; a base table's own name will do. WarehouseError for a name that isn't ours."""
    base = ROW_TABLES.get(table) or _BY_OWN_NAME.get(table)
    if base is None:
        raise WarehouseError("not a table of this warehouse: see schemas.rows.TABLES")
    return base
