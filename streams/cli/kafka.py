"""`rtm kafka start|stop|status`: a folder comes in, one line about the Kafka that lives there goes out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
import orjson

from streams.kafka import server as kafka_server
from streams.settings import load_settings

FOLDER = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where its data, log and settings are; else RTM_KAFKA_FOLDER, .rtm/kafka here.",
)


@click.group(no_args_is_help=False)
def kafka() -> None:
    """A real Kafka on this machine, on loopback, without Docker.

    RTM_KAFKA names any other cluster; then this isn't needed.

    Example: rtm kafka start && rtm topics
    """


@kafka.command()
@FOLDER
@click.option("--port", type=click.IntRange(0, 65535), help="Where it listens; else its last port, else 9092. 0: any free one.")
def start(folder: Path | None, port: int | None) -> None:
    """Start it and wait until it answers. Safe to run again.

    Example: rtm kafka start --port 9093 && RTM_KAFKA=127.0.0.1:9093 rtm topics
    """
    folder = folder or load_settings().kafka_folder
    broker = kafka_server.start(folder, port)
    how = "runs already" if broker.ran_already else "is ready"
    click.echo(f"Kafka {broker.version} {how} at {broker.bootstrap} (pid {broker.pid}, {folder})")


@kafka.command()
@FOLDER
def stop(folder: Path | None) -> None:
    """End it in good order; what it holds stays.

    Example: rtm kafka stop
    """
    folder = folder or load_settings().kafka_folder
    pid = kafka_server.stop(folder)
    click.echo(f"Kafka stopped ({folder})" if pid else f"no Kafka runs in {folder}")


@kafka.command()
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="One object.")
def status(folder: Path | None, as_json: bool) -> None:
    """Say whether it runs, where, and which version.

    Example: rtm kafka status
    """
    found = kafka_server.status(folder or load_settings().kafka_folder)
    if as_json:
        click.echo(orjson.dumps(asdict(found)))
    elif found.state == "stopped":
        click.echo(f"stopped ({found.folder})")
    else:
        state = "running" if found.state == "running" else "not answering"
        click.echo(f"{state} at {found.bootstrap}: Kafka {found.version}, pid {found.pid} ({found.folder})")
