"""`rtm dispatch`: the command line around `streams.dispatch.dispatcher`."""

from __future__ import annotations

import signal
import threading

import click

from streams.cli.warehouse_option import WrongUse


@click.command()
def dispatch() -> int:
    """Send alerts as signed webhooks, until Ctrl-C or SIGTERM.

    Where they go is said by routes.toml (RTM_ROUTES). An endpoint verifies the signature by Standard Webhooks; it gets an alert opened,
    reopened and resolved, at least once, each with the same webhook-id every time. Several dispatchers share the work.

    \b
      [[endpoints]]
      name = "on-call"
      url = "https://hooks.example.org/rtm"
      secret_env = "ON_CALL_SECRET"   # a variable that holds whsec_…; or secret_file = "…"
      clinics = ["*"]

    \b
    Examples:
      rtm dispatch
      RTM_ROUTES=/etc/rtm/routes.toml rtm dispatch
    """
    from streams.dispatch.dispatcher import Dispatcher  # noqa: PLC0415 - the help needs none of it
    from streams.dispatch.routes import RoutesError, load_routes  # noqa: PLC0415
    from streams.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    try:
        endpoints = load_routes(settings.routes)
    except RoutesError as error:
        raise WrongUse(str(error)) from None
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    dispatcher = Dispatcher(settings, endpoints, click.echo)
    dispatcher.run(stop)
    click.echo("dispatch stopped: " + ", ".join(f"{count} {outcome}" for outcome, count in dispatcher.counts.items()))
    return 0
