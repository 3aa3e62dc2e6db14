"""`rtm replay`: the command line around `streams.replay`."""

from __future__ import annotations

from pathlib import Path

import click
import orjson

from schemas.instants import parse_instant
from streams.cli.warehouse_option import warehouse_option


class InstantParameter(click.ParamType):
    """An instant on the command line: RFC 3339 with an offset; ns since the epoch inside."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The instant; wrong use when it is none."""
        if isinstance(value, int):
            return value
        try:
            return parse_instant(value)
        except ValueError as error:
            self.fail(f"{error}, such as 2026-03-01T00:00:00Z", param, ctx)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@warehouse_option
@click.option("--as-of", type=InstantParameter(), metavar="TIME", help="The last tick; what was recorded after it is left out.")
@click.option("--strict", is_flag=True, help="Exit with 1 when there is any dead letter; the tables are complete all the same.")
@click.option("--force", is_flag=True, help="Replay even into a warehouse that a live group feeds.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def replay(files: tuple[Path, ...], warehouse: str, as_of: int | None, *, strict: bool, force: bool, as_json: bool, quiet: bool) -> int:
    """Replay FILES of events into the tables, as a new generation that becomes current when it is complete.

    FILES are JSON Lines of CloudEvents, plain, .gz or .zst, in any order and of any size. They are read by recorded time. What can't be
    used becomes a dead letter that names file and line; the summary counts them by reason. By default the replay ends at the newest
    recorded time that the machine's clock has reached, and the tables live in .rtm/warehouse.

    \b
    Examples:
      rtm replay events.jsonl
      rtm replay day1.jsonl.gz day2.jsonl.zst --warehouse chdb:///tmp/rtm
      rtm replay events.jsonl --as-of 2026-03-01T00:00:00Z --json
    """
    from streams.progress import terminal_progress  # noqa: PLC0415 - the help needs none of it
    from streams.replay import replay as run_replay  # noqa: PLC0415
    from streams.settings import load_settings  # noqa: PLC0415
    from streams.warehouse import open_warehouse  # noqa: PLC0415

    settings = load_settings()
    with open_warehouse(warehouse) as opened, terminal_progress("lines", quiet=quiet) as progress:
        summary = run_replay(
            files,
            opened,
            policy=settings.policy(),
            as_of=as_of,
            max_record=settings.max_record,
            force=force,
            progress=progress,
        )
    click.echo(orjson.dumps(summary.to_json()).decode() if as_json else summary.to_text())
    return 1 if strict and summary.dead.total() else 0
