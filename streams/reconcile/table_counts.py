"""What stands in the warehouse: counts of rows, by table and generation, of dead letters and deliveries."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from schemas.rows import TABLES
from schemas.topics import EVENTS, SENSOR
from streams.dispatch.records import DISPATCH_SOURCE, ESCALATED, NOTIFIED
from streams.warehouse.dsn import WarehouseError
from streams.warehouse.tables import ROW_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.reconcile.kafka_counts import Place
    from streams.warehouse.connection import Warehouse

OFFSETS_AT_ONCE = 10_000


def live_generation(warehouse: Warehouse, group: str) -> int | None:
    """The newest complete generation of a live group here, None where it has none."""
    rows = warehouse.query(
        "SELECT max(generation) FROM rtm.generations FINAL WHERE kind = 'live' AND status = 'complete' AND source = {source:String}",
        {"source": f"group {group}"},
    ).rows
    return int(rows[0][0]) or None


def stored_rows(warehouse: Warehouse, table: str, generation: int) -> int:
    """How many rows of a table were ever stored in a generation, each (key, revision) once."""
    base = ROW_TABLES[table].name
    if table == "chunk_admissions":
        return _count(warehouse, f"SELECT count() FROM rtm.{base} FINAL WHERE origin = {{origin:String}}", origin=SENSOR.name)  # noqa: S608 - our catalogue
    if table != "events":
        base = f"{base.removesuffix('_rows')}_revisions"
    return _count(warehouse, f"SELECT count() FROM rtm.{base} FINAL WHERE generation = {{generation:UInt32}}", generation=generation)  # noqa: S608 - our catalogue


def dead_letter_rows(warehouse: Warehouse) -> dict[tuple[str, int], Counter[str]]:
    """Rows of dead_letters from the two topics that are folded, by topic, partition and reason."""
    found: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    sql = (
        "SELECT topic, partition, reason, toInt64(count()) FROM rtm.dead_letters"
        " WHERE topic IN ({sensor:String}, {events:String}) GROUP BY topic, partition, reason"
    )
    for topic, partition, reason, rows in warehouse.query(sql, {"sensor": SENSOR.name, "events": EVENTS.name}).rows:
        found[topic, partition][reason] = rows
    return found


def stored_dead_letters(warehouse: Warehouse, places: Iterable[Place]) -> Counter[tuple[str, int]]:
    """How many of these places have a row in dead_letters, by topic and partition."""
    offsets: dict[tuple[str, int], list[int]] = defaultdict(list)
    for topic, partition, offset in places:
        offsets[topic, partition].append(offset)
    found: Counter[tuple[str, int]] = Counter()
    sql = (
        "SELECT count() FROM rtm.dead_letters"
        " WHERE topic = {topic:String} AND partition = {partition:UInt32} AND offset IN {offsets:Array(UInt64)}"
    )
    for (topic, partition), all_of_it in offsets.items():
        for begin in range(0, len(all_of_it), OFFSETS_AT_ONCE):
            part = all_of_it[begin : begin + OFFSETS_AT_ONCE]
            found[topic, partition] += _count(warehouse, sql, topic=topic, partition=partition, offsets=part)
    return found


def stored_deliveries(warehouse: Warehouse) -> int:
    """Rows of alert_deliveries."""
    return _count(warehouse, "SELECT count() FROM rtm.alert_deliveries")


def notified_facts(warehouse: Warehouse, generation: int) -> int:
    """The alert.notified and alert.escalated facts that the dispatcher wrote, as a generation's `events` has them."""
    sql = (
        "SELECT count() FROM rtm.event_facts FINAL"
        " WHERE generation = {generation:UInt32} AND type IN ({notified:String}, {escalated:String}) AND source = {source:String}"
    )
    return _count(warehouse, sql, generation=generation, notified=NOTIFIED, escalated=ESCALATED, source=DISPATCH_SOURCE)


def last_equal(warehouse: Warehouse, generation: int) -> dict[tuple[str, int], tuple[int, int]]:
    """By topic and partition: the offset up to which the records in Kafka were last found equal to those read, and their number."""
    sql = (
        "SELECT topic, partition, toInt64(max(offset)), toInt64(argMax(found, offset)) FROM rtm.reconciliation_rows FINAL"
        " WHERE check = 'in kafka' AND state = 'equal' AND generation = {generation:UInt32} GROUP BY topic, partition"
    )
    try:
        rows = warehouse.query(sql, {"generation": generation}).rows
    except WarehouseError:
        return {}
    return {(topic, partition): (offset, found) for topic, partition, offset, found in rows}


def countable(tables: Iterable[str]) -> list[str]:
    """Those tables of sent rows that are counted, in the contract's order; a request to erase stands in its table while that takes only."""
    return sorted(set(tables) & set(ROW_TABLES) - {"erasures"}, key=[*TABLES, *ROW_TABLES].index)


def _count(warehouse: Warehouse, sql: str, **parameters: object) -> int:
    return int(warehouse.query(sql, parameters).rows[0][0])
