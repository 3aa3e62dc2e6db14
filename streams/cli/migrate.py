"""`rtm migrate`: a DSN in, the names of the migrations that were applied out."""

from __future__ import annotations

import click

from streams.cli.warehouse_option import warehouse_option
from streams.settings import load_settings
from streams.warehouse.connection import WarehouseError, open_warehouse
from streams.warehouse.migrations import apply_access, keep_samples
from streams.warehouse.migrations import migrate as apply_migrations


@click.command()
@click.option("--access", is_flag=True, help="Make roles, row policies and the analysts' views too; on a ClickHouse server only.")
@warehouse_option
def migrate(warehouse: str, *, access: bool) -> None:
    """Make the tables and views of a warehouse, or bring them up to date. Safe to run again.

    On a cluster (RTM_CLICKHOUSE_CLUSTER) the tables are replicated. RTM_SAMPLES_DAYS says how long raw samples are kept.

    \b
    Examples:
      rtm migrate --warehouse chdb:///tmp/clinic
      RTM_CLICKHOUSE_CLUSTER=main rtm migrate --access --warehouse clickhouse://admin:…@ch-1:8123/rtm
    """
    settings = load_settings()
    try:
        with open_warehouse(warehouse) as opened:
            applied = apply_migrations(opened)
            kept = keep_samples(opened, settings.samples_days)
            granted = apply_access(opened) if access else []
    except WarehouseError as error:
        raise click.ClickException(str(error)) from None
    for name in (*applied, *(f"access {name}" for name in granted)):
        click.echo(f"applied {name}")
    if kept:
        click.echo(kept)
    click.echo(f"{len(applied)} applied" if applied else "nothing to do: the warehouse is up to date")
