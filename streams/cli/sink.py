"""`rtm sink`: the command line around `streams.live_sink.consumer`."""

from __future__ import annotations

import signal
import threading

import click

from streams.cli.warehouse_option import warehouse_option


@click.command()
@warehouse_option
def sink(warehouse: str) -> int:
    """Write what comes in over Kafka into the tables, until Ctrl-C or SIGTERM.

    Rows, raw samples, dead letters and deliveries go in by batches; offsets are committed after that. A warehouse that is away is waited
    for. Several sinks share the work; a chDB folder takes one. Its tables are made where they are missing.

    \b
    Examples:
      rtm sink
      RTM_KAFKA=broker:9092 rtm sink --warehouse clickhouse://rtm:secret@db:8123/rtm
    """
    from streams.heap import giving_back, one_heap  # noqa: PLC0415 - the help needs none of it

    one_heap()
    from streams.live_sink.consumer import LiveSink  # noqa: PLC0415
    from streams.settings import load_settings  # noqa: PLC0415
    from streams.telemetry.health import watched  # noqa: PLC0415
    from streams.telemetry.lines import speaker  # noqa: PLC0415
    from streams.warehouse.connection import open_warehouse  # noqa: PLC0415

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = load_settings()
    say = speaker(settings, "sink")
    running = LiveSink(settings, lambda: open_warehouse(warehouse), say=say, ready=say)
    with watched(settings), giving_back():
        running.run(stop)
    say(f"sink stopped: {running.rows} rows, {running.buried} dead letters")
    return 0
