"""The lines of a live component: for people as they are, or with RTM_LOG=json as one JSON object each, on standard error.

They name topics, partitions, offsets and counts, never a subject or a value. Warnings of libraries come the same way.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.settings import Settings


def speaker(settings: Settings, component: str) -> Callable[[str], None]:
    """What a component says its lines with."""
    if settings.log == "text":
        return click.echo
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(component))
    logging.getLogger().handlers = [handler]
    return lambda text: click.echo(json_line(component, "info", text), err=True)


def json_line(component: str, level: str, text: str) -> str:
    """One line: when (UTC), which component, how grave, and what."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({"time": moment, "component": component, "level": level, "message": " ".join(text.split())}).decode()


class _Formatter(logging.Formatter):
    """A library's record: where it comes from and its kind; its text may hold what was in a record, so it stays out."""

    def __init__(self, component: str) -> None:
        super().__init__()
        self._component = component

    def format(self, record: logging.LogRecord) -> str:
        error = f", {record.exc_info[0].__name__}" if record.exc_info and record.exc_info[0] else ""
        place = f"{record.name}, {record.module}:{record.lineno}{error}"
        return json_line(self._component, record.levelname.lower(), place)
