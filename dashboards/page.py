"""The page around the data: HTML written here, styles, script and chart library from `dashboards/assets`, all inline.

In: the panels' rows. Out: one HTML file. Its content security policy forbids every load and every script but its own; data stands in a
JSON block in which no `<` is left, and the script puts it into the page as text only.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import asdict
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

from dashboards.panels import BOARDS
from schemas.instants import format_instant

if TYPE_CHECKING:
    from dashboards.panel import Board, Panel

SCRIPTS = ("uplot.min.js", "format.js", "tables.js", "heatmap.js", "charts.js", "board.js")
REFRESH = "refresh.js"
"""Only in a served page, which may ask where it came from for its data, and nobody else."""
STYLES = ("uplot.min.css", "board.css")
FIRST = "operations"
"""The board that shows first."""


def page(
    data: dict[str, Any], as_of: int | None, generation: int, clinics: tuple[str, ...], *, left_out: int, refresh_s: int | None = None
) -> str:
    """The HTML of the board over `data`; `left_out` patients have no course in it. With `refresh_s` it is one to be served."""
    served = refresh_s is not None
    names = SCRIPTS[1:] + ((REFRESH,) if served else ())
    script = _asset(SCRIPTS[0]) + '\n(() => {\n"use strict";\n' + "\n".join(_asset(name) for name in names) + "\n})();"
    named = [clinic for clinic in clinics if clinic]
    boards = {
        board.id: {"title": board.title, "panels": [_definition(board, panel) for panel in board.panels]} for board in BOARDS.values()
    }
    parts = {
        "hash": "sha256-" + b64encode(sha256(script.encode()).digest()).decode(),
        "connect": "; connect-src 'self'" if served else "",
        "styles": "\n".join(_asset(name) for name in STYLES),
        "generation": str(generation) if as_of is not None else "none",
        "clinics": f" · {escape(', '.join(named))}" if 0 < len(named) <= 3 else f" · {len(named)} clinics" if named else "",
        "left_out": f'<p class="note">Only the {len(data["patients"])} most urgent patients are in this page; {left_out} more are not.</p>'
        if left_out > 0
        else "",
        "links": "".join(
            f'<a id="to-{board.id}" href="#/{"" if board.id == FIRST else board.id}">{escape(board.title)}</a>'
            for board in BOARDS.values()
            if board.id != "patient"
        ),
        "views": "".join(_view(board) for board in BOARDS.values() if board.id != "patient"),
        "patient": _sections(BOARDS["patient"]),
        "whence": _whence(as_of, generation),
        "licence": escape(_asset("uplot.LICENSE")),
        "data": in_script({**data, "boards": boards, "refresh_s": refresh_s}),
        "script": script,
    }
    return Template(_asset("page.html")).substitute(parts)


def in_script(data: dict[str, Any]) -> str:
    """JSON in which nothing ends a script block."""
    return (
        json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        .replace("&", "\\u0026")
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )


def _view(board: Board) -> str:
    return (
        f'<section id="view-{board.id}" aria-labelledby="name-{board.id}" hidden><div class="lead"><h1 id="name-{board.id}" tabindex="-1">'
        f'{escape(board.question)}</h1></div><div class="panels">{_sections(board)}</div></section>'
    )


def _whence(as_of: int | None, generation: int) -> str:
    if as_of is None:
        return "The warehouse holds no complete generation yet: rtm replay or rtm demo makes one."
    return (
        f"Computed from the facts received up to {escape(format_instant(as_of))}, generation {generation}. "
        "Adherence is counted over known days only: a day on which nothing was heard is unknown, not zero. "
        "Patients appear under their pseudonyms; what is simulated says so in its condition. "
        "Decision support for therapists, no diagnosis."
    )


def _definition(board: Board, panel: Panel) -> dict[str, Any]:
    """What the script needs of a panel; a course's rows stand under their patient, so without the first column."""
    shown = asdict(panel)
    if board.id == "patient":
        shown["fields"] = shown["fields"][1:]
    del shown["variables"], shown["width"]
    return shown


def _sections(board: Board) -> str:
    return "".join(
        f'<section class="panel kind-{panel.kind}" id="panel-{panel.id}" style="--w:{panel.width}" aria-labelledby="title-{panel.id}">'
        f'<header><h2 id="title-{panel.id}">{escape(panel.title)}</h2><p class="question">{escape(panel.question)}</p></header>'
        f'<div class="body"></div></section>'
        for panel in board.panels
    )


def _asset(name: str) -> str:
    return (files("dashboards") / "assets" / name).read_text(encoding="utf-8")
