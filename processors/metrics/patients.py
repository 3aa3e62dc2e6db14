"""`patients`: the episodes of care of a patient, coming ones too, and when anything was last heard in each."""

from __future__ import annotations

from processors.episodes import Episode
from processors.metrics import Rows, key_text
from schemas.instants import format_day, format_instant


def row(episode: Episode, last_heard: int | None) -> Rows:
    """The row of `patients` of an episode; `last_heard` in ns."""
    enrolled, discharged = episode.enrolled, episode.discharged
    values = {
        "episode_id": episode.id,
        "timezone": enrolled.zone,
        "monitoring_start": format_day(enrolled.start),
        "discharged_on": format_day(discharged.day) if discharged else None,
        "therapeutic_area": enrolled.area,
        "condition": enrolled.condition,
        "procedure_date": None if enrolled.procedure is None else format_day(enrolled.procedure),
        "therapist_id": enrolled.therapist_id,
        "last_heard_at": None if last_heard is None else format_instant(last_heard),
    }
    return {key_text(episode.id): values}
