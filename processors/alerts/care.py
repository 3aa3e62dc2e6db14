"""Rules about outcomes, medication and billing: `outcome_worse`, `medication_missed`, `billing_at_risk`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from processors.alerts.finding import Finding, Kind, always, of_days
from processors.alerts.view import View
from processors.metrics.billing import PERIOD
from processors.metrics.outcomes import meaning
from processors.packs import billing_pack_on, mcid_pack
from processors.packs.alerts import BillingAtRisk, InForce, MedicationMissed
from processors.summary import ScoreSeen
from schemas.instants import format_day


def _outcome_key(score: ScoreSeen) -> str:
    return f"{score.measure}/{score.side}" if score.side else score.measure


def _scores(view: View, key: str, first: int, last: int) -> list[tuple[int, ScoreSeen]]:
    """The scores of a measure and side on the days from `first` to `last`, in order, each with its day."""
    found = [(day, x) for day in range(first, last + 1) for x in view.day(day).scores if _outcome_key(x) == key]
    return sorted(found, key=lambda x: (x[1].time, x[1].id, x[1].source))


def _is_worse(view: View, key: str, newest: ScoreSeen, day: int) -> float | None:
    """By how much a score is worse than the episode's first, where that is as much as the MCID or more."""
    mcid = mcid_pack().get(newest.measure)
    scores = _scores(view, key, view.first, day) if mcid is not None else []
    if not scores or mcid is None:
        return None
    base = next(x for _, x in reversed(scores) if x.time == scores[0][1].time)
    change = newest.value - base.value
    return abs(change) if meaning(change, mcid) == "worse" else None


def _worse(view: View, rule: InForce, day: int) -> list[Finding]:
    """The newest score of each measure that was told on the day or on the one before."""
    del rule
    found = []
    for key in sorted({_outcome_key(x) for number in (day, day - 1) for x in view.day(number).scores}):
        told_on, newest = _scores(view, key, day - 1, day)[-1]
        by = _is_worse(view, key, newest, told_on) if view.counts(told_on) else None
        if by is not None:
            evidence = [{"source": newest.source, "id": newest.id}]
            says = {"value": f"{by:g}", "what": key}
            found.append(Finding(key, f"{newest.source}#{newest.id}", told_on, by, always(newest.recorded), evidence, says))
    return found


def _worse_clear(view: View, _rule: InForce, key: str, held_on: int) -> str | None:
    later = _scores(view, key, held_on + 1, view.today)
    if not later:
        return None
    return "a newer score is not worse" if _is_worse(view, key, later[-1][1], later[-1][0]) is None else None


def _taken(view: View, of: MedicationMissed, drug: str, day: int) -> tuple[list[int], float] | None:
    """The days with a report of the medication on which it was due, oldest first, and the share of their doses taken; None for too few."""
    days, due, taken = list[int](), 0, 0
    for number in view.back(day, of.days):
        asked, doses = view.day(number).doses.get(drug, (None, 0))
        if asked and view.seen(number).dose_reports.get(drug):
            days.append(number)
            due += asked
            taken += min(asked, doses)
    return (days[::-1], taken / due) if len(days) >= of.least_days else None


def _medication(view: View, rule: InForce, day: int) -> list[Finding]:
    of: MedicationMissed = rule.condition
    found = []
    for drug in view.day(day).doses:
        course = _taken(view, of, drug, day)
        if course is not None and course[1] < of.below:
            percent = int(100 * course[1])
            finding = of_days(view, "medication_window", course[0], percent, {"what": drug, "days": of.days}, drug)
            found.append(replace(finding, day=day))
    return found


def _medication_clear(view: View, rule: InForce, key: str, _held_on: int) -> str | None:
    of: MedicationMissed = rule.condition
    if key not in view.plan(view.today).medications:
        return "it is in no plan any more"
    course = _taken(view, of, key, view.last_over)
    return "taken again" if course is not None and course[1] >= of.clear_at else None


@dataclass(frozen=True, slots=True)
class _Span:
    """The billing period of the day after a day: its first day, its last in the episode, and its many data days."""

    start: int
    last: int
    many: int


def _span(view: View, day: int) -> _Span | None:
    start = view.first + (day + 1 - view.first) // PERIOD * PERIOD
    last = min(start + PERIOD - 1, view.episode.last)
    pack = billing_pack_on(start)
    return None if pack is None or day + 1 > last else _Span(start, last, pack.data_days.many)


def _needed(view: View, span: _Span, day: int) -> int:
    """How many more data days the period needs after a day."""
    days = [view.day(number) for number in range(span.start, day + 1)]
    return span.many - sum(x.adherence.heard if view.lenient else x.datum is not None for x in days)


def _billing(view: View, rule: InForce, day: int) -> list[Finding]:
    of: BillingAtRisk = rule.condition
    span = _span(view, day) if day >= view.first else None
    if span is None or span.last - day > span.many + of.spare_days:
        return []
    needed, left = _needed(view, span, day), span.last - day
    if not 0 < needed <= left <= needed + of.spare_days:
        return []
    evidence = [{"table": "billing_periods", "period_start": format_day(span.start)}]
    return [Finding("", format_day(span.start), day, needed, lambda _: view.over_at(day), evidence, {"value": needed, "days": left})]


def _billing_clear(view: View, _rule: InForce, _key: str, held_on: int) -> str | None:
    span, then = _span(view, view.last_over), _span(view, held_on)
    if span is None or then is None or span.start != then.start:
        return "the period is over"
    needed = _needed(view, span, view.last_over)
    if needed <= 0:
        return "the data days are reached"
    return "it can no longer be reached" if needed > span.last - view.last_over else None


OUTCOME_WORSE = Kind(_worse, _worse_clear, at_once=True)
MEDICATION_MISSED = Kind(_medication, _medication_clear)
BILLING_AT_RISK = Kind(_billing, _billing_clear)
