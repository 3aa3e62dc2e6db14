"""Feedback after a session: which sessions are told of, how often, in which words; and what their pages show."""

from processors.session_feedback import Feedback, PatientRows
from schemas.instants import SECOND, format_instant, parse_instant
from streams.dispatch.feedback import Sessions
from streams.dispatch.kinds import standard
from streams.dispatch.links import Links
from streams.dispatch.routes import Endpoint

NOW = parse_instant("2026-03-10T18:00:00Z")
HOUR = 3600 * SECOND
LINKS = Links("https://rtm.example.org", ["s" * 16], 1)


def session(name="s1", ended=NOW - HOUR, clinic="c1", revision=1, **other):
    return {
        "patient_id": "patient-zero",
        "clinic_id": clinic,
        "session_id": name,
        "exercise_id": "bend",
        "joint": "knee",
        "motion": "flexion",
        "side": "left",
        "local_date": "2026-03-10",
        "start_time": format_instant(ended - HOUR),
        "end_time": format_instant(ended),
        "reps": 12,
        "rom_best_deg": 61.0,
        "revision": revision,
        "deleted": 0,
    } | other


def day(date, status="met", exercise="", **other):
    row = {"patient_id": "patient-zero", "clinic_id": "c1", "local_date": date, "exercise_id": exercise, "status": status}
    return row | {"completed_reps": 24, "prescribed_reps": 30, "revision": 1, "deleted": 0} | other


def rom(**other):
    row = {
        "patient_id": "patient-zero",
        "clinic_id": "c1",
        "local_date": "2026-03-10",
        "joint": "knee",
        "motion": "flexion",
        "side": "left",
    }
    return row | {"attained_deg": 96.0, "goal_deg": 100.0, "revision": 1, "deleted": 0} | other


def test_a_session_is_told_of_once_and_the_webhook_names_it_alone():
    sessions = Sessions(LINKS, {"c1": "app"})
    sessions.take("sessions", session(), NOW)
    sessions.take("sessions", session(revision=2, reps=13), NOW)
    assert sessions.due(lambda patient: False, NOW) == []
    ((endpoint, message),) = sessions.due(lambda patient: True, NOW)
    sessions.take("sessions", session(revision=3), NOW)
    assert sessions.due(lambda patient: True, NOW) == []
    body = standard.request(message, Endpoint("app", "", (b"k" * 24,)), NOW).body.decode()
    assert endpoint == "app"
    assert '"type":"rtm.feedback.session.v1"' in body
    assert '"session_id":"s1"' in body
    for hidden in ("patient-zero", "knee", "61", "96", "bend", "12,"):
        assert hidden not in body.replace(message.said[1][1], "")
    token = message.said[1][1].rpartition("/")[2]
    sessions.take("adherence_daily", day("2026-03-10", exercise="bend"), NOW)
    sessions.take("adherence_daily", day("2026-03-10", "pending"), NOW)
    sessions.take("adherence_daily", day("2026-03-09"), NOW)
    sessions.take("rom_daily", rom(), NOW)
    shown = sessions.of(LINKS.read_session(token, NOW).reference)
    assert shown == Feedback(12, 24, 30, 96.0, 100.0, 1)


def test_an_old_session_and_one_of_a_clinic_that_does_not_ask_are_not_told_of():
    sessions = Sessions(LINKS, {"c1": "app"})
    sessions.take("sessions", session(ended=NOW - 25 * HOUR), NOW)
    sessions.take("sessions", session("s2", clinic="c2"), NOW)
    sessions.take("sessions", session("s3", deleted=1), NOW)
    sessions.take("sessions", session("s4", ended=NOW - 23 * HOUR), NOW)
    assert sessions.due(lambda patient: True, NOW + 2 * HOUR) == []


def test_after_a_restart_what_was_told_is_not_told_again_and_the_rest_has_the_same_id():
    first, second = Sessions(LINKS, {"c1": "app"}), Sessions(LINKS, {"c1": "app"})
    for each in (first, second):
        each.take("sessions", session(), NOW)
        each.take("sessions", session("s2"), NOW)
    told = {message.said[0][1]: message.webhook_id for _, message in first.due(lambda patient: True, NOW)}
    second.told(told["s1"], NOW)
    assert [message.webhook_id for _, message in second.due(lambda patient: True, NOW)] == [told["s2"]]


def test_a_streak_passes_over_days_of_rest_and_ends_with_the_first_that_was_not_met():
    rows = PatientRows()
    for date, status in (("01", "met"), ("02", "unknown"), ("03", "met"), ("04", "rest"), ("05", "met"), ("06", "pending")):
        rows.take("adherence_daily", day(f"2026-03-{date}", status))
    assert rows.streak("2026-03-06") == 2
    assert rows.streak("2026-03-02") == 0
    rows.take("adherence_daily", day("2026-03-02", "met", revision=2))
    assert rows.streak("2026-03-06") == 4


def test_rows_that_are_gone_or_old_are_forgotten():
    rows = PatientRows()
    rows.take("sessions", session())
    rows.take("rom_daily", rom())
    rows.take("adherence_daily", day("2026-03-10", exercise="bend"))
    rows.take("adherence_daily", day("2026-03-10"))
    rows.take("adherence_daily", day("2026-01-01"))
    rows.forget_before("2026-03-11")
    assert (rows.sessions, rows.ranges, list(rows.days)) == ({}, {}, [("2026-03-10", "")])
    rows.take("sessions", session())
    rows.take("sessions", session(revision=2, deleted=1))
    assert rows.of("s1") is None
    sessions = Sessions(LINKS, {"c1": "app"})
    sessions.take("sessions", session(), NOW)
    sessions.tidy(NOW + 200 * 24 * HOUR)
    assert sessions.of(LINKS.reference("patient-zero", "s1")) is None
