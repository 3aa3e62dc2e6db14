"""`rtm doctor`: every setting and where it came from, and whether all that this program needs is there."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING

import click
import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streams.doctor.finding import Finding


MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One object a line: settings, then findings.")
def doctor(as_json: bool) -> int:
    """Show every setting, its value and where it came from, and check all that this program needs: what is wrong, and what to do.

    Nothing is made or changed; secrets are hidden. A warning names what some commands lack. Exit status 1 when something is set that
    can't work.

    \b
    Examples:
      rtm doctor
      RTM_KAFKA=broker:9092 rtm doctor --json
    """
    from streams.doctor.live import check_live  # noqa: PLC0415 - the help needs none of it
    from streams.doctor.machine import check_machine  # noqa: PLC0415
    from streams.doctor.settings import check_rules, read_settings, shown_settings  # noqa: PLC0415
    from streams.doctor.tables import check_warehouse  # noqa: PLC0415

    settings, wrong = read_settings()
    shown = shown_settings(settings)
    if as_json:
        for each in shown:
            click.echo(orjson.dumps({"setting": each.name, "value": each.value, "source": each.source, "meaning": each.meaning}))
    else:
        width, wide = max(len(each.name) for each in shown), max(len(each.value) for each in shown)
        for each in shown:
            click.echo(f"{each.name:<{width}}  {each.value:<{wide}}  {each.source}")
        click.echo()
    states: Counter[str] = Counter()
    checks: list[Callable[[], Iterable[Finding]]] = [
        lambda: wrong,
        lambda: check_rules(settings),
        lambda: check_machine(settings),
        lambda: check_warehouse(settings.warehouse),
        lambda: check_live(settings),
    ]
    for finding in chain.from_iterable(check() for check in checks):
        states[finding.state] += 1
        remedy = f"\n      {finding.remedy}" if finding.remedy else ""
        click.echo(orjson.dumps(asdict(finding)) if as_json else f"{MARKS[finding.state]}  {finding.name}: {finding.said}{remedy}")
    if not as_json:
        click.echo(f"\n{states['fail']} to mend, {states['warn']} to know of")
    return 1 if states["fail"] else 0
