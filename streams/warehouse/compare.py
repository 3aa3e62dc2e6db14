"""Two runs side by side: a warehouse's tables in, what is equal and what differs out.

Rows are compared as the contract says that live and replay agree: row for row, but for `revision`, `updated_at`, `issued_at` and the
generation; `alert.*` facts in `events` aside; dead letters by reason and number.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from schemas.rows import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from streams.warehouse.connection import Warehouse

NOT_OF_ORDER = ("alerts", "alert_deliveries", "dead_letters")
"""The tables that depend on the order of arrival, or on what was sent."""
ORDER_TABLES: tuple[str, ...] = tuple(name for name in TABLES if name not in NOT_OF_ORDER)
"""Every table that depends only on the admitted facts and on `now` (the contract's Order)."""

LEFT_OUT = ("revision", "updated_at", "issued_at")
ALERT_FACTS = "rtm.alert."
SAMPLES_OUT = {"sensor_chunks": ", samples"}
"""What is told by another column: samples by their sha256."""

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Compared:
    """One table in two runs: rows in the left and in the right one, and those that only one of them has (a copy counts too)."""

    left: int
    right: int
    only_left: list[str]
    only_right: list[str]

    @property
    def equal(self) -> bool:
        """Whether both have the same rows."""
        return not self.only_left and not self.only_right


def read_table(warehouse: Warehouse, table: str) -> Rows:
    """The current rows of one of the contract's views, without what two runs never share."""
    columns = ", ".join(name for name in LEFT_OUT if name in TABLES[table].columns)
    return warehouse.query(f"SELECT * EXCEPT ({columns}{SAMPLES_OUT.get(table, '')}) FROM rtm.{table}").records()  # noqa: S608 - our catalogue


def read_tables(warehouse: Warehouse, tables: Iterable[str] = ORDER_TABLES) -> dict[str, Rows]:
    """Several tables by name, as `read_table` gives them; in `events` without `alert.*` facts."""
    found = {table: read_table(warehouse, table) for table in tables}
    if "events" in found:
        found["events"] = [row for row in found["events"] if not row["type"].startswith(ALERT_FACTS)]
    return found


def read_dead_letters(warehouse: Warehouse) -> dict[str, int]:
    """How many dead letters there are, by reason."""
    rows = warehouse.query("SELECT reason, toInt64(count()) FROM rtm.dead_letters GROUP BY reason ORDER BY reason").rows
    return {str(reason): int(count) for reason, count in rows}


def compare_rows(left: Rows, right: Rows) -> Compared:
    """Two tables row for row, in any order."""
    ours, theirs = Counter(_lines(left)), Counter(_lines(right))
    return Compared(len(left), len(right), sorted((ours - theirs).elements()), sorted((theirs - ours).elements()))


def compare_tables(left: Mapping[str, Rows], right: Mapping[str, Rows]) -> dict[str, Compared]:
    """Every table of both runs, by name."""
    return {table: compare_rows(left.get(table, []), right.get(table, [])) for table in dict.fromkeys((*left, *right))}


def _lines(rows: Rows) -> Iterator[str]:
    for row in rows:
        shown = {name: value for name, value in row.items() if name not in (*LEFT_OUT, "generation")}
        yield orjson.dumps(shown, option=orjson.OPT_SORT_KEYS).decode()
