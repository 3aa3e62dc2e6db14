"""A picture of one analysed recording: derivations in, one self-contained page of HTML out, which loads nothing.

It shows what the repetitions were sought in, its rate, and where each repetition begins and ends: what to look at when a count seems wrong.
"""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from processors.motion_final import Derivation

MOST_POINTS = 40_000

_SCRIPT = """
const data = JSON.parse(document.getElementById("data").textContent);
const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
function borders(u) {
  const ctx = u.ctx, {left, top, width, height} = u.bbox;
  ctx.save(); ctx.beginPath(); ctx.rect(left, top, width, height); ctx.clip();
  for (const rep of data.reps) {
    const from = u.valToPos(rep.start, "x", true), to = u.valToPos(rep.end, "x", true);
    ctx.fillStyle = style(rep.flags.length ? "--flagged" : rep.number % 2 ? "--odd" : "--even");
    ctx.fillRect(from, top, to - from, height);
    ctx.fillStyle = style("--ink"); ctx.font = 12 * devicePixelRatio + "px system-ui"; ctx.textAlign = "center";
    if (to - from > 14 * devicePixelRatio) ctx.fillText(rep.number, (from + to) / 2, top + 14 * devicePixelRatio);
  }
  ctx.restore();
}
const colours = ["--first", "--second", "--third"];
const sync = uPlot.sync("session");
const plots = data.charts.map(chart => new uPlot({
  width: innerWidth - 48, height: 320, title: chart.title, cursor: {sync: {key: sync.key}}, scales: {x: {time: false}},
  series: [{label: "s"}, ...chart.labels.map((label, k) => ({label, stroke: style(colours[k]), width: 1.5, spanGaps: false}))],
  axes: [{label: "s since the start", stroke: style("--ink")}, {label: chart.unit, stroke: style("--ink")}],
  hooks: {drawClear: [borders]},
}, [data.x, ...chart.values], document.getElementById("charts")));
addEventListener("resize", () => plots.forEach(plot => plot.setSize({width: innerWidth - 48, height: 320})));
"""

_STYLE = """
:root { --ink: #222; --paper: #fff; --odd: #2a7fb81a; --even: #2a7fb833; --flagged: #d9480f40; }
:root { --first: #1b6ca8; --second: #2b8a3e; --third: #a61e4d; }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #16181c; --first: #74b9ff; --second: #69db7c; --third: #faa2c1; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 24px; color: var(--ink); background: var(--paper); }
table { border-collapse: collapse; margin-top: 16px; } td, th { padding: 2px 12px; text-align: right; border-bottom: 1px solid #8884; }
"""


def plot(title: str, online: Derivation, better: Derivation | None) -> str:
    """The page."""
    shown = better or online
    trace = shown.trace
    instants, start = trace.instants, shown.course.start
    step = max(1, -(-len(instants) // MOST_POINTS))
    x = [round(float(t - start) / 1e9, 4) for t in instants[::step]]
    data: dict[str, Any] = {
        "x": x,
        "charts": _charts(online, better, step),
        "reps": [
            {"number": rep.number, "start": (rep.start - start) / 1e9, "end": (rep.end - start) / 1e9, "flags": rep.flags}
            for rep in shown.reps
        ],
    }
    script = _asset("uplot.min.js") + _SCRIPT
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
    block = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    flags = ", ".join(shown.summary.flags)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rep_rows(shown))
    head = "".join(f"<th>{escape(name)}</th>" for name in HEADINGS)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{escape(title)}</title><style>{_asset('uplot.min.css')}{_STYLE}</style><h1>{escape(title)}</h1>"
        f"<p>{len(shown.reps)} repetitions, derivation {shown.course.derivation}{': ' + escape(flags) if flags else ''}. "
        f"Shaded: repetitions; flagged ones in orange.</p>"
        f'<div id="charts"></div><table><tr>{head}</tr>{rows}</table><script type="application/json" id="data">{block}</script>'
        f"<script>{script}</script></html>"
    )


HEADINGS = ("rep", "start s", "duration s", "min deg", "max deg", "range deg", "peak deg/s", "hold s", "flags")


def rep_rows(derivation: Derivation) -> list[tuple[str, ...]]:
    """The table of repetitions as text, columns as in HEADINGS."""

    def shown(value: float | None, digits: int = 1) -> str:
        return "" if value is None else f"{value:.{digits}f}"

    return [
        (
            str(rep.number),
            shown((rep.start - derivation.course.start) / 1e9, 2),
            shown((rep.end - rep.start) / 1e9, 2),
            shown(rep.min_deg),
            shown(rep.max_deg),
            shown(rep.rom_deg),
            shown(rep.peak_rate_deg_s),
            shown(rep.hold_s, 2),
            ", ".join(rep.flags),
        )
        for rep in derivation.reps
    ]


def _numbers(values: Any) -> list[float | None]:
    return [round(float(value), 3) if np.isfinite(value) else None for value in values]


def _charts(online: Derivation, better: Derivation | None, step: int) -> list[dict[str, Any]]:
    shown = better or online
    instants, signal = shown.trace.instants, shown.trace.signal
    if signal.shape[1] > 1 or len(signal) != len(instants):
        rates = np.degrees((signal if len(signal) else shown.trace.samples)[::step, :3].astype(np.float64))
        return [{"title": "Angular rate", "unit": "deg/s", "labels": ["x", "y", "z"], "values": [_numbers(rates[:, k]) for k in range(3)]}]
    seconds = (instants - shown.course.start) / 1e9
    with np.errstate(all="ignore"):
        rate = np.gradient(signal[:, 0].astype(np.float64), seconds) if len(signal) > 1 else np.zeros(len(signal))
    labels, values = ["angle"], [_numbers(signal[::step, 0])]
    if better is not None:
        labels, values = ["final pass", "online"], [values[0], _numbers(online.trace.signal[::step, 0])]
    return [
        {"title": "Angle", "unit": "deg", "labels": labels, "values": values},
        {"title": "Rate", "unit": "deg/s", "labels": ["rate"], "values": [_numbers(rate[::step])]},
    ]


def _asset(name: str) -> str:
    return (files("dashboards") / "assets" / name).read_text(encoding="utf-8")
