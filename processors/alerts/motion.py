"""Rules about what is sensed: `rom_behind_goal`, `rom_loss`, `device_silent`, `untrusted_signals`.

An angle is held against the plan's goal curve, or against the patient's own fortnight; a day without a measurement says nothing.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median

import orjson

from processors.alerts.finding import Finding, Kind, of_days
from processors.alerts.view import View
from processors.packs.alerts import DeviceSilent, InForce, RomBehindGoal, RomLoss, UntrustedSignals

RECENT = 3
"""A measurement older than so many days says nothing of today."""


def _keys(view: View, day: int) -> list[str]:
    """The joints (as `joint_key` names them) that were measured lately."""
    return sorted({key for number in range(day, day - RECENT, -1) for key in view.day(number).attained})


def _measured(view: View, key: str, day: int, count: int, within: int) -> list[tuple[int, float]]:
    """The last days with an angle of a joint, newest first, no more than `count`."""
    found: list[tuple[int, float]] = []
    for number in view.back(day, within):
        if (angle := view.day(number).attained.get(key)) is not None:
            found.append((number, angle))
            if len(found) == count:
                break
    return found


def _names(key: str) -> tuple[str, str, str]:
    joint, motion, side = orjson.loads(key)
    return joint, motion, side


def _short(view: View, key: str, day: int, angle: float) -> float | None:
    """How far an angle is short of its goal, deg; None without a goal."""
    joint, motion, side = _names(key)
    goal = view.goal(day, joint, motion, side)
    if goal is None:
        return None
    return angle - goal if motion == "extension" else goal - angle


def _behind(view: View, rule: InForce, day: int) -> list[Finding]:
    of: RomBehindGoal = rule.condition
    found = []
    for key in _keys(view, day):
        measured = _measured(view, key, day, of.measured_days, of.within_days)
        short = [x for number, angle in measured if (x := _short(view, key, number, angle)) is not None]
        if len(short) == of.measured_days and min(short) >= of.behind_deg:
            found.append(_of_joint(view, key, day, [number for number, _ in measured], min(short), of.measured_days))
    return found


def _of_joint(view: View, key: str, day: int, days: list[int], by: float, measured_days: int) -> Finding:
    name = " ".join(part for part in _names(key) if part)
    finding = of_days(view, "rom_daily", days[::-1], by, {"value": int(by), "what": name, "measured_days": measured_days}, key)
    return replace(finding, day=day)


def _behind_clear(view: View, rule: InForce, key: str, held_on: int) -> str | None:
    of: RomBehindGoal = rule.condition
    newest = _measured(view, key, view.last_over, 1, max(1, view.last_over - held_on))
    if not newest or newest[0][0] <= held_on:
        return None
    short = _short(view, key, *newest[0])
    if short is None:
        return "there is no goal any more"
    return "caught up with its goal" if short <= of.clear_within_deg else None


def _loss(view: View, of: RomLoss, key: str, day: int) -> tuple[list[tuple[int, float]], float] | None:
    """The last days measured, newest first, and the median of the fortnight before them; None where there is too little."""
    last = _measured(view, key, day, of.measured_days, of.days)
    if len(last) < of.measured_days:
        return None
    before = last[-1][0] - 1
    days = range(before, max(before - of.days, view.first - 1), -1)
    usual = [angle for number in days if (angle := view.day(number).attained.get(key)) is not None]
    return (last, median(usual)) if len(usual) >= of.least_days else None


def _lost(key: str, usual: float, angle: float) -> float:
    return angle - usual if _names(key)[1] == "extension" else usual - angle


def _losing(view: View, rule: InForce, day: int) -> list[Finding]:
    of: RomLoss = rule.condition
    found = []
    for key in _keys(view, day):
        if (course := _loss(view, of, key, day)) is None:
            continue
        last, usual = course
        least = min(_lost(key, usual, angle) for _, angle in last)
        if least >= of.loss_deg:
            found.append(_of_joint(view, key, day, [number for number, _ in last], least, of.measured_days))
    return found


def _losing_clear(view: View, rule: InForce, key: str, held_on: int) -> str | None:
    of: RomLoss = rule.condition
    newest = _measured(view, key, view.last_over, 1, max(1, view.last_over - held_on))
    course = _loss(view, of, key, held_on)
    if not newest or newest[0][0] <= held_on or course is None:
        return None
    return "back where it was" if _lost(key, course[1], newest[0][1]) <= of.clear_within_deg else None


def _exercised(view: View, day: int) -> bool:
    return view.day(day).adherence.completed_reps > 0


def _device(view: View, rule: InForce, day: int) -> list[Finding]:
    of: DeviceSilent = rule.condition
    quiet, before = list[int](), list[int]()
    for number in view.back(day, of.within_days):
        if view.seen(number).sensed:
            before.append(number)
        elif not before and _exercised(view, number):
            quiet.append(number)
    if len(quiet) < of.days or len(before) < of.before:
        return []
    sensed = {x.exercise_id for number in before for x in view.facts(number).sessions if x.sensed is not None}
    told = [number for number in quiet if any(x.exercise_id in sensed and x.reps > 0 for x in view.facts(number).sessions)]
    if len(told) < of.days:
        return []
    return [replace(of_days(view, "sessions", told[::-1], len(told), {}), day=day)]


def _device_clear(view: View, _rule: InForce, _key: str, held_on: int) -> str | None:
    days = range(view.last_over, held_on, -1)
    return "sensed again" if any(view.seen(number).sensed for number in days) else None


def _trust(view: View, of: UntrustedSignals, day: int) -> tuple[list[int], int, int]:
    """The days with doubtful sessions, oldest first; doubtful sessions; sensed sessions."""
    days = list(view.back(day, of.days))
    doubtful = [number for number in days if view.seen(number).doubtful]
    return doubtful[::-1], sum(view.seen(x).doubtful for x in doubtful), sum(view.seen(x).sensed for x in days)


def _untrusted(view: View, rule: InForce, day: int) -> list[Finding]:
    of: UntrustedSignals = rule.condition
    days, doubtful, sensed = _trust(view, of, day)
    if not days or sensed < of.least_sessions or doubtful < of.share * sensed:
        return []
    finding = of_days(view, "sessions", days, doubtful, {"sessions": sensed, "days": of.days})
    return [replace(finding, day=day)]


def _untrusted_clear(view: View, rule: InForce, _key: str, _held_on: int) -> str | None:
    of: UntrustedSignals = rule.condition
    _, doubtful, sensed = _trust(view, of, view.last_over)
    return "the signals are good again" if sensed >= of.least_sessions and doubtful <= of.clear_share * sensed else None


ROM_BEHIND_GOAL = Kind(_behind, _behind_clear)
ROM_LOSS = Kind(_losing, _losing_clear)
DEVICE_SILENT = Kind(_device, _device_clear)
UNTRUSTED_SIGNALS = Kind(_untrusted, _untrusted_clear)
