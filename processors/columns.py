"""Entries as columns and back: what a week's blob holds. Entries say much the same; column by column they pack to half.

The entries stand kind by kind: columns of what every entry has, then for each kind columns of its own. Instants stand as differences (`at`
to the entry before, the others to `at`), in the coarsest unit that loses nothing; ids that are all UUIDs as their bytes. A column that says
the same throughout says it once. Numbers stand as a MessagePack extension, whose code is the letter by which `struct` names their type, the
narrowest that holds them all: the first bytes of all, then the second bytes, and so on, for those are alike. Floats of up to three decimals
stand as a map of one, from what they are multiplied by to whole numbers.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate, chain, islice
from typing import Any

import msgspec
import numpy as np
from msgspec.msgpack import Ext

from processors.entries import Activity, Checkin, Dated, Dose, Exercise, Heard, Pain, Rep, Score, Session, Symptom
from processors.uuids import long, short
from schemas.instants import SECOND

KINDS: dict[str, type[Dated]] = {
    str(kind.__struct_config__.tag): kind for kind in (Session, Rep, Exercise, Pain, Dose, Score, Activity, Symptom, Checkin)
}
TAGS = {kind: tag for tag, kind in KINDS.items()}
COMMON = len(Heard.__struct_fields__)
NAME, TIME, AT, RECORDED = (Heard.__struct_fields__.index(name) for name in ("id", "time", "at", "recorded"))
INSTANTS = {tag: [at for at, name in enumerate(kind.__struct_fields__[COMMON:]) if name in {"end", "start"}] for tag, kind in KINDS.items()}
"""Where among a kind's own columns its instants are."""
MOST = 1e12
"""Floats beyond are no decimals of a few digits."""
TOLD_ONCE = ({str}, {int}, {bool}, {type(None)})
"""The types of which equal values are the same."""


class Columns(msgspec.Struct, array_like=True):
    """The kind of each entry, in order, a letter each; the first instant and the unit of others; the common columns; each kind's own."""

    order: str
    begin: int
    unit: int
    common: list[Any]
    own: dict[str, list[Any]]


class FormerColumns(msgspec.Struct, array_like=True):
    """What version 2 wrote: the kind of each entry, and by kind the unit of its instants and all its columns, lists."""

    order: str
    kinds: dict[str, tuple[int, list[Any]]]


def to_columns(entries: Iterable[Dated]) -> Columns:
    """The columns of entries."""
    order, kinds = [], dict[str, list[tuple[Any, ...]]]()
    for entry in entries:
        tag = TAGS[type(entry)]
        order.append(tag)
        kinds.setdefault(tag, []).append(msgspec.structs.astuple(entry))
    columns = {tag: list(zip(*rows, strict=True)) for tag, rows in kinds.items()}
    common: list[Any] = [list(chain.from_iterable(each[number] for each in columns.values())) for number in range(COMMON)]
    own: dict[str, list[Any]] = {tag: list(map(list, each[COMMON:])) for tag, each in columns.items()}
    time, at, recorded = common[TIME], common[AT], common[RECORDED]
    spans = [x for tag in own for number in INSTANTS[tag] for x in own[tag][number] if x is not None]
    unit, begin = math.gcd(SECOND, *time, *at, *recorded, *spans), at[0] if at else 0
    common[RECORDED] = [(x - y) // unit for x, y in zip(recorded, at, strict=True)]
    common[TIME] = [(x - y) // unit for x, y in zip(time, at, strict=True)]
    common[AT] = [(x - y) // unit for x, y in zip(at, [begin, *at], strict=False)]
    for tag, each in columns.items():
        for number in INSTANTS[tag]:
            own[tag][number] = [None if x is None else (x - y) // unit for x, y in zip(own[tag][number], each[AT], strict=True)]
    narrow = [short(column) if number == NAME else _narrow(column) for number, column in enumerate(common)]
    return Columns("".join(order), begin, unit, narrow, {tag: list(map(_narrow, each)) for tag, each in own.items()})


def _narrow(column: list[Any]) -> object:
    """A column as it is written."""
    types = set(map(type, column))
    if types in TOLD_ONCE and column.count(column[0]) == len(column):
        return column[:1]
    return _planes(column, "bhiq") if types == {int} else _decimals(column) if types == {float} else column


def _decimals(column: list[float]) -> object:
    """Floats as whole numbers by what these are divided by, where the quotients are the same to the last bit."""
    floats = np.array(column)
    if (np.abs(floats) < MOST).all():
        thousandths = np.rint(floats * 1000).astype(np.int64)
        unit = math.gcd(1000, int(np.gcd.reduce(thousandths)))
        scale, whole = 1000 // unit, thousandths // unit
        if (whole / scale).tobytes() == floats.tobytes():
            return {scale: _planes(whole.tolist(), "bhiq")}
    return _planes(column, "d")


def _planes(column: list[Any], letters: str) -> Ext | list[Any]:
    """Numbers byte by byte, in the first type that holds them; as they are where none does."""
    for letter in letters:
        with suppress(struct.error):
            packed, width = struct.pack(f"<{len(column)}{letter}", *column), struct.calcsize(f"<{letter}")
            return Ext(ord(letter), b"".join([packed[at::width] for at in range(width)]))
    return column


def _wide(packed: Ext | list[Any] | dict[int, Any], count: int) -> Sequence[Any]:
    """What `_narrow` made of a column of so many values."""
    if isinstance(packed, dict):
        [(scale, whole)] = packed.items()
        return [x / scale for x in _wide(whole, count)]
    if isinstance(packed, Ext):
        return _numbers(packed, count)
    return packed * count if len(packed) == 1 else packed


def _numbers(packed: Ext, count: int) -> tuple[Any, ...]:
    planes = bytes(packed.data)
    values = bytearray(len(planes))
    width = len(planes) // count
    for at in range(width):
        values[at::width] = planes[at * count : (at + 1) * count]
    return struct.unpack(f"<{count}{chr(packed.code)}", values)


def from_columns(columns: Columns) -> list[Dated]:
    """The entries, as they were."""
    unit, count = columns.unit, len(columns.order)
    common = [long(column) if number == NAME else _wide(column, count) for number, column in enumerate(columns.common)]
    common[AT] = at = list(accumulate([step * unit for step in common[AT]], initial=columns.begin))[1:]
    for number in (TIME, RECORDED):
        common[number] = [x * unit + y for x, y in zip(common[number], at, strict=True)]
    every, made, begun = [iter(column) for column in common], dict[str, Iterator[Dated]](), 0
    for tag, packed in columns.own.items():
        count = columns.order.count(tag)
        own, dates = [_wide(column, count) for column in packed], at[begun : (begun := begun + count)]
        for number in INSTANTS[tag]:
            own[number] = [None if x is None else x * unit + y for x, y in zip(own[number], dates, strict=True)]
        made[tag] = iter(list(map(KINDS[tag], *(islice(column, count) for column in every), *own)))
    return [next(made[tag]) for tag in columns.order]


def from_former(columns: FormerColumns) -> list[Dated]:
    """The entries of what version 2 wrote."""
    made = dict[str, Iterator[tuple[Any, ...]]]()
    for tag, (unit, packed) in columns.kinds.items():
        packed[NAME] = long(packed[NAME])
        packed[AT] = at = [step * unit for step in accumulate(packed[AT])]
        for number in (TIME, RECORDED, *(COMMON + own for own in INSTANTS[tag])):
            packed[number] = [None if x is None else x * unit + y for x, y in zip(packed[number], at, strict=True)]
        made[tag] = zip(*packed, strict=True)
    return [KINDS[tag](*next(made[tag])) for tag in columns.order]
