"""`rtm up`: the command line around `streams.up`."""

from __future__ import annotations

from pathlib import Path

import click

PORT = click.IntRange(0, 65535)


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".rtm/up"),
    show_default=True,
    help="Where tables, Kafka and logs are, and routes.toml.",
)
@click.option("--port-http", type=PORT, default=8123, show_default=True, help="ClickHouse's HTTP interface, read-only; 0: any free one.")
@click.option("--port-board", type=PORT, default=8124, show_default=True, help="The board; 0: any free one.")
@click.option("--port-kafka", type=PORT, help="Kafka, unless RTM_KAFKA names one; else its last port, else 9092. 0: any free one.")
@click.option("--only-tables", is_flag=True, help="Neither worker nor dispatcher: for rtm rebuild, after state or tables were lost.")
def up(folder: Path, port_http: int, port_board: int, port_kafka: int | None, *, only_tables: bool) -> None:
    """Run everything on this machine over one folder, until Ctrl-C: Kafka, worker, dispatcher, sink, tables, board.

    Kafka is started unless RTM_KAFKA names one. The dispatcher runs where the folder holds a routes.toml. What dies is named and
    started again; what dies too often stops the whole, with exit status 1. All listen on loopback only.

    \b
    Examples:
      rtm up
      rtm up --folder /tmp/clinic --port-http 8130 --port-board 8131
      rtm sql --warehouse chdb://$PWD/.rtm/up/warehouse "SELECT * FROM alerts"
    """
    from streams.kafka.jars import KafkaError  # noqa: PLC0415 - the help needs none of it
    from streams.settings import load_settings  # noqa: PLC0415
    from streams.supervisor import StartError  # noqa: PLC0415
    from streams.up import Places, UpError, run_up  # noqa: PLC0415

    places = Places(folder.resolve(), port_http, port_board, port_kafka, only_tables)
    try:
        run_up(places, load_settings(), click.echo)
    except (UpError, StartError, KafkaError) as error:
        raise click.ClickException(str(error)) from None
