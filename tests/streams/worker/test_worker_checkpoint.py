"""The checkpoint of one partition on a real Kafka: all or nothing, fenced, and never over a hole."""

import asyncio
from dataclasses import replace

import pytest
from aiokafka.errors import ProducerFenced

from processors.policy import Policy
from processors.topology import MOTION, PATIENT
from schemas.codecs import encode_kafka, make_fact
from schemas.topics import TOPICS
from streams.kafka.outgoing import tick_record
from streams.kafka.placement import partition_of
from streams.worker.checkpoint import Checkpoint
from streams.worker.job import Job
from streams.worker.slices import Slice
from streams.worker.threads import FoldThreads
from tests.streams.live_log import BEGIN, DAY, header, read_all, send, small_log

HOME = partition_of(b"p000", 4)
FACTS = [fact for fact in small_log(patients=1, days=2) if not fact.type.startswith("rtm.sensor")]


def job(bootstrap: str, threads: FoldThreads) -> Job:
    return Job(bootstrap, "rtm", 1, Policy(tick_s=3600), 1 << 20, {topic.name: 4 for topic in TOPICS}, threads)


def piece(facts, begin: int, first: int | None = None) -> Slice:
    """Facts as a slice of rtm.events.v1 that continues from `begin`; the first record's offset may lie behind it."""
    records = [encode_kafka(fact) for fact in facts]
    first = begin if first is None else first
    return Slice(
        "rtm.events.v1",
        HOME,
        begin,
        first + len(facts),
        1,
        list(range(first, first + len(facts))),
        [key for key, _, _ in records],
        [value for _, value, _ in records],
        [tuple(headers) for _, _, headers in records],
        0,
    )


def with_owners(bootstrap, scenario, stage=PATIENT, number=1, **settings):
    """Run a scenario with that many owners of one partition, which it starts itself; `settings` are those of their job."""

    async def run():
        with FoldThreads() as threads:
            owners = [Checkpoint(replace(job(bootstrap, threads), **settings), stage, HOME) for _ in range(number)]
            try:
                return await scenario(*owners)
            finally:
                for owner in owners:
                    await owner.stop()

    return asyncio.run(run())


def events_rows(bootstrap) -> int:
    return sum(len(r.value.splitlines()) for r in read_all(bootstrap, "rtm.metrics.v1") if header(r, "table") == "events")


def test_a_slice_is_folded_once_though_it_comes_again_and_never_when_something_before_it_is_missing(fresh_topics):
    async def scenario(owner):
        await owner.start()
        assert await owner.fold(piece(FACTS[:3], 0))
        assert await owner.fold(piece(FACTS[:3], 0))
        assert not await owner.fold(piece(FACTS[4:], 4))
        assert owner.progress.next_offset == 3
        assert await owner.fold(piece(FACTS[2:], 2))
        return owner.progress

    progress = with_owners(fresh_topics, scenario)
    assert (progress.next_offset, progress.read, progress.applied, progress.duplicates) == (len(FACTS), len(FACTS), len(FACTS), 0)
    assert events_rows(fresh_topics) == len(FACTS)


def test_offsets_that_hold_no_record_make_no_hole(fresh_topics):
    async def scenario(owner):
        await owner.start()
        assert await owner.fold(piece(FACTS[:2], 0))
        assert await owner.fold(piece(FACTS[2:], 2, first=5))
        return owner.progress.next_offset

    assert with_owners(fresh_topics, scenario) == 5 + len(FACTS) - 2


def test_who_takes_a_partition_over_goes_on_from_its_state_and_the_former_owner_writes_nothing_more(fresh_topics):
    async def scenario(old, new):
        await old.start()
        await old.fold(piece(FACTS[:3], 0))
        await new.start()
        assert new.progress == old.progress
        with pytest.raises(ProducerFenced):
            await old.fold(piece(FACTS[3:], 3))
        assert events_rows(fresh_topics) == 3
        assert await new.fold(piece(FACTS[3:], 3))

    send(fresh_topics, FACTS)
    with_owners(fresh_topics, scenario, number=2)
    assert events_rows(fresh_topics) == len(FACTS)


def test_a_fenced_owners_tick_does_not_show_and_a_known_tick_is_not_written_again(fresh_topics):
    async def scenario(old, new):
        await old.start()
        await old.write_tick(BEGIN)
        await new.start()
        with pytest.raises(ProducerFenced):
            await old.write_tick(BEGIN + DAY)
        new.progress.tick_read = BEGIN
        await new.write_tick(BEGIN)
        await new.write_tick(BEGIN + 2 * DAY)

    with_owners(fresh_topics, scenario, MOTION, 2)
    ticks = [(record.partition, record.key, header(record, "ce_time")) for record in read_all(fresh_topics, "rtm.sensor.v1")]
    assert ticks == [(HOME, None, "2026-03-02T00:00:00Z"), (HOME, None, "2026-03-04T00:00:00Z")]


def test_an_opened_alert_goes_out_once_as_an_event_with_its_row(fresh_topics):
    subject = "p000"

    def fact(kind, day, name, **data):
        return make_fact(f"rtm.{kind}.v1", subject, "/test", name, BEGIN + day * DAY + DAY // 2, data, clinic="c1")

    facts = [fact for fact in FACTS if "enrolled" in fact.type or "plan" in fact.type]
    facts += [fact("report.checkin", day, f"c{day}") for day in range(1, 9)]

    async def scenario(owner):
        await owner.start()
        tick = make_fact("rtm.clock.tick.v1", "", "/rtm/clock", "t", BEGIN + 10 * DAY, {})
        assert await owner.fold(piece([*facts, tick], 0))
        while owner.waiting:
            await owner.work()

    with_owners(fresh_topics, scenario)
    opened = [record for record in read_all(fresh_topics, "rtm.alerts.v1") if b'"opened"' in record.value]
    assert opened
    assert {(record.key, header(record, "ce_type"), header(record, "ce_subject")) for record in opened} == {
        (b"p000", "rtm.alert.changed.v1", subject)
    }
    names = [header(record, "ce_id") for record in opened]
    assert len(set(names)) == len(names)
    assert all(name.endswith("/opened") for name in names)


def test_who_is_fenced_in_the_middle_of_a_transaction_is_told_so_by_whatever_it_tries_next(fresh_topics):
    record = tick_record("rtm.events.v1", HOME, BEGIN)

    async def scenario(old, new):
        await old.start()
        await new.start()

        async def write_again():
            async with old._transaction():
                with pytest.raises(ProducerFenced):
                    await old._write([record])
                await old._write([record])

        async def begin_again():
            async with old._transaction():
                raise RuntimeError("not reached")

        for attempt in (write_again, begin_again):
            with pytest.raises(ProducerFenced):
                await attempt()

    with_owners(fresh_topics, scenario, number=2)


CHECKINS = len(encode_kafka(make_fact("rtm.report.checkin.v1", "p000", "/test", "c0", BEGIN, {}, clinic="c1"))[1])


@pytest.mark.parametrize(
    ("patients", "checkpoint_bytes", "parts"),
    [(2, 1 << 20, [3, 6, 7]), (256, 3 * CHECKINS, [3, 6, 7]), (256, 1, [1, 2, 3, 4, 5, 6, 7])],
)
def test_a_slice_of_too_many_patients_or_bytes_is_folded_in_parts(fresh_topics, patients, checkpoint_bytes, parts):
    here = [name for name in (f"p{number:03d}" for number in range(100)) if partition_of(name.encode(), 4) == HOME]
    facts = [
        make_fact("rtm.report.checkin.v1", here[patient], "/test", f"c{number}", BEGIN + number, {}, clinic="c1")
        for number, patient in enumerate([0, 1, 0, 2, 2, 3, 4])
    ]
    places = []

    async def scenario(owner):
        await owner.start()
        whole = piece(facts, 0)
        while owner.next_offset < whole.end:
            assert await owner.fold(whole)
            places.append(owner.next_offset)
        return owner.progress

    progress = with_owners(fresh_topics, scenario, replace(PATIENT, patients=patients), checkpoint_bytes=checkpoint_bytes)
    assert (progress.read, progress.applied) == (len(facts), len(facts))
    assert places == parts
