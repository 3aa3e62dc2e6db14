"""`rtm dispatch`: the command line around `streams.dispatch.dispatcher`."""

from __future__ import annotations

import signal
import threading

import click

from streams.cli.warehouse_option import WrongUse


@click.command()
def dispatch() -> int:
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
      RTM_ROUTES=/etc/rtm/routes.toml rtm dispatch
    """
    from streams.dispatch.dispatcher import Dispatcher  # noqa: PLC0415 - the help needs none of it
    from streams.dispatch.links import SecretError, links_of  # noqa: PLC0415
    from streams.dispatch.routes import RoutesError, load_routes  # noqa: PLC0415
    from streams.dispatch.watching import RoutesWatch  # noqa: PLC0415
    from streams.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    try:
        directory, links = load_routes(settings.routes), links_of(settings)
    except (RoutesError, SecretError) as error:
        raise WrongUse(str(error)) from None
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    dispatcher = Dispatcher(settings, directory, click.echo, RoutesWatch(settings.routes, directory), links)
    dispatcher.run(stop)
    click.echo("dispatch stopped: " + ", ".join(f"{count} {outcome}" for outcome, count in dispatcher.counts.items()))
    return 0
