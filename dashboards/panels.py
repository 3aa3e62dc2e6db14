"""The catalogue of the boards and their panels: the one place from which the embedded board and Grafana are rendered."""

from __future__ import annotations

from dashboards.billing import BILLING
from dashboards.operations import OPERATIONS
from dashboards.panel import Annotation, Board, Field, Panel, Threshold
from dashboards.patient import PATIENT
from dashboards.pipeline import PIPELINE
from dashboards.quality import QUALITY
from dashboards.therapist import THERAPIST

__all__ = ["BOARDS", "PANELS", "Annotation", "Board", "Field", "Panel", "Threshold"]

BOARDS: dict[str, Board] = {board.id: board for board in (OPERATIONS, PATIENT, THERAPIST, BILLING, PIPELINE, QUALITY)}
"""Every board by its id."""

PANELS: dict[str, Panel] = {panel.id: panel for board in BOARDS.values() for panel in board.panels}
"""Every panel by its id; an id is used once."""
