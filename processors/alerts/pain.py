"""Rules about pain: `pain_flare` (well above the patient's own baseline, and sustained) and `pain_rising` (up over days).

A report is held against the patient himself, never against one absolute score; a day without reports says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from statistics import median

from processors.alerts.finding import Finding, Kind, always, of_days, rows_of
from processors.alerts.view import View
from processors.metrics.rom import theil_sen
from processors.packs.alerts import InForce, PainFlare, PainRising
from schemas.instants import SECOND, format_day

HOUR = 3600 * SECOND
FLARE_DAYS = 14
"""No flare is looked for farther back than so many days."""


def _maxima(view: View, day: int, count: int) -> list[tuple[int, float]]:
    """The daily maxima of the `count` days that end on a day, newest first, of the days that were reported on."""
    days = range(day, max(day - count, view.first - 1), -1)
    return [(number, worst) for number in days if (worst := view.day(number).worst) is not None]


def _baseline(view: View, day: int, of: PainFlare) -> float | None:
    """The median of the daily maxima of the days before; None where too few were reported on."""
    key = (day, of.days, of.least_days)
    if key not in view.baselines:
        maxima = [nrs for _, nrs in _maxima(view, day - 1, of.days)]
        view.baselines[key] = median(maxima) if len(maxima) >= of.least_days else None
    return view.baselines[key]


def may_flare(view: View, rule: InForce, day: int, nrs: float) -> bool:
    """Whether a report of so much on a day can be part of a flare of that day; told without looking at the day itself."""
    of: PainFlare = rule.condition
    if nrs < of.rise:
        return False
    usual = _baseline(view, day, of)
    return usual is not None and nrs >= usual + of.rise


def _run(reports: Iterator[tuple[int, float]], threshold: float) -> list[tuple[int, float]]:
    """The reports, newest first, up to the first one below the threshold."""
    found = []
    for at, nrs in reports:
        if nrs < threshold:
            break
        found.append((at, nrs))
    return found


def _flare_on(view: View, of: PainFlare, day: int) -> Finding | None:
    worst, reports = view.day(day).worst, view.day(day).pains
    if worst is None or worst < of.rise:
        return None
    usual = _baseline(view, day, of)
    if usual is None or worst < usual + of.rise:
        return None
    last = len(reports)
    while last > 0:
        earlier = (x for number in view.back(day - 1, FLARE_DAYS) for x in reversed(view.day(number).pains))
        run = _run(chain(reversed(reports[:last]), earlier), usual + of.rise)
        if run and run[0][0] - run[-1][0] >= of.sustained_h * HOUR:
            since = run[-1][0]
            recent = range(day, max(view.first - 1, day - FLARE_DAYS), -1)
            days = [number for number in recent if (told := view.day(number).pains) and told[-1][0] >= since]
            worst = max(nrs for _, nrs in run)
            says = {"value": f"{worst:g}", "rise": f"{of.rise:g}", "baseline": f"{usual:g}"}
            return Finding("", format_day(days[-1]), day, worst, always(run[0][0]), rows_of("pain_daily", days[::-1]), says)
        last -= max(1, len(run))  # the run of another report in it begins where this one does, and is shorter
    return None


def _flare(view: View, rule: InForce, day: int) -> list[Finding]:
    """A flare of the day, or of the day before while nothing lower was told on the day itself."""
    of: PainFlare = rule.condition
    for number in (day, day - 1):
        found = _flare_on(view, of, number) if view.counts(number) else None
        if found is not None:
            return [found]
        if view.day(number).pains:
            break
    return []


def _flare_clear(view: View, rule: InForce, _key: str, held_on: int) -> str | None:
    """As many days over, each with all its reports below what the flare was told by."""
    of: PainFlare = rule.condition
    usual = _baseline(view, held_on, of)
    days = [(day, nrs) for day, nrs in _maxima(view, view.last_over, view.last_over - held_on) if day > held_on][: of.clear_days]
    low = usual is None or all(nrs < usual + of.rise for _, nrs in days)
    return "pain is back below it" if len(days) == of.clear_days and low else None


def _rise(view: View, of: PainRising, day: int) -> tuple[list[int], float] | None:
    """The days with reports in the window, oldest first, and by how much the last two exceed the first two; None for too few."""
    points = [point for point in _maxima(view, day, of.days) if view.counts(point[0])][::-1]
    if len(points) < of.least_days:
        return None
    first, last = points[:2], points[-2:]
    return [number for number, _ in points], median(nrs for _, nrs in last) - median(nrs for _, nrs in first)


def _rising(view: View, rule: InForce, day: int) -> list[Finding]:
    of: PainRising = rule.condition
    if not view.day(day).pains:
        return []
    window = _rise(view, of, day)
    if window is None or window[1] < of.rise:
        return []
    days, up = window
    slope = theil_sen(sorted(_maxima(view, day, of.days)))
    if slope is None or slope * (of.days - 1) < of.rise:
        return []
    return [of_days(view, "pain_daily", days, up, {"value": f"{up:g}", "days": of.days})]


def _rising_clear(view: View, rule: InForce, _key: str, held_on: int) -> str | None:
    of: PainRising = rule.condition
    window = _rise(view, of, view.last_over)
    return "pain rises no more" if window is not None and window[0][-1] > held_on and window[1] < of.clear_rise else None


PAIN_FLARE = Kind(_flare, _flare_clear, at_once=True)
PAIN_RISING = Kind(_rising, _rising_clear)
