"""What can be wrong with a chunk: by table, the flag it raises or the reason for which it is a dead letter; and what does no harm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.processor import Tick
from schemas.codecs import decode_line
from schemas.instants import DAY_SECONDS, SECOND, format_instant
from tests.processors.test_motion import HOUR, HZ, T0, chunk, cut, derived, fold, reps, sessions, signal, tick

DAY = DAY_SECONDS * SECOND
ANGLE = signal("angle")


def halves(**more):
    return cut(ANGLE, [350], **more)


def with_samples(change):
    samples = ANGLE.copy()
    change(samples)
    return cut(samples, [350])


def at_rate(true_hz, stated_hz, kind="angle"):
    """The recording, taken at `true_hz`, in chunks of 2 s whose header says `stated_hz`."""
    t = np.arange(0, 14, 1 / true_hz)
    angle = np.where((t >= 2) & (t < 12), 30 * (1 - np.cos(np.pi * (t - 2))), 0)[:, None]
    size = 2 * true_hz
    return [
        chunk(n, angle[n * size : (n + 1) * size], T0 + round(n * size / true_hz * SECOND), hz=stated_hz, last=n == 6, recorded=T0)
        for n in range(7)
    ]


def paused():
    """Both halves, and 30 s between them in which the device was off: nobody lost a chunk."""
    return [chunk(0, ANGLE[:350], T0), chunk(1, ANGLE[350:], T0 + 37 * SECOND, last=True)]


FLAGGED = {
    "nothing is wrong": (halves(), 5, []),
    "NaN samples": (with_samples(lambda samples: samples.__setitem__(slice(300, 304), np.nan)), 5, ["nan"]),
    "infinite samples at the very end": (with_samples(lambda samples: samples.__setitem__(slice(690, 700), np.inf)), 5, ["nan"]),
    "nothing but NaN": (cut(np.full((100, 1), np.nan), [50]), 0, ["nan"]),
    "empty chunks": (cut(ANGLE, [0, 0, 350, 350, 700]), 5, []),
    "nothing but an empty chunk": (cut(ANGLE[:0], []), 0, []),
    "a rate of 0, which the next chunk tells": (halves(hz=0), 5, ["rate_corrected"]),
    "a negative rate": (halves(hz=-50), 5, ["rate_corrected"]),
    "an absurd rate": (halves(hz=1e300), 5, ["rate_corrected"]),
    "a tiny rate": (halves(hz=1e-300), 5, ["rate_corrected"]),
    "a rate of 0 that nothing tells": (cut(ANGLE, [], hz=0), 5, ["rate_assumed"]),
    "an angle that no joint has": (with_samples(lambda samples: samples.__setitem__(slice(240, 250), 300)), 5, ["outlier"]),
    "a spike of one sample": (with_samples(lambda samples: samples.__setitem__(250, 150)), 5, []),
    "another kind in the middle": (
        [*halves(last=False), chunk(2, signal("gyr3"), T0 + 14 * SECOND, kind="gyr3", last=True)],
        5,
        ["mixed_kind"],
    ),
    "quaternions that are none": (cut(np.zeros((100, 8)), [50], kind="quat2"), 0, ["nan", "self_calibrated"]),
    "two IMUs that say nothing": (cut(np.zeros((100, 12)), [50], kind="imu6x2"), 0, ["self_calibrated"]),
    "a walk of a single angle": (cut(ANGLE, [350], motion="gait"), 0, ["unsupported_kind"]),
    "the first chunk is missing": ([*halves()[1:], tick(HOUR)], 3, ["gap"]),
    "a chunk in the middle is missing": ([*cut(ANGLE, [300, 310])[::2], tick(HOUR)], 5, ["gap"]),
    "the device's clock went back by an hour": ([chunk(0, ANGLE[:300], T0), chunk(1, ANGLE[300:], T0 - HOUR * SECOND, last=True)], 5, []),
    "the device was off for half a minute": (paused(), 5, ["gap"]),
}


@pytest.mark.parametrize(("items", "count", "flags"), FLAGGED.values(), ids=FLAGGED)
def test_of_a_doubtful_recording_what_can_be_counted_is_and_the_session_says_what_was_wrong(items, count, flags):
    out = fold(items)
    (session,) = sessions(out)
    assert out.dead == []
    assert session.data.flags == flags
    assert session.data.reps == len(reps(out)) == count
    assert session.data.end_time >= session.data.start_time
    assert all(fact.data.duration_s >= 0 for fact in reps(out))
    assert [decode_line(line.strip()) for line in derived(out)]


def test_only_the_repetition_that_a_gap_or_outlier_touches_is_flagged_and_left_out_of_the_range():
    samples = ANGLE.copy()
    samples[440:460] = 250  # 8.8 s: in the fourth repetition
    out = fold([*cut(samples, [260, 262])[::2], tick(HOUR)])  # 5.2 s: in the second
    assert [fact.data.flags for fact in reps(out)] == [[], ["gap"], [], ["outlier"], []]
    (session,) = sessions(out)
    assert session.data.rom_best_deg == pytest.approx(60, abs=0.5)
    assert session.data.rom_median_deg == pytest.approx(60, abs=0.5)


@pytest.mark.parametrize(("true_hz", "stated_hz"), [(52, 50), (50, 52), (100, 60), (50, 0), (50, 50)])
def test_the_rate_is_that_of_the_timestamps_not_the_headers(true_hz, stated_hz):
    out = fold(at_rate(true_hz, stated_hz))
    (session,) = sessions(out)
    assert session.data.flags == ([] if true_hz == stated_hz else ["rate_corrected"])
    assert [fact.data.duration_s for fact in reps(out)] == pytest.approx([2.0] * 5, abs=0.15)
    assert [(fact.time - T0) / 1e9 for fact in reps(out)] == pytest.approx([2, 4, 6, 8, 10], abs=0.2)
    assert (session.data.end_time - T0) / 1e9 == pytest.approx(14, abs=0.05)


def test_a_clock_that_trembles_by_milliseconds_stays_on_the_grid():
    steady = cut(ANGLE, range(50, 700, 50), recorded=T0)
    trembling = [chunk(n, ANGLE[50 * n : 50 * n + 50], T0 + n * SECOND + (n % 3) * 4_000_000, last=n == 13, recorded=T0) for n in range(14)]
    assert derived(fold(trembling)) == derived(fold(steady))


def test_a_seq_beyond_64_bits_is_the_largest_there_is():
    out = fold([chunk(0, ANGLE, T0), chunk(2**70, ANGLE[:0], T0, recorded=T0, last=True), tick(HOUR)])
    assert out.applied == 2
    assert sessions(out)[0].data.flags == ["gap"]


FIRST = chunk(0, ANGLE[:350], T0)
REFUSED = {
    "other samples": (chunk(0, ANGLE[:349], T0, recorded=FIRST.recorded), "conflict"),
    "another device": (chunk(0, ANGLE[:350], T0, device_id="e"), "conflict"),
    "last where it wasn't": (chunk(0, ANGLE[:350], T0, last=True), "conflict"),
    "t0 more than a day ahead": (chunk(1, ANGLE[350:], T0 + DAY + 1, recorded=T0), "future"),
    "event time more than a day ahead": (chunk(1, ANGLE[350:], T0, time=T0 + DAY + 1, recorded=T0), "future"),
    "t0 beyond all clocks": (chunk(1, ANGLE[350:], T0, t0_ns=1e30, time=T0, recorded=T0), "future"),
    "t0 before all clocks": (chunk(1, ANGLE[350:], T0, t0_ns=-1e30, time=T0, recorded=T0), "too_late"),
    "t0 more than 35 days ago": (chunk(1, ANGLE[350:], T0, recorded=T0 + 35 * DAY + 1), "too_late"),
}


@pytest.mark.parametrize(("bad", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_chunk_that_cannot_be_used_is_a_dead_letter_with_its_reason_and_changes_nothing(bad, reason):
    rest = [chunk(1, ANGLE[350:], T0 + 7 * SECOND)] if bad.data.seq != 1 else []
    out = fold([FIRST, bad, *rest, tick(HOUR)])
    assert [(dead.reason, dead.position, dead.event_id) for dead in out.dead] == [(reason, 1, bad.id)]
    assert derived(out) == derived(fold([FIRST, *rest, tick(HOUR)]))
    assert out.applied == len(out.rows) == 1 + len(rest)


def test_exactly_a_day_ahead_and_exactly_35_days_late_are_in_time():
    assert fold([chunk(0, ANGLE, T0 + DAY, recorded=T0), chunk(0, ANGLE, T0, session="s2", recorded=T0 + 35 * DAY)]).dead == []


def test_what_was_too_late_or_future_has_taken_its_key():
    late = chunk(0, ANGLE, T0, recorded=T0 + 40 * DAY, last=True)
    out = fold([late, late, chunk(0, ANGLE[:9], T0, recorded=T0), chunk(0, ANGLE, T0, recorded=T0, last=True)])
    assert [dead.reason for dead in out.dead] == ["too_late", "conflict"]
    assert (out.applied, out.duplicates, sessions(out)) == (0, 2, [])


def test_the_same_chunk_under_another_event_id_is_the_same_chunk():
    out = fold([FIRST, chunk(0, ANGLE[:350], T0, id="again")])
    assert (out.applied, out.duplicates, out.dead) == (1, 1, [])


def test_after_the_hold_a_known_chunk_is_a_duplicate_or_conflict_and_a_new_one_is_too_late_for_its_session():
    after = tick(60 * HOUR)
    out = fold([*halves(), after, FIRST, chunk(0, ANGLE[:9], T0), chunk(2, ANGLE[:9], T0 + 14 * SECOND)])
    assert [dead.reason for dead in out.dead] == ["conflict", "session_closed"]
    assert out.duplicates == 1


def test_the_row_of_an_admitted_chunk_says_where_and_what_it_is():
    out = fold([tick(0), chunk(0, ANGLE[:350], T0, calibration={"zero_deg": 1.5, "note": None})])
    (row,) = out.rows
    assert (row.table, row.patient) == ("chunk_admissions", "p1")
    assert row.values == {
        "patient_id": "p1",
        "session_id": "s1",
        "seq": 0,
        "source": "/device",
        "event_id": "s1-0",
        "event_time": format_instant(T0),
        "recorded_time": format_instant(T0 + 7 * SECOND),
        "device_id": "d",
        "exercise_id": None,
        "joint": "knee",
        "motion": "flexion",
        "side": "left",
        "kind": "angle",
        "start_time": format_instant(T0),
        "rate_hz": 50.0,
        "n": 350,
        "last": False,
        "calibration": '{"zero_deg":1.5,"note":null}',
        "clinic_id": "c1",
        "updated_at": format_instant(T0 + 7 * SECOND),
        "revision": (1 << 48) + 2,
        "issued_at": format_instant(T0 + 7 * SECOND),
        "position": 1,
    }


raw = st.builds(
    chunk,
    st.integers(0, 12),
    st.binary(max_size=800).map(lambda data: np.frombuffer(data[: len(data) // 4 * 4], "<f4").reshape(-1, 1)),
    st.integers(T0 - 40 * DAY, T0 + 2 * DAY) | st.integers(T0, T0 + 20 * SECOND),
    recorded=st.integers(T0, T0 + 30 * SECOND),
    hz=st.floats(allow_nan=False, allow_infinity=False) | st.floats(1, 200),
    last=st.booleans(),
    session=st.sampled_from(["s1", "s2"]),
)
walks = st.lists(st.floats(-300, 300, width=32), max_size=30).map(
    lambda rows: np.repeat(np.array(rows, "<f4").reshape(-1, 1), HZ // 5, axis=0)
)
plausible = st.builds(chunk, st.integers(0, 12), walks, st.integers(T0, T0 + 60 * SECOND), recorded=st.just(T0), last=st.booleans())
ticks = st.builds(tick, st.integers(0, 100 * HOUR))


@settings(max_examples=60, deadline=None)
@given(st.lists(raw | plausible | ticks, max_size=30), st.integers(1, 5))
def test_no_chunk_breaks_the_stage_and_every_one_is_accounted_for(items, save_every):
    out = fold(items)
    chunks = [item for item in items if not isinstance(item, Tick)]
    assert out.applied + out.duplicates + len(out.dead) == len(chunks)
    assert len(out.rows) == out.applied
    assert all(decode_line(line.strip()).subject == "p1" for line in derived(out))
    assert repr(fold(items, save_every=save_every)) == repr(out)
