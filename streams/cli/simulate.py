"""`rtm simulate`: the command line around `streams.simulate`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click
import orjson

from schemas.instants import format_day, parse_day
from streams.cli.warehouse_option import WrongUse

DEFAULT_OUTPUT = "simulated.jsonl.zst"
EARLIEST, LATEST = parse_day("1901-01-01"), parse_day("2261-12-31")
"""Within what an instant can hold, with room for the procedure before and what comes late."""


def _truth_beside(output: Path) -> Path:
    """The file of truth beside a file of events: `a.jsonl.zst` has `a.truth.jsonl.zst`."""
    name, dot, suffixes = output.name.partition(".jsonl")
    return output.with_name(f"{name}.truth{dot or '.jsonl'}{suffixes}")


@click.command()
@click.option("--patients", type=click.IntRange(1, 99_999), default=100, show_default=True, help="How many patients.")
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How many days from the first date on.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--first-date", default="2026-03-02", show_default=True, metavar="DATE", help="The first day of the first patients.")
@click.option("--faults", default="", metavar="NAME=RATE,…", help="What goes wrong and how often; all=RATE sets every fault.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), default=DEFAULT_OUTPUT, show_default=True, help="Events; - is stdout."
)
@click.option("--truth", type=click.Path(dir_okay=False, path_type=Path), help="What was really done; by default beside the events.")
@click.option("--samples", is_flag=True, help="Sensed sessions as chunks of samples instead of repetitions: larger.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def simulate(
    patients: int, days: int, seed: int, first_date: str, faults: str, output: Path, truth: Path | None, *,
    samples: bool, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Simulate a cohort: events in recorded order, and beside them the truth, to hold the tables against.

    Patients differ by condition, behaviour, device and time zone; docs/simulate.md says what is written, and every fault.

    \b
    Examples:
      rtm simulate --patients 200 --days 60
      rtm simulate --patients 50 --faults duplicates=0.02,late=0.05,offline=0.02 --output noisy.jsonl.gz
      rtm simulate --patients 20 --days 14 --samples && rtm replay simulated.jsonl.zst
    """
    from streams.progress import terminal_progress  # noqa: PLC0415 - the help needs none of it
    from streams.simulate.cohort import open_lines  # noqa: PLC0415
    from streams.simulate.cohort import simulate as make  # noqa: PLC0415
    from streams.simulate.faults import parse_faults  # noqa: PLC0415
    from streams.simulate.life import Frame  # noqa: PLC0415

    try:
        rates, first = parse_faults(faults), parse_day(first_date)
    except ValueError as error:
        raise WrongUse(f"--faults or --first-date: {error}") from None
    if not EARLIEST <= first <= LATEST - days:
        raise WrongUse(f"--first-date: the days must lie between {format_day(EARLIEST)} and {format_day(LATEST)}")
    to_stdout = str(output) == "-"
    if to_stdout and truth is None:
        raise WrongUse("--output -: name a file for the --truth too")
    beside = truth or _truth_beside(output)
    began = time.monotonic()
    frame = Frame(seed, patients, first, days, samples)
    with (
        open_lines(None if to_stdout else output, sys.stdout.buffer) as events,
        open_lines(beside, None) as told,
        terminal_progress("done", quiet=quiet) as progress,
    ):
        made = make(frame, rates, events.write, told.write, progress)
    made.seconds = time.monotonic() - began
    summary = made.to_json() | {"output": str(output), "truth": str(beside)}
    if as_json:
        click.echo(orjson.dumps(summary).decode(), err=to_stdout)
        return
    click.echo(
        f"{made.patients:,} patients, {made.facts:,} facts in {made.seconds:.1f} s ({summary['facts_per_s']:,}/s)\n"
        f"events: {output}\ntruth:  {beside}\nreplay: rtm replay {output} --as-of {summary['as_of']}",
        err=True,
    )
