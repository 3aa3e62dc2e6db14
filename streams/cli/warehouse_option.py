"""The option `--warehouse`, the same for every command: a DSN, from RTM_WAREHOUSE, else a chDB folder under the current directory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from streams.settings import default_warehouse
from streams.warehouse.dsn import WarehouseError, parse_dsn

Command = TypeVar("Command", bound=Callable[..., Any])


class WrongUse(click.ClickException):
    """One line and exit status 2."""

    exit_code = 2


def _checked(_context: click.Context, _parameter: click.Parameter, dsn: str) -> str:
    try:
        parse_dsn(dsn)
    except WarehouseError as error:
        raise WrongUse(f"--warehouse: {error}") from None
    return dsn


def warehouse_option(command: Command) -> Command:
    """Give a command `--warehouse` as its parameter `warehouse`, a DSN of one of the known forms."""
    option = click.option(
        "--warehouse",
        envvar="RTM_WAREHOUSE",
        show_envvar=True,
        default=default_warehouse,
        show_default="the chDB folder .rtm/warehouse here",
        metavar="DSN",
        callback=_checked,
        help="Where the tables are: chdb:///absolute/folder or clickhouse://user:password@host:8123/rtm.",
    )
    return option(command)
