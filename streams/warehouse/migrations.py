"""Migrations: the numbered SQL files of infra/clickhouse/migrations, applied in order to a chDB folder or a server, each once.

What was applied stands with its checksum in `rtm.migrations`. Every statement may run again (IF NOT EXISTS), so a run that died is
made good by the next, and two may run at once. On a cluster (RTM_CLICKHOUSE_CLUSTER) each statement is sent as
`streams.warehouse.rendering` writes it; the checksum is the file's.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING

import orjson

from streams.settings import load_settings
from streams.warehouse.dsn import WarehouseError
from streams.warehouse.rendering import for_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.warehouse.connection import Warehouse

_RECORD = """
CREATE TABLE IF NOT EXISTS rtm.migrations
(
    name String COMMENT 'the migration\\'s file, without its ending',
    checksum String COMMENT 'SHA-256 of the file, hexadecimal',
    applied_at DateTime64(9, 'UTC') COMMENT 'when it was applied, by the machine\\'s clock, UTC'
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY name
COMMENT 'The migrations that made this database.'
"""
_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `(?:[^`\\]|\\.)*` | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
        | (?P<comment>--[^\n]* | \#[!\ ][^\n]* | /\*.*?\*/) | (?P<end>;) | (?P<open>['"`] | /\*) | .""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped_migrations(folder_name: str = "migrations") -> list[Migration]:
    """The migrations that come with the program, in their order; those of another folder beside them (`access`) by its name."""
    folder = files("infra") / "clickhouse" / folder_name
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return [Migration(entry.name.removesuffix(".sql"), entry.read_text("utf-8")) for entry in sorted(found, key=lambda entry: entry.name)]


def split_statements(sql: str) -> list[str]:
    """The statements of an SQL text, without comments; a `;` within quotes, comments or heredocs ends none.

    >>> split_statements("SELECT ';' -- one; still one\\n; SELECT 2;")
    ["SELECT ';'", 'SELECT 2']

    ValueError when a quote or a comment is left open.
    """
    statements: list[str] = []
    current: list[str] = []
    for token in _TOKEN.finditer(sql):
        if token["open"]:
            raise ValueError("a quote or a comment in the SQL is not closed")
        if token["end"]:
            statements.append("".join(current).strip())
            current = []
        else:
            current.append(" " if token["comment"] else token[0])
    statements.append("".join(current).strip())
    return [statement for statement in statements if statement]


def migrate(warehouse: Warehouse, migrations: Sequence[Migration] | None = None, *, cluster: str | None = None) -> list[str]:
    """Apply what isn't applied yet, in order, and return its names; on a server's `cluster`, by default that of the settings.

    WarehouseError when an applied file has changed since, or the warehouse knows a migration that this program doesn't.
    """
    shipped = shipped_migrations() if migrations is None else list(migrations)
    cluster = _cluster(warehouse) if cluster is None else cluster
    if cluster:
        warehouse.command(for_cluster("CREATE DATABASE IF NOT EXISTS rtm", cluster))
    warehouse.command(for_cluster(_RECORD.strip(), cluster))
    applied = dict(warehouse.query("SELECT name, checksum FROM rtm.migrations FINAL").rows)
    if unknown := sorted(applied.keys() - {migration.name for migration in shipped}):
        raise WarehouseError(f"this warehouse was migrated by a newer rtm ({unknown[-1]}): update the program")
    for migration in shipped:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise WarehouseError(f"migration {migration.name} has changed since it was applied: restore the file, add a new one instead")
    pending = [migration for migration in shipped if migration.name not in applied]
    for migration in pending:
        for statement in split_statements(migration.sql):
            warehouse.command(for_cluster(statement, cluster))
        record = {"name": migration.name, "checksum": migration.checksum, "applied_at": datetime.now(UTC).isoformat()}
        warehouse.insert("migrations", orjson.dumps(record))
    return [migration.name for migration in pending]


def apply_access(warehouse: Warehouse, *, cluster: str | None = None) -> list[str]:
    """Make roles, row policies, limits and the analysts' views on a server; safe to run again. The names of the files that were applied.

    WarehouseError for a chDB folder, and where the user may not grant.
    """
    if warehouse.embedded:
        raise WarehouseError("chDB has no users, roles or row policies: who may read its folder reads all of it; use a ClickHouse server")
    cluster = _cluster(warehouse) if cluster is None else cluster
    access = shipped_migrations("access")
    for migration in access:
        for statement in split_statements(migration.sql):
            warehouse.command(for_cluster(statement, cluster))
    return [migration.name for migration in access]


def keep_samples(warehouse: Warehouse, days: int) -> str | None:
    """Have the warehouse drop raw samples so many days after they were stored, with 0 never; what was changed, None where nothing was."""
    [(made,)] = warehouse.query("SELECT create_table_query FROM system.tables WHERE database = 'rtm' AND name = 'chunk_samples'").rows
    found = re.search(r"TTL toDateTime\(stored_at\) \+ toIntervalDay\((\d+)\)", made)
    held = int(found[1]) if found else 0
    if held == days:
        return None
    cluster = _cluster(warehouse)
    if days:
        statement = f"ALTER TABLE rtm.chunk_samples MODIFY TTL toDateTime(stored_at) + toIntervalDay({int(days)})"
    else:
        statement = "ALTER TABLE rtm.chunk_samples REMOVE TTL"
    warehouse.command(for_cluster(statement, cluster))
    return f"raw samples are kept {days} days" if days else "raw samples are kept for ever"


def _cluster(warehouse: Warehouse) -> str:
    return "" if warehouse.embedded else load_settings().clickhouse_cluster
