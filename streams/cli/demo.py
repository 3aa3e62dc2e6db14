"""`rtm demo`: the command line around `streams.demo.run`."""

from __future__ import annotations

from pathlib import Path

import click
import orjson


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".rtm/demo"),
    show_default=True,
    help="Where events, warehouse and board go.",
)
@click.option("--live", is_flag=True, help="Through a real Kafka, worker, sink and dispatcher; compared with the embedded run.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def demo(folder: Path, *, live: bool, as_json: bool, quiet: bool) -> int:
    """See it work: real exercise recordings become sessions, adherence, an alert and a board.

    Ten people's recorded shoulder exercises, 140 sets of 20 repetitions, become ten patients on a three-week plan; beside them recovers
    a knee patient, whose signals are simulated. Everything runs in this process. Exit status 1 when a recorded set was not found.

    With --live the same events go through everything that runs in production, on this machine, to a receiver that verifies the
    webhooks' signatures; it ends by comparing every table with the embedded run. Exit status 1 when anything differs.

    \b
    Examples:
      rtm demo
      rtm demo --folder /tmp/demo --json
      rtm demo --live
    """
    from streams.demo.recordings import NoRecordingsError  # noqa: PLC0415 - the help needs none of it
    from streams.demo.run import run_demo  # noqa: PLC0415
    from streams.progress import terminal_progress  # noqa: PLC0415

    if live:
        return _live(folder.resolve(), as_json=as_json, quiet=quiet)
    try:
        with terminal_progress("lines", quiet=quiet) as progress:
            outcome = run_demo(folder.resolve(), progress)
    except NoRecordingsError as error:
        raise click.ClickException(str(error)) from None
    click.echo(orjson.dumps(outcome.to_json()).decode() if as_json else outcome.to_text())
    return 0 if outcome.found == outcome.sets else 1


def _live(folder: Path, *, as_json: bool, quiet: bool) -> int:
    from streams.demo.live import LiveDemoError, run_live_demo  # noqa: PLC0415 - the help needs none of it
    from streams.demo.recordings import NoRecordingsError  # noqa: PLC0415
    from streams.demo.running import RunningError  # noqa: PLC0415
    from streams.kafka.jars import KafkaError  # noqa: PLC0415
    from streams.progress import terminal_progress  # noqa: PLC0415
    from streams.up import UpError  # noqa: PLC0415

    try:
        with terminal_progress("lines", quiet=quiet) as progress:
            outcome = run_live_demo(folder, progress)
    except (NoRecordingsError, RunningError, LiveDemoError, UpError, KafkaError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(orjson.dumps(outcome.to_json()).decode() if as_json else outcome.to_text())
    return 0 if outcome.equal else 1
