"""`rtm worker`: the command line around `streams.worker.worker`."""

from __future__ import annotations

import click


@click.command()
@click.option("--accept-loss", is_flag=True, help="Go on where retention took what the state needs next; it is counted as lost.")
def worker(*, accept_loss: bool) -> int:
    """Fold what comes in over Kafka into rows and alerts, until Ctrl-C or SIGTERM.

    Start as many as you like, on any machine: they share the partitions, and take over from one that dies. Needs a Kafka (RTM_KAFKA)
    with the topics that rtm topics declares. Exit status 75 means: start it anew.

    \b
    Examples:
      rtm worker
      RTM_KAFKA=broker:9092 RTM_CLOCK=log rtm worker
    """
    from streams.settings import load_settings  # noqa: PLC0415 - the help needs none of it
    from streams.telemetry.health import watched  # noqa: PLC0415
    from streams.telemetry.lines import speaker  # noqa: PLC0415
    from streams.worker.worker import run_worker  # noqa: PLC0415

    settings = load_settings()
    with watched(settings):
        run_worker(settings, speaker(settings, "worker"), accept_loss=accept_loss)
    return 0
