"""A batch of the sink: records of Kafka in, what they come to for the warehouse out, with the offsets that it ends at."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any

from streams.live_sink.records import Piece, UnusableRecordError, by_table, piece_of

if TYPE_CHECKING:
    from aiokafka import TopicPartition  # type: ignore[import-untyped]


@dataclass(slots=True)
class Batch:
    """Records by table whose values are its rows, other pieces by table, what is to be buried and why, and the offset behind the last
    record of each partition.
    """

    plain: dict[str, list[Any]] = field(default_factory=dict)
    pieces: dict[str, list[Piece]] = field(default_factory=dict)
    unusable: list[tuple[Any, str]] = field(default_factory=list)
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    rows: int = 0
    bytes: int = 0
    since: float = field(default_factory=time.monotonic)

    def take(self, place: TopicPartition, records: list[Any], generation: int) -> None:
        """Add records of one partition, in their order; one that can't be read is set aside."""
        if not self.offsets:
            self.since = time.monotonic()
        for table, found in by_table(place.topic, records):
            if table is not None:
                self._take_plain(table, found)
            else:
                for record in found:
                    self._take_one(record, generation)
        self.offsets[place] = records[-1].offset + 1

    def _take_plain(self, table: str, records: list[Any]) -> None:
        self.plain.setdefault(table, []).extend(records)
        values = [record.value for record in records]
        self.rows += sum(map(bytes.count, values, repeat(b"\n")))
        self.bytes += sum(map(len, values))

    def _take_one(self, record: Any, generation: int) -> None:
        try:
            piece = piece_of(record, generation)
        except Exception as error:
            told = str(error) if isinstance(error, UnusableRecordError) else f"reading it failed with {type(error).__name__}"
            self.unusable.append((record, told))
            self.bytes += len(record.value or b"")
            return
        if piece is not None:
            self.pieces.setdefault(piece.table, []).append(piece)
            self.rows += piece.rows
            self.bytes += len(piece.lines)
