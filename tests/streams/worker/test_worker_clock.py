"""Ticks by the clock on the wall: on the grid, by whoever owns the partition, and never in a flood."""

import asyncio
import signal
import time
from types import SimpleNamespace

import pytest

from schemas.instants import SECOND, parse_instant
from schemas.topics import EVENTS, SENSOR
from streams.worker.wall_ticks import write_wall_ticks
from tests.streams.live_log import Workers, header, read_all


def test_each_owner_is_offered_the_newest_instant_of_the_grid():
    offered: list[int] = []
    clock = iter([125 * SECOND, 125 * SECOND + 1, 600 * SECOND, 599 * SECOND])
    owner = SimpleNamespace(offer_tick=offered.append)

    async def run():
        await write_wall_ticks(60, lambda: [owner], lambda: next(clock))

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(run())
    assert offered == [120 * SECOND, 120 * SECOND, 600 * SECOND, 540 * SECOND]


def test_a_worker_on_wall_time_writes_each_instant_once_and_no_flood_after_it_was_frozen(fresh_topics, tmp_path):
    workers = Workers(fresh_topics, tmp_path, clock="wall", environment={"RTM_TICK_S": "1", "RTM_WORKER_TIMEOUT_S": "20"})
    try:
        worker = workers.start()
        workers.wait_until_ready()
        time.sleep(2)
        worker.send_signal(signal.SIGSTOP)
        frozen_at = time.time_ns()
        time.sleep(3)
        woken_at = time.time_ns()
        worker.send_signal(signal.SIGCONT)
        time.sleep(2.5)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    finally:
        workers.stop()
    for topic in (SENSOR.name, EVENTS.name):
        records = read_all(fresh_topics, topic)
        assert {(record.key, header(record, "ce_type"), header(record, "ce_subject")) for record in records} == {
            (None, "rtm.clock.tick.v1", None)
        }
        for partition in range(4):
            ticks = [parse_instant(header(record, "ce_time")) for record in records if record.partition == partition]
            assert all(tick % SECOND == 0 for tick in ticks)
            assert ticks == sorted(set(ticks))
            assert len([tick for tick in ticks if tick < frozen_at]) >= 2
            assert len([tick for tick in ticks if frozen_at < tick < woken_at - SECOND]) <= 1
            assert [tick for tick in ticks if tick >= woken_at]
