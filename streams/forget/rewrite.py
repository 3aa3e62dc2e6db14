"""`rtm forget --rewrite`: the log with records of forgotten patients in, the same topic without them out, while nothing else runs.

    1. see that nothing reads or writes the log, and that what it holds is folded
    2. note where each partition ends that holds such records: the cut
    3. begin a new file of the topic at each cut, so that no file holds both sides
    4. copy what stays behind the cut, in order
    5. compare every copy with its original
    6. have the running generation go on behind the copies: it knows them all
    7. have Kafka delete what lies before the cut

Nothing is deleted before step 7, and there is no moment at which the topic isn't whole. Killed anywhere, the next run goes on: the cuts
stand in Kafka, as the offsets of a group that has no members. Workers that are started in between find known facts, and nothing new.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiokafka import TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError as ClientError  # type: ignore[import-untyped]

from processors.topology import PATIENT
from schemas.topics import EVENTS, TOPICS
from streams.forget.log_copy import compare, copy, requested, stays
from streams.forget.log_files import delete_before, forget_cuts, lagging_partitions, new_files, note_cuts, noted_cuts
from streams.kafka.jars import KafkaError
from streams.kafka.reading import Reader
from streams.kafka.topics import STAGES, admin, state_topic, topic_ids
from streams.kafka.writing import Writer, topics_there
from streams.reconcile.table_counts import live_generation
from streams.up import state_generations
from streams.warehouse.erasure import forgotten_among
from streams.worker.checkpoint import Checkpoint
from streams.worker.job import Job
from streams.worker.progress import progress_of
from streams.worker.threads import FoldThreads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set

    from streams.settings import Settings
    from streams.warehouse.connection import Warehouse
    from streams.worker.changelog import Progress


class RewriteError(Exception):
    """It can't be done; the message says what to do. Nothing was lost."""


@dataclass(slots=True)
class Rewritten:
    """What came of it: whose records are gone, how many, how many stay beside them, in which partitions; requests not carried out yet."""

    patients: int
    not_erased: int
    partitions: list[int] = field(default_factory=list)
    removed: int = 0
    stay: int = 0


def rewrite(settings: Settings, warehouse: Warehouse, say: Callable[[str], None] = lambda _: None) -> Rewritten:
    """Rewrite the log without the records of those whose erasure is recorded in the warehouse.

    Raises RewriteError, KafkaError, WarehouseError, NewerStateError, LogError.
    """
    _see_that_all_rests(settings)
    _see_that_replicas_are_in_sync(settings)
    partitions = topics_there(settings.kafka, [EVENTS.name])[EVENTS.name].partitions
    say("reading the log for requests")
    with Reader(settings.kafka) as reader:
        asked = requested(reader, partitions, settings.max_record)
    gone = forgotten_among(warehouse, asked)
    done = Rewritten(len(gone), len(asked) - len(gone))
    generation = _generation(settings, warehouse)
    while cuts := noted_cuts(settings) or _note_cuts(settings, frozenset(subject.encode() for subject in gone)):
        _see_that_all_is_folded(settings, generation, cuts)
        _rewrite(settings, generation, cuts, frozenset(subject.encode() for subject in gone), done, say)
        forget_cuts(settings)
    return done


def _rewrite(
    settings: Settings, generation: int, cuts: Mapping[int, int], subjects: Set[bytes], done: Rewritten, say: Callable[[str], None]
) -> None:
    """Steps 3 to 7, at cuts that are noted."""
    with Reader(settings.kafka) as reader, Reader(settings.kafka) as beside, Writer(settings.kafka, "rtm-forget") as writer:
        say(f"beginning new files in {len(cuts)} partitions")
        with new_files(settings.kafka):
            for number, cut in cuts.items():
                if not compare(reader, beside, number, cut, subjects).copied:
                    copy(reader, writer, number, cut, subjects, skip=0, most=1)
        for number, cut in sorted(cuts.items()):
            say(f"partition {number}: copying what lies before offset {cut}")
            found = compare(reader, beside, number, cut, subjects)
            if not found.whole and not found.strange:
                copy(reader, writer, number, cut, subjects, skip=found.copied)
                say(f"partition {number}: comparing copies and originals")
                found = compare(reader, beside, number, cut, subjects)
            if not found.whole:
                forget_cuts(settings)
                raise RewriteError(
                    f"{EVENTS.name}, partition {number}: something else wrote to it meanwhile. Nothing is lost. End workers, dispatchers, "
                    "rtm send and whatever else writes to it, and run this again: it begins anew"
                )
            say(f"partition {number}: the state goes on behind the copies, at offset {found.end}")
            _go_on_behind(settings, generation, number, found.end)
            say(f"partition {number}: deleting what lies before offset {found.begin}")
            delete_before(settings.kafka, number, found.begin)
            done.partitions.append(number)
            done.removed += found.left_out
            done.stay += found.copied


def _generation(settings: Settings, warehouse: Warehouse) -> int:
    """The generation that runs; RewriteError where a rebuild is under way, whose state would be of no more use."""
    given = settings.generation if "generation" in settings.model_fields_set else None
    current = given or live_generation(warehouse, settings.group) or settings.generation
    if begun := [number for number in state_generations(settings.kafka, settings.group) if number > current]:
        raise RewriteError(
            f"generation {begun[-1]} was begun by rtm rebuild and would lack what is deleted: end it with rtm rebuild --switch, or drop "
            "it with rtm rebuild --prune"
        )
    return current


def _see_that_all_rests(settings: Settings) -> None:
    """RewriteError where a worker or a dispatcher runs."""
    ours = re.compile(re.escape(settings.group) + r"-\d+(-dispatch)?")
    with admin(settings.kafka) as client:
        names = [group["group_id"] for group in client.list_groups() if ours.fullmatch(group["group_id"])]
        busy = [name for name, group in (client.describe_groups(names) if names else {}).items() if group["members"]]
    if busy:
        raise RewriteError(
            f"group {busy[0]} still has members: end workers and dispatchers (of rtm up: rtm up --only-tables), then run this again"
        )


def _see_that_all_is_folded(settings: Settings, generation: int, cuts: Mapping[int, int]) -> None:
    """RewriteError where the state lacks a record before a cut: it would never see it."""
    states = _states(settings, generation)
    with Reader(settings.kafka) as reader:
        since = {
            TopicPartition(EVENTS.name, number): states[number].next_offset for number in cuts if number in states and states[number].read
        }
        until = {place: cuts[place.partition] for place in since}
        for record in reader.records({place: offset for place, offset in since.items() if offset < until[place]}, until):
            raise RewriteError(
                f"{EVENTS.name}, partition {record.partition}: offset {record.offset} isn't folded yet: let workers run until their lag is "
                "none, end them, and run this again"
            )


def _see_that_replicas_are_in_sync(settings: Settings) -> None:
    """RewriteError where one isn't."""
    if lagging := lagging_partitions(settings.kafka):
        raise RewriteError(f"{EVENTS.name}, partition {lagging[0]}: a replica is not in sync; run this again when the cluster is well")


def _states(settings: Settings, generation: int) -> Mapping[int, Progress]:
    """How far the generation has come, by partition; empty where it has no state."""
    topic = state_topic(settings.group, generation, "patient")
    with admin(settings.kafka) as client:
        there = topic in client.list_topics()
    return progress_of(settings.kafka, topic) if there else {}


def _note_cuts(settings: Settings, subjects: Set[bytes]) -> dict[int, int]:
    """Where each partition ends that holds a record which is to go; noted before anything is written."""
    with Reader(settings.kafka) as reader:
        places = reader.places(EVENTS.name)
        ends = reader.ends(places)
        found = {record.partition for record in reader.records(reader.begins(places), ends) if not stays(record, subjects)}
    cuts = {place.partition: offset for place, offset in ends.items() if place.partition in found}
    if cuts:
        note_cuts(settings, cuts)
    return cuts


def _go_on_behind(settings: Settings, generation: int, number: int, offset: int) -> None:
    """Have the generation's state of a partition go on at an offset, what lies before it being known; nothing where it has no state."""
    state = _states(settings, generation).get(number)
    if state is None or not state.read:
        return

    async def run(job: Job) -> None:
        checkpoint = Checkpoint(job, PATIENT, number)
        await checkpoint.start()
        try:
            await checkpoint.skip_to(offset)
        finally:
            await checkpoint.stop()

    names = [EVENTS.name, *(state_topic(settings.group, generation, stage) for stage in STAGES)]
    there = {name: topic.partitions for name, topic in topics_there(settings.kafka, [topic.name for topic in TOPICS]).items()}
    with FoldThreads() as threads:
        job = Job(
            settings.kafka,
            settings.group,
            generation,
            settings.policy(generation),
            settings.max_record,
            there,
            threads,
            topic_ids=topic_ids(settings.kafka, names),
        )
        try:
            asyncio.run(run(job))
        except ClientError as error:
            raise KafkaError(f"Kafka at {settings.kafka} failed ({type(error).__name__}): run this again, it goes on") from None
