"""`rtm board`: the tables in, one self-contained page of HTML out, or a page on loopback that refreshes by itself."""

from __future__ import annotations

import os
import webbrowser
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

import click

from dashboards.board import render
from streams.board_http import BoardServer
from streams.cli.warehouse_option import WrongUse, warehouse_option
from streams.warehouse.connection import open_warehouse
from streams.warehouse.dsn import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.warehouse.connection import Warehouse

PORT = 8124
UNKNOWN = {47, 60}
"""ClickHouse's numbers for a column or a table that isn't there."""


@click.command()
@warehouse_option
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), default="board.html", show_default=True, help="Where to write it."
)
@click.option("--serve", is_flag=True, help="Serve it on loopback instead, until Ctrl-C; an open page refreshes by itself.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="With --serve: where; 0 takes any that is free."
)
@click.option("--open", "show", is_flag=True, help="Show it in the browser.")
def board(warehouse: str, output: Path, serve: bool, port: int, show: bool) -> None:
    """Write the board: one page of HTML that needs no network. Or serve it.

    It shows who is off track and why, the cohort's adherence, every patient's course, case load, billing, the pipeline, and how far the
    data may be trusted. It holds patients' data under their pseudonyms: keep it as you keep the tables. Prints where the page is.

    \b
    Examples:
      rtm board --output /tmp/board.html --open
      rtm board --serve
    """
    if serve:
        with open_warehouse(warehouse, create=False, read_only=True) as opened:
            _serve(opened, port, show=show)
        return
    if not output.absolute().parent.is_dir():
        raise WrongUse(f"--output: there is no folder {output.absolute().parent}")
    with open_warehouse(warehouse, create=False, read_only=True) as opened, _of_this_version():
        html = render(opened.query)
    write_page(output, html)
    click.echo(output.absolute())
    if show:
        webbrowser.open(output.absolute().as_uri())


@contextmanager
def _of_this_version() -> Iterator[None]:
    try:
        yield
    except WarehouseError as error:
        if error.code in UNKNOWN:
            raise WarehouseError("the tables are an older version's and lack what the board reads: run rtm migrate first") from None
        raise


def _serve(warehouse: Warehouse, port: int, *, show: bool) -> None:
    try:
        server = BoardServer(warehouse, port)
    except OSError as error:
        raise WrongUse(f"--port: {port} can't be had ({error.strerror}); choose another, 0 takes any that is free") from None
    with server:
        with _of_this_version():
            server.page()  # what can't be shown is told at once
        click.echo(server.address)
        if show:
            webbrowser.open(server.address)
        server.serve_forever()


def write_page(output: Path, html: str) -> None:
    """Write the page whole or not at all, readable by its owner alone. OSError where that can't be."""
    with NamedTemporaryFile("w", encoding="utf-8", dir=output.absolute().parent, prefix=f".{output.name}.", delete=False) as stream:
        try:
            stream.write(html)
        except BaseException:
            Path(stream.name).unlink()
            raise
    os.replace(stream.name, output)  # noqa: PTH105
