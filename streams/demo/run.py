"""The whole demo, embedded. In: a folder. Out: the events, the warehouse and the board in it, and what they showed.

recordings ─▶ events.jsonl.zst ─▶ replay ─▶ chDB ─▶ board.html, summary
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dashboards.board import render
from processors.policy import Policy
from streams.cli.board import write_page
from streams.demo.cohort import EVENTS_FILE, write_cohort
from streams.demo.diary import AS_OF
from streams.demo.outcome import Outcome, Places, read_outcome
from streams.demo.recordings import read_recordings
from streams.replay.files import replay
from streams.warehouse.connection import open_warehouse

if TYPE_CHECKING:
    from pathlib import Path

    from streams.progress import Progress

TICK_S = 900


def run_demo(folder: Path, progress: Progress) -> Outcome:
    """Make the demo in `folder`, again if it is there; NoRecordingsError when the recordings aren't installed."""
    began = time.monotonic()
    places = Places(folder / EVENTS_FILE, f"chdb://{folder / 'warehouse'}", folder / "board.html")
    progress.phase("reading the recordings")
    recordings = read_recordings()
    write_cohort(places.events, recordings)
    with open_warehouse(places.warehouse) as warehouse:
        replayed = replay([places.events], warehouse, policy=Policy(tick_s=TICK_S), as_of=AS_OF, progress=progress)
        progress.phase("drawing the board")
        write_page(places.board, render(warehouse.query))
        return read_outcome(warehouse, recordings, replayed, places, time.monotonic() - began)
