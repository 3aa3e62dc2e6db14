"""`rtm forget`: the command line around `streams.forget.request`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from streams.cli.warehouse_option import warehouse_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.forget.request import Forgotten

FILE = Path(".rtm/forgotten.jsonl")
_FOR_EVER = "keeps its records for ever, until rtm forget --rewrite"


@click.command()
@click.argument("patient", required=False)
@click.option("--request", metavar="ID", help="The request's own number; else one is made. Never anything that names the patient.")
@click.option("--live", is_flag=True, help="Ask the live pipeline, even where the warehouse shows no live group yet.")
@click.option(
    "--events",
    type=click.Path(dir_okay=False, path_type=Path),
    default=FILE,
    show_default=True,
    metavar="FILE",
    help="Embedded: the file of events that the request is added to.",
)
@click.option(
    "--wait", type=click.FloatRange(min=0), default=60.0, show_default=True, metavar="S", help="Live: wait so long for the erasure."
)
@click.option("--rewrite", "rewrites", is_flag=True, help="Rewrite rtm.events.v1 without the records of all who were erased.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of it as one JSON object.")
@warehouse_option
def forget(
    patient: str | None, request: str | None, events: Path, wait: float, warehouse: str, *, live: bool, rewrites: bool, as_json: bool
) -> int:
    """Erase a patient, on request: no table keeps a row, and facts that come later are refused. It can't be undone.

    Where a live group feeds the warehouse the request goes into the log; worker and sink carry it out. Else the rows are erased at
    once and the request is added to a file of events: give it to every later replay. What stays is a record with a salted hash
    (rtm.forgotten). It says until when Kafka keeps records of the patient. Exit status 1 when the erasure doesn't show in time.

    --rewrite takes no PATIENT: it has the log itself hold no record of anybody who was erased, but for the requests, by which later facts
    are refused. Workers and dispatchers must have ended, having read all. It may be killed and run again. Nothing is folded anew and nobody
    is told of anything; start the workers again with the RTM_GENERATION that they had.

    \b
    Examples:
      rtm forget demo-01 --request 2026-17
      RTM_KAFKA=kafka.clinic:9092 rtm forget p-4711 --live --wait 300
      rtm forget --rewrite
    """
    from streams.forget import request as asking  # noqa: PLC0415 - the help needs none of it
    from streams.settings import load_settings  # noqa: PLC0415
    from streams.warehouse.connection import open_warehouse  # noqa: PLC0415

    if rewrites:
        if patient is not None or request is not None or live:
            raise click.UsageError("--rewrite goes alone: it is for all whose erasure was requested before")
        return _rewrite(warehouse, as_json=as_json)
    if not patient:
        raise click.UsageError("PATIENT: a pseudonym is never empty" if patient is not None else "Missing argument 'PATIENT'.")
    settings = load_settings()
    with open_warehouse(warehouse, read_only=True) as opened:
        live = live or asking.is_live(opened)
        fact = asking.request_fact(patient, request, asking.pipeline_time(opened))
        if live:
            done = asking.forget_live(settings.kafka, fact)
            done.erased = asking.await_erased(opened, fact, wait)
    if not live:
        with open_warehouse(warehouse, create=False) as opened:
            done = asking.forget_embedded(opened, fact, events)
    if as_json:
        click.echo(orjson.dumps(asdict(done)).decode())
    else:
        for line in _told(done):
            click.echo(line)
    return 0 if done.erased else 1


def _rewrite(warehouse: str, *, as_json: bool) -> int:
    from processors.shelf import NewerStateError  # noqa: PLC0415 - the help needs none of it
    from streams.forget.rewrite import RewriteError, rewrite  # noqa: PLC0415
    from streams.settings import load_settings  # noqa: PLC0415
    from streams.warehouse.connection import open_warehouse  # noqa: PLC0415
    from streams.worker.checkpoint import LogError  # noqa: PLC0415

    try:
        with open_warehouse(warehouse, read_only=True) as opened:
            done = rewrite(load_settings(), opened, lambda text: click.echo(text, err=True))
    except (RewriteError, LogError, NewerStateError) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(orjson.dumps(asdict(done)).decode())
        return 0
    click.echo(f"{done.removed} records of {done.patients} erased patients are gone from rtm.events.v1, {done.stay} beside them stand anew")
    if done.partitions:
        click.echo("Kafka deletes their files within minutes (log.retention.check.interval.ms, file.delete.delay.ms)")
    if done.not_erased:
        click.echo(
            f"{done.not_erased} requests are not carried out yet: their records stay; let rtm worker and rtm sink run, then run this again"
        )
    return 0


def _told(done: Forgotten) -> Iterator[str]:
    if done.erased:
        yield f"erased: no table of the warehouse names the patient any more (request {done.request_id})"
    else:
        yield f"not erased yet (request {done.request_id}): rtm worker and rtm sink do it when they come to the request"
    if done.file is not None:
        yield f"give {done.file} to every later replay; files of events keep what they hold: remove it there"
    for kept in done.kept:
        yield f"{kept.topic} drops its records of the patient by {kept.until}" if kept.until else f"{kept.topic} {_FOR_EVER}"
