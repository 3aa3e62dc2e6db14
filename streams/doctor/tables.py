"""How the warehouse stands: the folder and who holds it, or the server; and whether its tables are up to date. Findings out."""

from __future__ import annotations

from streams.doctor.finding import Finding, ok
from streams.settings import SettingsError
from streams.warehouse.connection import Warehouse, open_warehouse
from streams.warehouse.dsn import ChdbAddress, WarehouseError, parse_dsn
from streams.warehouse.folder import FolderHeldError
from streams.warehouse.generations import current
from streams.warehouse.migrations import shipped_migrations


def check_warehouse(dsn: str) -> list[Finding]:
    """The warehouse of a DSN; nothing is made. A folder that isn't there yet is a warning: who writes first makes it."""
    try:
        address = parse_dsn(dsn)
    except WarehouseError as error:
        return [Finding("warehouse", "fail", str(error), "set RTM_WAREHOUSE anew")]
    embedded = isinstance(address, ChdbAddress)
    if isinstance(address, ChdbAddress) and not address.path.exists():
        return [Finding("warehouse", "warn", f"nothing at {address.path} yet", "rtm migrate, a replay or rtm up makes it")]
    try:
        with open_warehouse(dsn, create=False, read_only=True) as warehouse:
            where = f"chDB folder {warehouse.folder}" if warehouse.embedded else "ClickHouse answers"
            if embedded and not warehouse.embedded:
                where = "chDB folder, read through the process that holds it"
            return [ok("warehouse", where), *_tables(warehouse)]
    except SettingsError as error:
        return [Finding("warehouse", "fail", f"not looked at: {error}", "mend the setting first")]
    except FolderHeldError as error:
        said, _, remedy = str(error).partition(": ")
        return [Finding("warehouse", "warn", said, remedy)]
    except WarehouseError as error:
        said, _, remedy = str(error).partition(": ")
        return [Finding("warehouse", "fail", said, remedy or "is the server up, and RTM_WAREHOUSE its address?")]


def _tables(warehouse: Warehouse) -> list[Finding]:
    shipped = {migration.name: migration.checksum for migration in shipped_migrations()}
    try:
        applied = dict(warehouse.query("SELECT name, checksum FROM rtm.migrations FINAL").rows)
    except WarehouseError:
        applied = {}
    if newer := sorted(applied.keys() - shipped.keys()):
        return [Finding("tables", "fail", f"made by a newer rtm ({newer[-1]})", "update the program")]
    if changed := sorted(name for name in applied if applied[name] != shipped[name]):
        return [Finding("tables", "fail", f"migration {changed[0]} has changed since it was applied", "restore the file")]
    if pending := sorted(shipped.keys() - applied.keys()):
        return [Finding("tables", "fail", f"{len(pending)} migrations are not applied ({pending[0]} …)", "rtm migrate")]
    generation = current(warehouse)
    return [ok("tables", f"{len(applied)} migrations; " + (f"generation {generation} is shown" if generation else "no run yet"))]
