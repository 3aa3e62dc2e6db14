"""`rtm backtest`: the command line around `streams.backtest`."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from streams.cli.replay import InstantParameter
from streams.cli.warehouse_option import WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.backtest.measures import Figures
    from streams.backtest.running import Run
    from streams.backtest.truth import Truth

RULE_FILES = frozenset({".toml", ".json"})
TODAY = "today"


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="[RULES…] EVENTS…", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--truth", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The truth of a simulated cohort.")
@click.option("--as-of", type=InstantParameter(), metavar="TIME", help="The last tick; by default the newest recorded time.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line: a rule of a set of rules, a therapist's week, a kind of spell."
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
def backtest(files: tuple[Path, ...], truth: Path | None, as_of: int | None, *, as_json: bool, quiet: bool) -> None:
    """What other alert rules would have told: events replayed in process under today's rules and under each file of rules.

    RULES are files of changes to the pack (.toml, .json), as RTM_ALERT_RULES names one (docs/alerts.md); EVENTS files of events
    (.jsonl, .gz, .zst). Nothing is written and nothing is sent. With --truth, also what was caught of a simulated cohort.

    \b
    Examples:
      rtm backtest stricter.toml events.jsonl.zst
      rtm simulate --patients 200 --days 60 && rtm backtest simulated.jsonl.zst --truth simulated.truth.jsonl.zst
    """
    from streams.alert_rules import RulesError, read_rules  # noqa: PLC0415 - the help needs none of it
    from streams.backtest.measures import figures, sent  # noqa: PLC0415
    from streams.backtest.running import run  # noqa: PLC0415
    from streams.backtest.truth import Truth  # noqa: PLC0415
    from streams.progress import terminal_progress  # noqa: PLC0415
    from streams.settings import load_settings  # noqa: PLC0415

    rules = [path for path in files if path.suffix in RULE_FILES]
    events = [path for path in files if path.suffix not in RULE_FILES]
    if not events:
        raise WrongUse("EVENTS: name a file of events (.jsonl, .jsonl.gz, .jsonl.zst) to replay")
    policy = load_settings().policy()
    try:
        books = {TODAY: policy.alert_rules} | {str(path): read_rules(path) for path in rules}
    except RulesError as error:
        raise WrongUse(str(error)) from None
    known = Truth(truth) if truth else None
    for name, book in books.items():
        with terminal_progress(name, quiet=quiet or as_json) as progress:
            made = run(events, replace(policy, alert_rules=book), as_of=as_of, progress=progress)
        cool_downs = {rule.rule: rule.cool_down_days for rule in book.pack.rules} | {x.name: x.rule.cool_down_days for x in book.of("")}
        found = figures(made, cool_downs)
        lines = _json_lines(name, made, found, known, sent(made)) if as_json else _table_lines(name, made, found, known)
        for line in lines:
            click.echo(line)


def _json_lines(name: str, made: Run, found: list[Figures], truth: Truth | None, weeks: dict[tuple[str, int], int]) -> Iterator[str]:
    from streams.backtest.truth import caught, unexplained  # noqa: PLC0415

    beside = unexplained(made, truth) if truth else {}
    for each in found:
        said: dict[str, Any] = {"rules": name, **asdict(each)}
        if truth:
            said["unexplained"] = beside.get(each.rule, 0) if each.rule in beside or each is not found[-1] else sum(beside.values())
        yield orjson.dumps(said).decode()
    for (therapist, week), told in sorted(weeks.items()):
        yield orjson.dumps({"rules": name, "therapist": therapist, "week": week, "told": told}).decode()
    for spell in caught(made, truth) if truth else ():
        yield orjson.dumps({"rules": name, **asdict(spell), "share": spell.share}).decode()


def _table_lines(name: str, made: Run, found: list[Figures], truth: Truth | None) -> Iterator[str]:
    from streams.backtest.truth import caught, unexplained  # noqa: PLC0415

    beside = unexplained(made, truth) if truth else None
    yield f"{name}: {len(made.zones):,} patients, {len(made.therapists)} therapists, {made.weeks:.1f} weeks, {made.facts:,} facts"
    head = [
        "rule",
        "opened",
        "told",
        "a therapist·week",
        "a patient·fortnight",
        "median open",
        "stand",
        "flapped",
        "in cool-down",
        "nights",
    ]
    rows = [head + (["unexplained"] if beside is not None else [])]
    for x in found:
        open_h = "–" if x.median_open_h is None else f"{x.median_open_h:.0f} h"
        counts = [f"{x.told_a_therapist_and_week:.2f}", f"{x.told_a_patient_and_fortnight:.3f}", open_h]
        row = [x.rule, str(x.opened), str(x.told), *counts, str(x.standing), str(x.flapped), str(x.within_cool_down), str(x.nights)]
        if beside is not None:
            row.append(str(sum(beside.values()) if x is found[-1] else beside.get(x.rule, 0)))
        rows.append(row)
    yield from _aligned(rows)
    if truth:
        spells = [["spell", "simulated", "knowable", "told in time", "share", "median", "p95"]]
        for y in caught(made, truth):
            share = "–" if y.share is None else f"{100 * y.share:.1f} %"
            spells.append([y.what, str(y.spells), str(y.knowable), str(y.caught), share, _hours(y.median_h), _hours(y.p95_h)])
        yield ""
        yield from _aligned(spells)
    yield ""


def _hours(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} h"


def _aligned(rows: list[list[str]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = zip(row[1:], widths[1:], strict=True)
        yield "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in cells)]).rstrip()
