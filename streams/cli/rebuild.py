"""`rtm rebuild`: the command line around `streams.rebuild`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click
import orjson

from streams.cli.warehouse_option import warehouse_option

if TYPE_CHECKING:
    from streams.settings import Settings


@click.command()
@warehouse_option
@click.option("--diff", is_flag=True, help="Compare the tables of both generations. Exit status 1 when they differ.")
@click.option("--switch", "switches", is_flag=True, help="Make the new generation current, and retire the running one.")
@click.option("--anew", is_flag=True, help="Begin another generation, even where one was begun.")
@click.option("--prune", "prunes", is_flag=True, help="Drop the rows of all generations of the group but the current one; fold nothing.")
@click.option("--wait", default=120.0, show_default=True, metavar="S", help="How long the sink may take to catch up, s.")
@click.option("--json", "as_json", is_flag=True, help="One object a line.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def rebuild(warehouse: str, *, diff: bool, switches: bool, anew: bool, prunes: bool, wait: float, as_json: bool, quiet: bool) -> int:
    """Fold the log anew, beside the running system, as its next generation: after a mended bug, changed settings, or lost tables.

    Nothing is sent to anybody. The rows go through Kafka and the running sink; views go on showing the running generation. Run again, it
    goes on, and catches up with what came since. --diff shows in which tables the two differ. --switch ends the running workers (they
    stop, with exit status 1), hands their place to the new generation, and shows its tables; then start workers, sinks and dispatchers
    with the RTM_GENERATION that it tells (rtm up by itself). --prune drops what replaced generations, and a rebuild that was begun, have
    left in the warehouse (of a chDB folder nobody else must hold it); what the board showed before the last switch goes with them.

    \b
    Examples:
      rtm rebuild
      rtm rebuild --diff
      rtm rebuild --switch
      rtm rebuild --prune
    """
    from processors.shelf import NewerStateError  # noqa: PLC0415 - the help needs none of it
    from streams.progress import terminal_progress  # noqa: PLC0415
    from streams.rebuild.differences import differences  # noqa: PLC0415
    from streams.rebuild.fold import catch_up  # noqa: PLC0415
    from streams.rebuild.plan import RebuildError, make_plan  # noqa: PLC0415
    from streams.rebuild.switch import announce, switch  # noqa: PLC0415
    from streams.reconcile.run import ReconcileError, wait_for_sink  # noqa: PLC0415
    from streams.settings import load_settings  # noqa: PLC0415
    from streams.warehouse.connection import open_warehouse  # noqa: PLC0415

    if diff + switches + prunes > 1:
        raise click.UsageError("--diff, --switch or --prune, one of them")
    settings = load_settings()
    if prunes:
        return _prune(settings, warehouse, as_json=as_json)
    differing = []
    try:
        with open_warehouse(warehouse, read_only=True) as opened:
            plan = make_plan(settings, opened, anew=anew)
            announce(settings, plan, opened)
            with terminal_progress("offsets", quiet=quiet or as_json) as progress:
                read = catch_up(settings, plan, progress)
            if diff or switches:
                wait_for_sink(settings, range(plan.current, plan.successor), wait)
            if switches:
                switch(settings, plan, opened, wait, lambda text: click.echo(text, err=True))
            if diff:
                differing = list(differences(opened, plan.current, plan.successor))
    except (RebuildError, ReconcileError, NewerStateError) as error:
        raise click.ClickException(str(error)) from None
    told = {"current": plan.current, "successor": plan.successor, "read": read, "switched": switches}
    if as_json:
        for row in [told, *map(asdict, differing)]:
            click.echo(orjson.dumps(row))
    else:
        for each in differing:
            click.echo(f"{each.table}: {each.only_current} rows only in {plan.current}, {each.only_successor} only in {plan.successor}")
            for example in each.examples:
                click.echo(f"    {example}")
        click.echo(f"generation {plan.successor} has come as far as {plan.current}; {read} records read")
        if diff:
            click.echo(f"{len(differing)} tables differ" if differing else "no table differs")
        if switches:
            click.echo(f"generation {plan.successor} is current: start workers with RTM_GENERATION={plan.successor}")
    return 1 if differing else 0


def _prune(settings: Settings, warehouse: str, *, as_json: bool) -> int:
    from streams.rebuild.plan import RebuildError  # noqa: PLC0415 - the help needs none of it
    from streams.rebuild.prune import prune  # noqa: PLC0415
    from streams.warehouse.connection import open_warehouse  # noqa: PLC0415

    try:
        with open_warehouse(warehouse, create=False) as opened:
            done = prune(settings, opened)
    except RebuildError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(orjson.dumps(asdict(done)))
        return 0
    numbers = ", ".join(map(str, done.generations)) or "none"
    click.echo(f"generation {done.current} stays; rows dropped of: {numbers}")
    if done.deleted:
        click.echo(f"deleted, since nobody has run them: {', '.join(done.deleted)}")
    if done.retired:
        click.echo(f"still in Kafka, and yours to delete when no worker is set to run them any more: {', '.join(done.retired)}")
    return 0
