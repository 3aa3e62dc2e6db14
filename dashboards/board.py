"""The embedded board: every panel's rows, asked for once, and one page that shows them.

In: a way to ask the warehouse (`streams.warehouse.connection.Warehouse.query` is one), nothing else: the time is the data's own, the newest
`issued_at`. Out: the HTML of a page that needs no network. A patient panel is asked once for all patients, not once each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from dashboards.macros import expand
from dashboards.page import page
from dashboards.panels import BOARDS, PANELS
from schemas.instants import DAY_SECONDS, SECOND, format_instant, parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dashboards.panel import Board, Panel

MOST_PATIENTS = 300
"""So many patients' courses stand in one page, the most urgent first."""

_MILLISECOND = 1_000_000
_ABOUT = """
SELECT maxOrNull(made), max(known), groupUniqArrayArray(clinics)
FROM (
    SELECT maxOrNull(issued_at) AS made, max(revision) AS known, groupUniqArray(toString(clinic_id)) AS clinics FROM rtm.patients
    UNION ALL
    SELECT maxOrNull(issued_at), max(revision), groupUniqArray(toString(clinic_id)) FROM rtm.adherence_window
    UNION ALL
    SELECT maxOrNull(issued_at), max(revision), groupUniqArray(toString(clinic_id)) FROM rtm.alerts
    UNION ALL
    SELECT maxOrNull(issued_at), max(revision), groupUniqArray(toString(clinic_id)) FROM rtm.events
)
"""
"""As of when, by which revision, for which clinics."""


class Answer(Protocol):
    """What a query gives: `streams.warehouse.connection.Result`."""

    @property
    def columns(self) -> Sequence[str]:
        """The columns' names."""

    @property
    def types(self) -> Sequence[str]:
        """The columns' ClickHouse types."""

    @property
    def rows(self) -> Sequence[Sequence[Any]]:
        """Rows of JSON values, instants as RFC 3339 text, dates as YYYY-MM-DD."""


@dataclass(frozen=True, slots=True)
class About:
    """Whence a page's data: as-of instant (ns; None in an empty warehouse), generation, clinics."""

    as_of: int | None
    generation: int
    clinics: tuple[str, ...]


class PanelError(Exception):
    """A panel's SQL gave other columns than the panel declares."""


def render(query: Callable[[str, dict[str, Any]], Answer], *, most_patients: int = MOST_PATIENTS) -> str:
    """The page, for all clinics of the current generation; beyond `most_patients` only the most urgent have their course in it.

    Raises what `query` raises, and PanelError.
    """
    about = read_about(query)
    rows: dict[str, Any] = {}
    parameters = _parameters(about, BOARDS["operations"])
    worklist = read_panel(query, PANELS["worklist"], parameters)
    place = PANELS["worklist"].columns.index("patient_id")
    patients = [row[place] for row in worklist[:most_patients]]
    for board in BOARDS.values():
        parameters = {**_parameters(about, board), "patient": patients}
        for panel in board.panels:
            found = worklist[:most_patients] if panel.id == "worklist" else read_panel(query, panel, parameters)
            rows[panel.id] = found if board.id == "operations" else _by_patient(found)
    zone = PANELS["worklist"].columns.index("timezone")
    listed = worklist[0][PANELS["worklist"].columns.index("listed")] if worklist else 0
    data = {
        "as_of": None if about.as_of is None else about.as_of // _MILLISECOND,
        "patients": patients,
        "zones": {row[place]: row[zone] for row in worklist},
        "rows": rows,
    }
    return page(data, about.as_of, about.generation, about.clinics, left_out=listed - len(patients))


def read_about(query: Callable[[str, dict[str, Any]], Answer]) -> About:
    """As of when, by which generation and for which clinics the warehouse speaks."""
    made, revision, clinics = query(_ABOUT, {}).rows[0]
    return About(None if made is None else parse_instant(made), int(revision) >> 48, tuple(sorted(clinics)))


def read_panel(query: Callable[[str, dict[str, Any]], Answer], panel: Panel, parameters: dict[str, Any]) -> list[list[Any]]:
    """A panel's rows as the page takes them: instants as ms since the epoch, dates as text, numbers to 4 decimals.

    PanelError for other columns than the panel declares.
    """
    expanded = expand(panel.sql)
    answer = query(expanded.sql, {name: parameters[name] for name in expanded.parameters})
    if not answer.rows:
        return []
    if tuple(answer.columns) != panel.columns:
        raise PanelError(f"the SQL of panel {panel.id} gives other columns than it declares")
    instants = [place for place, kind in enumerate(answer.types) if "DateTime" in kind]
    numbers = [place for place, kind in enumerate(answer.types) if "Float" in kind]
    rows = [list(row) for row in answer.rows]
    for row in rows:
        for place in instants:
            row[place] = None if row[place] is None else parse_instant(row[place]) // _MILLISECOND
        for place in numbers:
            row[place] = None if row[place] is None else round(row[place], 4)
    return rows


def _parameters(about: About, board: Board) -> dict[str, Any]:
    as_of = about.as_of or 0
    return {
        "from": _clickhouse_time(max(0, as_of - board.days * DAY_SECONDS * SECOND)),
        "to": _clickhouse_time(as_of),
        "clinic": list(about.clinics),
    }


def _clickhouse_time(instant: int) -> str:
    return format_instant(instant).replace("T", " ").removesuffix("Z")


def _by_patient(rows: list[list[Any]]) -> dict[str, list[list[Any]]]:
    found: dict[str, list[list[Any]]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row[1:])
    return found
