"""`rtm board`: the tables in, one self-contained page of HTML out."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path
from tempfile import NamedTemporaryFile

import click

from dashboards.board import render
from streams.cli.warehouse_option import WrongUse, warehouse_option
from streams.warehouse.connection import open_warehouse


@click.command()
@warehouse_option
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), default="board.html", show_default=True, help="Where to write it."
)
@click.option("--open", "show", is_flag=True, help="Show it in the browser.")
def board(warehouse: str, output: Path, show: bool) -> None:
    """Write the board: one page of HTML that needs no network.

    It shows who is off track and why, the cohort's adherence, every patient's course, and how fresh the data is. The page holds
    patients' data under their pseudonyms: keep it as you keep the tables. Prints where the page is.

    \b
    Example:
      rtm board --output /tmp/board.html --open
    """
    if not output.absolute().parent.is_dir():
        raise WrongUse(f"--output: there is no folder {output.absolute().parent}")
    with open_warehouse(warehouse, create=False, read_only=True) as opened:
        html = render(opened.query)
    write_page(output, html)
    click.echo(output.absolute())
    if show:
        webbrowser.open(output.absolute().as_uri())


def write_page(output: Path, html: str) -> None:
    """Write the page whole or not at all, readable by its owner alone. OSError where that can't be."""
    with NamedTemporaryFile("w", encoding="utf-8", dir=output.absolute().parent, prefix=f".{output.name}.", delete=False) as stream:
        try:
            stream.write(html)
        except BaseException:
            Path(stream.name).unlink()
            raise
    os.replace(stream.name, output)  # noqa: PTH105
