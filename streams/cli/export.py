"""`rtm export`: the command line around `streams.warehouse.export`."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.replay import InstantParameter
from streams.cli.warehouse_option import warehouse_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.codecs import LineWriter
    from streams.warehouse.export import Exported


@click.command()
@click.option("--patient", "patients", multiple=True, metavar="PATIENT", help="Only this patient; may be repeated.")
@click.option("--clinic", metavar="CLINIC", help="Only facts of this clinic.")
@click.option("--from", "since", type=InstantParameter(), metavar="TIME", help="Only what was recorded at this time or later.")
@click.option("--to", "until", type=InstantParameter(), metavar="TIME", help="Only what was recorded before this time.")
@click.option("--chunks/--no-chunks", default=True, help="With raw samples (the default); without, what was derived from them is written.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write there (.gz, .zst: compressed)."
)
@click.option("--quiet", is_flag=True, help="No progress bar, no summary.")
@warehouse_option
def export(
    patients: tuple[str, ...],
    clinic: str | None,
    since: int | None,
    until: int | None,
    output: Path | None,
    warehouse: str,
    *,
    chunks: bool,
    quiet: bool,
) -> None:
    """Write facts back as JSON Lines of CloudEvents: to standard output, or to a file, which appears when it is complete.

    A replay of all of a warehouse's facts gives the same tables. What the pipeline derived from a session's samples is left out where
    they are written, for a replay derives it anew; a session whose samples are gone keeps it.

    \b
    Examples:
      rtm export -o everything.jsonl.zst
      rtm export --patient demo-01 --no-chunks
      rtm export --clinic north --from 2026-03-01T00:00:00Z -o march.jsonl.gz
    """
    from streams.progress import terminal_progress  # noqa: PLC0415 - the help needs none of it
    from streams.warehouse.connection import open_warehouse  # noqa: PLC0415
    from streams.warehouse.export import Selection, export_facts  # noqa: PLC0415

    if any(not patient for patient in patients):
        raise click.UsageError("--patient: a pseudonym is never empty")
    if since is not None and until is not None and since >= until:
        raise click.UsageError("--from must lie before --to")
    selection = Selection(patients, clinic, since, until, chunks)
    with (
        open_warehouse(warehouse, read_only=True) as opened,
        terminal_progress("facts", quiet=quiet) as progress,
        _writer(output) as writer,
    ):
        done = export_facts(opened, selection, writer.write, progress)
    if not quiet:
        for line in _told(done):
            click.echo(line, err=True)


def _told(done: Exported) -> Iterator[str]:
    left = f"; {done.derived_left_out} derived facts left out, for their samples are there" if done.derived_left_out else ""
    yield f"exported {done.facts} facts and {done.chunks} chunks of {done.patients} patients{left}"
    if done.sessions_without_samples:
        yield f"{done.sessions_without_samples} sessions have not all of their samples any more: what was derived from them is written"
    if done.as_of is not None:
        yield f"the same tables: rtm replay FILE --as-of {done.as_of}"


@contextmanager
def _writer(output: Path | None) -> Iterator[LineWriter]:
    """Lines to standard output, or to a file of the user's own that takes its name when all is written."""
    from schemas.codecs import LineWriter, open_whole  # noqa: PLC0415

    if output is None:
        stream = click.get_binary_stream("stdout")
        yield LineWriter(stream)
        stream.flush()
        return
    with open_whole(output, 0o600) as writer:
        yield writer
