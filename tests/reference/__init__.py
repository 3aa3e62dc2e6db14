"""The contract's counting rules, written a second time: naive, over plain lists, from scratch at every call. For tests only.

`tables(facts, now, policy=...)` takes facts in the log's order, admitted or not, and gives every row of the tables that
`rtm.metrics.v1` carries (alerts, deliveries, dead letters and chunks aside); `dead_letters(facts, ...)` gives what isn't admitted.
It shares no code with `processors/`. Rows older than the retention are not treated: histories stay within it.

Where the letter leaves a choice, the choice made here:

 1. "A fact of a day after today … is not there until its day" holds for the kinds that have a day (sensor, motion, report, care). The
    others (enrolments, discharges, plans, ends, retractions) work by the dates they carry: they are there once they are read, so a
    retraction or an enrolment stamped tomorrow acts at once. (Else an enrolment would be needed to date itself.)
 2. `too_late` and `future` look at the event time and at the one instant that dates the fact (of a rep: `session_start`). Exactly 24 h
    ahead and exactly 35 days behind are admitted.
 3. Whatever was taken back by a retraction of its session (reps, other derivations, whenever they come) has `retracted` true in
    `events`. The report with the same `session_id` is a fact of its own and stays. A retraction's own `retracted` is always false.
 4. Of a session that has its `motion.session` the reps belong to the day on which that one starts; while it has none, each rep to the day
    of its own `session_start`. What counts at all (episode, today) is asked of each fact's own dating instant, before anything supersedes.
    `events.clinic_id` is by the fact's own dating instant.
 5. A day's end: "the first instant of the next local date" is the first instant that the zone rule dates later than the day; where a
    new episode brings another zone, that may be an instant of the new zone. A date which a zone skipped (Apia, 2011-12-30) is a day
    of the episode like any other, on which nothing was heard, and ends as it begins. A midnight that comes twice ends the day once.
 6. An episode discharged before its `monitoring_start` has no days; the days after its start fall back to no other episode. It is never
    "the next to begin" for a plan version or a set-up.
 7. Pairing knows no episodes: a report pairs with a sensed session of a neighbouring day, whatever episode that is in.
 8. `joint`, `motion`, `side`, `rom_*` and `sparc` of a session that was only reported are null, its `flags` empty.
 9. A rep "with angles" has `min_deg`, `max_deg` or `rom_deg`; each figure is over those reps that have it; `reps` counts them all.
10. Two goal points of one day: the curve is read as a step, with the later of the sorted points holding on the day itself.
11. Between two reports of pain means strictly between in time.
12. A medication that stands twice in a plan adds up. A day is due when its doses add up to more than 0.
13. An activity summary that ends before it starts lasts 0.
14. The first datum of a day, and the first set-up, is the first by event time, source, id: the order of `evidence`. `evidence` is there
    with and without a pack in force.
15. A month's `clinic_id` is that of the episode of its latest day that has begun. A month holds the minutes of all episodes' days in it.
16. `days_left` counts to the episode's last day as it is known: its discharge, or the day before another episode takes over.
17. Of two episodes with one `monitoring_start` the older enrolment has no days, yet by the zone rule's letter it dates the instants before
    the winner begins in its own zone.
18. Once `patient.forgotten` came, its subject has no rows, and whatever comes later that isn't future or too late is `forgotten`,
    duplicates too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processors.policy import Policy
from tests.reference.admission import admit
from tests.reference.billing import billing_months, billing_periods
from tests.reference.course import activity_daily, medication_window, outcomes, pain_daily, rom_daily
from tests.reference.doing import adherence
from tests.reference.patient import Patient

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.facts import Fact

Tables = dict[str, dict[tuple[Any, ...], dict[str, Any]]]

NAMES = (
    "events",
    "reps",
    "sessions",
    "adherence_daily",
    "adherence_window",
    "rom_daily",
    "pain_daily",
    "medication_window",
    "outcomes",
    "activity_daily",
    "billing_periods",
    "billing_months",
    "patients",
)


def dead_letters(facts: Iterable[Fact], policy: Policy | None = None) -> list[tuple[int, str]]:
    """The index and the reason of each fact that isn't admitted, in the log's order; duplicates are none."""
    return admit(list(facts), policy or Policy())[1]


def admitted(facts: Iterable[Fact], policy: Policy | None = None) -> list[Fact]:
    """The facts that are admitted, each once, in the log's order."""
    return admit(list(facts), policy or Policy())[0]


def tables(facts: Iterable[Fact], now: int, *, policy: Policy | None = None) -> Tables:
    """Every table's rows by key (values in the order of `schemas.rows.TABLES`), columns beside the key, bookkeeping left out.

    JSON columns (`data`, `attributes`, `evidence`) are JSON values, not text.
    """
    policy = policy or Policy()
    found: Tables = {name: {} for name in NAMES}
    standing = admit(list(facts), policy)[0]
    for subject in sorted({fact.subject for fact in standing}):
        patient = Patient(subject, [fact for fact in standing if fact.subject == subject], now)
        found["events"].update(patient.event_rows())
        if not patient.calendar.episodes:
            continue
        found["patients"].update(patient.episode_rows())
        found["reps"].update(patient.rep_rows())
        found["sessions"].update(patient.session_rows())
        daily, window = adherence(patient)
        found["adherence_daily"].update(daily)
        found["adherence_window"].update(window)
        found["rom_daily"].update(rom_daily(patient))
        found["pain_daily"].update(pain_daily(patient))
        found["medication_window"].update(medication_window(patient))
        found["outcomes"].update(outcomes(patient))
        found["activity_daily"].update(activity_daily(patient))
        found["billing_periods"].update(billing_periods(patient, policy))
        found["billing_months"].update(billing_months(patient, policy))
    return found
