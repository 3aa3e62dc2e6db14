"""`outcomes`: patient-reported outcomes and tests of function against the episode's first, judged by the MCID.

A score changes its own row; the episode's first of a measure and side changes all rows of that measure and side.
"""

from __future__ import annotations

from collections.abc import Iterable

from processors.metrics import Rows, key_text
from processors.packs import Mcid, mcid_pack
from processors.summary import ScoreSeen
from schemas.instants import format_instant

CLOSE = 1e-9


def meaning(change: float, mcid: Mcid) -> str:
    """`improved`, `unchanged` or `worse`."""
    good = change if mcid.higher_is_better else -change
    if good >= mcid.value - CLOSE:
        return "improved"
    return "worse" if good <= -mcid.value + CLOSE else "unchanged"


def rows(scores: Iterable[ScoreSeen]) -> Rows:
    """The rows of `outcomes` of one episode."""
    standing: dict[tuple[str, str, int], ScoreSeen] = {}
    for score in sorted(scores, key=lambda s: (s.measure, s.side, s.time, s.id, s.source)):
        standing[score.measure, score.side, score.time] = score
    made: Rows = {}
    first: dict[tuple[str, str], float] = {}
    known = mcid_pack()
    for (measure, side, time), score in standing.items():
        base = first.setdefault((measure, side), score.value)
        mcid = known.get(measure)
        made[key_text(measure, side, format_instant(time))] = {
            "measure": measure,
            "side": side,
            "event_time": format_instant(time),
            "value": score.value,
            "baseline": base,
            "change": score.value - base,
            "mcid": mcid.value if mcid else None,
            "meaning": meaning(score.value - base, mcid) if mcid else None,
        }
    return made
