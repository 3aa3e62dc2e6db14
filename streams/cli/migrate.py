"""`rtm migrate`: a DSN in, the names of the migrations that were applied out."""

from __future__ import annotations

import click

from streams.cli.warehouse_option import warehouse_option
from streams.warehouse.connection import WarehouseError, open_warehouse
from streams.warehouse.migrations import migrate as apply_migrations


@click.command()
@warehouse_option
def migrate(warehouse: str) -> None:
    """Make the tables and views of a warehouse, or bring them up to date. Safe to run again.

    Example: rtm migrate --warehouse chdb:///tmp/clinic
    """
    try:
        with open_warehouse(warehouse) as opened:
            applied = apply_migrations(opened)
    except WarehouseError as error:
        raise click.ClickException(str(error)) from None
    for name in applied:
        click.echo(f"applied {name}")
    click.echo(f"{len(applied)} applied" if applied else "nothing to do: the warehouse is up to date")
