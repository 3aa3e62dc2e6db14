"""What is written to Kafka of a record that can't be used."""

import pytest

from streams.kafka.outgoing import Outgoing, dead_letter_record

ORIGINAL = Outgoing("rtm.events.v1", 3, b"ann", b'{"nrs":4}', [("ce_id", b"e-1")])


@pytest.mark.parametrize(("reason", "erased"), [("forgotten", False), ("forgotten", True), ("future", True)])
def test_of_a_forgotten_subject_only_the_place_is_told(reason, erased):
    record = dead_letter_record(ORIGINAL, 7, reason, "why", "e-1", 1, 4, erased=erased)
    assert (record.key, record.value) == (None, b"")
    told = dict(record.headers)
    assert (told["rtm-reason"], told["rtm-offset"], told["rtm-event-id"]) == (reason.encode(), b"7", b"")
    assert "ce_id" not in told


def test_of_any_other_everything_is_kept():
    record = dead_letter_record(ORIGINAL, 7, "future", "why", "e-1", 1, 4)
    assert (record.key, record.value) == (b"ann", b'{"nrs":4}')
    assert dict(record.headers)["ce_id"] == b"e-1"
