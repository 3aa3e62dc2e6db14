"""`rtm worker`: the command line around `streams.worker`."""

from __future__ import annotations

import click


@click.command()
@click.option("--processes", type=click.IntRange(1, 256), default=1, show_default=True, help="As many workers in one: one a core.")
@click.option("--accept-loss", is_flag=True, help="Go on where retention took what the state needs next; it is counted as lost.")
def worker(*, processes: int, accept_loss: bool) -> int:
    """Fold what comes in over Kafka into rows and alerts, until Ctrl-C or SIGTERM.

    Start as many as you like, on any machine: they share the partitions, and take over from one that dies. Needs a Kafka (RTM_KAFKA)
    with the topics that rtm topics declares. Exit status 75 means: start it anew.

    Facts are folded on one core a process. With --processes several share RTM_MEMORY_MB; the metrics of the second are a port further.

    \b
    Examples:
      rtm worker
      rtm worker --processes 4
      RTM_KAFKA=broker:9092 RTM_CLOCK=log rtm worker
    """
    from streams.heap import giving_back, one_heap  # noqa: PLC0415 - the help needs none of it

    one_heap()
    from streams.settings import load_settings  # noqa: PLC0415
    from streams.telemetry.health import watched  # noqa: PLC0415
    from streams.telemetry.lines import speaker  # noqa: PLC0415
    from streams.worker.processes import run_processes  # noqa: PLC0415
    from streams.worker.worker import run_worker  # noqa: PLC0415

    settings = load_settings()
    if processes > 1:
        run_processes(settings, processes, ["--accept-loss"] if accept_loss else [])
        return 0
    with watched(settings), giving_back():
        run_worker(settings, speaker(settings, "worker"), accept_loss=accept_loss)
    return 0
