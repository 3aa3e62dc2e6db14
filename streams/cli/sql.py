"""`rtm sql`: one reading SQL statement in, its rows out as an aligned table, JSON Lines or CSV."""

from __future__ import annotations

import csv
import re
import sys
from itertools import chain
from typing import TYPE_CHECKING, Any

import click
import orjson
from rich.cells import cell_len, set_cell_size

from streams.cli.warehouse_option import WrongUse, warehouse_option
from streams.terminal import one_line
from streams.warehouse.connection import Result, WarehouseError, open_warehouse
from streams.warehouse.migrations import split_statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

READS = ("SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS")
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`""", re.DOTALL)
_WRITES = re.compile(r"\b(INSERT\s+INTO|INTO\s+OUTFILE)\b", re.IGNORECASE)
TABLE_LIMIT = 1000
WIDEST = 80
_NUMBERS = ("Int", "UInt", "Float", "Decimal", "BFloat")


@click.command()
@click.argument("statement", metavar="SQL")
@warehouse_option
@click.option("--json", "form", flag_value="json", help="One JSON object a line, values by column name.")
@click.option("--csv", "form", flag_value="csv", help="CSV with a header; NULL is an empty field.")
@click.option("--limit", type=click.IntRange(min=1), help=f"Show so many rows at most (a table: {TABLE_LIMIT} unless told).")
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Bind a value to {NAME:Type} in the SQL.")
def sql(statement: str, warehouse: str, form: str | None, limit: int | None, parameters: tuple[str, ...]) -> None:
    """Read the tables with one SQL statement (ClickHouse's dialect, database rtm); `-` reads it from standard input.

    Examples:

    \b
      rtm sql "SELECT patient_id, status, count() FROM adherence_daily GROUP BY ALL"
      rtm sql "SHOW TABLES"
      rtm sql --json "SELECT * FROM alerts WHERE patient_id = {who:String}" --param who=demo-01
    """
    text = _reading_statement(sys.stdin.read() if statement == "-" else statement)
    bound = dict(_pair(parameter) for parameter in parameters)
    most = limit or (None if form else TABLE_LIMIT)
    try:
        with open_warehouse(warehouse, read_only=True) as opened:
            result = opened.query(text, bound, max_rows=most and most + 1)
    except WarehouseError as error:
        raise click.ClickException(str(error)) from None
    shown = result.rows[:most]
    if form == "json":
        write_json(result, shown)
    elif form == "csv":
        _write_csv(result, shown)
    else:
        for line in table_lines(result, shown, widest=WIDEST if sys.stdout.isatty() else None):
            click.echo(line)
    if len(shown) < len(result.rows):
        click.echo(f"only the first {len(shown)} rows are shown: --limit shows more", err=True)


def _reading_statement(text: str) -> str:
    try:
        statements = split_statements(text)
    except ValueError as error:
        raise WrongUse(f"SQL: {error}") from None
    if len(statements) != 1:
        raise WrongUse(f"SQL: one statement, please; this holds {len(statements) or 'none'}")
    first = statements[0].lstrip("( \n\t").split(None, 1)[0].split("(", 1)[0].upper()
    if first not in READS or _WRITES.search(_QUOTED.sub("''", statements[0])):
        raise WrongUse("SQL: `rtm sql` only reads: one SELECT, WITH, SHOW, DESCRIBE, EXPLAIN or EXISTS, and no INTO")
    return statements[0]


def _pair(parameter: str) -> tuple[str, str]:
    name, separator, value = parameter.partition("=")
    if not separator or not name.isidentifier():
        raise WrongUse("--param: write it NAME=VALUE")
    return name, value


def write_json(result: Result, rows: Iterable[tuple[Any, ...]]) -> None:
    """Rows on standard output, one JSON object a line, values by column name."""
    stream = click.get_binary_stream("stdout")
    for row in rows:
        stream.write(orjson.dumps(dict(zip(result.columns, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE))
    stream.flush()


def _write_csv(result: Result, rows: Iterable[tuple[Any, ...]]) -> None:
    writer = csv.writer(click.get_text_stream("stdout", encoding="utf-8"), lineterminator="\n")
    writer.writerow(result.columns)
    writer.writerows(["" if value is None else _text(value) for value in row] for row in rows)


def _text(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def table_lines(result: Result, rows: list[tuple[Any, ...]], *, widest: int | None = None) -> Iterator[str]:
    """The lines of an aligned table: header, rule, rows, their number. Numbers stand right, control characters are escaped.

    Cells wider than `widest` terminal cells are cut and end in `…`; None cuts nothing.
    """
    right = [kind.removeprefix("LowCardinality(").removeprefix("Nullable(").startswith(_NUMBERS) for kind in result.types]
    cells = [[_cut(one_line(_text(value)), widest) for value in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(result.columns, *cells, strict=True)]

    def aligned(row: Iterable[str]) -> str:
        padded = (
            " " * (width - cell_len(cell)) + cell if to_right else cell + " " * (width - cell_len(cell))
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        return "  ".join(padded).rstrip()

    yield aligned(result.columns)
    yield "  ".join("─" * width for width in widths)
    yield from chain(map(aligned, cells), [f"({len(rows)} row{'' if len(rows) == 1 else 's'})"])


def _cut(text: str, widest: int | None) -> str:
    if widest is None or cell_len(text) <= widest:
        return text
    return set_cell_size(text, widest - 1) + "…"
