"""Lines of a reconciliation as JSON Lines: for the table `reconciliation`, and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.reconcile.line import Line


def as_record(line: Line) -> dict[str, Any]:
    """A line by its column names."""
    return {
        "check": line.check,
        "topic": line.topic,
        "partition": line.partition,
        "what": line.what,
        "expected": line.expected,
        "found": line.found,
        "most": line.most,
        "offset": line.offset,
        "state": line.state,
        "said": line.said,
    }


def row_lines(lines: Iterable[Line], generation: int, checked_at: str) -> bytes:
    """The rows of one reconciliation."""
    return b"".join(
        orjson.dumps({"checked_at": checked_at, "generation": generation, **as_record(line)}, option=orjson.OPT_APPEND_NEWLINE)
        for line in lines
    )
