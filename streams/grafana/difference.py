"""What differs between a dashboard as we have it and as a server holds it: two JSON values in, one line a difference out.

A server numbers and migrates what it is given, and remembers what people last picked: that is no difference. All else is.
"""

from __future__ import annotations

import json
from typing import Any

_SERVERS_OWN = frozenset({"id", "version", "iteration", "schemaVersion", "pluginVersion"})
_PICKED = frozenset({"current", "options"})
_EMPTY: tuple[Any, ...] = (None, "", [], {}, False, 0)
_LONGEST = 60


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """One line for each place where the two differ, `ours` first.

    >>> differences({"title": "Pain", "version": 1}, {"title": "Schmerz", "version": 7})
    ['title: "Pain" here, "Schmerz" on the server']
    """
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found: list[str] = []
        for name in sorted(ours.keys() | theirs.keys()):
            if name in _SERVERS_OWN or (name in _PICKED and path.startswith("templating")):
                continue
            if (name not in theirs and ours[name] in _EMPTY) or (name not in ours and theirs[name] in _EMPTY):
                continue
            found += differences(ours.get(name), theirs.get(name), f"{path}.{name}" if path else name)
        return found
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [line for at, pair in enumerate(zip(ours, theirs, strict=True)) for line in differences(*pair, f"{path}[{at}]")]
    if isinstance(ours, list) and isinstance(theirs, list):
        return [f"{path}: {len(ours)} here, {len(theirs)} on the server"]
    if ours != theirs:
        return [f"{path}: {_short(ours)} here, {_short(theirs)} on the server"]
    return []


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
