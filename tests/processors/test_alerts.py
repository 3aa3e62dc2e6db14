"""Alerts as scenarios: each rule opening, not opening just below, resolving; late facts, staff, snoozes. A name is a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.packs import alert_rules
from processors.packs.alerts import Overrides, RuleBook
from processors.policy import Policy
from tests.processors.alert_stories import (
    START,
    Log,
    Step,
    acknowledged,
    at,
    closed,
    discharged,
    done,
    dose,
    enrolled,
    heard,
    pain,
    plan,
    plan_ended,
    retracted,
    score,
    sensed,
    snoozed,
    told,
)

if TYPE_CHECKING:
    from schemas.facts import Fact

Facts = list["Fact | Step"]
Story = tuple[Facts, int, list[str]]
MISSED: Facts = [*START, heard(3), heard(4)]
OPENED = "opened 01-05T05:00 warning"
DRUG = {"medications": [{"medication_id": "m", "doses_per_day": 1}]}
GOAL = {"rom_goals": [{"joint": "knee", "motion": "flexion", "side": "left", "points": [[0, 90], [100, 90]]}]}
BENT = {"rom_goals": [{"joint": "knee", "motion": "extension", "side": "left", "points": [[0, 5], [100, 5]]}]}


def days(first: int, last: int, reps: int = 10) -> Facts:
    return [done(day, reps) for day in range(first, last + 1)]


def quiet(first: int, last: int) -> Facts:
    return [heard(day) for day in range(first, last + 1)]


def hurting(*scores: float, first: int = 1, hour: float = 8) -> Facts:
    return [pain(first + i, nrs, hour) for i, nrs in enumerate(scores)]


def bending(*angles: float, first: int = 1, motion: str = "flexion") -> Facts:
    return [x for i, angle in enumerate(angles) for x in sensed(first + i, angle, motion=motion)]


MISSED_DAYS: dict[str, Story] = {
    "two missed days open when the second is over, six hours after its end": (MISSED, at(6), [OPENED]),
    "one missed day opens nothing": ([*START, heard(3), done(4)], at(6), []),
    "a second missed day opens nothing before it is over": (MISSED, at(5, 4.9), []),
    "unknown days open nothing": ([*START], at(9), []),
    "an unknown day between two missed ones doesn't break the streak": (
        [*START, heard(3), heard(5)],
        at(8),
        ["opened 01-06T05:00 warning"],
    ),
    "a check-in for an ended, so far unknown day opens at the check-in": (
        [*START, heard(3), heard(4, recorded=at(5, 15))],
        at(6),
        ["opened 01-05T15:00 warning"],
    ),
    "exercise resolves it at once": ([*MISSED, done(5)], at(6), [OPENED, "resolved 01-05T13:00"]),
    "a little exercise resolves it when the day is over": ([*MISSED, done(5, reps=1)], at(6, 6), [OPENED, "resolved 01-06T05:00"]),
    "a late report that turns a missed day into a met one makes it moot": (
        [*MISSED, done(4, recorded=at(5, 9))],
        at(6),
        [OPENED, "resolved 01-05T09:00"],
    ),
    "the retraction of what resolved it opens it again, with the same id": (
        [*MISSED, done(5), retracted(done(5), at(5, 20))],
        at(5, 21),
        [OPENED, "resolved 01-05T13:00", "reopened 01-05T20:00 warning"],
    ),
    "a third missed day changes nothing": ([*START, *quiet(3, 5), done(6)], at(7), [OPENED, "resolved 01-06T13:00"]),
    "a fourth missed day makes it urgent": ([*START, *quiet(3, 9)], at(12), [OPENED, "reopened 01-07T05:00 urgent"]),
    "missed days after silent ones in between count up": (
        [*START, heard(3), heard(4), heard(6), heard(7)],
        at(9),
        [OPENED, "reopened 01-08T05:00 urgent"],
    ),
    "it expires after 30 days without another missed or met day": (MISSED, at(40), [OPENED, "expired 02-04T05:00"]),
    "discharge resolves it on the first day after the episode": (
        [*MISSED, discharged(5)],
        at(8),
        [OPENED, "resolved 01-05T23:00"],
    ),
    "an enrolment taken back, the only one, resolves it": (
        [*MISSED, retracted(enrolled(), at(5, 8))],
        at(8),
        [OPENED, "resolved 01-05T08:00"],
    ),
    "no alert after discharge": ([*START, discharged(2), heard(3), heard(4)], at(8), []),
    "no plan, no alert": ([enrolled(), *quiet(1, 3)], at(6), []),
    "the end of the plan resolves it": ([*MISSED, plan_ended(5)], at(8), [OPENED, "resolved 01-05T23:00"]),
    "days that ended before the plan in force was recorded don't count": (
        [enrolled(), heard(1), heard(2), plan(recorded=at(3, 8))],
        at(3, 23),
        [],
    ),
    "a new plan in force begins anew": ([*START, heard(3), plan(version=2, day=5, recorded=at(4, 9)), heard(4)], at(5, 22), []),
    "a new plan doesn't end what stands": ([*MISSED, plan(version=2, day=6, recorded=at(5, 9)), heard(5)], at(6, 12), [OPENED]),
    "a second streak is a second alert": (
        [*MISSED, done(5), heard(6), heard(7)],
        at(9),
        [OPENED, "resolved 01-05T13:00", "opened 01-08T05:00 warning"],
    ),
    "a report that is corrected to and fro opens and ends the same alert": (
        [*MISSED, done(5), retracted(done(5), at(5, 20)), done(5, 9, recorded=at(5, 21)), retracted(done(5, 9), at(5, 22))],
        at(5, 23),
        [OPENED, "resolved 01-05T13:00", "reopened 01-05T20:00 warning", "resolved 01-05T21:00", "reopened 01-05T22:00 warning"],
    ),
    "days are the patient's own": (
        [enrolled(zone="Australia/Lord_Howe"), plan(), done(1), *quiet(2, 3)],
        at(5),
        ["opened 01-04T19:00 warning"],
    ),
}

STAFF: dict[str, Story] = {
    "an acknowledged alert stays acknowledged until it is over": (
        [*MISSED, acknowledged(at(5, 8)), done(5)],
        at(6),
        [OPENED, "acknowledged 01-05T08:00", "resolved 01-05T13:00"],
    ),
    "who acknowledges second changes nothing": (
        [*MISSED, acknowledged(at(5, 8)), acknowledged(at(5, 9), by="m")],
        at(6),
        [OPENED, "acknowledged 01-05T08:00"],
    ),
    "an acknowledged alert that becomes urgent is open anew": (
        [*START, *quiet(3, 6), acknowledged(at(5, 8))],
        at(8),
        [OPENED, "acknowledged 01-05T08:00", "reopened 01-07T05:00 urgent"],
    ),
    "a snooze ends at its instant": (
        [*MISSED, snoozed(at(5, 8), at(6, 9.5))],
        at(7),
        [OPENED, "snoozed 01-05T08:00", "reopened 01-06T09:30 warning"],
    ),
    "a snooze without an end lasts a day": (
        [*MISSED, snoozed(at(5, 8))],
        at(7),
        [OPENED, "snoozed 01-05T08:00", "reopened 01-06T08:00 warning"],
    ),
    "a snooze that has passed changes nothing": ([*MISSED, snoozed(at(5, 8), at(5, 7))], at(7), [OPENED]),
    "a snooze over the rise to urgent is broken": (
        [*START, *quiet(3, 6), snoozed(at(5, 8), at(9))],
        at(10),
        [OPENED, "snoozed 01-05T08:00", "reopened 01-07T05:00 urgent"],
    ),
    "what is over while it is snoozed is resolved, and nothing wakes": (
        [*MISSED, snoozed(at(5, 8), at(6, 9)), done(5)],
        at(7),
        [OPENED, "snoozed 01-05T08:00", "resolved 01-05T13:00"],
    ),
    "acknowledging ends a snooze": (
        [*MISSED, snoozed(at(5, 8), at(6, 9)), acknowledged(at(5, 9))],
        at(7),
        [OPENED, "snoozed 01-05T08:00", "acknowledged 01-05T09:00"],
    ),
    "closed is resolved, and the same streak doesn't open it before it is urgent": (
        [*START, *quiet(3, 6), closed(at(5, 8))],
        at(7, 12),
        [OPENED, "resolved 01-05T08:00", "reopened 01-07T05:00 urgent"],
    ),
    "a streak closed at its height opens again after the cool-down": (
        [*START, *quiet(3, 10), closed(at(7, 8))],
        at(10),
        [OPENED, "reopened 01-07T05:00 urgent", "resolved 01-07T08:00", "reopened 01-09T05:00 urgent"],
    ),
    "an alert that nobody knows is left alone": ([*MISSED, acknowledged(at(5, 8), alert="unknown")], at(6), [OPENED]),
    "what is over can't be acknowledged": ([*MISSED, done(5), acknowledged(at(5, 14))], at(6), [OPENED, "resolved 01-05T13:00"]),
    "who was told and at which step is told": (
        [*MISSED, told(at(5, 6)), told(at(5, 7), 2, kind="escalated")],
        at(6),
        [OPENED, "notified 01-05T06:00", "escalated 01-05T07:00"],
    ),
    "an escalation over a snooze leaves it asleep": (
        [*MISSED, snoozed(at(5, 8), at(6, 9)), told(at(5, 9), 2, kind="escalated")],
        at(6, 8),
        [OPENED, "snoozed 01-05T08:00", "escalated 01-05T09:00"],
    ),
    "discharge while it is snoozed resolves it": (
        [*MISSED, snoozed(at(5, 8), at(9)), discharged(5)],
        at(10),
        [OPENED, "snoozed 01-05T08:00", "resolved 01-05T23:00"],
    ),
}

SILENCE: dict[str, Story] = {
    "three silent days open when the third is over": ([*START], at(6, 12), ["opened 01-06T05:00 warning"]),
    "two silent days don't": ([*START, heard(5)], at(6, 12), []),
    "seven silent days are urgent": ([*START], at(11), ["opened 01-06T05:00 warning", "reopened 01-10T05:00 urgent"]),
    "a check-in ends it at once": ([*START, heard(6)], at(7), ["opened 01-06T05:00 warning", "resolved 01-06T18:00"]),
    "an upload for a silent day makes it moot": (
        [*START, pain(4, 3, recorded=at(6, 9))],
        at(6, 12),
        ["opened 01-06T05:00 warning", "resolved 01-06T09:00"],
    ),
    "silence from the first day on is told": ([enrolled(), plan()], at(4, 6), ["opened 01-04T05:00 warning"]),
    "silence stays told for as long as it lasts": ([*START], at(60), ["opened 01-06T05:00 warning", "reopened 01-10T05:00 urgent"]),
}

LOW_VOLUME: dict[str, Story] = {
    "less than half over four known days opens": ([enrolled(), plan(), *days(1, 4, 4)], at(6), ["opened 01-05T05:00 warning"]),
    "half doesn't": ([enrolled(), plan(), *days(1, 6, 5)], at(8), []),
    "three known days are too few": ([enrolled(), plan(), *days(1, 3, 4)], at(4, 12), []),
    "too little is known of the week": ([enrolled(), plan(), *days(1, 2, 4), *days(6, 7, 4)], at(8, 12), []),
    "it waits for missed days that are told already": ([*START, *quiet(3, 8)], at(9, 12), []),
    "two thirds over a week end it": (
        [enrolled(), plan(), *days(1, 4, 4), *days(5, 11)],
        at(12),
        ["opened 01-05T05:00 warning", "resolved 01-08T05:00"],
    ),
    "a little more than half leaves it standing": (
        [enrolled(), plan(), *days(1, 4, 4), *days(5, 9, 6)],
        at(10),
        ["opened 01-05T05:00 warning"],
    ),
    "late reports make it moot": (
        [enrolled(), plan(), *days(1, 4, 4), *[done(d, 9, hour=16, recorded=at(5, 9)) for d in (1, 2, 3)]],
        at(5, 12),
        ["opened 01-05T05:00 warning", "resolved 01-05T09:00"],
    ),
    "it doesn't open twice within its cool-down": (
        [enrolled(), plan(), *days(1, 4, 4), *days(5, 8), *days(9, 14, 2)],
        at(15, 4),
        ["opened 01-05T05:00 warning", "resolved 01-08T05:00"],
    ),
}

PAIN: dict[str, Story] = {
    "two mornings two above the usual are a flare, and from four on urgent": (
        [*START, *hurting(3, 3, 3, 5, 5)],
        at(5, 9),
        ["opened 01-05T08:00 urgent"],
    ),
    "mild pain well above the usual is a warning": ([*START, *hurting(0, 0, 0, 2, 3)], at(5, 9), ["opened 01-05T08:00 warning"]),
    "one above the usual is none": ([*START, *hurting(3, 3, 3, 4, 4)], at(5, 9), []),
    "one high morning is none": ([*START, *hurting(3, 3, 3, 7)], at(5, 7), []),
    "a low report between two high ones breaks it": ([*START, *hurting(3, 3, 3, 6, 6), pain(4, 3, 20)], at(5, 9), []),
    "the pain told with an exercise counts": (
        [*START, *hurting(3, 3, 3, 6), done(5, pain_nrs=6)],
        at(5, 14),
        ["opened 01-05T13:00 urgent"],
    ),
    "two days are too few for a usual": ([*START, *hurting(3, 6, 6)], at(3, 9), []),
    "a day below ends it when it is over": (
        [*START, *hurting(3, 3, 3, 6, 6, 3), pain(7, 3)],
        at(8),
        ["opened 01-05T08:00 urgent", "resolved 01-07T05:00"],
    ),
    "a low evening doesn't end it yet": (
        [*START, *hurting(3, 3, 3, 6, 6), pain(5, 3, 20), pain(6, 6)],
        at(6, 20),
        ["opened 01-05T08:00 urgent"],
    ),
    "the retraction of a report makes it moot": (
        [*START, *hurting(3, 3, 3, 6, 6), retracted(pain(4, 6), at(5, 10))],
        at(5, 12),
        ["opened 01-05T08:00 urgent", "resolved 01-05T10:00"],
    ),
    "a late report that shows yesterday's flare opens when it comes": (
        [*START, *hurting(3, 3, 3, 6), pain(5, 6, recorded=at(6, 10))],
        at(6, 12),
        ["opened 01-06T10:00 urgent"],
    ),
    "a flare of which nothing more is heard expires": (
        [*START, *hurting(3, 3, 3, 6, 6)],
        at(16),
        ["opened 01-05T08:00 urgent", "expired 01-13T05:00"],
    ),
    "a warning that gets worse is urgent": (
        [*START, *hurting(0, 0, 0, 2, 2, 5)],
        at(6, 9),
        ["opened 01-05T08:00 warning", "reopened 01-06T08:00 urgent"],
    ),
}

RISING: dict[str, Story] = {
    "pain up by two within a week is told when the day is over": (
        [*START, *hurting(1, 1, 2, 3, 3)],
        at(6, 6),
        ["opened 01-06T05:00 warning"],
    ),
    "up by one isn't": ([*START, *hurting(1, 1, 2, 2, 2)], at(6, 6), []),
    "four days with reports are too few": ([*START, *hurting(1, 1, 3, 3)], at(5, 6), []),
    "a flare that is told is enough": ([*START, *hurting(1, 1, 1, 4, 4)], at(6, 6), []),
    "it is over when pain rises no more": (
        [*START, *hurting(1, 1, 2, 3, 3, 2, 1, 1)],
        at(9, 6),
        ["opened 01-06T05:00 warning", "resolved 01-08T05:00"],
    ),
}

MOTION: dict[str, Story] = {
    "ten degrees behind on two measured days open": (
        [enrolled(), plan(**GOAL), *bending(80, 79)],
        at(3, 6),
        ["opened 01-03T05:00 warning"],
    ),
    "nine degrees don't": ([enrolled(), plan(**GOAL), *bending(81, 81)], at(3, 6), []),
    "one measured day isn't enough": ([enrolled(), plan(**GOAL), *bending(70)], at(3, 6), []),
    "a day without a measurement lies between": (
        [enrolled(), plan(**GOAL), *bending(75), heard(2), *bending(76, first=3)],
        at(4, 6),
        ["opened 01-04T05:00 warning"],
    ),
    "within five degrees it is over": (
        [enrolled(), plan(**GOAL), *bending(75, 75, 84, 85)],
        at(6),
        ["opened 01-03T05:00 warning", "resolved 01-05T05:00"],
    ),
    "extension is behind when it is more": (
        [enrolled(), plan(**BENT), *bending(15, 16, motion="extension")],
        at(3, 6),
        ["opened 01-03T05:00 warning"],
    ),
    "no goal, nothing behind": ([enrolled(), plan(), *bending(30, 30)], at(3, 6), []),
}

LOSS: dict[str, Story] = {
    "ten degrees less than the own fortnight on two days open": (
        [*START, *bending(90, 91, 92, 80, 81)],
        at(6, 6),
        ["opened 01-06T05:00 warning"],
    ),
    "nine don't": ([*START, *bending(90, 91, 92, 82, 82)], at(6, 6), []),
    "two days before are too few": ([*START, *bending(90, 91, 70, 70)], at(5, 6), []),
    "back within five ends it": (
        [*START, *bending(90, 91, 92, 80, 80, 87)],
        at(7, 6),
        ["opened 01-06T05:00 warning", "resolved 01-07T05:00"],
    ),
}

DEVICES: dict[str, Story] = {
    "a device that is silent while its exercise is told opens on the third day": (
        [enrolled(), plan(), *[x for d in (1, 2, 3) for x in sensed(d)], *days(4, 6)],
        at(7, 6),
        ["opened 01-07T05:00 warning"],
    ),
    "two days don't": ([enrolled(), plan(), *[x for d in (1, 2, 3) for x in sensed(d)], *days(4, 5)], at(6, 6), []),
    "days without exercise say nothing of the device": (
        [enrolled(), plan(), *[x for d in (1, 2, 3) for x in sensed(d)], *quiet(4, 8)],
        at(9, 6),
        [],
    ),
    "another exercise says nothing of it either": (
        [
            enrolled(),
            plan(exercises=[{"exercise_id": x, "name": x, "sets": 1, "reps": 10} for x in ("x", "y")]),
            *[x for d in (1, 2, 3) for x in sensed(d)],
            *[done(d, exercise_id="y") for d in (4, 5, 6)],
        ],
        at(7, 6),
        [],
    ),
    "the next sensed session ends it when its day is over": (
        [enrolled(), plan(), *[x for d in (1, 2, 3) for x in sensed(d)], *days(4, 6), *sensed(7)],
        at(8, 6),
        ["opened 01-07T05:00 warning", "resolved 01-08T05:00"],
    ),
}

SIGNALS: dict[str, Story] = {
    "half of three doubtful sessions open": (
        [enrolled(), plan(), *sensed(1, flags=("gap",)), *sensed(2), *sensed(3, flags=("nan", "smoothed"))],
        at(4, 6),
        ["opened 01-04T05:00 warning"],
    ),
    "two sessions are too few": ([enrolled(), plan(), *sensed(1, flags=("gap",)), *sensed(2, flags=("gap",))], at(3, 6), []),
    "flags that only inform don't": (
        [enrolled(), plan(), *[x for d in (1, 2, 3) for x in sensed(d, flags=("smoothed", "self_calibrated"))]],
        at(4, 6),
        [],
    ),
    "good sessions end it": (
        [enrolled(), plan(), *sensed(1, flags=("gap",)), *sensed(2, flags=("gap",)), *[x for d in range(3, 10) for x in sensed(d)]],
        at(10, 6),
        ["opened 01-04T05:00 warning", "resolved 01-09T05:00"],
    ),
}

OUTCOMES: dict[str, Story] = {
    "worse by the MCID opens at the score": ([*START, score(1, 30), score(10, 40)], at(11), ["opened 01-10T19:00 warning"]),
    "a little less doesn't": ([*START, score(1, 30), score(10, 39.9)], at(11), []),
    "better never does": ([*START, score(1, 30), score(10, 10)], at(11), []),
    "a better newer score ends it": (
        [*START, score(1, 30), score(10, 40), score(20, 35)],
        at(21),
        ["opened 01-10T19:00 warning", "resolved 01-20T19:00"],
    ),
    "a lower first score that comes late opens it": (
        [*START, score(2, 38), score(10, 45), score(1, 30)],
        at(11),
        ["opened 01-10T19:00 warning"],
    ),
    "its retraction makes it moot": (
        [*START, score(1, 30), score(10, 40), retracted(score(10, 40), at(10, 22))],
        at(11),
        ["opened 01-10T19:00 warning", "resolved 01-10T22:00"],
    ),
}

MEDICATION: dict[str, Story] = {
    "less than four doses in five on ten days with reports open": (
        [enrolled(), plan(**DRUG), *[dose(d, taken=d not in {3, 5, 7}) for d in range(1, 11)]],
        at(11, 6),
        ["opened 01-11T05:00 warning"],
    ),
    "four in five don't": ([enrolled(), plan(**DRUG), *[dose(d, taken=d not in {3, 5}) for d in range(1, 11)]], at(11, 6), []),
    "nine days with reports are too few": ([enrolled(), plan(**DRUG), *[dose(d, taken=False) for d in range(1, 10)]], at(14, 6), []),
    "days without a report are not missed doses": ([enrolled(), plan(**DRUG), *quiet(1, 14)], at(15, 6), []),
    "taken again ends it": (
        [enrolled(), plan(**DRUG), *[dose(d, taken=d not in {3, 5, 7}) for d in range(1, 18)]],
        at(18, 6),
        ["opened 01-11T05:00 warning", "resolved 01-18T05:00"],
    ),
}

OVER: dict[str, Story] = {
    "half as much again on three days opens": ([enrolled(), plan(), *days(1, 3, 15)], at(4, 6), ["opened 01-04T05:00 warning"]),
    "a little less doesn't": ([enrolled(), plan(), *days(1, 3, 14)], at(4, 6), []),
    "two days don't": ([enrolled(), plan(), *days(1, 2, 20), done(3)], at(4, 6), []),
    "three days of the right dose end it": (
        [enrolled(), plan(), *days(1, 3, 15), *days(4, 6)],
        at(7, 6),
        ["opened 01-04T05:00 warning", "resolved 01-07T05:00"],
    ),
}

BILLING: dict[str, Story] = {
    "two days to spare are told": ([*START, *quiet(3, 14)], at(15, 6), ["opened 01-15T05:00 info"]),
    "three aren't": ([*START, done(3), *quiet(4, 14)], at(15, 6), []),
    "silence that is told is enough": ([*START], at(16, 6), []),
    "reached ends it": ([*START, *quiet(3, 14), *days(15, 30)], at(31, 12), ["opened 01-15T05:00 info", "resolved 01-29T05:00"]),
    "no longer to be reached ends it": ([*START, *quiet(3, 22)], at(23, 6), ["opened 01-15T05:00 info", "resolved 01-18T05:00"]),
}

STORIES: dict[str, tuple[str, dict[str, Story]]] = {
    "missed_days": ("missed_days", MISSED_DAYS),
    "staff": ("missed_days", STAFF),
    "silence": ("silence", SILENCE),
    "low_volume": ("low_volume", LOW_VOLUME),
    "pain_flare": ("pain_flare", PAIN),
    "pain_rising": ("pain_rising", RISING),
    "rom_behind_goal": ("rom_behind_goal", MOTION),
    "rom_loss": ("rom_loss", LOSS),
    "device_silent": ("device_silent", DEVICES),
    "untrusted_signals": ("untrusted_signals", SIGNALS),
    "outcome_worse": ("outcome_worse", OUTCOMES),
    "medication_missed": ("medication_missed", MEDICATION),
    "over_doing": ("over_doing", OVER),
    "billing_at_risk": ("billing_at_risk", BILLING),
}
NAMES = [f"{group}: {name}" for group, (_, stories) in STORIES.items() for name in stories]


def story(name: str) -> tuple[str, Story]:
    group, _, title = name.partition(": ")
    rule, stories = STORIES[group]
    return rule, stories[title]


@pytest.mark.parametrize("name", NAMES)
def test_scenario(name: str) -> None:
    rule, (facts, until, expected) = story(name)
    assert Log(facts, until).told(rule) == expected


def test_every_rule_of_the_pack_has_scenarios() -> None:
    assert {rule for rule, _ in STORIES.values()} == {rule.rule for rule in alert_rules().rules}
    assert len(NAMES) >= 60


def test_an_alert_names_its_rule_and_version_and_rests_on_the_missed_days() -> None:
    row = Log(MISSED, at(6)).transitions()[0].row
    assert (row["rule_id"], row["rule_version"], row["severity"]) == ("missed_days", "alert_rules_1/2", "warning")
    rests_on = [{"table": "adherence_daily", "local_date": "2026-01-03"}, {"table": "adherence_daily", "local_date": "2026-01-04"}]
    assert orjson.loads(row["evidence"]) == rests_on
    assert (row["clinic_id"], row["therapist_id"], row["episode_id"]) == ("c", "t", "e")
    assert row["due_at"] == "2026-01-05T05:00:00Z"


def test_a_rise_keeps_the_id_and_asks_anew() -> None:
    facts: Facts = [*START, *quiet(3, 6), acknowledged(at(5, 8)), told(at(5, 9), 2)]
    rows = [x.row for x in Log(facts, at(8)).transitions("missed_days")]
    assert len({row["alert_id"] for row in rows}) == 1
    before, after = rows[-2], rows[-1]
    assert (before["acknowledged_by"], before["escalation"]) == ("n", 2)
    assert (after["severity"], after["status"], after["acknowledged_by"], after["escalation"]) == ("urgent", "open", None, 0)
    assert after["reason"] == "4 exercise days missed in a row"
    assert after["due_at"] == "2026-01-07T05:00:00Z"


def test_the_columns_say_what_staff_did() -> None:
    facts: Facts = [*MISSED, snoozed(at(5, 8), at(6)), acknowledged(at(5, 9), by="n2"), done(5)]
    slept, taken, over = [x.row for x in Log(facts, at(7)).transitions("missed_days")][1:]
    assert (slept["status"], slept["snoozed_until"], slept["acknowledged_by"]) == ("snoozed", "2026-01-06T12:00:00Z", None)
    assert (taken["status"], taken["snoozed_until"], taken["acknowledged_by"]) == ("acknowledged", None, "n2")
    assert taken["acknowledged_at"] == "2026-01-05T09:00:00Z"
    assert (over["status"], over["resolved_at"], over["acknowledged_by"]) == ("resolved", "2026-01-05T13:00:00Z", "n2")
    assert over["reason"] == "2 exercise days missed in a row; exercised again"


def test_a_moot_alert_says_so() -> None:
    facts, until, _ = MISSED_DAYS["a late report that turns a missed day into a met one makes it moot"]
    assert str(Log(facts, until).transitions("missed_days")[-1].row["reason"]).endswith("; no longer so: a later fact changed it")


def test_a_second_streak_has_an_id_of_its_own() -> None:
    facts, until, _ = MISSED_DAYS["a second streak is a second alert"]
    first, _, second = Log(facts, until).transitions("missed_days")
    assert first.alert_id != second.alert_id


def test_two_medications_are_two_alerts() -> None:
    drugs = {"medications": [{"medication_id": name, "doses_per_day": 1} for name in ("a", "b")]}
    facts: Facts = [enrolled(), plan(**drugs), *[dose(d, taken=False, drug=x) for d in range(1, 11) for x in ("a", "b")]]
    told_of = Log(facts, at(11, 6)).transitions("medication_missed")
    assert [x.transition for x in told_of] == ["opened", "opened"]
    assert len({x.alert_id for x in told_of}) == 2


def test_a_clinic_may_change_and_switch_off_rules_and_the_alert_says_so() -> None:
    changes = {"missed_days": {"levels": [{"at": 3, "severity": "warning"}]}, "silence": {"enabled": False}}
    north = Overrides.model_validate({"name": "north-1", "clinics": {"c": {"rules": changes}}})
    policy = Policy(alert_rules=RuleBook(alert_rules(), north))
    facts: Facts = [*START, *quiet(3, 5)]
    (change,) = [x for x in Log(facts, at(12), policy).transitions() if x.row["rule_id"] in {"missed_days", "silence"}]
    assert (change.at, change.transition) == (at(6, 5), "opened")
    assert str(change.row["rule_version"]).startswith("alert_rules_1/2+north-1.")
    other = Policy(alert_rules=RuleBook(alert_rules(), Overrides.model_validate({"name": "north-1", "clinics": {"d": {"rules": changes}}})))
    assert Log(facts, at(12), other).transitions("silence")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(NAMES), st.integers(1, 6), st.integers(1, 6))
def test_neither_batches_nor_checkpoints_show(name: str, flush_each: int, save_each: int) -> None:
    _, (facts, until, _) = story(name)
    once = Log(facts, until).transitions()
    cut = Log(facts, until, flush_each=2 * flush_each, save_each=2 * save_each).transitions()
    assert [(x.transition, x.at, x.row) for x in cut] == [(x.transition, x.at, x.row) for x in once]
