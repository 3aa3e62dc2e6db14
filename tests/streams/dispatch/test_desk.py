"""The desk told as scenes: changes and minutes in, messages out; and a second desk that recalls the plans of one that was killed."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.rota import Calendar, Window
from processors.routing import ClinicRoute, Routes, Step
from schemas.instants import SECOND, format_instant
from streams.dispatch.desk import Desk
from streams.dispatch.messages import AlertChange

ZONE = "Europe/Berlin"
ALL = frozenset({"info", "warning", "urgent"})
MINUTE = 60 * SECOND
DAY = 86_400
STATUS = {"resolved", "acknowledged", "snoozed", "expired"}


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()) * SECOND


NOON = at("2026-03-02T12:00")


def clinic(bundle_s=2.0, most=0, **other):
    settings = {
        "steps": (Step(0, ("therapist",), ALL), Step(1800, ("on_call",), ALL)),
        "people": {"t1": ("t1",), "t2": ("t2",), "anna": ("anna", "pager")},
        "rota": Calendar(ZONE, (Window(0, 1440, people=("anna",)),)),
    }
    return Routes({"*": ClinicRoute(**(settings | other), bundle_s=bundle_s, most_messages=most)})


def change(alert, transition="opened", instant=NOON, severity="warning", therapist="t1", partition=0, offset=0):
    row = {
        "alert_id": alert,
        "episode_id": "e1",
        "severity": severity,
        "status": transition if transition in STATUS else "open",
        "rule_id": "missed_days",
        "opened_at": format_instant(instant),
        "therapist_id": therapist,
        "clinic_id": "c1",
        "updated_at": format_instant(instant),
        "issued_at": format_instant(instant),
    }
    return AlertChange(transition, instant, row, f"patient-{alert}", partition, offset)


def told(plans):
    return [(plan.endpoint, [(part.alert_id, part.transition) for part in plan.parts]) for plan in plans]


def test_several_alerts_for_one_therapist_make_one_message_and_those_of_another_their_own():
    desk = Desk(clinic(), DAY)
    for number, name in enumerate(["a1", "a2", "a3"]):
        assert desk.take(change(name, therapist="t2" if name == "a3" else "t1"), NOON + number) == []
    assert desk.plans(NOON + SECOND) == []
    plans = desk.plans(NOON + 3 * SECOND)
    assert told(plans) == [("t1", [("a1", "opened"), ("a2", "opened")]), ("t2", [("a3", "opened")])]
    assert desk.plans(NOON + 4 * SECOND) == []
    assert len({plan.webhook_id for plan in plans}) == 2
    assert [notice.alert_id for notice in plans[0].message(lambda part, plan: None).notices] == ["a1", "a2"]


def test_an_urgent_alert_waits_for_nothing_and_takes_along_what_waits():
    desk = Desk(clinic(), DAY)
    desk.take(change("a1"), NOON)
    desk.take(change("a2", severity="urgent"), NOON + 1)
    assert told(desk.plans(NOON + 1)) == [("t1", [("a1", "opened"), ("a2", "opened")])]


def test_what_is_over_before_it_was_told_is_not_told():
    desk = Desk(clinic(), DAY)
    desk.take(change("a1"), NOON)
    desk.take(change("a1", "resolved", NOON + 1), NOON + 1)
    assert desk.plans(NOON + MINUTE) == []
    assert desk.known == {}


def test_endpoints_that_take_one_alert_a_message_get_each_its_own():
    desk = Desk(clinic(), DAY, ["t1"])
    desk.take(change("a1"), NOON)
    desk.take(change("a2"), NOON)
    assert told(desk.plans(NOON + 3 * SECOND)) == [("t1", [("a1", "opened")]), ("t1", [("a2", "opened")])]


def test_beyond_the_limit_of_an_hour_messages_are_bundled_and_none_is_dropped():
    desk = Desk(clinic(bundle_s=1.0, most=2, steps=(Step(0, ("therapist",), ALL),)), DAY)
    sent = []
    for number in range(120):
        now = NOON + number * MINUTE
        desk.take(change(f"a{number}", instant=now), now)
        for seconds in range(0, 60, 10):
            sent += [(plan.planned_at, len(plan.parts)) for plan in desk.plans(now + seconds * SECOND)]
    for hour in range(120):
        sent += [(plan.planned_at, len(plan.parts)) for plan in desk.plans(NOON + 2 * 60 * MINUTE + hour * MINUTE)]
    assert sum(parts for _, parts in sent) == 120
    instants = [instant for instant, _ in sent]
    most = max(sum(begin <= other < begin + 60 * MINUTE for other in instants) for begin in instants)
    assert most <= 4  # a bundle of more than 50 goes as two messages
    assert len(sent) <= 10
    desk.take(change("now", instant=NOON + 5 * MINUTE, severity="urgent"), NOON + 5 * MINUTE)
    assert len(desk.plans(NOON + 5 * MINUTE)) == 1


def test_nobody_acknowledges_and_the_one_on_call_is_told_then_it_is_over_for_both():
    desk = Desk(clinic(), DAY)
    desk.take(change("a1"), NOON)
    (first,) = desk.plans(NOON + 3 * SECOND)
    desk.ended(first, "delivered", 1)
    assert desk.plans(NOON + 29 * MINUTE) == []
    assert desk.plans(NOON + 31 * MINUTE) == []
    (second,) = desk.plans(NOON + 32 * MINUTE)
    assert (second.endpoint, second.parts[0].transition, second.parts[0].step) == ("anna", "escalated", 2)
    desk.ended(second, "delivered", 1)
    desk.take(change("a1", "resolved", NOON + 40 * MINUTE), NOON + 40 * MINUTE)
    assert told(desk.plans(NOON + 41 * MINUTE)) == [("t1", [("a1", "resolved")]), ("anna", [("a1", "resolved")])]


def test_an_acknowledgement_stops_the_steps_and_a_reopening_begins_them_anew():
    desk = Desk(clinic(), DAY)
    desk.take(change("a1"), NOON)
    (first,) = desk.plans(NOON + 3 * SECOND)
    desk.ended(first, "delivered", 1)
    desk.take(change("a1", "acknowledged", NOON + MINUTE), NOON + MINUTE)
    assert desk.plans(NOON + 60 * MINUTE) == []
    later = NOON + 120 * MINUTE
    desk.take(change("a1", "reopened", later), later)
    (again,) = desk.plans(later + 3 * SECOND)
    assert told([again]) == [("t1", [("a1", "reopened")])]
    assert again.webhook_id != first.webhook_id


def test_who_was_told_before_it_opened_again_while_it_stood_hears_of_the_end():
    desk = Desk(clinic(), DAY)
    desk.take(change("a1"), NOON)
    desk.ended(desk.plans(NOON + 3 * SECOND)[0], "delivered", 1)
    assert desk.plans(NOON + 31 * MINUTE) == []
    desk.ended(desk.plans(NOON + 32 * MINUTE)[0], "delivered", 1)
    desk.take(change("a1", "snoozed", NOON + 40 * MINUTE), NOON + 40 * MINUTE)
    later = NOON + 600 * MINUTE
    desk.take(change("a1", "reopened", later), later)
    desk.ended(desk.plans(later + 3 * SECOND)[0], "delivered", 1)
    desk.take(change("a1", "resolved", later + MINUTE), later + MINUTE)
    assert sorted(plan.endpoint for plan in desk.plans(later + 2 * MINUTE)) == ["anna", "t1"]


def test_attempts_under_another_id_are_counted_on():
    desk = Desk(clinic(bundle_s=0), DAY)
    (first,) = desk.take(change("a1"), NOON)
    desk.ended(first, "given_up", 12)
    (second,) = desk.plans(NOON)
    desk.ended(second, "delivered", 1)
    desk.take(change("a1", "resolved", NOON + 1), NOON + 1)
    for instant, earlier in ((NOON + 2, 0), (NOON + 3, 3)):
        (plan,) = desk.take(change("a1", "reopened", instant), instant)
        assert plan.parts[0].earlier == earlier
        desk.ended(plan, "delivered", 3)


def test_what_reaches_nobody_or_comes_too_late_is_put_aside_once():
    desk = Desk(clinic(people={}), DAY)
    desk.take(change("a1"), NOON)
    desk.take(change("a1", "notified", NOON), NOON + 1)
    assert [(each.outcome, each.plan.endpoint) for each in desk.unsent()] == [("nobody", "")]
    late = Desk(clinic(), DAY)
    late.take(change("a1"), NOON + (DAY + 1) * SECOND)
    assert late.plans(NOON + (DAY + 60) * SECOND) == []
    assert [(each.outcome, each.plan.endpoint) for each in late.unsent()] == [("expired", "t1")]


def test_by_the_logs_clock_an_alerts_time_is_that_of_its_newest_change():
    desk = Desk(clinic(bundle_s=0), DAY, by_the_log=True)
    (plan,) = desk.take(change("a1"), NOON + 300 * DAY * SECOND)
    desk.ended(plan, "delivered", 1)
    assert desk.plans(NOON + 301 * DAY * SECOND) == []


def test_a_partition_that_goes_and_comes_back_brings_what_another_dispatcher_did():
    desk = Desk(clinic(bundle_s=0), DAY)
    (plan,) = desk.take(change("a1"), NOON)
    for outcome in ("planned", "delivered"):
        desk.forget(0)
        desk.recall(plan, outcome, 1, {0: 0})
    assert desk.take(change("a1"), NOON + MINUTE) == []
    assert [told.outcome for told in desk.known["a1"].course.told] == ["delivered"]
    (second,) = desk.plans(NOON + 30 * MINUTE)
    assert second.endpoint == "anna"


# -- killed anywhere -------------------------------------------------------------------------------------------------------------------

LOG = [
    change("a1", offset=0),
    change("b1", instant=NOON + SECOND, offset=1),
    change("a1", "acknowledged", NOON + 20 * MINUTE, offset=2),
    change("c1", instant=NOON + 25 * MINUTE, severity="urgent", offset=3),
    change("a1", "resolved", NOON + 50 * MINUTE, offset=4),
    change("b1", "resolved", NOON + 70 * MINUTE, offset=5),
    change("a1", "reopened", NOON + 80 * MINUTE, offset=6),
]


class World:
    """A desk, the log it reads, and what it put down. Killed, all that stays is what was put down and the offset."""

    read_committed = 0

    def __init__(self, bundle_s, log=LOG, given_up=frozenset()):
        self.routes = clinic(bundle_s)
        self.log, self.given_up = log, given_up
        self.put_down, self.ends, self.read = [], {}, 0
        self.sent = []
        self.desk = Desk(self.routes, DAY)

    def step(self, now, *, stop_before=None):
        """One step of a dispatcher; it may be killed before it puts plans down, commits, sends, or puts down how they ended."""
        plans = []
        while self.read < len(self.log) and self.log[self.read].at <= now:
            plans += self.desk.take(self.log[self.read], now)
            self.read += 1
        plans += self.desk.plans(now)
        if stop_before == "plan":
            return self.kill(self.read_committed, now)
        self.put_down += plans
        if stop_before == "commit":
            return self.kill(self.read_committed, now)
        self.read_committed = self.read
        if stop_before == "send":
            return self.kill(self.read, now)
        self.sent += plans
        if stop_before == "end":
            return self.kill(self.read, now)
        return self.end(plans)

    def end(self, plans):
        """Put down how these ended."""
        for plan in plans:
            outcome = "given_up" if plan.endpoint in self.given_up else "delivered"
            self.ends[plan.webhook_id, plan.endpoint] = outcome
            self.desk.ended(plan, outcome, 1)

    def kill(self, read, now):
        """Begin anew, at the same minute, from what was put down."""
        self.read = read
        self.desk = Desk(self.routes, DAY)
        for each in self.log[:read]:
            self.desk.fold(each)
        for plan in [msgspec.json.decode(msgspec.json.encode(each), type=type(each)) for each in self.put_down]:
            ended = self.ends.get((plan.webhook_id, plan.endpoint))
            self.desk.recall(plan, ended or "planned", 1, {0: read})
            if ended is None:
                self.sent.append(plan)
                self.end([plan])
        self.step(now)


def play(bundle_s, kills=(), **world):
    """A world of 130 minutes, killed in some of them at some point of the step."""
    world = World(bundle_s, **world)
    for number in range(130):
        world.step(NOON + number * MINUTE, stop_before=dict(kills).get(number))
    return world


def said(world):
    return {(plan.endpoint, part.alert_id, part.transition, part.step, part.since) for plan in world.sent for part in plan.parts}


def ids_are_steady(world):
    ids = {}
    for plan in world.sent:
        for part in plan.parts:
            key = plan.endpoint, part.alert_id, part.transition, part.step, part.since
            if ids.setdefault(key, plan.webhook_id) != plan.webhook_id:
                return False
    return True


WHERE = ("plan", "commit", "send", "end")


@pytest.mark.parametrize("bundle_s", [0.0, 2.0])
@pytest.mark.parametrize("where", WHERE)
def test_killed_at_any_minute_and_point_the_same_is_told_and_twice_only_under_the_same_id(bundle_s, where):
    expected = said(play(bundle_s))
    assert len(expected) >= 8
    for minute in range(0, 130, 1 if bundle_s else 3):
        world = play(bundle_s, [(minute, where)])
        assert said(world) == expected
        assert ids_are_steady(world)


@st.composite
def logs(draw):
    """Changes of three alerts, at any minutes, in an order that the fold could give."""
    log, standing = [], dict.fromkeys(["a1", "b1", "c1"], "")
    for minute in sorted(draw(st.lists(st.integers(0, 120), max_size=14))):
        alert = draw(st.sampled_from(sorted(standing)))
        follows = ["acknowledged", "snoozed", "resolved", "reopened"] if standing[alert] not in {"", "resolved"} else ["reopened"]
        transition = draw(st.sampled_from(follows)) if standing[alert] else "opened"
        standing[alert] = transition
        instant = NOON + minute * MINUTE + len(log)
        severity = "urgent" if alert == "c1" else "warning"
        log.append(change(alert, transition, instant, severity, "t2" if alert == "b1" else "t1", offset=len(log)))
    return log


kills = st.lists(st.tuples(st.integers(0, 129), st.sampled_from(WHERE)), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(logs(), kills)
def test_whatever_happens_kills_change_nothing_of_what_is_told(log, kills):
    assert said(play(0.0, kills, log=log)) == said(play(0.0, log=log))


@settings(max_examples=60, deadline=None)
@given(logs(), kills, st.sampled_from([0.0, 2.0, 90.0]), st.frozensets(st.sampled_from(["t1", "anna", "pager"])))
def test_whatever_happens_what_is_sent_again_has_the_same_id(log, kills, bundle_s, given_up):
    """What waits for more, or for an endpoint to give up, may come to another end after a kill, but not under another id."""
    assert ids_are_steady(play(bundle_s, kills, log=log, given_up=given_up))
