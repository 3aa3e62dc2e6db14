"""A log that lost what is to be read next, or was made anew: told with the offsets that are gone, never jumped over in silence."""

import asyncio
from dataclasses import replace

import pytest
from faust.types import TP
from kafka import TopicPartition

from processors.topology import PATIENT
from schemas.topics import EVENTS
from streams.kafka.topics import admin
from streams.kafka.writing import topics_there
from streams.worker.checkpoint import Checkpoint, LogError
from streams.worker.threads import FoldThreads
from tests.streams.live_log import send
from tests.streams.worker.test_slices import consuming, numbers, until, write
from tests.streams.worker.test_worker_checkpoint import FACTS, HOME, events_rows, job, piece


def cut(bootstrap, partition, before):
    with admin(bootstrap) as client:
        client.delete_records({TopicPartition(EVENTS.name, partition): before})


def with_job(bootstrap, scenario, **settings):
    """Run a scenario with a maker of owners of one partition."""

    async def run():
        with FoldThreads() as threads:
            made = []

            async def start(**more):
                made.append(Checkpoint(replace(job(bootstrap, threads), **settings, **more), PATIENT, HOME))
                await made[-1].start()
                return made[-1]

            try:
                return await scenario(start)
            finally:
                for owner in made:
                    await owner.stop()

    return asyncio.run(run())


def test_a_log_that_was_cut_behind_the_state_is_told_and_goes_on_only_when_the_loss_is_accepted(fresh_topics):
    send(fresh_topics, FACTS)

    async def scenario(start):
        owner = await start()
        await owner.fold(piece(FACTS[:2], 0))
        await owner.see_what_is_lost()
        cut(fresh_topics, HOME, 4)
        with pytest.raises(LogError, match=rf"^rtm.events.v1, partition {HOME}: offsets 2 to 3 are gone from the topic .* --accept-loss "):
            await start()
        with pytest.raises(LogError, match="offsets 2 to 3"):
            await owner.see_what_is_lost()
        accepting = await start(accept_loss=True)
        assert (accepting.next_offset, accepting.progress.lost) == (4, 2)
        return (await start()).progress

    progress = with_job(fresh_topics, scenario)
    assert (progress.next_offset, progress.lost, progress.read) == (4, 2, 2)
    assert events_rows(fresh_topics) == 2


def test_a_new_group_begins_where_the_log_begins(fresh_topics):
    send(fresh_topics, FACTS)
    cut(fresh_topics, HOME, 3)

    async def scenario(start):
        owner = await start()
        assert await owner.fold(piece(FACTS[3:], 3))
        return owner.progress

    progress = with_job(fresh_topics, scenario)
    assert (progress.lost, progress.read, progress.next_offset) == (0, len(FACTS) - 3, len(FACTS))


def test_a_topic_that_was_made_anew_is_known_by_its_id(fresh_topics):
    send(fresh_topics, FACTS)
    ids = {EVENTS.name: topics_there(fresh_topics, [EVENTS.name])[EVENTS.name].topic_id}

    async def scenario(start):
        owner = await start(topic_ids=ids)
        await owner.fold(piece(FACTS[:2], 0))
        assert owner.progress.log_id == ids[EVENTS.name]
        with pytest.raises(LogError, match=rf"partition {HOME}: the topic was made anew .* RTM_GENERATION"):
            await start(topic_ids={EVENTS.name: "another"}, accept_loss=True)

    with_job(fresh_topics, scenario)


def test_a_log_that_is_cut_while_it_is_read_stops_the_reading_and_tells(fresh_topics, tmp_path):
    slices, cuts = [], []
    place = TP(EVENTS.name, 1)

    async def scenario():
        await write(fresh_topics, [(50, True)])
        async with consuming(fresh_topics, tmp_path, "cut", slices.append) as consumer:
            consumer.on_cut = cuts.append
            await asyncio.to_thread(cut, fresh_topics, 1, 30)
            await consumer.open(place, 10)
            await until(lambda: cuts)
            await asyncio.sleep(0.5)
            assert slices == []
            await consumer.open(place, 30)
            await until(lambda: len(numbers(slices)) == 20)

    asyncio.run(scenario())
    assert cuts == [place]
    assert numbers(slices) == list(range(30, 50))
