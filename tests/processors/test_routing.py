"""Routing told as scenes: a clinic's routes, what happens at which minute, and who is told what."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from processors.rota import Calendar, Window
from processors.routing import ClinicRoute, Course, Decision, Routes, Send, Step, Told, decide
from schemas.instants import SECOND

ZONE = "America/New_York"
DAY = 86_400
ALL = frozenset({"info", "warning", "urgent"})
MINUTE = 60 * SECOND


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()) * SECOND


NOON = at("2026-03-02T12:00")
ROTA = Calendar(ZONE, (Window(8 * 60, 20 * 60, people=("anna",)), Window(20 * 60, 8 * 60, people=("ben",))))
ROUTE = ClinicRoute(
    steps=(Step(0, ("therapist",), ALL), Step(1800, ("on_call",), ALL), Step(3600, ("lead",), frozenset({"warning", "urgent"}))),
    people={"t1": ("t1-app", "t1-sms"), "anna": ("anna",), "ben": ("ben",), "lead": ("lead", "pager")},
    rota=ROTA,
    quiet=Calendar(ZONE, (Window(21 * 60, 7 * 60),)),
)
ROUTES = Routes({"c1": ROUTE})


def course(since=NOON, severity="warning", therapist="t1", **other):
    return Course("a1", "c1", severity, therapist, "opened", since, status_at=since, **other)


def play(alert, routes, until, ends=None, every=MINUTE):
    """Who was told, and in which minute: each message ends as `ends` says of its endpoint, delivered by default."""
    told, now = [], alert.since
    while now <= until:
        decision = decide(alert, routes, now, DAY)
        for send in decision.sends:
            outcome = "expired" if send.expired else (ends or {}).get(send.endpoint, "delivered")
            alert.told.append(Told(send.transition, send.step, send.endpoint, send.person, now, outcome))
            told.append((int((now - alert.since) // MINUTE), send.transition, send.endpoint))
        if not decision.sends:
            now = max(now + 1, decision.again) if decision.again is not None else until + 1
    return told


def test_the_therapist_is_told_then_the_one_on_call_then_the_lead():
    assert play(course(), ROUTES, NOON + DAY * SECOND) == [(0, "opened", "t1-app"), (30, "escalated", "anna"), (90, "escalated", "lead")]


def test_a_step_can_be_left_out_for_a_severity():
    assert play(course(severity="info"), ROUTES, NOON + DAY * SECOND) == [(0, "opened", "t1-app"), (30, "escalated", "anna")]


@pytest.mark.parametrize("status", ["acknowledged", "snoozed", "expired"])
def test_who_has_taken_it_on_stops_the_steps(status):
    alert = course()
    play(alert, ROUTES, NOON)
    alert.status, alert.status_at = status, NOON + MINUTE
    assert decide(alert, ROUTES, NOON + 31 * MINUTE, DAY) == Decision()


def test_when_it_is_over_whoever_was_told_is_told_and_nobody_else():
    alert = course()
    play(alert, ROUTES, NOON + 30 * MINUTE)
    alert.status, alert.status_at = "resolved", NOON + 31 * MINUTE
    sends = decide(alert, ROUTES, NOON + 31 * MINUTE, DAY).sends
    assert sends == (Send("resolved", 0, "t1-app", "t1"), Send("resolved", 0, "anna", "anna"))
    alert.told.append(Told("resolved", 0, "t1-app", "t1", NOON, "given_up"))
    assert decide(alert, ROUTES, NOON + 32 * MINUTE, DAY).sends == sends[1:]


def test_what_is_over_before_anybody_was_told_is_not_told():
    alert = course(status="resolved")
    assert decide(alert, ROUTES, NOON, DAY) == Decision()


def test_an_end_whose_opening_is_unknown_goes_to_the_first_step():
    alert = course(since=0, status="resolved", sure=False)
    alert.status_at = NOON
    assert [send.endpoint for send in decide(alert, ROUTES, NOON, DAY).sends] == ["t1-app"]
    assert decide(course(since=0, sure=False), ROUTES, NOON, DAY) == Decision()


def test_an_endpoint_that_gives_up_gives_way_to_the_persons_next_one():
    ends = {"t1-app": "given_up", "lead": "given_up"}
    assert play(course(), ROUTES, NOON + DAY * SECOND, ends) == [
        (0, "opened", "t1-app"),
        (0, "opened", "t1-sms"),
        (30, "escalated", "anna"),
        (90, "escalated", "lead"),
        (90, "escalated", "pager"),
    ]


def test_a_step_that_fails_gives_way_to_the_next_at_once_and_what_reaches_nobody_is_said():
    ends = {"t1-app": "given_up", "t1-sms": "given_up"}
    assert play(course(), ROUTES, NOON + DAY * SECOND, ends) == [
        (0, "opened", "t1-app"),
        (0, "opened", "t1-sms"),
        (0, "escalated", "anna"),
        (90, "escalated", "lead"),
    ]
    alert = course()
    play(alert, ROUTES, NOON + DAY * SECOND, dict.fromkeys(["t1-app", "t1-sms", "anna", "lead", "pager"], "given_up"))
    assert decide(alert, ROUTES, NOON + MINUTE, DAY).nobody


def test_a_message_under_way_holds_the_next_step_back_until_its_time():
    assert play(course(), ROUTES, NOON + DAY * SECOND, {"t1-app": "planned"})[1] == (30, "escalated", "anna")


@pytest.mark.parametrize(
    ("severity", "since", "minutes"),
    [
        ("warning", "2026-03-02T20:59", [0, 601, 661]),
        ("warning", "2026-03-02T21:00", [600, 630, 690]),
        ("info", "2026-03-03T06:59", [1, 31]),
        ("urgent", "2026-03-02T23:00", [0, 30, 90]),
        ("warning", "2026-03-07T22:00", [480, 510, 570]),
        ("warning", "2026-10-31T22:00", [600, 630, 690]),
    ],
)
def test_quiet_hours_move_info_and_warning_to_their_end_and_urgent_never(severity, since, minutes):
    assert [minute for minute, *_ in play(course(at(since), severity), ROUTES, at(since) + 2 * DAY * SECOND)] == minutes


def test_who_is_on_call_is_looked_up_when_the_step_comes_and_a_change_of_shift_tells_nobody_twice():
    since = at("2026-03-02T19:45")
    assert play(course(since, "urgent"), ROUTES, since + 20 * MINUTE) == [(0, "opened", "t1-app")]
    alert = course(since, "urgent")
    assert (30, "escalated", "ben") in play(alert, ROUTES, since + 14 * 60 * MINUTE)
    assert len(alert.told) == 3


def test_an_empty_rota_is_nobody_until_the_next_shift():
    route = ClinicRoute((Step(0, ("on_call",), ALL),), {"anna": ("anna",)}, Calendar(ZONE, (Window(13 * 60, 14 * 60, people=("anna",)),)))
    routes = Routes({"c1": route})
    assert decide(course(), routes, NOON, DAY) == Decision((), NOON + 60 * MINUTE, nobody=True)
    alert = course(told=[Told("opened", 1, "", None, NOON, "nobody")])
    assert decide(alert, routes, NOON + 60 * MINUTE, DAY).sends == (Send("opened", 1, "anna", "anna"),)
    late = decide(alert, routes, NOON + (DAY + 1) * SECOND + 60 * MINUTE, DAY)
    assert late.sends == (Send("opened", 1, "anna", "anna", expired=True),)


def test_a_therapist_without_endpoints_is_passed_over():
    assert play(course(therapist="t9"), ROUTES, NOON)[0] == (0, "escalated", "anna")


def test_two_people_at_one_endpoint_get_one_message():
    route = ClinicRoute((Step(0, ("therapist", "on_call"), ALL),), {"t1": ("desk",), "anna": ("desk", "anna")}, ROTA)
    assert play(course(), Routes({"c1": route}), NOON) == [(0, "opened", "desk")]


def test_without_a_clinics_table_every_endpoint_that_wants_the_clinic_is_told_once():
    routes = Routes(everywhere=(("all", frozenset({"*"})), ("one", frozenset({"c1"})), ("other", frozenset({"c2"}))))
    assert play(course(severity="urgent"), routes, NOON + DAY * SECOND) == [(0, "opened", "all"), (0, "opened", "one")]
    assert decide(Course("a1", "c3", "info", "t", "opened", NOON), Routes(everywhere=routes.everywhere[1:]), NOON, DAY).nobody


def test_an_endpoint_of_all_alerts_is_told_beside_the_first_step():
    routes = Routes({"*": ROUTE}, (("log", frozenset({"*"})),))
    assert play(course(), routes, NOON) == [(0, "opened", "t1-app"), (0, "opened", "log")]


def test_a_persons_endpoint_that_gets_all_alerts_is_told_once():
    routes = Routes({"c1": ROUTE}, (("t1-app", frozenset({"*"})),))
    assert play(course(), routes, NOON) == [(0, "opened", "t1-app")]


def test_once_a_later_step_was_told_an_earlier_one_is_left_as_it_is():
    alert = course()
    play(alert, ROUTES, NOON + 31 * MINUTE)
    alert.told[0].outcome = "given_up"
    assert decide(alert, ROUTES, NOON + 32 * MINUTE, DAY) == Decision((), NOON + 90 * MINUTE)


def test_what_fails_in_quiet_hours_gives_way_in_the_morning():
    evening = at("2026-03-02T20:55")
    alert = course(evening)
    play(alert, ROUTES, evening, {"t1-app": "planned"})
    alert.told[0].outcome = "given_up"
    assert decide(alert, ROUTES, evening + 10 * MINUTE, DAY) == Decision((), at("2026-03-03T07:00"))
    assert decide(alert, ROUTES, at("2026-03-03T07:00"), DAY).sends[0] == Send("opened", 1, "t1-sms", "t1")


def test_what_came_due_too_long_ago_is_not_sent_and_quiet_hours_do_not_age_it():
    assert decide(course(), ROUTES, NOON + DAY * SECOND, DAY).sends == (Send("opened", 1, "t1-app", "t1"),)
    late = decide(course(), ROUTES, NOON + (DAY + 901) * SECOND, DAY)
    assert late.sends == (Send("opened", 1, "t1-app", "t1", expired=True),)
    night, morning = at("2026-03-02T21:00"), at("2026-03-04T07:00")
    assert decide(course(night), ROUTES, morning - MINUTE, DAY) == Decision((), morning)
    assert not decide(course(night), ROUTES, morning + MINUTE, DAY).sends[0].expired
    assert decide(course(night), ROUTES, morning + 16 * MINUTE, DAY).sends[0].expired
    assert play(course(), ROUTES, NOON + 3 * DAY * SECOND, {"t1-app": "expired"}) == [(0, "opened", "t1-app")]


def test_an_escalation_that_is_too_late_is_not_sent():
    alert = course()
    play(alert, ROUTES, NOON)
    assert [send.expired for send in decide(alert, ROUTES, NOON + 2 * DAY * SECOND, DAY).sends] == [True]


@pytest.mark.parametrize("status", ["acknowledged", "snoozed"])
def test_an_endpoint_that_keeps_incidents_is_told_that_somebody_took_it_on(status):
    routes = Routes({"c1": ROUTE}, keep_incidents=frozenset({"t1-app"}))
    alert = course()
    play(alert, routes, NOON + 30 * MINUTE)
    alert.status, alert.status_at = status, NOON + 31 * MINUTE
    assert decide(alert, routes, NOON + 31 * MINUTE, DAY) == Decision((Send("acknowledged", 0, "t1-app", "t1"),))


def test_an_alert_that_expires_ends_incidents_and_tells_no_person():
    routes = Routes({"c1": ROUTE}, keep_incidents=frozenset({"anna"}))
    alert = course()
    play(alert, routes, NOON + 30 * MINUTE)
    alert.status, alert.status_at = "expired", NOON + 60 * MINUTE
    assert decide(alert, routes, NOON + 60 * MINUTE, DAY) == Decision((Send("resolved", 0, "anna", "anna"),))
    assert decide(course(since=0, status="expired", sure=False), routes, NOON, DAY) == Decision()


def test_an_end_at_night_waits_for_the_morning_but_not_where_incidents_are_kept_nor_of_an_urgent_alert():
    routes = Routes({"c1": ROUTE}, keep_incidents=frozenset({"anna"}))
    evening, night, morning = at("2026-03-02T19:00"), at("2026-03-02T23:00"), at("2026-03-03T07:00")
    alert = course(evening)
    play(alert, routes, evening + 30 * MINUTE)
    alert.status, alert.status_at = "resolved", night
    assert decide(alert, routes, night, DAY) == Decision((Send("resolved", 0, "anna", "anna"),), morning)
    alert.told.append(Told("resolved", 0, "anna", "anna", night, "planned"))
    assert decide(alert, routes, morning, DAY) == Decision((Send("resolved", 0, "t1-app", "t1"),))
    alert.severity = "urgent"
    assert [send.endpoint for send in decide(alert, routes, night, DAY).sends] == ["t1-app"]
