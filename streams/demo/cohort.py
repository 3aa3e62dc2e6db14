"""The demo's cohort as one file. In: the recordings. Out: CloudEvents as JSON Lines in recorded order, the same bytes every time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.codecs import encode_line, open_writer
from streams.demo.knee import tell_knee
from streams.demo.shoulder import PATIENTS, tell_shoulder

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.facts import Fact
    from streams.demo.recordings import Recording

EVENTS_FILE = "events.jsonl.zst"


def make_cohort(recordings: list[Recording]) -> list[Fact]:
    """The facts of all patients by recorded time, event time, id."""
    diaries = [
        tell_shoulder(number, [recording for recording in recordings if recording.volunteer == number])
        for number in range(1, len(PATIENTS) + 1)
    ]
    facts = [fact for diary in (*diaries, tell_knee()) for fact in diary.facts]
    return sorted(facts, key=lambda fact: (fact.recorded, fact.time, fact.id))


def write_cohort(path: Path, recordings: list[Recording]) -> list[Fact]:
    """Write the cohort to `path` (`.jsonl`, `.gz` or `.zst`), and return its facts."""
    facts = make_cohort(recordings)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_writer(path) as writer:
        for fact in facts:
            writer.write(encode_line(fact))
    return facts
