"""The generated part of `docs/contract.md`: event types, tables and topics as Markdown, from the models themselves.

python -m schemas.contract_page     # writes the part between the two marks of docs/contract.md anew
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.events import EVENT_MODELS
from schemas.rows import TABLES
from schemas.topics import TOPICS

BEGIN = "<!-- generated: python -m schemas.contract_page -->"
END = "<!-- end of the generated part -->"


def _fields(event_type: str) -> str:
    data: Any = EVENT_MODELS[event_type].model_fields["data"].annotation
    return ", ".join(f"`{name}`" + ("" if field.is_required() else "?") for name, field in data.model_fields.items())


def markdown() -> str:
    """Event types with their fields, tables with key and columns, topics with what they keep."""
    lines = ["### Event types", "", "| type | data (? may be left out) |", "|---|---|"]
    lines += [f"| `{event_type}` | {_fields(event_type) or '–'} |" for event_type in EVENT_MODELS]
    lines += ["", "### Tables", "", "| view | key | what it holds |", "|---|---|---|"]
    lines += [f"| `{t.name}` | {', '.join(f'`{k}`' for k in t.key)} | {t.description} |" for t in TABLES.values()]
    for table in TABLES.values():
        lines += ["", f"#### `{table.name}`", "", "| column | meaning |", "|---|---|"]
        lines += [f"| `{name}` | {text} |" for name, text in table.columns.items()]
    lines += ["", "### Topics", "", "| topic | key | what | kept |", "|---|---|---|---|"]
    topics = TOPICS.values() if isinstance(TOPICS, dict) else TOPICS
    lines += [f"| `{t.name}` | {t.key} | {t.what} | {t.kept} |" for t in topics]
    return "\n".join(lines)


def renewed(page: str) -> str:
    """A page with its generated part made anew; ValueError when the marks are missing."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{markdown()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    path = Path("docs/contract.md")
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
