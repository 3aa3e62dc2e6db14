"""One partition's fold: slices in, what is to be written in one transaction out. All of it is computing, in one thread.

    slice ─▶ decode ─▶ processor ─▶ outputs, dead letters, changed state

What a tick left to be done is done apart, for a bounded time each, so that the next facts don't wait for it.

**Crashes.** When a processor fails, all that the slice did is undone, and the slice is run again record by record, to find the record. Its
crashes are counted in the state; the worker stops, naming the place. At the `max_crashes`th the record is set aside as a dead letter
(`crash`), and the partition goes on. Where it is a tick's work for one patient that fails, the tick is that record; the patient's work is
put off to the next tick, which does all of it once the bug is mended.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any

from processors.processor import Output, Record, Tick
from processors.shelf import NewerStateError
from schemas.codecs import decode_kafka
from schemas.envelope import unusable
from schemas.events import FORGOTTEN, TICK
from schemas.facts import Fact, Unusable
from schemas.topics import ALERTS, DEAD_LETTERS, METRICS, SENSOR
from streams.deadletters import Origin, place_admission
from streams.kafka.outgoing import Outgoing, alert_records, dead_letter_record, fact_records, row_records, tick_record
from streams.kafka.placement import misplacement
from streams.worker.local_state import LocalStateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from processors.processor import DeadLetter, Processor, Row
    from processors.topology import Stage
    from streams.worker.changelog import ChangelogStore, Progress
    from streams.worker.job import Job
    from streams.worker.slices import Slice

WORK_S = 0.1
"""How long a checkpoint goes on with what ticks left to be done."""


class FoldError(Exception):
    """A processor failed at a record: a bug. The message names topic, partition and offset, and nothing of the record."""


class GivenUp(Exception):  # noqa: N818 - it is no error
    """The partition was taken away while a slice was folded."""


class _CrashError(Exception):
    """A processor failed at the record of this offset, with this error."""

    def __init__(self, offset: int, error: Exception) -> None:
        super().__init__(offset)
        self.offset, self.error = offset, error


class PartitionFold:
    """The state of one partition, and the processor over it. `given_up` says whether the partition was taken away."""

    def __init__(self, job: Job, stage: Stage, partition: int, store: ChangelogStore, given_up: Callable[[], bool]) -> None:
        self.topic, self.partition = stage.reads, partition
        self._job, self._stage, self._store, self._given_up = job, stage, store, given_up
        self.progress: Progress
        self._processor: Processor
        self._begin_anew()

    @property
    def waiting(self) -> bool:
        """Whether ticks left anything to be done."""
        return self._processor.waiting is not None

    def take(self, piece: Slice) -> list[Outgoing]:
        """Fold a slice, without what the state has of it, up to where `progress.next_offset` then stands: a part of it where it is
        large or tells of many patients. Raises FoldError, GivenUp, NewerStateError.
        """
        end, size, patients = piece.end, 0, set[bytes | None]()
        try:
            out, dead = Output(), list[Outgoing]()
            for taken, index in enumerate(self._new(piece)):
                patients.add(piece.keys[index])
                size += len(piece.values[index] or b"")
                # More in memory would also hold all other partitions up.
                if taken and (len(patients) > self._stage.patients or size > self._job.checkpoint_bytes):
                    end = piece.offsets[index]
                    break
                self._take(piece, index, out, dead)
            self._processor.flush(out, ticks=False)
            self._processor.save()
        except (GivenUp, NewerStateError, LocalStateError):
            raise
        except Exception:
            self._begin_anew()
            (out, dead), end = self._carefully(piece), piece.end
        dead.extend(self._bury(piece, piece.offsets.index(letter.position), letter) for letter in out.dead)
        self.progress.next_offset = end
        return self._outgoing(out, dead)

    def work(self) -> list[Outgoing]:
        """Go on with what ticks left to be done, for a bounded time. Raises as `take`."""
        out, dead = Output(), list[Outgoing]()
        steps = 0
        try:
            for _ in self._steps(out):
                steps += 1
            self._processor.save()
        except (GivenUp, NewerStateError, LocalStateError):
            raise
        except Exception as error:
            self._begin_anew()
            out = Output()
            if steps:  # the same again without the one that failed, which then is the first
                for _ in range(steps):
                    self._processor.work(out)
            else:
                dead = self._put_off(error)
            self._processor.save()
        return self._outgoing(out, dead)

    # -- crashes ---------------------------------------------------------------------------------------------------------------------

    def _begin_anew(self) -> None:
        """The committed state, and a processor that knows nothing else: one that failed may be half changed."""
        self._store.undo()
        self.progress = self._store.progress()
        self._processor = self._stage.make(self._job.policy, self._store)

    def _carefully(self, piece: Slice) -> tuple[Output, list[Outgoing]]:
        """Fold a slice record by record, without those that crash once more than is borne."""
        aside: dict[int, str] = {}
        while True:
            try:
                out, dead = self._one_by_one(piece, aside)
            except _CrashError as crash:
                self._begin_anew()
                self._count_crash(crash.offset, crash.error)
                aside[crash.offset] = f"the {self._stage.name} stage failed with {type(crash.error).__name__}"
            else:
                return out, dead

    def _one_by_one(self, piece: Slice, aside: dict[int, str]) -> tuple[Output, list[Outgoing]]:
        out, dead = Output(), list[Outgoing]()
        for index in self._new(piece):
            offset = piece.offsets[index]
            if offset in aside:
                self.progress.read += 1
                dead.append(self._bury(piece, index, unusable("crash", aside[offset], _said(piece.headers[index]))))
                continue
            try:
                self._take(piece, index, out, dead)
                self._processor.flush(out, ticks=False)
                self._processor.save()
            except (GivenUp, NewerStateError, LocalStateError):
                raise
            except Exception as error:
                raise _CrashError(offset, error) from error
        return out, dead

    def _put_off(self, error: Exception) -> list[Outgoing]:
        """Let the patient with whom a tick's work failed wait for the next tick; the tick as a dead letter, the first time."""
        offset, now = self._processor.waiting or (0, 0)
        count = self._count_crash(offset, error)
        self.progress.crashes[offset] = count
        self._processor.put_off()
        if count > self._job.max_crashes:
            return []
        self.progress.put_off += 1
        reason = f"the {self._stage.name} stage failed with {type(error).__name__} at what it made due; the patient waits for the next tick"
        return [self._dead_letter(tick_record(self.topic, self.partition, now), offset, unusable("crash", reason, {"id": str(now)}))]

    def _count_crash(self, offset: int, error: Exception) -> int:
        """One more crash at this offset: how many there were. FoldError, with the number as a change of the state, while they are few."""
        count = self.progress.crashes.get(offset, 0) + 1
        if count < self._job.max_crashes:
            self.progress.crashes[offset] = count
            self._store.put_progress(self.progress)
            raise FoldError(
                f"{self.topic}, partition {self.partition}, offset {offset}: the {self._stage.name} stage failed with "
                f"{type(error).__name__}, crash {count} of {self._job.max_crashes}, then the record is set aside; nothing of it was written"
            ) from error
        return count

    # -- folding ---------------------------------------------------------------------------------------------------------------------

    def _new(self, piece: Slice) -> range:
        """The indices of the records that the state doesn't have yet."""
        return range(bisect_left(piece.offsets, self.progress.next_offset), len(piece.offsets))

    def _steps(self, out: Output) -> Iterator[None]:
        until = time.monotonic() + WORK_S
        while time.monotonic() < until and self._processor.work(out):
            if self._given_up():
                raise GivenUp
            yield

    def _take(self, piece: Slice, index: int, out: Output, dead: list[Outgoing]) -> None:
        if self._given_up():
            raise GivenUp
        progress = self.progress
        progress.read += 1
        try:
            fact = self._decode(piece, index)
        except Unusable as reason:
            dead.append(self._bury(piece, index, reason))
            return
        if fact.type == TICK:
            progress.ticks += 1
            progress.clock = max(progress.clock, fact.time)
            progress.tick_read = max(progress.tick_read, fact.time)
            self._processor.fold(Record(piece.offsets[index], Tick(fact.time)), out)
        else:
            progress.clock = max(progress.clock, fact.recorded)
            progress.forgotten += fact.type == FORGOTTEN
            self._processor.fold(Record(piece.offsets[index], fact), out)

    def _decode(self, piece: Slice, index: int) -> Fact:
        key, headers = piece.keys[index], piece.headers[index]
        wrong = misplacement(self.topic, self.partition, self._job.partitions[self.topic], key, headers)
        if wrong is not None:
            raise unusable("misplaced", wrong, _said(headers))
        return decode_kafka(key, piece.values[index], headers, self._job.max_record)

    def _bury(self, piece: Slice, index: int, dead: Unusable | DeadLetter) -> Outgoing:
        headers: Any = piece.headers[index]
        original = Outgoing(self.topic, self.partition, piece.keys[index], piece.values[index], headers)
        self.progress.dead[dead.reason] = self.progress.dead.get(dead.reason, 0) + 1
        return self._dead_letter(original, piece.offsets[index], dead)

    def _dead_letter(self, original: Outgoing, offset: int, dead: Unusable | DeadLetter) -> Outgoing:
        recorded = dead.recorded if isinstance(dead, Unusable) else None
        received = max(self.progress.clock, recorded or 0)
        partitions = self._job.partitions[DEAD_LETTERS.name]
        return dead_letter_record(original, offset, dead.reason, dead.error, dead.event_id, received, partitions, erased=dead.erased)

    # -- what is to be written -------------------------------------------------------------------------------------------------------

    def _outgoing(self, out: Output, dead: list[Outgoing]) -> list[Outgoing]:
        progress, waiting = self.progress, self._processor.waiting
        progress.applied += out.applied - out.waiting
        progress.waiting += out.waiting
        progress.duplicates += out.duplicates
        for table, rows in _distinct(out.rows).items():
            progress.rows[table] = progress.rows.get(table, 0) + rows
        if waiting is None:
            progress.tick = progress.tick_read
        undone = progress.next_offset if waiting is None else waiting[0]
        progress.crashes = {offset: count for offset, count in progress.crashes.items() if offset >= undone}
        self._store.put_progress(progress)
        topic = self._job.state_topic(self._stage)
        changes = (Outgoing(topic, self.partition, key, value, []) for key, value in self._store.changes())
        return [*self._outputs(out), *dead, *changes]

    def _outputs(self, out: Output) -> Iterator[Outgoing]:
        for row in out.rows:
            if row.table == "chunk_admissions":
                place_admission(row, Origin(SENSOR.name, self.partition, row.values["position"], b""))
        generation = self._job.generation
        yield from fact_records(self.partition, out.facts)
        yield from row_records(out.rows, generation, self._job.partitions[METRICS.name])
        if not self._job.muted:
            yield from alert_records(out.transitions, generation, self._job.partitions[ALERTS.name])


def _distinct(rows: list[Row]) -> Counter[str]:
    """Rows by table, as the tables will have them: an alert that changes several times at one record has one revision."""
    alerts = {(row.values["alert_id"], row.values["revision"]) for row in rows if row.table == "alerts"}
    return Counter(row.table for row in rows if row.table != "alerts") + Counter(alerts=len(alerts))


def _said(headers: Any) -> dict[str, str]:
    """What the headers say of an event."""
    return {name[3:]: value.decode("utf-8", "replace") for name, value in headers if name.startswith("ce_") and value is not None}
