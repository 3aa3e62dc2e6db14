"""What two generations of one warehouse have in common: their numbers in, table by table what only one of them has out.

Each view is asked as if the one or the other generation were shown, and ClickHouse takes the difference: no table comes into memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from schemas.rows import TABLES
from streams.warehouse.compare import LEFT_OUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.warehouse.connection import Warehouse

COMPARED = tuple(name for name, table in TABLES.items() if table.generations)
"""All tables that have generations; `alerts` too: the same log gives the same alerts."""
SHOWN_GENERATION = "rtm.current_generation"
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Differing:
    """One table: how many rows only the running generation has, how many only its successor, and the keys of some, as JSON."""

    table: str
    only_current: int
    only_successor: int
    examples: list[str]


def differences(warehouse: Warehouse, current: int, successor: int) -> Iterator[Differing]:
    """The tables that differ, in the contract's order. WarehouseError."""
    for table in COMPARED:
        left, right = _shown(warehouse, table, current), _shown(warehouse, table, successor)
        gone, new = (_count(warehouse, f"{one} EXCEPT {other}") for one, other in ((left, right), (right, left)))
        if gone or new:
            key = ", ".join(TABLES[table].key)
            either = (
                f"SELECT DISTINCT {key} FROM (({left} EXCEPT {right}) UNION ALL ({right} EXCEPT {left})) ORDER BY {key} LIMIT {EXAMPLES}"  # noqa: S608 - our catalogue
            )
            examples = [orjson.dumps(row).decode() for row in warehouse.query(either).records()]
            yield Differing(table, gone, new, examples)


def _count(warehouse: Warehouse, rows: str) -> int:
    return int(warehouse.query(f"SELECT count() FROM ({rows})").rows[0][0])  # noqa: S608 - our catalogue


def _shown(warehouse: Warehouse, table: str, generation: int) -> str:
    """The view's own SELECT, with another generation in place of the current one, and without what two runs never share."""
    [[select]] = warehouse.query(
        "SELECT as_select FROM system.tables WHERE database = 'rtm' AND name = {name:String}", {"name": table}
    ).rows
    as_of = str(select).replace(SHOWN_GENERATION, f"(SELECT toUInt32({generation:d}) AS generation)")
    return f"(SELECT * EXCEPT ({', '.join(LEFT_OUT)}) FROM ({as_of}))"  # noqa: S608 - our catalogue
