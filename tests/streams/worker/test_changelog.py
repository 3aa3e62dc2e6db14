"""The state behind Kafka: what changed is told once, and what was written is read again."""

import asyncio

from aiokafka import AIOKafkaProducer
from hypothesis import given
from hypothesis import strategies as st

from streams.worker.changelog import ChangelogStore, Progress, read_changelog

KEYS = st.binary(min_size=1, max_size=1)
STEPS = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=2)) | st.just("take"), max_size=30)


@given(STEPS)
def test_the_changes_taken_make_the_same_store_elsewhere(steps):
    store, copy = ChangelogStore(), ChangelogStore()
    for step in [*steps, "take"]:
        if step == "take":
            copy.restore(store.changes(), 0)
            store.commit()
        elif step[1] is None:
            store.delete(step[0])
        else:
            store.put(*step)
    assert {key: copy.get(key) for key, _ in (s for s in steps if s != "take")} == {
        key: store.get(key) for key, _ in (s for s in steps if s != "take")
    }
    assert list(copy.changes()) == []


def test_a_key_that_changed_often_is_told_once_and_what_stayed_the_same_is_not():
    store = ChangelogStore()
    store.restore([(b"same", b"1")], 1)
    store.put(b"same", b"1")
    store.put(b"new", b"1")
    store.put(b"new", b"2")
    store.delete(b"never")
    assert list(store.changes()) == [(b"new", b"2")]


def test_progress_comes_back_as_it_was_put():
    store = ChangelogStore()
    assert store.progress() == Progress()
    progress = Progress(next_offset=7, clock=5, tick=4, read=3, applied=1, duplicates=1, dead={"invalid": 1})
    store.put_progress(progress)
    assert store.progress() == progress


def test_a_changelog_is_read_to_its_end_with_deletions_and_without_what_was_aborted(fresh_topics):
    topic = "rtm-1-patient-state"

    async def write_and_read():
        producer = AIOKafkaProducer(bootstrap_servers=fresh_topics, transactional_id="writer")
        await producer.start()
        async with producer.transaction():
            for number in range(500):
                await producer.send(topic, b"v%d" % number, key=b"k%d" % number, partition=2)
        async with producer.transaction():
            await producer.send(topic, None, key=b"k7", partition=2)
            await producer.send(topic, b"again", key=b"k8", partition=2)
            await producer.send(topic, b"elsewhere", key=b"k9", partition=1)
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"aborted", key=b"k10", partition=2)
        await producer.abort_transaction()
        await producer.stop()
        return [await read_changelog(fresh_topics, topic, number, topic) for number in (2, 3)]

    (store, bounds), (empty, nothing) = asyncio.run(write_and_read())
    assert [sum(store.get(b"k%d" % n) is not None for n in range(500)) for store in (store, empty)] == [499, 0]
    assert (bounds.begin, bounds.end > 502, nothing.begin, nothing.end) == (0, True, 0, 0)
    assert (store.get(b"k7"), store.get(b"k8"), store.get(b"k9"), store.get(b"k10")) == (None, b"again", b"v9", b"v10")
    assert list(store.changes()) == []
