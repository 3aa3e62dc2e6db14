"""Entries as columns and back: what a week's blob holds. Entries of a kind say much the same; column by column they pack to a third.

Instants stand as differences (`at` to the entry before, the others to `at`), in the coarsest unit that loses nothing; ids that are UUIDs as
their 16 bytes.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from processors.entries import Activity, Checkin, Dated, Dose, Exercise, Heard, Pain, Rep, Score, Session, Symptom

KINDS: dict[str, type[Heard]] = {
    str(kind.__struct_config__.tag): kind for kind in (Session, Rep, Exercise, Pain, Dose, Score, Activity, Symptom, Checkin)
}
AT = Heard.__struct_fields__.index("at")
NAME = Heard.__struct_fields__.index("id")
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_UUIDS = re.compile(rf"{_UUID}(?:\n{_UUID})*+").fullmatch
_LINE = 37
"""How long a UUID and the end of its line are."""
UNITS = (1_000_000_000, 1_000_000, 1_000)


def _instant_columns(kind: type[Heard]) -> list[int]:
    """The columns of a kind that hold instants, `at` aside."""
    return [number for number, name in enumerate(kind.__struct_fields__) if name in {"time", "recorded", "end", "start"}]


INSTANTS = {tag: _instant_columns(kind) for tag, kind in KINDS.items()}


class Columns(msgspec.Struct, array_like=True):
    """The kind of each entry, in order, a letter each; and by kind the unit of its instants and its columns."""

    order: str
    kinds: dict[str, tuple[int, list[Any]]]


def to_columns(entries: Iterable[Dated]) -> Columns:
    """The columns of entries."""
    order, rows = [], dict[str, list[tuple[Any, ...]]]()
    for entry in entries:
        tag = str(type(entry).__struct_config__.tag)
        order.append(tag)
        rows.setdefault(tag, []).append(msgspec.structs.astuple(entry))
    return Columns("".join(order), {tag: _packed(tag, [list(x) for x in zip(*some, strict=True)]) for tag, some in rows.items()})


def _packed(tag: str, columns: list[Any]) -> tuple[int, list[Any]]:
    at = columns[AT]
    for number in INSTANTS[tag]:
        columns[number] = [None if x is None else x - y for x, y in zip(columns[number], at, strict=True)]
    columns[AT] = [x - y for x, y in zip(at, [0, *at], strict=False)]
    spans = (AT, *INSTANTS[tag])
    divisor = math.gcd(*[x for number in spans for x in columns[number] if x is not None])
    unit = next((unit for unit in UNITS if divisor % unit == 0), 1)
    for number in spans:
        columns[number] = [None if x is None else x // unit for x in columns[number]]
    columns[NAME] = _short(columns[NAME])
    return unit, columns


def _short(names: list[str]) -> bytes | list[str]:
    """Names that are all UUIDs as their bytes, others as they are."""
    text = "\n".join(names)
    alike = len(text) == _LINE * len(names) - 1 and _UUIDS(text)
    return bytes.fromhex(text.replace("-", "")) if alike else names


def _long(names: bytes | Sequence[str]) -> list[str]:
    if not isinstance(names, bytes):
        return list(names)
    digits = names.hex()
    uuids = [digits[at : at + 32] for at in range(0, len(digits), 32)]
    return [f"{x[:8]}-{x[8:12]}-{x[12:16]}-{x[16:20]}-{x[20:]}" for x in uuids]


def from_columns(columns: Columns) -> list[Dated]:
    """The entries, as they were."""
    made = {tag: iter(_unpacked(tag, unit, packed)) for tag, (unit, packed) in columns.kinds.items()}
    return [KINDS[tag](*next(made[tag])) for tag in columns.order]  # type: ignore[misc]


def _unpacked(tag: str, unit: int, columns: list[Any]) -> Iterable[tuple[Any, ...]]:
    at = [step * unit for step in itertools.accumulate(columns[AT])]
    columns[AT], columns[NAME] = at, _long(columns[NAME])
    for number in INSTANTS[tag]:
        columns[number] = [None if x is None else x * unit + y for x, y in zip(columns[number], at, strict=True)]
    return zip(*columns, strict=True)
