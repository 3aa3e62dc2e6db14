"""A bug in a processor on a real Kafka: nothing is written, the record is named and its crashes counted; then it is set aside."""

import asyncio

import pytest

from processors.processor import Tick
from processors.topology import PATIENT, Stage
from schemas.codecs import encode_kafka, make_fact
from streams.worker.checkpoint import Checkpoint
from streams.worker.partition_fold import FoldError
from streams.worker.threads import FoldThreads
from tests.streams.live_log import BEGIN, DAY, embedded_tables, header, live_tables, read_all, send
from tests.streams.worker.test_worker_checkpoint import FACTS, HOME, events_rows, job, piece

TICK = make_fact("rtm.clock.tick.v1", "", "/rtm/clock", "t", BEGIN + 2 * DAY, {})


def failing(fold=(), flush=(), work=()):
    """The patient stage with bugs: at these offsets `fold` fails half done, `flush` after them does, or `work` for these patients."""

    class Failing:
        def __init__(self, policy, store):
            self._inner, self._seen = PATIENT.make(policy, store), set()

        def __getattr__(self, name):
            return getattr(self._inner, name)

        def fold(self, record, out):
            self._seen.add(record.position)
            self._inner.fold(record, out)
            if record.position in fold:
                raise ZeroDivisionError("p000" if isinstance(record.item, Tick) else record.item.subject)

        def flush(self, out, *, ticks=True):
            if self._seen & set(flush):
                raise ArithmeticError("p000")
            self._inner.flush(out, ticks=ticks)

        def work(self, out):
            if self._inner.waiting and self._inner._due.first() in work:
                raise LookupError("p000")
            return self._inner.work(out)

    return Stage("patient", PATIENT.reads, PATIENT.writes, Failing)


def owned(bootstrap, stage, scenario):
    """Run a scenario with an owner of the partition that has started; what it raises comes back in place of its result."""

    async def run():
        with FoldThreads() as threads:
            owner = Checkpoint(job(bootstrap, threads), stage, HOME)
            try:
                await owner.start()
                return await scenario(owner)
            except FoldError as error:
                return str(error)
            finally:
                await owner.stop()

    return asyncio.run(run())


@pytest.mark.parametrize(("where", "error"), [("fold", "ZeroDivisionError"), ("flush", "ArithmeticError")])
def test_a_record_that_crashes_is_named_three_times_and_then_set_aside(fresh_topics, where, error):
    send(fresh_topics, FACTS)
    stage = failing(**{where: {4}})

    async def scenario(owner):
        await owner.fold(piece(FACTS[:3], 0))
        await owner.fold(piece(FACTS[3:], 3))
        return owner.progress

    for crash in (1, 2):
        told = owned(fresh_topics, stage, scenario)
        assert told.startswith(f"rtm.events.v1, partition {HOME}, offset 4: the patient stage failed with {error}, crash {crash} of 3, ")
        assert "p000" not in told
        assert events_rows(fresh_topics) == 3
        assert not read_all(fresh_topics, "rtm.dead-letters.v1")
    progress = owned(fresh_topics, stage, scenario)
    assert (progress.read, progress.applied, progress.dead, progress.crashes) == (len(FACTS), len(FACTS) - 1, {"crash": 1}, {})
    (letter,) = read_all(fresh_topics, "rtm.dead-letters.v1")
    key, value, headers = encode_kafka(FACTS[4])
    assert (letter.key, letter.value, [(k, v) for k, v in letter.headers if not k.startswith("rtm-")]) == (key, value, list(headers))
    assert (header(letter, "rtm-reason"), header(letter, "rtm-offset")) == ("crash", "4")
    assert header(letter, "rtm-error") == f"the patient stage failed with {error}"
    assert live_tables(fresh_topics)["events"] == embedded_tables([*FACTS[:4], *FACTS[5:]], BEGIN + 3 * DAY)["events"]


def test_a_slice_that_fails_once_for_no_reason_of_its_records_goes_through(fresh_topics):
    failures = [MemoryError()]

    class Once:
        def __init__(self, policy, store):
            self._inner = PATIENT.make(policy, store)

        def __getattr__(self, name):
            return getattr(self._inner, name)

        def flush(self, out, *, ticks=True):
            if failures:
                raise failures.pop()
            self._inner.flush(out, ticks=ticks)

    async def scenario(owner):
        await owner.fold(piece(FACTS, 0))
        return owner.progress

    progress = owned(fresh_topics, Stage("patient", PATIENT.reads, PATIENT.writes, Once), scenario)
    assert (progress.read, progress.applied, progress.dead, progress.crashes) == (len(FACTS), len(FACTS), {}, {})
    assert events_rows(fresh_topics) == len(FACTS)


def test_a_tick_that_crashes_at_a_patient_puts_him_off_and_is_set_aside_and_the_next_tick_mends_all(fresh_topics):
    send(fresh_topics, FACTS * 2)  # so that the log is long enough
    tick = len(FACTS)

    async def scenario(owner):
        await owner.fold(piece([*FACTS, TICK], 0))
        while owner.waiting:
            await owner.work()
        return owner.progress

    broken = failing(work={"p000"})
    for crash in (1, 2):
        told = owned(fresh_topics, broken, scenario)
        assert told.startswith(
            f"rtm.events.v1, partition {HOME}, offset {tick}: the patient stage failed with LookupError, crash {crash} of"
        )
    progress = owned(fresh_topics, broken, scenario)
    assert (progress.next_offset, progress.dead, progress.put_off, progress.tick) == (tick + 1, {}, 1, BEGIN + 2 * DAY)
    (letter,) = read_all(fresh_topics, "rtm.dead-letters.v1")
    assert (header(letter, "rtm-reason"), header(letter, "rtm-offset"), letter.key) == ("crash", str(tick), None)

    async def mended(owner):
        later = make_fact("rtm.clock.tick.v1", "", "/rtm/clock", "t2", BEGIN + 3 * DAY, {})
        await owner.fold(piece([later], tick + 1))
        while owner.waiting:
            await owner.work()

    owned(fresh_topics, PATIENT, mended)
    assert live_tables(fresh_topics) == embedded_tables(FACTS, BEGIN + 3 * DAY)
