"""The stories of what was measured and reported: range of motion, pain, medication, outcomes, activity. As in `explain_rows`."""

from __future__ import annotations

from processors.entries import Activity, Dated, Dose, Exercise, Pain, Rep, Score
from processors.explain_facts import Known, Story, Told
from processors.explain_rows import MINUTE, Row, left_out, number, on, plural
from processors.policy import Policy
from processors.summary import measured
from schemas.instants import parse_instant


def rom_stories(known: Known, day: int, rows: list[Row], _policy: Policy) -> list[Story]:
    """`rom_daily`: the repetitions that count, and those that don't."""
    stories = []
    for row in on(rows, day):
        mine = (row["joint"], row["motion"], row["side"])
        counted, left = [], []
        for entry in known.dated(day):
            if not isinstance(entry, Rep) or (entry.joint, entry.motion or "", entry.side) != mine:
                continue
            why = known.never(entry) or known.superseded(entry, day) or _why_not_measured(entry)
            if why:
                left.append(known.told(entry, why))
            else:
                angles = f"{number(entry.min_deg)} to {number(entry.max_deg)}°"
                counted.append(known.told(entry, f"repetition {entry.rep} of {entry.session_id}: {angles}"))
        least = row["motion"] == "extension"
        attained, goal, residual = number(row["attained_deg"]), number(row["goal_deg"]), number(row["residual_deg"])
        rule = [f"attained: the {'least' if least else 'greatest'} angle of {plural(row['reps'], 'repetition')} = {attained}°"]
        if row["goal_deg"] is None:
            rule.append("no goal is set for it in the plan of the day")
        else:
            rule.append(
                f"goal of the plan on that day {goal}°; residual = {'goal - attained' if least else 'attained - goal'} = {residual}°"
            )
        slope = row["slope_deg_per_week"]
        rule.append("no slope: fewer than 3 days with data in 14" if slope is None else f"slope over 14 days: {number(slope)}° per week")
        stories.append(Story("rom_daily", row, rule, counted, left))
    return stories


def _why_not_measured(rep: Rep) -> str | None:
    flags = [flag for flag in rep.flags if flag in {"gap", "outlier"}]
    if flags:
        return f"flag {', '.join(flags)}"
    return None if measured(rep) else "a repetition without an angle"


def pain_stories(known: Known, day: int, rows: list[Row], _policy: Policy) -> list[Story]:
    """`pain_daily`: the reports, the baseline, the flare."""
    facts, stories = known.day(day), []
    for row in on(rows, day):
        counted = [known.told(x, f"NRS {number(x.nrs)}") for x in facts.entries if isinstance(x, Pain)]
        counted += [known.told(x, f"NRS {number(x.pain_nrs)}, said with the exercise") for x in facts.reports if x.pain_nrs is not None]
        counted.sort(key=lambda told: told.local_time)
        rule = [f"{plural(row['reports'], 'report')}: greatest {number(row['nrs_max'])}, mean {number(row['nrs_mean'])}"]
        if row["baseline_nrs"] is None:
            rule.append("no baseline: fewer than 3 days with reports among the 14 before, so no flare")
        else:
            base = row["baseline_nrs"]
            rule.append(f"baseline: median of the daily greatest of the 14 days before = {number(base)}")
            verb = "is high, as was one at least 24 h before it, with none below between" if row["flare"] else "is high for 24 h or more"
            rule.append(
                f"flare {'yes' if row['flare'] else 'no'}: {'a' if row['flare'] else 'no'} report of {number(base + 2)} or more {verb}"
            )
        left = [t for t in left_out(known, day, (Pain, Exercise)) if _has_pain(known, t)]
        stories.append(Story("pain_daily", row, rule, counted, left))
    return stories


def _has_pain(known: Known, told: Told) -> bool:
    entry = next(x for x in known.entries if (x.source, x.id) == (told.source, told.id))
    return isinstance(entry, Pain) or (isinstance(entry, Exercise) and entry.pain_nrs is not None)


def medication_stories(known: Known, day: int, rows: list[Row], _policy: Policy) -> list[Story]:
    """`medication_window`: the day's doses, and the 30 days."""
    facts, plan, stories = known.day(day), known.plans.of(day), []
    for row in on(rows, day):
        name = row["medication_id"]
        due = plan.medications.get(name)
        mine = [x for x in facts.entries if isinstance(x, Dose) and x.medication_id == name]
        counted = [known.told(x, "a dose taken") for x in mine if x.taken]
        left = [known.told(x, "reported as not taken") for x in mine if not x.taken]
        left += left_out(known, day, (Dose,))
        state = "not due on that day" if due is None else f"{due} doses due on that day" + ("" if facts.over else ", which is not over yet")
        rule = [
            f"{state}; {len(counted)} taken",
            f"30 days: {row['doses_taken']} doses taken of {row['doses_due']} on {row['days_due']} days due and over",
            f"pdc = covered / due days = {row['days_covered']} / {row['days_due']} = {number(row['pdc'])}",
        ]
        stories.append(Story("medication_window", row, rule, counted, left))
    return stories


def outcome_stories(known: Known, day: int, rows: list[Row], _policy: Policy) -> list[Story]:
    """`outcomes`: each score taken on the day."""
    stories = []
    for entry in known.day(day).entries:
        if not isinstance(entry, Score):
            continue
        told = known.told(entry, f"{entry.measure} {number(entry.value)}")
        for row in rows:
            if (row["measure"], row["side"], row["value"]) == (entry.measure, entry.side, entry.value) and _same(row, entry):
                mcid = "no MCID is known" if row["mcid"] is None else f"the MCID is {number(row['mcid'])}: {row['meaning']}"
                change = f"{number(row['value'])} - {number(row['baseline'])} = {number(row['change'])}"
                stories.append(Story("outcomes", row, [f"change from the episode's first = {change}; {mcid}"], [told]))
    return stories


def _same(row: Row, entry: Dated) -> bool:
    return parse_instant(row["event_time"]) == entry.time


def activity_stories(known: Known, day: int, rows: list[Row], _policy: Policy) -> list[Story]:
    """`activity_daily`: the summaries."""
    facts, stories = known.day(day), []
    for row in on(rows, day):
        mine = [x for x in facts.entries if isinstance(x, Activity) and x.activity == row["kind"] and row["name"] in x.values]
        counted = [known.told(x, f"{row['name']} {number(x.values[row['name']])} in {max(0, x.end - x.at) / MINUTE:.0f} min") for x in mine]
        left = left_out(known, day, (Activity,))
        rule = [f"mean by duration {number(row['value_mean'])}, sum {number(row['value_sum'])} in {number(row['minutes'])} min"]
        stories.append(Story("activity_daily", row, rule, counted, left))
    return stories
