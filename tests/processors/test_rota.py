"""The rota by a table: overnight shifts, dates of their own, changes of clocks, and the ends of quiet hours."""

from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from processors.rota import Calendar, Window
from schemas.instants import SECOND

BERLIN = "Europe/Berlin"
WORKDAYS = frozenset({1, 2, 3, 4, 5})


def at(text, zone=BERLIN, fold=0):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()) * SECOND


def told(instant, zone=BERLIN):
    return datetime.fromtimestamp(instant // SECOND, ZoneInfo(zone)).isoformat(timespec="minutes")


ROTA = Calendar(
    BERLIN,
    (
        Window(8 * 60, 18 * 60, WORKDAYS, ("anna",)),
        Window(18 * 60, 8 * 60, WORKDAYS, ("ben",)),
        Window(0, 1440, frozenset({6, 7}), ("carla", "anna")),
    ),
    {date(2026, 12, 25): (Window(0, 1440, people=("dora",)),), date(2026, 12, 31): ()},
)


@pytest.mark.parametrize(
    ("when", "who"),
    [
        ("2026-03-02T08:00", ("anna",)),
        ("2026-03-02T17:59:59", ("anna",)),
        ("2026-03-02T18:00", ("ben",)),
        ("2026-03-03T07:59:59", ("ben",)),
        ("2026-03-07T07:00", ("carla", "anna", "ben")),
        ("2026-03-07T09:00", ("carla", "anna")),
        ("2026-03-08T23:59:59", ("carla", "anna")),
        ("2026-03-09T00:00", ()),
        ("2026-12-25T12:00", ("dora",)),
        ("2026-12-25T02:00", ("ben", "dora")),
        ("2026-12-26T02:00", ("carla", "anna")),
        ("2026-12-31T12:00", ()),
        ("2026-12-31T02:00", ("ben",)),
    ],
)
def test_who_is_on_call(when, who):
    assert set(ROTA.people_at(at(when))) == set(who)
    assert len(ROTA.people_at(at(when))) == len(who)


def test_a_night_shift_over_a_change_of_clocks_leaves_no_minute_uncovered_and_covers_none_twice():
    for day, hours in (("2026-03-28", 13), ("2026-10-24", 15)):
        nights = Calendar(BERLIN, (Window(18 * 60, 8 * 60, people=("ben",)), Window(8 * 60, 18 * 60, people=("anna",))))
        begins, ends, _ = next(iter(nights.spans(date.fromisoformat(day), 1)))
        assert (ends - begins) // (3600 * SECOND) == hours
        spans = sorted(nights.spans(date.fromisoformat(day), 3))
        assert all(one[1] == other[0] for one, other in pairwise(spans))


def test_a_shift_that_begins_in_the_hour_that_comes_twice_begins_the_first_time():
    calendar = Calendar(BERLIN, (Window(150, 600, people=("ben",)),))
    first, second = at("2026-10-25T02:30"), at("2026-10-25T02:30", fold=1)
    assert second - first == 3600 * SECOND
    assert calendar.people_at(first - SECOND) == ()
    assert calendar.people_at(first) == calendar.people_at(second) == ("ben",)


def test_a_shift_that_begins_in_the_hour_that_is_skipped_begins_that_much_later():
    calendar = Calendar(BERLIN, (Window(150, 600, people=("ben",)),))
    assert told(next(iter(calendar.spans(date(2026, 3, 29), 1)))[0]) == "2026-03-29T03:30+02:00"


@pytest.mark.parametrize(
    ("when", "opens"),
    [
        ("2026-03-28T20:59", "2026-03-28T20:59+01:00"),
        ("2026-03-28T21:00", "2026-03-29T07:00+02:00"),
        ("2026-03-29T06:59", "2026-03-29T07:00+02:00"),
        ("2026-03-29T07:00", "2026-03-29T07:00+02:00"),
        ("2026-10-24T23:00", "2026-10-25T07:00+01:00"),
    ],
)
def test_quiet_hours_end_at_the_local_time_they_say(when, opens):
    assert told(Calendar(BERLIN, (Window(21 * 60, 7 * 60),)).outside(at(when))) == opens


def test_windows_that_touch_end_together_and_windows_without_an_end_hold_nothing():
    calendar = Calendar(BERLIN, (Window(21 * 60, 7 * 60), Window(0, 1440, frozenset({6, 7}))))
    assert told(calendar.outside(at("2026-03-06T22:00"))) == "2026-03-09T07:00+01:00"
    always = Calendar(BERLIN, (Window(0, 1440),))
    assert always.outside(at("2026-03-06T22:00")) == at("2026-03-06T22:00")


def test_the_next_shift_is_looked_for_over_days_without_people():
    assert told(ROTA.next_begin(at("2026-12-31T12:00"))) == "2027-01-01T08:00+01:00"
    assert Calendar(BERLIN, (Window(0, 60),)).next_begin(0) is None


def test_half_hour_zones():
    calendar = Calendar("Australia/Lord_Howe", (Window(0, 1440, people=("x",)),))
    begins, ends, _ = next(iter(calendar.spans(date(2026, 4, 5), 1)))
    assert ends - begins == 24.5 * 3600 * SECOND
