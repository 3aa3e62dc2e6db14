"""`rtm motion FILE`: one recording in; its repetitions as a table, and a picture of them, out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from processors.motion_final import Derivation, whole_session
from processors.policy import Policy
from schemas.instants import format_instant
from streams.cli.board import write_page
from streams.cli.warehouse_option import WrongUse
from streams.recording.file import About, RecordingError, read_recording
from streams.recording.plot import HEADINGS, plot, rep_rows


def _calibration(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    from schemas.events import Calibration  # noqa: PLC0415 - only where it is asked for

    try:
        return Calibration.model_validate(json.loads(path.read_text(encoding="utf-8"))).model_dump(exclude_none=True)
    except ValueError:
        raise WrongUse(
            "--calibration: not a JSON object of axis_proximal, axis_distal, lever_proximal_m, lever_distal_m (3 numbers each), zero_deg"
        ) from None


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--session", help="Which session of a file of events.")
@click.option("--rate", type=click.FloatRange(0.1, 100_000), help="Samples a second, where the file has no times.")
@click.option("--joint", default="joint", help="CSV, npz: the joint.")
@click.option("--motion", help="CSV, npz: flexion, extension, …; tells which way is positive.")
@click.option("--calibration", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="CSV, npz: a JSON file as in a chunk.")
@click.option("--plot", "picture", type=click.Path(path_type=Path, dir_okay=False), default="motion.html", show_default=True)
@click.option("--no-plot", is_flag=True, help="Only the table.")
@click.option("--json", "as_json", is_flag=True, help="Repetitions as JSON, one object a line.")
def motion(
    file: Path,
    session: str | None,
    rate: float | None,
    joint: str,
    motion: str | None,
    calibration: Path | None,
    picture: Path,
    no_plot: bool,
    as_json: bool,
) -> None:
    """Analyse one recording: its repetitions, and a picture of angle, rate and borders.

    FILE is JSON Lines with the chunks of a session (also .gz, .zst), or a .csv or .npz with named columns:

    \b
      angle                                  deg
      gx gy gz                               rad/s
      w1 x1 y1 z1 w2 x2 y2 z2                unit quaternions
      ax1 ay1 az1 gx1 gy1 gz1 ax2 … gz2      m/s², rad/s

    1 is the proximal segment, 2 the distal one. An npz may hold one array named by the kind instead: gyr3, quat2, imu6x2 (or sensor).
    Times are a column t (s) or t_ns, fs in an npz, or --rate.

    \b
    Examples:
      rtm motion session.jsonl.gz
      rtm motion knee.csv --rate 100 --motion flexion --plot knee.html
      rtm motion hinge.npz --calibration axes.json --json --no-plot
    """
    if not no_plot and not picture.absolute().parent.is_dir():
        raise WrongUse(f"--plot: there is no folder {picture.absolute().parent}")
    about = About(rate_hz=rate, joint=joint, motion=motion, calibration=_calibration(calibration))
    try:
        name, chunks = read_recording(file, about, session)
    except RecordingError as error:
        raise click.ClickException(str(error)) from None
    online, better = whole_session(chunks, Policy().final_pass_bytes)
    shown = better or online
    if as_json:
        _as_json(shown)
    else:
        _as_table(shown)
    if not no_plot:
        write_page(picture, plot(name, online, better))
        click.echo(picture.absolute(), err=as_json)


def _as_json(shown: Derivation) -> None:
    for rep in shown.reps:
        row = {
            "rep": rep.number,
            "start_time": format_instant(rep.start),
            "duration_s": (rep.end - rep.start) / 1e9,
            "min_deg": rep.min_deg,
            "max_deg": rep.max_deg,
            "rom_deg": rep.rom_deg,
            "peak_rate_deg_s": rep.peak_rate_deg_s,
            "hold_s": rep.hold_s,
            "flags": rep.flags,
        }
        click.echo(json.dumps(row, allow_nan=False))


def _as_table(shown: Derivation) -> None:
    table = Table(box=None)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "flags" else "right")
    for row in rep_rows(shown):
        table.add_row(*row)
    console = Console(highlight=False)
    if shown.reps:
        console.print(table)
    summary = shown.summary
    parts = [f"{len(shown.reps)} repetitions"]
    if summary.rom_median_deg is not None and summary.rom_best_deg is not None:
        parts.append(f"range {summary.rom_median_deg:.1f}° (median), {summary.rom_best_deg:.1f}° (best)")
    if summary.sparc is not None:
        parts.append(f"SPARC {summary.sparc:.2f}")
    if summary.flags:
        parts.append("flags: " + ", ".join(summary.flags))
    console.print("; ".join(parts))
