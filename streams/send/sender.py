"""`rtm send`: files of events in, records on Kafka out, in the order of their recorded times; it goes on where it was killed.

    files ─▶ reading (in order) ─▶ decode ─┬▶ chunks            ─▶ rtm.sensor.v1
                                           ├▶ every other fact  ─▶ rtm.events.v1
                                           └▶ what is no record ─▶ rtm.dead-letters.v1

What is recorded after the as-of is left out, by the same rule as in a replay; what the machine's clock had not reached, until a later run.
With `RTM_CLOCK=log` the ticks are written here
(`streams.send.tick_gate`). The journal (`streams.send.journal`) says what is acknowledged; what was sent behind its last entry is sent
again after a kill: the same records once more, which whoever reads them knows as duplicates.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.codecs import decode_line, encode_kafka
from schemas.events import CHUNK, FORGOTTEN, TICK
from schemas.facts import Unusable
from schemas.topics import DEAD_LETTERS, EVENTS, SENSOR
from streams.kafka.jars import KafkaError
from streams.kafka.outgoing import Outgoing, dead_letter_record
from streams.kafka.placement import partition_of
from streams.kafka.writing import TopicThere, Writer, topics_there
from streams.progress import Progress, Silent
from streams.replay.reading import Reading
from streams.replay.sorting import Entry, Sorter
from streams.replay.summary import Place
from streams.replay.ticks import Clock, grid_after
from streams.send.journal import Journal, JournalError, Sent, what_is_sent
from streams.send.summary import SendSummary
from streams.send.tick_gate import TickGate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.facts import Fact
    from streams.settings import Settings

HOME = Path(".rtm")
PROGRESS_LINES = 256


def send(
    files: Sequence[Path | str],
    settings: Settings,
    *,
    journal: Path | None = None,
    as_of: int | None = None,
    machine_clock: int | None = None,
    again: bool = False,
    progress: Progress | None = None,
) -> SendSummary:
    """Send files to the Kafka of the settings; what it did. Safe to run again, after a kill or when all is done.

    `as_of` (ns): what was recorded after it is left out, and with RTM_CLOCK=log it is the last tick; by default as in a replay, the newest
    recorded time of a valid record that `machine_clock` (ns, by default the machine's) has reached, rounded up to the grid. `again` forgets
    what the journal says. Raises KafkaError, TickError, ReadError, JournalError, OSError.
    """
    began = time.monotonic()
    paths = [Path(file) for file in files]
    topics = topics_there(settings.kafka, (SENSOR.name, EVENTS.name, DEAD_LETTERS.name))
    if topics[SENSOR.name].partitions != topics[EVENTS.name].partitions:
        raise KafkaError(f"{SENSOR.name} and {EVENTS.name} must have the same number of partitions: rtm topics tells what differs")
    what = what_is_sent(paths, [topic.topic_id for topic in topics.values()])
    with Journal(journal or HOME / f"send-{what}.json") as kept, ExitStack() as stack:
        sent = None if again else kept.read()
        clock = time.time_ns() if machine_clock is None else machine_clock
        sent = sent or Sent(what, clock, as_of=as_of)
        _same_send(sent, what, as_of, kept.path)
        _take_up_what_was_left_out(sent, clock, settings.tick_s)
        summary = SendSummary([str(path) for path in paths], sent, began_at=sent.entries)
        if sent.finished:
            summary.already, summary.lines, summary.as_of = True, sent.entries, sent.tick if sent.ticks else None
            return summary
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rtm-send-")))
        reading = stack.enter_context(Reading(paths, temporary))
        writer = stack.enter_context(Writer(settings.kafka, "rtm-send"))
        gate = None
        if settings.clock == "log":
            gate = stack.enter_context(TickGate(settings.kafka, topics[EVENTS.name].partitions, settings.tick_timeout_s))
        progress = progress or Silent()
        progress.phase("surveying")
        reading.survey(progress.advance)
        summary.lines = reading.lines
        run = _Run(
            settings, topics, kept, summary, [source.name for source in reading.sources], writer, gate, Sorter(temporary / "waiting")
        )
        progress.phase("sending", reading.lines)
        for number, entry in enumerate(reading.entries()):
            if number >= summary.began_at:
                run.read(number, entry)
            if number % PROGRESS_LINES == 0:
                progress.advance(PROGRESS_LINES)
        run.end()
    summary.seconds = time.monotonic() - began
    return summary


def _same_send(sent: Sent, what: str, as_of: int | None, path: Path) -> None:
    if sent.what != what:
        raise JournalError(
            f"{path}: the journal of other files, of files that have changed, or of another Kafka: name another, or use --again"
        )
    if sent.as_of != as_of:
        raise JournalError(f"{path}: this send was begun with another --as-of: give the same, or use --again")


def _take_up_what_was_left_out(sent: Sent, clock: int, tick_s: int) -> None:
    """Begin a send that ended anew behind its default as-of, once the machine's clock has gone on."""
    if sent.finished and sent.left_out and sent.as_of is None and clock > sent.until:
        sent.since = sent.until if sent.newest is None else min(sent.until, grid_after(sent.newest, tick_s))
        sent.until, sent.entries, sent.left_out, sent.finished = clock, 0, 0, False


class _Run:
    """One send under way, entry by entry."""

    def __init__(
        self,
        settings: Settings,
        topics: dict[str, TopicThere],
        journal: Journal,
        summary: SendSummary,
        names: list[str],
        writer: Writer,
        gate: TickGate | None,
        waiting: Sorter,
    ) -> None:
        self._max_record, self._tick_s = settings.max_record, settings.tick_s
        self._partitions = {name: topic.partitions for name, topic in topics.items()}
        self._journal, self._summary, self._sent, self._names = journal, summary, summary.sent, names
        self._writer, self._gate, self._waiting = writer, gate, waiting
        self._any_waiting = False
        self._unacknowledged = 0
        self._clock = Clock(settings.tick_s)
        self._clock.now, self._clock.newest = self._sent.tick, self._sent.newest
        self._until = self._sent.until if self._sent.as_of is None else self._sent.as_of

    def read(self, number: int, entry: Entry) -> None:
        """Take the next line, of that number in the order of sending."""
        if self._sent.since is not None and not (entry[4] and entry[0] > self._sent.since):
            return
        if entry[4] and entry[0] > self._until:
            self._sent.left_out += 1
        else:
            self._decode(number, entry)
        if self._writer.full:
            self._writer.flush()
            self._keep(number + 1)

    def end(self) -> None:
        """Send what still waits, write the last tick, see that all is acknowledged, and put down that it is done."""
        sent, newest = self._sent, self._clock.newest
        as_of = sent.as_of
        if as_of is None and newest is not None:
            as_of = grid_after(newest, self._tick_s)
        self._release(as_of)
        self._writer.flush()
        self._keep(self._summary.lines)
        if self._gate is not None and as_of is not None:
            for tick in self._clock.at(as_of):
                self._pass(tick.now, self._summary.lines)
            self._summary.as_of = as_of
        sent.finished = True
        self._keep(self._summary.lines)

    def _decode(self, number: int, entry: Entry) -> None:
        try:
            fact = decode_line(entry[5], self._max_record)
        except Unusable as unusable:
            self._set_aside(entry, unusable)
            return
        if fact.type == TICK:
            self._sent.ticks_ignored += 1
            return
        for tick in self._clock.before(fact.recorded):
            self._pass(tick.now, number)
        self._send(fact)
        self._release(None)

    def _send(self, fact: Fact) -> None:
        key, value, headers = encode_kafka(fact)
        homes = (SENSOR.name,) if fact.type == CHUNK else (EVENTS.name, SENSOR.name) if fact.type == FORGOTTEN else (EVENTS.name,)
        for topic in homes:
            self._write(Outgoing(topic, partition_of(key, self._partitions[topic]), key, value, headers))
        if fact.type == CHUNK:
            self._sent.chunks += 1
        else:
            self._sent.events += 1

    def _set_aside(self, entry: Entry, unusable: Unusable) -> None:
        """A dead letter; unless it may lie after the default as-of, which only a later valid record decides, so that it waits."""
        newest = self._clock.newest
        if newest is None or (self._sent.as_of is None and entry[4] and entry[0] > grid_after(newest, self._tick_s)):
            self._waiting.add(entry)
            self._any_waiting = True
            return
        self._bury(entry, unusable)

    def _release(self, as_of: int | None) -> None:
        """What waited is a dead letter up to the as-of, where that is known, and left out beyond it."""
        if not self._any_waiting:
            return
        for entry in self._waiting.entries():
            if as_of is not None and entry[4] and entry[0] > as_of:
                self._sent.left_out += 1
                continue
            try:
                decode_line(entry[5], self._max_record)
            except Unusable as unusable:
                self._bury(entry, unusable)
        self._waiting.close()
        self._any_waiting = False

    def _bury(self, entry: Entry, dead: Unusable) -> None:
        _, _, file, line, _, raw = entry
        name = self._names[file]
        received = max(self._clock.stream, dead.recorded or 0)
        original = Outgoing(name, file, None, raw, [])
        partitions = self._partitions[DEAD_LETTERS.name]
        self._write(dead_letter_record(original, line, dead.reason, dead.error, dead.event_id, received, partitions))
        self._sent.dead[dead.reason] = self._sent.dead.get(dead.reason, 0) + 1
        self._summary.keep_place(dead.reason, Place(name, file, line, dead.error))

    def _write(self, record: Outgoing) -> None:
        self._writer.send(record)
        self._unacknowledged += 1

    def _pass(self, now: int, number: int) -> None:
        """Write the tick that comes before the line of that number, and wait until it is out."""
        if self._gate is None:
            return
        self._gate.pass_tick(now, self._writer)
        self._sent.ticks += 1
        self._keep(number)

    def _keep(self, entries: int) -> None:
        """Put down how far the send is, when so many lines are acknowledged; not while some of them wait."""
        self._summary.acknowledged += self._unacknowledged
        self._unacknowledged = 0
        if self._any_waiting:
            return
        self._sent.entries, self._sent.tick, self._sent.newest = entries, self._clock.now, self._clock.newest
        self._journal.write(self._sent)
