"""Laws of routing over odd clinics: whatever the rota, the quiet hours, the steps and how messages end."""

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.rota import Calendar, Window, instant_of
from processors.routing import ClinicRoute, Course, Routes, Step, Told, decide
from schemas.instants import SECOND

DAY = 86_400
PEOPLE = ("t1", "anna", "ben")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC")

minutes = st.integers(0, 96).map(lambda quarter: quarter * 15)
weekdays = st.frozensets(st.integers(1, 7), min_size=1)


def windows(people):
    return st.lists(st.builds(Window, minutes, minutes, weekdays, people), max_size=3).map(tuple)


@st.composite
def clinics(draw):
    zone = draw(st.sampled_from(ZONES))
    on_call = st.lists(st.sampled_from(PEOPLE), unique=True, min_size=1, max_size=2).map(tuple)
    whom = st.lists(st.sampled_from(["therapist", "on_call", *PEOPLE]), min_size=1, max_size=2).map(tuple)
    severities = st.frozensets(st.sampled_from(["info", "warning", "urgent"]), min_size=1)
    return ClinicRoute(
        steps=tuple(draw(st.lists(st.builds(Step, st.integers(0, 50_000), whom, severities), max_size=3))),
        people={name: tuple(draw(st.lists(st.sampled_from("abcdef"), unique=True, max_size=2))) for name in PEOPLE},
        rota=draw(st.none() | windows(on_call).map(lambda found: Calendar(zone, found))),
        quiet=draw(st.none() | windows(st.just(())).map(lambda found: Calendar(zone, found))),
    )


@st.composite
def scenes(draw):
    everywhere = draw(st.lists(st.sampled_from("axy"), unique=True, max_size=2))
    routes = Routes({"c1": draw(clinics())}, tuple((name, frozenset({"*"})) for name in everywhere), frozenset({"a", "y"}))
    since = instant_of(draw(st.dates(date(2026, 1, 1), date(2026, 12, 31))), draw(minutes), "UTC")
    severity = draw(st.sampled_from(["info", "warning", "urgent"]))
    return routes, Course("a1", "c1", severity, "t1", "opened", since, status_at=since), draw(st.randoms(use_true_random=False))


def play(routes, course, chance):
    """Act on every decision, at its time, until there is nothing to wait for; the instants of what was sent.

    Of the messages some are under way for hours before they are given up, or for ever.
    """
    now, sent, ends = course.since, [], []
    for _ in range(200):
        decision = decide(course, routes, now, DAY)
        assert decision == decide(course, routes, now, DAY)
        assert decision.again is None or decision.again > now
        for send in decision.sends:
            outcome = "expired" if send.expired else chance.choice(["delivered", "given_up", "planned", "late"])
            told = Told(send.transition, send.step, send.endpoint, send.person, now, "planned" if outcome == "late" else outcome)
            course.told.append(told)
            sent.append((send, now))
            if outcome == "late":
                ends.append((now + chance.randrange(10 * 3600) * SECOND, len(course.told) - 1))
        if not decision.sends:
            ends.sort()
            if ends and (decision.again is None or ends[0][0] <= decision.again):
                now, told = max(now, ends[0][0]), course.told[ends.pop(0)[1]]
                told.outcome = "given_up"
            elif decision.again is None or decision.nobody:
                return sent
            else:
                now = decision.again
    raise AssertionError("it never comes to rest")


@settings(deadline=None)
@given(scenes())
def test_it_comes_to_rest_tells_each_endpoint_once_a_step_and_wakes_nobody_in_quiet_hours(scene):
    routes, course, chance = scene
    route = routes.of("c1")
    sent = play(routes, course, chance)
    known = {name for names in route.people.values() for name in names} | set(routes.endpoints_of_all("c1"))
    steps = [send.step for send, _ in sent]
    assert steps == sorted(steps)
    delivered = [(told.step, told.endpoint) for told in course.told if told.outcome == "delivered"]
    assert len(delivered) == len(set(delivered))
    for send, now in sent:
        assert send.endpoint in known
        assert send.transition == ("opened" if send.step == 1 else "escalated")
        if course.severity != "urgent" and route.quiet:
            assert route.quiet.outside(now) == now


@settings(deadline=None)
@given(scenes(), st.integers(0, 2 * DAY))
def test_whoever_was_told_and_nobody_else_is_told_of_the_end(scene, later_s):
    routes, course, chance = scene
    play(routes, course, chance)
    opened = {told.endpoint for told in course.told if told.outcome in {"planned", "delivered"}}
    course.status, course.status_at = "resolved", course.since + later_s * SECOND
    now, ends = course.status_at, []
    for _ in range(10):
        decision = decide(course, routes, now, DAY)
        ends += decision.sends
        course.told += [Told(send.transition, 1, send.endpoint, send.person, now, "delivered") for send in decision.sends]
        if decision.again is None:
            break
        now = decision.again
    assert sorted(send.endpoint for send in ends) == sorted(opened)
    assert not any(send.expired for send in ends)
