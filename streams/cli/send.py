"""`rtm send`: the command line around `streams.send.sender`."""

from __future__ import annotations

from pathlib import Path

import click
import orjson

from streams.cli.replay import InstantParameter


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where it keeps how far it is; else a file under .rtm, named after what is sent.",
)
@click.option(
    "--as-of", type=InstantParameter(), metavar="TIME", help="What was recorded after it is left out; with RTM_CLOCK=log the last tick."
)
@click.option("--again", is_flag=True, help="Send everything once more, whatever the journal says.")
@click.option("--strict", is_flag=True, help="Exit with 1 when there is any dead letter; everything else is sent all the same.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def send(files: tuple[Path, ...], journal: Path | None, as_of: int | None, *, again: bool, strict: bool, as_json: bool, quiet: bool) -> int:
    """Send FILES of events to Kafka (RTM_KAFKA), in the order of their recorded times.

    FILES are JSON Lines of CloudEvents, plain, .gz or .zst, in any order and of any size. What can't be turned into a record goes to
    rtm.dead-letters.v1 with file and line; the summary counts it by reason. Killed and started again it goes on where it was;
    what was recorded later than the machine's clock has it is left out until then. With RTM_CLOCK=log it writes the ticks, and waits until
    a worker has passed each on.

    \b
    Examples:
      rtm send events.jsonl
      rtm send day1.jsonl.gz day2.jsonl.zst --json
      RTM_CLOCK=log RTM_TICK_S=900 rtm send course.jsonl --as-of 2026-03-01T00:00:00Z
    """
    from streams.progress import terminal_progress  # noqa: PLC0415 - the help needs none of it
    from streams.send.sender import send as run_send  # noqa: PLC0415
    from streams.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    with terminal_progress("lines", quiet=quiet) as progress:
        summary = run_send(files, settings, journal=journal, as_of=as_of, again=again, progress=progress)
    click.echo(orjson.dumps(summary.to_json()).decode() if as_json else summary.to_text())
    return 1 if strict and summary.sent.dead else 0
