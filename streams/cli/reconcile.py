"""`rtm reconcile`: the command line around `streams.reconcile`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click
import orjson

from streams.cli.warehouse_option import warehouse_option

if TYPE_CHECKING:
    from streams.reconcile.line import Line


@click.command()
@warehouse_option
@click.option("--wait", default=60.0, show_default=True, metavar="S", help="How long the sink may take to catch up, s.")
@click.option("--whole", is_flag=True, help="Count the records in Kafka from the beginning, not from where they last agreed.")
@click.option("--all", "show_all", is_flag=True, help="Show what agrees, too.")
@click.option("--json", "as_json", is_flag=True, help="Every line, one object a line.")
def reconcile(warehouse: str, wait: float, *, whole: bool, show_all: bool, as_json: bool) -> int:
    """Compare what was read, what lies in Kafka and what stands in the tables: is anything lost?

    By topic and partition: records read = applied + ticks + duplicates + waiting + dead letters, and the records in Kafka; rows sent
    and rows stored; dead letters; alerts told and delivered. Works while everything runs. The lines go into the table reconciliation.
    Exit status 1 when something differs, and which.

    \b
    Examples:
      rtm reconcile
      rtm reconcile --warehouse chdb://$PWD/.rtm/up/warehouse --all
      rtm sql "SELECT * FROM reconciliation WHERE state = 'differs'"
    """
    from processors.shelf import NewerStateError  # noqa: PLC0415 - the help needs none of it
    from streams.reconcile.record import as_record  # noqa: PLC0415
    from streams.reconcile.run import Asked, ReconcileError, keep  # noqa: PLC0415
    from streams.reconcile.run import reconcile as compare  # noqa: PLC0415
    from streams.reconcile.table_counts import live_generation  # noqa: PLC0415
    from streams.settings import load_settings  # noqa: PLC0415
    from streams.warehouse.connection import open_warehouse  # noqa: PLC0415

    settings = load_settings()
    try:
        with open_warehouse(warehouse, read_only=True) as opened:
            there = None if "generation" in settings.model_fields_set else live_generation(opened, settings.group)
            generation = there or settings.generation
            lines = compare(settings, opened, Asked(generation, wait, whole), lambda text: click.echo(text, err=True))
        keep(settings, generation, lines, time.time_ns())
    except (ReconcileError, NewerStateError) as error:
        raise click.ClickException(str(error)) from None
    for line in lines:
        if as_json:
            click.echo(orjson.dumps(as_record(line)))
        elif show_all or line.state != "equal":
            click.echo(_text(line))
    differing = sum(line.state == "differs" for line in lines)
    if not as_json:
        unknown, unread = sum(line.state == "unknown" for line in lines), sum(line.unread for line in lines)
        click.echo(
            f"generation {generation}: {len(lines)} counts compared, {differing} differ"
            + (f", {unknown} unknown" if unknown else "")
            + (f"; {unread:,} records wait to be read by a worker" if unread else "")
        )
    return 1 if differing else 0


def _text(line: Line) -> str:
    place = f"{line.topic}, partition {line.partition}" if line.partition >= 0 else line.topic
    where = ", ".join(part for part in (place, line.what) if part)
    expected = str(line.expected) if line.expected == line.most else f"{line.expected} to {line.most}"
    return f"{line.state:<8}{line.check}{f' ({where})' if where else ''}: {expected} expected, {line.found} found" + (
        f"; {line.said}" if line.said else ""
    )
