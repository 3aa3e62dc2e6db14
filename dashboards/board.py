"""The embedded board: every panel's rows, and the page that shows them.

In: a way to ask the warehouse (`streams.warehouse.connection.Warehouse.query` is one), nothing else: the time is the data's own, the newest
`issued_at`. Out: either the HTML of one page that needs no network and holds every patient's course (`render`), or, for a board that is
served, a page with the overviews only (`render_served`), their rows anew (`overview`) and one patient's course at a time (`course`).
A patient panel is asked once for all patients of a page, not once each.
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

MOST_LISTED = 1000
"""So many patients a served board lists, as many as the worklist's SQL gives."""

COURSE = "patient"
"""The board of one patient's course."""

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

_THERAPISTS = "SELECT DISTINCT therapist_id FROM rtm.patients UNION DISTINCT SELECT DISTINCT therapist_id FROM rtm.alerts"
_LEFT_LATELY = """
SELECT patient_id, any(timezone)
FROM rtm.patients
GROUP BY patient_id
HAVING maxOrNull(discharged_on) >= toDate({from:DateTime64(9, 'UTC')}) AND count() = countIf(discharged_on IS NOT NULL)
ORDER BY max(discharged_on) DESC, patient_id
"""
"""Who was discharged within the range and is in no other episode: no work any more, but a course to look at."""


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
    """Whence a page's data: as-of instant (ns; None in an empty warehouse), generation, clinics, therapists."""

    as_of: int | None
    generation: int
    clinics: tuple[str, ...]
    therapists: tuple[str, ...]


class PanelError(Exception):
    """A panel's SQL gave other columns than the panel declares."""


def render(query: Callable[[str, dict[str, Any]], Answer], *, most_patients: int = MOST_PATIENTS) -> str:
    """The page, for all clinics of the current generation; beyond `most_patients` only the most urgent have their course in it.

    Raises what `query` raises, and PanelError.
    """
    about = read_about(query)
    data = _overview(query, about, most_patients)
    data["courses"] = _courses(query, about, data["patients"])
    return page(data, about.as_of, about.generation, about.clinics, left_out=data["listed"] - len(data["patients"]))


def render_served(query: Callable[[str, dict[str, Any]], Answer], refresh_s: int) -> str:
    """The page of a served board: the overviews are in it and refreshed every `refresh_s` seconds, courses are asked for one by one."""
    about = read_about(query)
    return page(_overview(query, about, MOST_LISTED), about.as_of, about.generation, about.clinics, left_out=0, refresh_s=refresh_s)


def overview(query: Callable[[str, dict[str, Any]], Answer]) -> dict[str, Any]:
    """What a served page shows beside the courses, anew."""
    return _overview(query, read_about(query), MOST_LISTED)


def course(query: Callable[[str, dict[str, Any]], Answer], patient: str) -> dict[str, Any]:
    """One patient's rows by panel; of a patient who isn't there all are empty."""
    return _courses(query, read_about(query), [patient]).get(patient, {})


def _overview(query: Callable[[str, dict[str, Any]], Answer], about: About, most_patients: int) -> dict[str, Any]:
    """As of when, which patients with their zones (the most urgent first, then the discharged), and the rows of every overview."""
    columns = PANELS["worklist"].columns
    place, zone, listed = (columns.index(name) for name in ("patient_id", "timezone", "listed"))
    parameters = _parameters(about, BOARDS["operations"])
    worklist = read_panel(query, PANELS["worklist"], parameters)
    zones = {row[place]: row[zone] for row in worklist[:most_patients]}
    left = query(_LEFT_LATELY, {"from": parameters["from"]}).rows
    zones.update((name, where) for name, where in left[: most_patients - len(zones)])
    rows: dict[str, Any] = {}
    for board in BOARDS.values():
        parameters = {**_parameters(about, board), "patient": list(zones)}
        for panel in board.panels if board.id != COURSE else ():
            rows[panel.id] = worklist[:most_patients] if panel.id == "worklist" else read_panel(query, panel, parameters)
    return {
        "as_of": None if about.as_of is None else about.as_of // _MILLISECOND,
        "generation": about.generation,
        "patients": list(zones),
        "listed": (worklist[0][listed] if worklist else 0) + len(left),
        "zones": zones,
        "rows": rows,
    }


def _courses(query: Callable[[str, dict[str, Any]], Answer], about: About, patients: list[str]) -> dict[str, dict[str, list[list[Any]]]]:
    """The rows of the patient board by patient and panel, each without its first column, the patient."""
    board = BOARDS[COURSE]
    parameters = {**_parameters(about, board), "patient": patients}
    found: dict[str, dict[str, list[list[Any]]]] = {patient: {panel.id: [] for panel in board.panels} for patient in patients}
    for panel in board.panels:
        for row in read_panel(query, panel, parameters):
            found[row[0]][panel.id].append(row[1:])
    return found


def read_about(query: Callable[[str, dict[str, Any]], Answer]) -> About:
    """As of when, by which generation, for which clinics and therapists the warehouse speaks."""
    made, revision, clinics = query(_ABOUT, {}).rows[0]
    therapists = sorted(row[0] for row in query(_THERAPISTS, {}).rows)
    return About(None if made is None else parse_instant(made), int(revision) >> 48, tuple(sorted(clinics)), tuple(therapists))


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
        "therapist": list(about.therapists),
    }


def _clickhouse_time(instant: int) -> str:
    return format_instant(instant).replace("T", " ").removesuffix("Z")
