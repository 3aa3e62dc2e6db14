"""`rtm replay`: the command line around `streams.replay.files`."""

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
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--log", metavar="SOURCE", help="Replay the log in Kafka instead of files: kafka://host:port.")
@warehouse_option
@click.option("--as-of", type=InstantParameter(), metavar="TIME", help="The last tick; what was recorded after it is left out.")
@click.option("--strict", is_flag=True, help="Exit with 1 when there is any dead letter; the tables are complete all the same.")
@click.option("--force", is_flag=True, help="Replay even into a warehouse that a live group feeds.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that share the patients.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def replay(
    files: tuple[Path, ...],
    log: str | None,
    warehouse: str,
    as_of: int | None,
    *,
    strict: bool,
    force: bool,
    jobs: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Replay FILES of events, or the log, into the tables, as a new generation that becomes current when it is complete.

    FILES are JSON Lines of CloudEvents, plain, .gz or .zst, in any order and of any size. They are read by recorded time. What can't be
    used becomes a dead letter that names file and line; the summary counts them by reason. By default the replay ends at the newest
    recorded time that the machine's clock has reached, and the tables live in .rtm/warehouse.

    With --log the records of rtm.events.v1 are read by partition and offset, with the ticks in it: the same log gives the same alerts.

    \b
    Examples:
      rtm replay events.jsonl
      rtm replay day1.jsonl.gz day2.jsonl.zst --warehouse chdb:///tmp/rtm
      rtm replay year.jsonl.zst --jobs 4
      rtm replay events.jsonl --as-of 2026-03-01T00:00:00Z --json
      rtm replay --log kafka://127.0.0.1:9092 --warehouse chdb:///tmp/again
    """
    if bool(files) == (log is not None):
        raise click.UsageError("name FILES or --log SOURCE, and not both")
    if log is not None and (as_of is not None or jobs > 1):
        raise click.UsageError("--as-of and --jobs go with FILES: a log ends with the last tick in it, and is folded by one process")
    from streams.progress import terminal_progress  # noqa: PLC0415 - the help needs none of it
    from streams.replay.files import replay as run_replay  # noqa: PLC0415
    from streams.settings import load_settings  # noqa: PLC0415
    from streams.warehouse.connection import open_warehouse  # noqa: PLC0415

    settings = load_settings()
    policy, max_record = settings.policy(), settings.max_record
    address = None if log is None else _address(log)
    with open_warehouse(warehouse) as opened, terminal_progress("lines" if address is None else "records", quiet=quiet) as progress:
        if address is None:
            summary = run_replay(
                files, opened, policy=policy, as_of=as_of, max_record=max_record, force=force, progress=progress, jobs=jobs
            )
        else:
            from streams.replay.log import replay_log  # noqa: PLC0415

            summary = replay_log(address, opened, policy=policy, max_record=max_record, force=force, progress=progress)
    click.echo(orjson.dumps(summary.to_json()).decode() if as_json else summary.to_text())
    return 1 if strict and summary.dead.total() else 0


def _address(source: str) -> str:
    from streams.replay.log import parse_source  # noqa: PLC0415

    try:
        return parse_source(source)
    except ValueError as error:
        raise click.UsageError(f"--log: {error}") from None
