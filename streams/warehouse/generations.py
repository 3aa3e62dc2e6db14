"""Generations: which run's rows the views show. A run begins one, writes its rows under its number, and completes it: only then it shows.

A run that dies leaves the former generation current. What no view will show again is dropped by whole partitions.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import orjson

from schemas.instants import SECOND, format_instant, parse_instant
from streams.warehouse.dsn import WarehouseError
from streams.warehouse.erasure import erase_again, erase_requested
from streams.warehouse.tables import GENERATION_TABLES

if TYPE_CHECKING:
    from streams.warehouse.connection import Warehouse

Kind = Literal["replay", "live", "rebuild"]
ABANDONED_AFTER = timedelta(days=1)
"""How long a replay into a server may run before it is taken for dead; a chDB folder has one process, so there it is at once."""


def begin(warehouse: Warehouse, kind: Kind, source: str, *, at_least: int = 1) -> int:
    """Begin a run and return its generation, the next number; `source` says what it reads, without personal data.

    `at_least`: no lower number than this, where others are taken elsewhere.

    Replays that died before are pruned first. On a server two runs must not begin at the same instant.
    """
    rows = _generations(warehouse)
    for row in rows:
        if _abandoned(warehouse, row):
            _drop(warehouse, row)
    generation = int(max([*(row["generation"] + 1 for row in rows), at_least]))
    _write(warehouse, {"generation": generation, "kind": kind, "status": "running", "started_at": _now(), "source": source, "revision": 1})
    return generation


def adopt(warehouse: Warehouse, number: int, kind: Kind, source: str) -> None:
    """Have generation `number` be there for a run of this kind and source, and be shown, the first time; nothing where it is already.

    What was made current since stays so. WarehouseError when the number belongs to another run.
    """
    rows = {row["generation"]: row for row in _generations(warehouse)}
    row = rows.get(number)
    if row is None:
        row = {"generation": number, "kind": kind, "status": "running", "started_at": _now(), "source": source, "revision": 1}
        _write(warehouse, row)
        complete(warehouse, number)
    elif row["status"] == "pruned" or (row["kind"], row["source"]) != (kind, source):
        free = max(rows) + 1
        raise WarehouseError(f"generation {number} of this warehouse is another run's ({row['kind']}): set RTM_GENERATION={free}")
    elif kind == "live" and row["status"] == "running":
        complete(warehouse, number)


def complete(warehouse: Warehouse, generation: int) -> None:
    """Make a generation current, when who was forgotten is erased from it: of the completed ones the views show the one completed last."""
    erase_again(warehouse)
    erase_requested(warehouse)
    rows = {row["generation"]: row for row in _generations(warehouse)}
    row = rows.get(generation)
    if row is None or row["status"] == "pruned":
        raise WarehouseError(f"there is no generation {generation} to complete: its rows are gone, or it never began")
    latest = max((row["completed_at"] for row in rows.values() if row["completed_at"]), default=None, key=parse_instant)
    moment = _now() if latest is None else format_instant(max(parse_instant(_now()), parse_instant(latest) + 1))
    _write(warehouse, {**row, "status": "complete", "completed_at": moment, "revision": row["revision"] + 1})


def current(warehouse: Warehouse) -> int | None:
    """The generation that the views show, or None before the first was completed."""
    rows = warehouse.query("SELECT generation FROM rtm.current_generation").rows
    return int(rows[0][0]) if rows else None


def prune(warehouse: Warehouse, keep: int = 2) -> list[int]:
    """Drop the rows of replays that no view shows: all but the `keep` generations completed last, and replays that died.

    The current generation always stays, as do live groups and rebuilds, and the newest run, which may be under way. Returns what was
    dropped.
    """
    rows = _generations(warehouse)
    complete_rows = [row for row in rows if row["status"] == "complete"]
    newest_first = sorted(complete_rows, key=lambda row: (parse_instant(row["completed_at"]), row["generation"]), reverse=True)
    newest = max((row["generation"] for row in rows), default=0)
    old = [row for row in newest_first[max(keep, 1) :] if row["kind"] == "replay"]
    dead = [row for row in rows if row["generation"] != newest and _abandoned(warehouse, row)]
    for row in old + dead:
        _drop(warehouse, row)
    return sorted(row["generation"] for row in old + dead)


def drop_others(warehouse: Warehouse, source: str, keep: int) -> list[int]:
    """Drop the rows of all runs of a source but one: live groups that a rebuild has replaced, rebuilds under way. Returns which."""
    others = [row for row in _generations(warehouse) if row["source"] == source and row["generation"] != keep and row["status"] != "pruned"]
    for row in others:
        _drop(warehouse, row)
    return sorted(row["generation"] for row in others)


def _generations(warehouse: Warehouse) -> list[dict[str, Any]]:
    return warehouse.query("SELECT * FROM rtm.generations FINAL ORDER BY generation").records()


def _abandoned(warehouse: Warehouse, row: dict[str, Any]) -> bool:
    if row["kind"] != "replay" or row["status"] != "running":
        return False
    age = parse_instant(_now()) - parse_instant(row["started_at"])
    return warehouse.embedded or age > ABANDONED_AFTER.total_seconds() * SECOND


def _drop(warehouse: Warehouse, row: dict[str, Any]) -> None:
    for table in GENERATION_TABLES:
        warehouse.command(f"ALTER TABLE rtm.{table} DROP PARTITION {{generation:UInt32}}", {"generation": row["generation"]})
    _write(warehouse, {**row, "status": "pruned", "revision": row["revision"] + 1})


def _write(warehouse: Warehouse, row: dict[str, Any]) -> None:
    warehouse.insert("generations", orjson.dumps(row))


def _now() -> str:
    return datetime.now(UTC).isoformat()
