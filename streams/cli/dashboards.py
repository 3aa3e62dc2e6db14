"""`rtm dashboards`: Grafana's dashboards written to files, put on a server, and compared with what a server holds."""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli.warehouse_option import WrongUse
from streams.grafana.server import Grafana
from streams.settings import SettingsError, load_settings
from streams.warehouse.dsn import ServerAddress, parse_dsn

if TYPE_CHECKING:
    from streams.settings import Settings


def _day(_context: click.Context, _parameter: click.Parameter, value: str | None) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("must be a date, YYYY-MM-DD") from None


until_option = click.option(
    "--until", metavar="DATE", callback=_day, help="For data of the past: look back from the end of this day (UTC), not from now."
)


@click.group()
def dashboards() -> None:
    """Grafana's dashboards: write them to files, put them on a server, compare.

    \b
    Where Grafana is, and the token of a service account that may write:
      RTM_GRAFANA          http://127.0.0.1:3000
      RTM_GRAFANA_TOKEN    or RTM_GRAFANA_TOKEN_FILE, the file that holds it
      RTM_GRAFANA_WAREHOUSE  how Grafana itself reaches ClickHouse (clickhouse://user:password@host:8123/rtm);
                           where it is set, push makes the datasource too

    \b
    Examples:
      RTM_GRAFANA_TOKEN_FILE=token rtm dashboards push
      rtm dashboards diff
    """


@dashboards.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@until_option
def export(folder: Path, until: date | None) -> None:
    """Write every dashboard into FOLDER, rendered anew from the panels' definitions. Needs the extra `grafana`.

    \b
    Examples:
      rtm dashboards export /tmp/dashboards
      rtm dashboards export /tmp/demo --until 2026-03-23
    """
    try:
        from dashboards.grafana.render import render_all, text  # noqa: PLC0415 - only here the SDK is needed
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is not installed: pip install 'rtm[grafana]'") from None
    folder.mkdir(parents=True, exist_ok=True)
    for uid, dashboard in render_all(until).items():
        (folder / f"{uid}.json").write_text(text(dashboard), encoding="utf-8")
        click.echo(folder / f"{uid}.json")


@dashboards.command()
@until_option
def push(until: date | None) -> None:
    """Make the server hold the folder, the datasource and the dashboards, whatever was changed there by hand.

    What was overwritten stays in the server's history of versions.

    Example: RTM_GRAFANA_TOKEN_FILE=token rtm dashboards push
    """
    settings = load_settings()
    for done in _server(settings).push(_held(until), _datasource(settings)):
        click.echo(f"{done.what}: {done.how}")


@dashboards.command()
@until_option
def diff(until: date | None) -> int:
    """Tell what was changed on the server by hand, a line each. Exit status 1 when anything differs.

    Example: rtm dashboards diff
    """
    differ = False
    for uid, lines in _server(load_settings()).diff(_held(until)):
        for line in lines:
            click.echo(f"{uid}: {line}")
        differ |= bool(lines)
    return int(differ)


def _held(until: date | None) -> dict[str, dict[str, Any]]:
    """The dashboards as they are shipped, by uid; with `until` over another range."""
    found: dict[str, dict[str, Any]] = {}
    for entry in sorted((files("infra") / "grafana" / "dashboards").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".json"):
            dashboard = json.loads(entry.read_text(encoding="utf-8"))
            found[dashboard["uid"]] = dashboard if until is None else _moved(dashboard, until)
    return found


def _moved(dashboard: dict[str, Any], until: date) -> dict[str, Any]:
    days = int(dashboard["time"]["from"].removeprefix("now-").removesuffix("d"))
    start = date.fromordinal(until.toordinal() - days)
    return {**dashboard, "refresh": "", "time": {"from": f"{start}T00:00:00.000Z", "to": f"{until}T23:59:59.000Z"}}


def _server(settings: Settings) -> Grafana:
    if settings.grafana_token is not None:
        token = settings.grafana_token.get_secret_value().strip()
    elif settings.grafana_token_file is not None:
        token = settings.grafana_token_file.read_text(encoding="utf-8").strip()
    else:
        raise WrongUse("no token: set RTM_GRAFANA_TOKEN, or RTM_GRAFANA_TOKEN_FILE to the file that holds it")
    if not token or not token.isascii():
        raise WrongUse("the token is empty, or no token: it is what Grafana shows once when a service account's token is made")
    return Grafana(settings.grafana, token)


def _datasource(settings: Settings) -> ServerAddress | None:
    if settings.grafana_warehouse is None:
        return None
    address = parse_dsn(settings.grafana_warehouse.get_secret_value())
    if not isinstance(address, ServerAddress):
        raise SettingsError("RTM_GRAFANA_WAREHOUSE: Grafana reaches a ClickHouse server only, clickhouse://user:password@host:8123/rtm")
    return address
