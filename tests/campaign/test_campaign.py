"""A short campaign: six kills and a freeze while events flow; `python -m tests.campaign` has the long one."""

import pytest

from streams.kafka.jars import KafkaError
from tests.campaign.run import campaign
from tests.campaign.schedule import KILLED, schedule
from tests.conftest import REQUIRED


def test_the_same_seed_has_the_same_schedule_and_every_part_is_killed():
    faults = schedule(3, 50)
    assert faults == schedule(3, 50) != schedule(4, 50)
    assert {fault.part for fault in faults if fault.what == "kill"} == set(KILLED)
    assert sum(fault.what == "kill" for fault in faults) == 50
    assert {fault.what for fault in schedule(3, 6, short=True)} == {"kill", "freeze"}


@pytest.mark.xdist_group("kafka campaign")
@pytest.mark.slow
def test_nothing_is_lost_doubled_or_different_after_everything_was_killed(tmp_path):
    try:
        verdict = campaign(tmp_path, seed=1, kills=6, patients=12, days=5, tick_s=3 * 3600, short=True)
    except KafkaError as error:
        if REQUIRED:
            raise
        pytest.skip(f"no Kafka: {error}")
    assert verdict.wrong == []
    assert verdict.faults == 7
    assert verdict.opened > 0
    assert verdict.reconciled > 20
