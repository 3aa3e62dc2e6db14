"""The reconciliation: a running (or resting) system in, a line for each pair of counts out.

    counts of the state ─▶ wait until the sink has what was sent by then ─▶ counts of Kafka and tables ─▶ counts of the state again

While facts flow, what stands in the tables must lie between the counts before and after; when nothing flows all three are equal.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiokafka import TopicPartition  # type: ignore[import-untyped]

from schemas.instants import format_instant
from schemas.topics import EVENTS, METRICS, SENSOR
from streams.kafka.outgoing import Outgoing
from streams.kafka.reading import Reader
from streams.kafka.topics import STAGES, state_topic
from streams.kafka.writing import Writer
from streams.live_sink.records import TOPICS as SUNK
from streams.reconcile import table_counts as stored
from streams.reconcile.kafka_counts import committed_offsets, count_records, read_dead_letters, read_deliveries
from streams.reconcile.line import Line
from streams.reconcile.record import row_lines
from streams.worker.progress import progress_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from streams.settings import Settings
    from streams.warehouse.connection import Warehouse
    from streams.worker.changelog import Progress

AGAIN_S = 0.5
READS = dict(zip(STAGES, (SENSOR.name, EVENTS.name), strict=True))

States = dict[str, dict[int, "Progress"]]
"""How far the state has come, by topic that is read and partition."""


class ReconcileError(Exception):
    """The counts can't be compared; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be compared. `wait_s`: how long the sink may take to catch up. `whole`: count the records from the topics' beginning."""

    generation: int
    wait_s: float = 60.0
    whole: bool = False


def reconcile(settings: Settings, warehouse: Warehouse, asked: Asked, say: Callable[[str], None] = lambda _: None) -> list[Line]:
    """Compare all counts. ReconcileError when the sink doesn't catch up; KafkaError, WarehouseError, NewerStateError."""
    with Reader(settings.kafka) as reader:
        before = _states(settings, asked.generation)
        deliveries = read_deliveries(reader)
        letters = read_dead_letters(reader)
        say("waiting for the sink")
        _wait_for_sink(reader, settings, [asked.generation], asked.wait_s)
        say("counting rows")
        sent = {table: 0 for states in before.values() for progress in states.values() for table in progress.rows}
        rows = {table: stored.stored_rows(warehouse, table, asked.generation) for table in stored.countable(sent)}
        kept, found = stored.dead_letter_rows(warehouse), stored.stored_dead_letters(warehouse, letters)
        delivered, notified = stored.stored_deliveries(warehouse), stored.notified_facts(warehouse, asked.generation)
        after, later = _states(settings, asked.generation), read_deliveries(reader)
        say("counting the records in Kafka")
        lines = [*_counted(before), *_in_kafka(reader, before, {} if asked.whole else stored.last_equal(warehouse, asked.generation))]
    lines += _rows_stored(before, after, rows)
    lines += _dead_letters_kept(before, after, kept, asked.generation)
    for (topic, partition), places in sorted(Counter((topic, partition) for topic, partition, _ in letters).items()):
        lines.append(Line("dead letters stored", places, found[topic, partition], places, topic, partition))
    aside = "" if deliveries.whole else "older ones are gone from Kafka"
    lines += [
        Line("told", deliveries.told, notified, later.told, said=aside, unknown=not later.whole and notified > later.told),
        Line("deliveries stored", deliveries.rows, delivered, later.rows, said=aside, unknown=not later.whole and delivered > later.rows),
    ]
    return [_excused(line) for line in lines] if _any_forgotten(after) else lines


def _any_forgotten(states: States) -> bool:
    return any(each.forgotten for found in states.values() for each in found.values())


def _excused(line: Line) -> Line:
    """Fewer rows than there were, where a patient's were erased: nobody knows how many."""
    if line.check in {"counted", "in kafka"} or line.found >= line.expected:
        return line
    return replace(line, unknown=True, said="a patient's were erased on request")


def keep(settings: Settings, generation: int, lines: list[Line], now: int) -> None:
    """Write the lines as rows of `reconciliation`, through Kafka and the sink; `now` in ns."""
    with Writer(settings.kafka, "rtm-reconcile") as writer:
        writer.write(Outgoing(METRICS.name, 0, None, row_lines(lines, generation, format_instant(now)), [("table", b"reconciliation")]))


def _states(settings: Settings, generation: int) -> States:
    return {READS[stage]: progress_of(settings.kafka, state_topic(settings.group, generation, stage)) for stage in STAGES}


def wait_for_sink(settings: Settings, generations: Sequence[int], wait_s: float) -> None:
    """Until a sink of one of these generations has stored all that lies in its topics now. Raises ReconcileError, KafkaError."""
    with Reader(settings.kafka) as reader:
        _wait_for_sink(reader, settings, generations, wait_s)


def _wait_for_sink(reader: Reader, settings: Settings, generations: Sequence[int], wait_s: float) -> None:
    """Until every record that lies in the sink's topics now is behind the offsets that it has committed."""
    groups = [f"{settings.group}-{generation}-sink" for generation in generations]
    places = [place for topic in SUNK for place in reader.places(topic)]
    begins, ends = reader.begins(places), reader.ends(places)
    give_up = time.monotonic() + wait_s
    while True:
        for group in groups:
            committed = committed_offsets(settings.kafka, group)
            since = {place: max(committed.get(place, 0), begins[place]) for place in places}
            behind = count_records(reader, {p: o for p, o in since.items() if o < ends[p]}, ends)
            if not behind:
                return
        if time.monotonic() > give_up:
            place, records = behind.most_common(1)[0]
            raise ReconcileError(
                f"the sink (group {group}) is behind by {records} records of {place.topic}, partition {place.partition}: start rtm sink, "
                f"or give it more time with --wait"
            )
        time.sleep(AGAIN_S)


def _counted(states: States) -> Iterator[Line]:
    for topic, partitions in states.items():
        for partition, progress in sorted(partitions.items()):
            dead = sum(progress.dead.values())
            parts = {"applied": progress.applied, "ticks": progress.ticks, "duplicates": progress.duplicates}
            parts |= {"waiting": progress.waiting, "dead": dead}
            said = ", ".join(f"{count} {name}" for name, count in parts.items())
            yield Line(
                "counted", progress.read, sum(parts.values()), progress.read, topic, partition, offset=progress.next_offset, said=said
            )


def _in_kafka(reader: Reader, states: States, known: Mapping[tuple[str, int], tuple[int, int]]) -> Iterator[Line]:
    """Count from where the records were last found equal, or where the topic was rewritten, or from the beginning."""
    progress = {TopicPartition(topic, number): each for topic, found in states.items() for number, each in found.items()}
    begins = reader.begins(progress)
    since = {place: known.get((place.topic, place.partition), (0, 0)) for place in progress}
    since = {place: base if base[0] <= progress[place].next_offset else (0, 0) for place, base in since.items()}
    since = {place: max(base, (progress[place].counted_from, progress[place].read_before)) for place, base in since.items()}
    starts = {place: max(begins[place], base[0]) for place, base in since.items()}
    stand = {place: each.next_offset for place, each in progress.items()}
    counts, unread = count_records(reader, starts, stand), count_records(reader, stand, reader.ends(progress))
    for place, each in sorted(progress.items()):
        gone = begins[place] > since[place][0]
        said = [f"what lay before offset {begins[place]} is gone from Kafka"] * gone
        said += [f"{unread[place]} more are not read yet"] * (unread[place] > 0)
        found = since[place][1] + counts[place]
        unknown = gone and found <= each.read
        yield Line(
            "in kafka",
            each.read,
            found,
            each.read,
            place.topic,
            place.partition,
            offset=each.next_offset,
            said="; ".join(said),
            unknown=unknown,
            unread=unread[place],
        )


def _sums(states: States) -> Counter[str]:
    return sum((Counter(each.rows) for found in states.values() for each in found.values()), Counter[str]())


def _rows_stored(before: States, after: States, rows: Mapping[str, int]) -> Iterator[Line]:
    least, most = _sums(before), _sums(after)
    for table, found in rows.items():
        yield Line("rows stored", least[table], found, most[table], what=table)


def _dead(progress: Progress) -> Counter[str]:
    """Dead letters by reason; a tick's work that failed for a patient is one too, though the tick counts as a tick."""
    return Counter(progress.dead) + Counter(crash=progress.put_off)


def _dead_letters_kept(before: States, after: States, kept: Mapping[tuple[str, int], Counter[str]], generation: int) -> Iterator[Line]:
    """By topic, partition and reason. Rows that an earlier generation's fold made, and this one's did not, stay."""
    for topic, partitions in before.items():
        for partition, progress in sorted(partitions.items()):
            least, most = _dead(progress), _dead(after[topic][partition])
            found = kept.get((topic, partition), Counter())
            for reason in sorted({*least, *found}):
                rows = found[reason]
                unknown = generation > 1 and rows > least[reason]
                said = "some by an earlier generation" if unknown else ""
                yield Line("dead letters kept", least[reason], rows, most[reason], topic, partition, reason, said=said, unknown=unknown)
