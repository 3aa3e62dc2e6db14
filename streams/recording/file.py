"""One recording in a file, as chunks of one session: our JSON Lines, a CSV or an npz with named columns in, chunks by `seq` out.

In CSV and npz the columns' names say the kind; a column `t` (s) or `t_ns` says when, or else `fs` (npz) or the rate that is given.
"""

from __future__ import annotations

import csv
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from processors.motion_facts import chunk_of
from processors.motion_state import Chunk
from schemas.codecs import decode_line, read_lines
from schemas.events import SensorChunk
from schemas.facts import Fact, Unusable
from schemas.instants import SECOND
from schemas.samples import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

COLUMNS: dict[str, tuple[str, ...]] = {
    "imu6x2": tuple(f"{sensor}{axis}{number}" for number in (1, 2) for sensor in ("a", "g") for axis in "xyz"),
    "quat2": tuple(f"{part}{number}" for number in (1, 2) for part in "wxyz"),
    "gyr3": ("gx", "gy", "gz"),
    "angle": ("angle",),
}
"""The columns of each kind, in the order of its channels."""

ALIASES = {"sensor": "imu6x2"}
ROWS = 500


class RecordingError(Exception):
    """A file holds no recording that can be analysed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class About:
    """What a file of bare columns doesn't say of its session."""

    rate_hz: float | None = None
    joint: str = "joint"
    motion: str | None = None
    side: str = ""
    calibration: dict[str, Any] | None = None


def read_recording(path: Path, about: About, session_id: str | None = None) -> tuple[str, list[Chunk]]:
    """The session's name and its chunks by ascending `seq`. RecordingError where there is none, OSError where the file can't be read."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if ".npz" in suffixes:
        return path.stem, _from_columns(_npz(path), about)
    if ".csv" in suffixes:
        return path.stem, _from_columns(_csv(path), about)
    if ".jsonl" in suffixes or ".json" in suffixes or ".ndjson" in suffixes:
        return _from_events(path, session_id)
    raise RecordingError(f"{path.name}: not a kind of file that is known: .jsonl (also .gz, .zst), .csv or .npz")


def _from_events(path: Path, session_id: str | None) -> tuple[str, list[Chunk]]:
    sessions: dict[tuple[str, str], dict[int, Chunk]] = {}
    unusable = 0
    for _, line in read_lines(path):
        try:
            fact = decode_line(line)
        except Unusable:
            unusable += 1
            continue
        if isinstance(fact, Fact) and isinstance(fact.data, SensorChunk):
            chunk = chunk_of(fact, fact.data)
            sessions.setdefault((fact.subject, fact.data.session_id), {}).setdefault(chunk.seq, chunk)
    names = sorted({session for _, session in sessions})
    if not sessions:
        raise RecordingError(f"{path.name}: no rtm.sensor.chunk.v1 in it" + (f" ({unusable} lines can't be read)" if unusable else ""))
    wanted = [key for key in sessions if session_id is None or key[1] == session_id]
    if len(wanted) != 1:
        said = "no session of that name" if not wanted else "more than one session"
        raise RecordingError(f"{path.name}: {said}; --session one of: {', '.join(names[:20])}")
    chunks = sessions[wanted[0]]
    return wanted[0][1], [chunks[seq] for seq in sorted(chunks)]


def _npz(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as data:
            return {ALIASES.get(name, name): data[name] for name in data.files}
    except (ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise RecordingError(f"{path.name}: not an npz of plain arrays") from error


def _csv(path: Path) -> dict[str, NDArray[Any]]:
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        rows = list(csv.reader(file))
    if len(rows) < 2:
        raise RecordingError(f"{path.name}: a CSV needs a line of column names and rows below it")
    names = [name.strip() for name in rows[0]]
    values: dict[str, NDArray[Any]] = {}
    for column, name in enumerate(names):
        kind = np.int64 if name == "t_ns" else np.float64
        try:
            values[name] = np.array([row[column].strip() or "nan" for row in rows[1:] if row], dtype=object).astype(kind)
        except (IndexError, ValueError, OverflowError):
            if name in {"t", "t_ns", *(column for columns in COLUMNS.values() for column in columns)}:
                raise RecordingError(f"{path.name}: column {name}: not a number in every row") from None
    return values


def _from_columns(columns: Mapping[str, NDArray[Any]], about: About) -> list[Chunk]:
    kind, samples = _samples(columns)
    t0, rate = _timing(columns, len(samples), about)
    period = SECOND / rate
    chunks = []
    for seq, first in enumerate(range(0, len(samples), ROWS)):
        part = samples[first : first + ROWS]
        chunks.append(
            Chunk(
                seq=seq,
                recorded=t0 + int(len(samples) * period),
                clinic=None,
                exercise_id=None,
                joint=about.joint,
                motion=about.motion,
                side=about.side,
                t0=t0 + int(first * period),
                rate_hz=rate,
                kind=kind,
                last=first + ROWS >= len(samples),
                calibration=about.calibration,
                samples=part.tobytes(),
            )
        )
    return chunks


def _samples(columns: Mapping[str, NDArray[Any]]) -> tuple[str, NDArray[np.float32]]:
    for kind, names in COLUMNS.items():
        if kind in columns and kind != "angle":
            array = columns[kind]
        elif all(name in columns for name in names):
            array = np.stack([np.ravel(columns[name]) for name in names], axis=1)
        else:
            continue
        if array.dtype.kind not in "iuf" or array.ndim != 2 or array.shape[1] != CHANNELS[kind] or not len(array):
            raise RecordingError(f"{kind}: must be rows of {CHANNELS[kind]} numbers")
        with np.errstate(over="ignore"):
            return kind, array.astype("<f4")
    wanted = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in COLUMNS.items())
    raise RecordingError(f"no columns that make a recording. Wanted, by kind: {wanted} (npz: also an array named by the kind)")


def _timing(columns: Mapping[str, NDArray[Any]], n: int, about: About) -> tuple[int, float]:
    """The first instant (ns) and the rate (Hz)."""
    scale = 1.0 if "t_ns" in columns else 1e9
    times = columns.get("t_ns", columns.get("t"))
    if times is not None and len(times) == n and n > 1 and times.dtype.kind in "iuf":
        span = float(times[-1] - times[0]) * scale
        if not span > 0:
            raise RecordingError("t, t_ns: the times do not go forward")
        first = float(times[0]) * scale if scale != 1.0 else int(times[0])
        return (int(first) if 0 <= first < 2**62 else 0), (n - 1) * 1e9 / span
    rate = about.rate_hz
    if rate is None and "fs" in columns and columns["fs"].size == 1 and columns["fs"].dtype.kind in "iuf":
        rate = float(columns["fs"].reshape(-1)[0])
    if rate is None or not 0 < rate < 1e6:
        raise RecordingError("nothing says when the samples were taken: a column t (s) or t_ns, fs in an npz, or --rate")
    return 0, rate
