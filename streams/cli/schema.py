"""`rtm schema`: prints the schemas of what flows, made from the models."""

from __future__ import annotations

from pathlib import Path

import click
import orjson


@click.command()
@click.option(
    "--format",
    "kind",
    type=click.Choice(["json-schema", "asyncapi"]),
    default="json-schema",
    show_default=True,
    help="JSON Schema of the events and rows, or AsyncAPI of the topics.",
)
@click.option("--output", type=click.Path(dir_okay=False, writable=True, path_type=Path), metavar="FILE", help="Write it to FILE.")
def schema(kind: str, output: Path | None) -> None:
    """Print the schemas of what flows through rtm, as JSON.

    json-schema: every event type and the row of every table (JSON Schema, draft 2020-12). asyncapi: the Kafka topics, their messages and
    who sends and receives them (AsyncAPI 3.0).

    \b
    Examples:
      rtm schema > events.schema.json
      rtm schema --format asyncapi --output asyncapi.json
    """
    from schemas.documents import asyncapi, json_schema  # noqa: PLC0415 - the help needs no models

    document = asyncapi() if kind == "asyncapi" else json_schema()
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if output is None:
        click.echo(text.decode(), nl=False)
    else:
        output.write_bytes(text)
