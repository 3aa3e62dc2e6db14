"""`rtm ack`, `rtm snooze`, `rtm close`: the command line around `streams.care.actions`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from schemas.instants import format_instant
from streams.cli.replay import InstantParameter
from streams.cli.warehouse_option import WrongUse, warehouse_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.care.actions import Action


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.argument("alert"),
        click.option("--staff", required=True, metavar="ID", help="Who does it."),
        click.option(
            "--events",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Embedded: add the event to this JSON Lines file, for the next replay, instead of sending it to Kafka.",
        ),
        warehouse_option,
    ):
        command = option(command)
    return command


def _do(alert: str, action: Action, staff: str, events: Path | None, warehouse: str, until: int | None = None) -> None:
    from streams.care import actions  # noqa: PLC0415 - the help needs none of it
    from streams.settings import load_settings  # noqa: PLC0415
    from streams.warehouse.connection import open_warehouse  # noqa: PLC0415

    if not staff:
        raise WrongUse("--staff: say who does it")
    if events is not None and events.suffix not in {".jsonl", ".json", ".ndjson"}:
        raise WrongUse("--events: a plain JSON Lines file (.jsonl), to which a line can be added")
    settings = load_settings()
    try:
        with open_warehouse(warehouse, read_only=True) as opened:
            known = actions.find_alert(opened, alert)
            at = actions.stream_time(opened) if events is not None or settings.clock == "log" else time.time_ns()
    except actions.ActionError as error:
        raise click.ClickException(str(error)) from None
    if until is not None and until <= at:
        raise WrongUse(f"--until: must lie after {format_instant(at)}")
    fact = actions.action_fact(known, action, staff, at, until)
    if events is None:
        actions.send(settings.kafka, fact)
        click.echo(f"{action}: {known.alert_id} ({known.rule}); the worker takes it up")
    else:
        actions.append(events, fact)
        click.echo(f"{action}: {known.alert_id} ({known.rule}); replay with {events} to see it")


@click.command()
@_options
def ack(alert: str, staff: str, events: Path | None, warehouse: str) -> None:
    """Take an alert on: it stays until it is over, and nobody else is told.

    ALERT is its id, or the beginning of it. The event goes to Kafka (RTM_KAFKA), or with --events into a file.

    \b
    Examples:
      rtm ack 5f0c2b1e --staff therapist-1
      rtm ack 5f0c2b1e --staff therapist-1 --events staff.jsonl && rtm replay events.jsonl staff.jsonl
    """
    _do(alert, "acknowledged", staff, events, warehouse)


@click.command()
@_options
@click.option("--until", type=InstantParameter(), metavar="TIME", help="RFC 3339 with an offset; by default as long as the rule says.")
def snooze(alert: str, staff: str, events: Path | None, warehouse: str, until: int | None) -> None:
    """Let an alert rest for a while: then it is told again, unless it is over; sooner when it gets worse.

    \b
    Examples:
      rtm snooze 5f0c2b1e --staff therapist-1
      rtm snooze 5f0c2b1e --staff therapist-1 --until 2026-03-24T08:00:00+01:00
    """
    _do(alert, "snoozed", staff, events, warehouse, until)


@click.command()
@_options
def close(alert: str, staff: str, events: Path | None, warehouse: str) -> None:
    """End an alert by hand: what still holds opens it again after the rule's cool-down, or when it gets worse.

    \b
    Examples:
      rtm close 5f0c2b1e --staff therapist-1
    """
    _do(alert, "closed", staff, events, warehouse)
