"""`rom_daily`: the range of motion of a day, against the plan's goal curve, with its slope over a fortnight.

A day's facts change the rows of that day, and the slope in the rows of the 13 days after it.
"""

from __future__ import annotations

from statistics import median

import orjson

from processors.days import DayFacts
from processors.entries import Goal
from processors.episodes import Episode
from processors.metrics import Rows, Summaries, days_back, key_text
from processors.plans import DayPlan
from processors.summary import attained, reps_by_joint
from schemas.instants import format_day

REACH = 14
LEAST_DAYS = 3


def goal_on(goal: Goal, days: float) -> float | None:
    """A goal curve's degrees, `days` after its origin: linear between the points, constant beyond them."""
    points = goal.points
    if not points:
        return None
    if days >= points[-1][0]:
        return points[-1][1]
    before = points[0]
    if days <= before[0]:
        return before[1]
    for after in points[1:]:
        if days < after[0]:
            return before[1] + (after[1] - before[1]) * (days - before[0]) / (after[0] - before[0])
        before = after
    return before[1]


def goal_deg(plan: DayPlan, episode: Episode, day: int, joint: str, motion: str, side: str) -> float | None:
    """The more demanding of the plan's goals for a joint, motion and side on a day, or None."""
    origin = episode.enrolled.procedure if episode.enrolled.procedure is not None else episode.enrolled.start
    goals = [goal_on(x, day - origin) for x in plan.goals if (x.joint, x.motion, x.side) == (joint, motion, side)]
    found = [x for x in goals if x is not None]
    if not found:
        return None
    return min(found) if motion == "extension" else max(found)


def theil_sen(points: list[tuple[int, float]]) -> float | None:
    """The median slope over all pairs of (day, deg), deg a day; None for fewer than 3 points (Sen 1968)."""
    if len(points) < LEAST_DAYS:
        return None
    return median((y2 - y1) / (x2 - x1) for i, (x1, y1) in enumerate(points) for x2, y2 in points[i + 1 :])


def rows(facts: DayFacts, plan: DayPlan, episode: Episode, summaries: Summaries) -> Rows:
    """The rows of `rom_daily` of a day."""
    made: Rows = {}
    for key, reps in sorted(reps_by_joint(facts).items()):
        joint, motion, side = orjson.loads(key)
        reached = attained(motion, reps)
        goal = goal_deg(plan, episode, facts.day, joint, motion, side)
        residual = None if reached is None or goal is None else goal - reached if motion == "extension" else reached - goal
        ranges = [rep.rom_deg for rep in reps if rep.rom_deg is not None]
        fortnight = days_back(summaries, facts.day, REACH, episode.first)
        slope = theil_sen(sorted((day, x.attained[key]) for day, x in fortnight if key in x.attained))
        made[key_text(joint, motion, side)] = {
            "local_date": format_day(facts.day),
            "joint": joint,
            "motion": motion,
            "side": side,
            "attained_deg": reached,
            "rom_best_deg": max(ranges, default=None),
            "rom_median_deg": median(ranges) if ranges else None,
            "max_deg": max((rep.max_deg for rep in reps if rep.max_deg is not None), default=None),
            "min_deg": min((rep.min_deg for rep in reps if rep.min_deg is not None), default=None),
            "reps": len(reps),
            "goal_deg": goal,
            "residual_deg": residual,
            "slope_deg_per_week": None if slope is None else slope * 7,
        }
    return made
