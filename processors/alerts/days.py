"""Rules about days done, missed, silent, low or overdone: `missed_days`, `silence`, `low_volume`, `over_doing`.

Unknown days neither open nor close what is about adherence; only silence speaks of them.
"""

from __future__ import annotations

from dataclasses import replace

from processors.alerts.finding import Finding, Kind, of_days
from processors.alerts.view import View
from processors.packs.alerts import InForce, LowVolume, OverDoing

LOOK_BACK = 30
KNOWN = frozenset({"met", "partial", "missed"})
DONE = frozenset({"met", "partial"})


def _in_a_row(view: View, rule: InForce, days: list[int]) -> list[Finding]:
    """A finding that rests on days in a row, newest first; it comes to a level when as many of them as the level says are over."""
    if len(days) < rule.rule.levels[0].at:
        return []
    days.reverse()
    found = of_days(view, "adherence_daily", days, len(days), {})
    return [replace(found, due=lambda at: view.over_at(days[max(1, round(at)) - 1]))]


def _missed(view: View, rule: InForce, day: int) -> list[Finding]:
    days: list[int] = []
    for number in view.back(day, LOOK_BACK):
        status = view.day(number).adherence.status
        if status in DONE:
            break
        if status == "missed":
            days.append(number)
    return _in_a_row(view, rule, days)


def _missed_clear(view: View, _rule: InForce, _key: str, held_on: int) -> str | None:
    again = any(view.day(number).adherence.status in DONE for number in view.after(held_on))
    return "exercised again" if again else None


def _silent(view: View, rule: InForce, day: int) -> list[Finding]:
    days: list[int] = []
    for number in view.back(day, LOOK_BACK):
        adherence = view.day(number).adherence
        if adherence.heard:
            break
        if adherence.over:
            days.append(number)
    return _in_a_row(view, rule, days)


def _silent_clear(view: View, _rule: InForce, _key: str, held_on: int) -> str | None:
    again = any(view.day(number).adherence.heard for number in view.after(held_on))
    return "heard again" if again else None


def _volume(view: View, of: LowVolume, day: int) -> tuple[list[int], float] | None:
    """The known days of the window that ends on a day, oldest first, and the volume over them; None where too few are known."""
    known, unknown, done, asked = list[int](), 0, 0, 0
    for number in view.back(day, of.days):
        adherence = view.day(number).adherence
        status = adherence.status
        if status in KNOWN:
            known.append(number)
            done += adherence.completed_reps
            asked += adherence.prescribed_reps
        unknown += status == "unknown"
    if len(known) < of.least_known_days or len(known) < of.least_coverage * (len(known) + unknown):
        return None
    return known[::-1], done / asked


def _low(view: View, rule: InForce, day: int) -> list[Finding]:
    of: LowVolume = rule.condition
    window = _volume(view, of, day)
    if window is None or window[1] >= of.below:
        return []
    percent = int(100 * window[1])
    return [replace(of_days(view, "adherence_daily", window[0], percent, {"days": of.days}), day=day)]


def _low_clear(view: View, rule: InForce, _key: str, _held_on: int) -> str | None:
    of: LowVolume = rule.condition
    window = _volume(view, of, view.last_over)
    return "the volume is back" if window is not None and window[1] >= of.clear_at else None


def _ratios(view: View, of: OverDoing, day: int) -> list[tuple[int, float]]:
    """The last days of exercise, newest first, each with its repetitions as a share of those asked for."""
    found: list[tuple[int, float]] = []
    for number in view.back(day, of.within_days):
        adherence = view.day(number).adherence
        if adherence.over and adherence.prescribed_reps and adherence.completed_reps:
            found.append((number, (adherence.completed_reps + view.seen(number).beyond) / adherence.prescribed_reps))
            if len(found) == of.days:
                break
    return found


def _over(view: View, rule: InForce, day: int) -> list[Finding]:
    of: OverDoing = rule.condition
    if not any(view.seen(number).beyond for number in range(day, day - 3, -1)):
        return []
    ratios = _ratios(view, of, day)
    least = min((ratio for _, ratio in ratios), default=0.0)
    if len(ratios) < of.days or least < of.ratio:
        return []
    percent = int(100 * least)
    days = [number for number, _ in reversed(ratios)]
    return [replace(of_days(view, "adherence_daily", days, percent, {"days": of.days}), day=day)]


def _over_clear(view: View, rule: InForce, _key: str, _held_on: int) -> str | None:
    of: OverDoing = rule.condition
    ratios = _ratios(view, of, view.last_over)
    quiet = len(ratios) == of.days and max(ratio for _, ratio in ratios) < of.clear_ratio
    return "about as much as is asked for again" if quiet else None


MISSED_DAYS = Kind(_missed, _missed_clear, at_once=True)
SILENCE = Kind(_silent, _silent_clear, at_once=True)
LOW_VOLUME = Kind(_low, _low_clear)
OVER_DOING = Kind(_over, _over_clear)
