"""The clock of a replay: which ticks are made, where they stand, and where the run ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.policy import Policy
from schemas.codecs import make_fact
from schemas.facts import Fact
from schemas.instants import SECOND
from streams.replay.folding import fold_records
from streams.replay.ticks import Clock, grid_after

MINUTE = 60 * SECOND


def ticks_before(recorded: list[int], tick_s: int = 60) -> list[list[int]]:
    """For each recorded time (s), the ticks (s) that come right before it."""
    clock = Clock(tick_s)
    return [[tick.now // SECOND for tick in clock.before(second * SECOND)] for second in recorded]


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ([30], [[0]]),
        ([60], [[60]]),
        ([61, 62, 119], [[60], [], []]),
        ([61, 120], [[60], [120]]),
        ([61, 3605], [[60], [3600]]),
        ([-61], [[-120]]),
    ],
    ids=["the first", "on the grid", "none within a step", "before what stands on the grid", "only the last of a gap", "before 1970"],
)
def test_a_tick_comes_before_the_first_record_at_or_after_its_instant(recorded, expected):
    assert ticks_before(recorded) == expected


@given(st.lists(st.integers(-10_000, 10_000), min_size=1, max_size=40), st.sampled_from([1, 7, 60, 900]))
def test_ticks_rise_lie_on_the_grid_and_never_beyond_the_next_record(recorded, tick_s):
    recorded.sort()
    made = ticks_before(recorded, tick_s)
    flat = [tick for before in made for tick in before]
    assert flat == sorted(set(flat))
    assert all(tick % tick_s == 0 for tick in flat)
    now = None
    for second, before in zip(recorded, made, strict=True):
        now = before[-1] if before else now
        assert now is not None
        assert now <= second < now + tick_s


def test_the_last_tick_is_the_as_of_itself_even_off_the_grid():
    clock = Clock(60)
    list(clock.before(61 * SECOND))
    assert [tick.now for tick in clock.at(61 * SECOND + 7)] == [61 * SECOND + 7]
    assert list(clock.at(61 * SECOND + 7)) == []
    assert clock.ticks == 2


@pytest.mark.parametrize(("instant", "expected"), [(0, 0), (1, MINUTE), (MINUTE, MINUTE), (-1, 0), (MINUTE + 1, 2 * MINUTE)])
def test_rounding_up_to_the_grid(instant, expected):
    assert grid_after(instant, 60) == expected


def checkin(second: int) -> Fact:
    return make_fact("rtm.report.checkin.v1", "p1", "/app", f"c{second}", second * SECOND, {})


def folded(facts: list[Fact], **options) -> tuple[set[str], str]:
    """The ids of the events that got a row, and when the last row was issued."""
    rows = [row.values for out in fold_records(facts, Policy(), **options) for row in out.rows if row.table == "events"]
    return {row["event_id"] for row in rows}, max(row["issued_at"] for row in rows)


def test_what_was_recorded_after_the_as_of_is_not_folded():
    assert folded([checkin(10), checkin(61), checkin(62)], as_of=61 * SECOND)[0] == {"c10", "c61"}


@pytest.mark.parametrize("slice_records", [1, 2, 3, 100])
def test_the_slices_do_not_show_in_the_rows(slice_records):
    facts = [checkin(second * 40) for second in range(7)]
    assert folded(facts, slice_records=slice_records) == folded(facts)
