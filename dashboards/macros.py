"""The plugin's macros and variables turned into bound parameters, for the board that has no Grafana beneath it.

In: SQL in the dialect of Grafana's ClickHouse plugin. Out: the same SQL with ClickHouse's own `{name:Type}` parameters, and the names
that it needs. No value is ever written into the SQL.

| in Grafana | here |
|---|---|
| `$__fromTime`, `$__toTime` | `{from:DateTime64(9, 'UTC')}`, `{to:…}` |
| `$__timeFilter(col)` | `(col >= {from:…} AND col <= {to:…})` |
| `$__dateFilter(col)` | the same by `toDate` |
| `IN (${patient:singlequote})` | `IN {patient:Array(String)}` |
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FROM = "{from:DateTime64(9, 'UTC')}"
_TO = "{to:DateTime64(9, 'UTC')}"
_TOKEN = re.compile(
    r"\$__(?P<filter>timeFilter|dateFilter)\((?P<column>[A-Za-z_][A-Za-z0-9_.]*)\)"
    r"|\$__(?P<bound>fromTime|toTime)\b"
    r"|\(\$\{(?P<variable>clinic|therapist|patient|calendars):singlequote\}\)"
    r"|(?P<unknown>\$(?:__\w+|\{[^}]*\}|\w+))"
)


@dataclass(frozen=True, slots=True)
class Expanded:
    """SQL with bound parameters only, and their names: `from`, `to` (UTC), `clinic`, `therapist`, `patient`, `calendars` (lists)."""

    sql: str
    parameters: frozenset[str]


def expand(sql: str) -> Expanded:
    """Expand every macro and variable.

    >>> expand("SELECT 1 WHERE p IN (${patient:singlequote})")
    Expanded(sql='SELECT 1 WHERE p IN {patient:Array(String)}', parameters=frozenset({'patient'}))

    ValueError for a macro or a variable that the board doesn't know, so that none gets to the database as it stands.
    """
    names: set[str] = set()

    def replace(found: re.Match[str]) -> str:
        if unknown := found["unknown"]:
            raise ValueError(f"the board doesn't know {unknown}")
        if variable := found["variable"]:
            names.add(variable)
            return f"{{{variable}:Array(String)}}"
        if bound := found["bound"]:
            names.add("from" if bound == "fromTime" else "to")
            return _FROM if bound == "fromTime" else _TO
        names.update(("from", "to"))
        column = found["column"]
        if found["filter"] == "timeFilter":
            return f"({column} >= {_FROM} AND {column} <= {_TO})"
        return f"({column} >= toDate({_FROM}) AND {column} <= toDate({_TO}))"

    return Expanded(_TOKEN.sub(replace, sql), frozenset(names))
