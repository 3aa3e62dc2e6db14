"""The same cases over the embedded and the Kafka runtime: the same facts in, the same tables out."""

import pytest

from tests.contract.cases import CASES, Case
from tests.contract.runtimes import Embedded, Live

by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@by_name
def test_a_case_is_told_as_it_must_be(runtime: Embedded | Live, case: Case):
    case.check(runtime.told(case))


@by_name
def test_both_runtimes_tell_the_same_rows(live: Live, case: Case):
    here, there = Embedded().told(case), live.told(case)
    assert there.rows == here.rows
    assert there.transitions == here.transitions
    assert sorted(there.dead) == sorted(here.dead)


def test_a_misplaced_record_is_a_dead_letter_with_its_own_bytes_and_headers(live: Live):
    found = [record for record in live.dead_letters if dict(record.headers)["rtm-reason"] == b"misplaced"]
    partition, key, value, headers = live.misplaced
    assert sorted(record.key for record in found) == sorted([key, b"somebody-else"])
    for record in found:
        assert record.value == value
        assert [pair for pair in record.headers if not pair[0].startswith("rtm-")] == headers
        told = dict(record.headers)
        assert told["rtm-topic"] == b"rtm.events.v1"
        assert int(told["rtm-partition"]) != partition or record.key != key
