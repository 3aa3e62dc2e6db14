"""`rtm dispatch`: the command line around `streams.dispatch.dispatcher`."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click
import orjson

from schemas.instants import SECOND, format_instant, parse_instant
from streams.cli.warehouse_option import WrongUse

if TYPE_CHECKING:
    from processors.routing import Routes


@click.command()
@click.option("--check", is_flag=True, help="Read the routes, show who would be told of an alert that nobody acknowledges, and end.")
@click.option("--at", metavar="TIME", help="With --check: when it opens, RFC 3339; else now.")
@click.option("--therapist", default="", metavar="ID", help="With --check: the alert's own therapist.")
@click.option("--json", "as_json", is_flag=True, help="With --check: one object a line.")
def dispatch(check: bool, at: str | None, therapist: str, as_json: bool) -> int:
    """Tell whoever is on call of alerts, until Ctrl-C or SIGTERM.

    Who is told what, when, and where is said by routes.toml (RTM_ROUTES), which is read anew whenever it changes: docs/delivery.md has all
    of it. A webhook is signed by Standard Webhooks; each message is delivered at least once, with the same webhook-id every time. Several
    dispatchers share the work.

    \b
      [[endpoints]]
      name = "on-call"
      url = "https://hooks.example.org/rtm"
      secret_env = "ON_CALL_SECRET"   # a variable that holds whsec_…; or secret_file = "…"
      clinics = ["*"]

    \b
    Examples:
      rtm dispatch
      rtm dispatch --check --at 2026-12-24T23:00:00+01:00
      RTM_ROUTES=/etc/rtm/routes.toml rtm dispatch
    """
    from streams.dispatch.dispatcher import Dispatcher  # noqa: PLC0415 - the help needs none of it
    from streams.dispatch.links import SecretError, links_of  # noqa: PLC0415
    from streams.dispatch.routes import RoutesError, load_routes  # noqa: PLC0415
    from streams.dispatch.watching import RoutesWatch  # noqa: PLC0415
    from streams.settings import load_settings  # noqa: PLC0415
    from streams.telemetry.health import watched  # noqa: PLC0415
    from streams.telemetry.lines import speaker  # noqa: PLC0415

    settings = load_settings()
    try:
        directory, links = load_routes(settings.routes), links_of(settings)
    except (RoutesError, SecretError) as error:
        raise WrongUse(str(error)) from None
    if check:
        _show(directory.routes, _instant(at), therapist, settings.alert_max_age, as_json=as_json)
        return 0
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    say = speaker(settings, "dispatch")
    dispatcher = Dispatcher(settings, directory, say, RoutesWatch(settings.routes, directory), links)
    with watched(settings):
        dispatcher.run(stop)
    say("dispatch stopped: " + ", ".join(f"{count} {outcome}" for outcome, count in dispatcher.counts.items()))
    return 0


def _instant(text: str | None) -> int:
    try:
        return time.time_ns() if text is None else parse_instant(text)
    except ValueError:
        raise WrongUse("--at must be a time as 2026-12-24T23:00:00+01:00") from None


def _show(routes: Routes, at: int, therapist: str, max_age_s: int, *, as_json: bool) -> None:
    """Who would be told of an alert of each clinic and severity."""
    from streams.dispatch.preview import preview  # noqa: PLC0415

    for clinic in routes.clinics or ["*"]:
        for severity in ("info", "warning", "urgent"):
            for telling in preview(routes, clinic, severity, therapist, at, max_age_s):
                if as_json:
                    row = {"clinic": clinic, "severity": severity, **asdict(telling), "at": format_instant(telling.at)}
                    click.echo(orjson.dumps(row).decode())
                else:
                    rota = routes.of(clinic).rota or routes.of(clinic).quiet
                    zone = ZoneInfo(rota.zone if rota else "UTC")
                    when = datetime.fromtimestamp(telling.at // SECOND, zone).isoformat(" ", "minutes")
                    whom = f"{telling.person or 'all alerts'} at {telling.endpoint}" if telling.endpoint else "nobody"
                    click.echo(f"{clinic}  {severity:7}  {when}  step {telling.step}: {whom}")
