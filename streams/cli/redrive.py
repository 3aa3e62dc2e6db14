"""`rtm redrive`: the command line around `streams.redrive`."""

from __future__ import annotations

import sys

import click
import orjson

from streams.cli.replay import InstantParameter


@click.command()
@click.option("--reason", "reasons", multiple=True, help="Only these reasons; by default all that a fix can mend.")
@click.option("--topic", help="Only what lay in this topic, or in a file of this name that rtm send read.")
@click.option("--partition", type=click.IntRange(0), help="Only what lay in this partition.")
@click.option(
    "--offset", "first", type=click.IntRange(0), help="Only what lay at this offset (of a file: the line), or from it on with --to."
)
@click.option("--to", "last", type=click.IntRange(0), help="The last offset, inclusive.")
@click.option("--since", type=InstantParameter(), metavar="TIME", help="Only what was set aside at this time or later.")
@click.option("--until", type=InstantParameter(), metavar="TIME", help="Only what was set aside before this time.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and send nothing.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--force", is_flag=True, help="Send even what was sent again before.")
@click.option("--json", "as_json", is_flag=True, help="The summary as one object.")
def redrive(
    reasons: tuple[str, ...],
    topic: str | None,
    partition: int | None,
    first: int | None,
    last: int | None,
    since: int | None,
    until: int | None,
    *,
    dry_run: bool,
    yes: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Send dead letters again, after what was wrong with them is mended.

    Reasons that a fix can mend: misplaced, unparsable, unknown_type, invalid, crash. The record goes out with its original bytes and
    headers, and a header rtm-redriven-from; one that lay wrong goes where its type and subject say. What was sent again before is left
    out. What is refused once more is a new dead letter. Exit status 1 when something that was chosen can't be sent.

    \b
    Examples:
      rtm redrive --reason crash --dry-run
      rtm redrive --reason misplaced --topic rtm.events.v1 --since 2026-03-01T00:00:00Z --yes
      rtm redrive --topic rtm.sensor.v1 --partition 3 --offset 1200 --to 1300
    """
    from streams.progress import terminal_progress  # noqa: PLC0415 - the help needs none of it
    from streams.redrive.letters import MENDABLE, NOT_MENDABLE, Chosen  # noqa: PLC0415
    from streams.redrive.run import carry_out, plan  # noqa: PLC0415
    from streams.settings import load_settings  # noqa: PLC0415

    for reason in reasons:
        if reason in NOT_MENDABLE:
            raise click.UsageError(f"--reason {reason}: no fix mends it, so it would be a dead letter again; only {', '.join(MENDABLE)}")
        if reason not in MENDABLE:
            raise click.UsageError(f"--reason: not a reason that can be mended; one of {', '.join(MENDABLE)}")
    if last is not None and first is None:
        raise click.UsageError("--to needs --offset")
    settings = load_settings()
    chosen = Chosen(frozenset(reasons or MENDABLE), topic, partition, first, first if last is None else last, since, until)
    made = plan(settings, chosen, force=force)
    if not as_json:
        for (reason, where, target), count in sorted(made.counts().items()):
            click.echo(f"{count:>8}  {reason:<13} {where} to {target}")
        for why, count in sorted(made.refused.items()):
            click.echo(f"{count:>8}  not sent: {why}")
    if made.ready and not dry_run and not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("nobody is there to be asked: give --yes, or --dry-run to look only")
        click.confirm(f"Send {len(made.ready)} records again?", abort=True)
    sent = 0
    if made.ready and not dry_run:
        with terminal_progress("records", quiet=as_json) as progress:
            sent = carry_out(settings, made, progress)
    refused = sum(made.refused.values())
    if as_json:
        click.echo(orjson.dumps({"chosen": len(made.ready), "sent": sent, "sent_before": made.before, "not_sent": dict(made.refused)}))
    else:
        would = f"{len(made.ready)} would be sent" if dry_run else f"{sent} sent"
        click.echo(f"{would}, {made.before} were sent again before, {refused} can't be sent")
    return 1 if refused else 0
