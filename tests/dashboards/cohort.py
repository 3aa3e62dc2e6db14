"""A plausible small cohort as rows of the tables: ten shoulder patients without angles, one knee patient with an alert."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from tests.dashboards import cohort_rest

if TYPE_CHECKING:
    from collections.abc import Iterator

TODAY = date(2026, 11, 22)
AS_OF = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
EXERCISES = ("pendulum", "abduction", "forward_elevation", "internal_rotation", "external_rotation", "trapezius", "row")
WITHOUT_GENERATION = {"dead_letters", "alert_deliveries", "sensor_chunks", "chunk_samples", "reconciliation"}
KNEE = ("heel_slide", "straight_leg_raise", "seated_knee_flexion")
REASON = "no exercise on 2 prescribed days in a row (17 and 18 Nov)"


def at(day: date, hour: int, minute: int = 0) -> str:
    """RFC 3339 in UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC).isoformat().replace("+00:00", "Z")


def rows(days: int = 21, shoulders: int = 10, *, hostile: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """(table, row) of the whole cohort; `hostile` is put wherever free text can stand, and makes a patient of that name."""
    random = Random(4)
    names = [f"spar-{number:02d}" for number in range(1, shoulders + 1)]
    for index, name in enumerate(names + ["knee-01", "spar-left"] + ([hostile] if hostile else [])):
        knee = not name.startswith("spar")
        yield from _patient(name, index, days, knee, random, hostile if name == hostile else "")
    for number, state in enumerate(("equal", "differs")):
        yield (
            "reconciliation",
            {"checked_at": at(TODAY, 9), "generation": 1, "check": "counted", "topic": "rtm.events.v1", "partition": number, "what": ""}
            | {"expected": 10, "found": 10 - number, "most": 10, "offset": 11, "state": state, "said": hostile},
        )
    for number in range(7):
        yield (
            "dead_letters",
            {
                "topic": "demo.jsonl",
                "partition": 0,
                "offset": 40 + number,
                "reason": ("invalid", "unparsable", "too_late")[number % 3],
                "error": hostile or "data.nrs: less than or equal to 10",
                "event_id": "",
                "received_at": at(TODAY, 9),
                "payload": "{",
            },
        )


def _patient(name: str, index: int, days: int, knee: bool, random: Random, hostile: str) -> Iterator[tuple[str, dict[str, Any]]]:
    start = TODAY - timedelta(days=days - 1)
    base = {"patient_id": name}
    zone = "Europe/Berlin" if knee else "America/New_York"
    exercises = KNEE if knee else EXERCISES
    steady = 0.97 if knee else (0.98, 0.93, 0.9, 0.55, 0.95, 0.85, 0.9, 0.97, 0.8, 0.35)[index % 10]
    daily: list[tuple[str, int, int, float | None]] = []
    heard: list[bool] = []
    last_heard = None
    left = name == "spar-left"
    for offset in range(days - 5 if left else days):
        day = start + timedelta(days=offset)
        rest = day.isoweekday() == 7 and not knee
        silent = (index == 3 and offset >= days - 4) or (index == 6 and offset in {8, 9})
        missed = (knee and offset in {15, 16}) or (index == 9 and offset >= days - 3)
        pending = offset == days - 1
        sums = [0, 0]
        for position, exercise in enumerate(exercises):
            if rest:
                continue
            due = 20 if not knee else 30
            done = 0 if silent or missed or (pending and position > 1) else due if random.random() < steady else random.choice([0, 8, 12])
            sums[0] += due
            sums[1] += done
            status = _status(done, due, pending, silent)
            yield (
                "adherence_daily",
                {
                    **base,
                    "local_date": day.isoformat(),
                    "exercise_id": exercise,
                    "prescribed_sessions": 1,
                    "completed_sessions": int(done > 0),
                    "prescribed_reps": due,
                    "completed_reps": done,
                    "frequency": float(done > 0),
                    "volume": done / due,
                    "status": status,
                },
            )
            if done:
                hour = 7 + position if knee else 12 + position
                last_heard = at(day, hour, 12)
                yield (
                    "sessions",
                    {
                        **base,
                        "session_id": f"{name}-{offset}-{position}",
                        "exercise_id": exercise,
                        "joint": "knee" if knee else "shoulder",
                        "motion": "flexion" if knee else None,
                        "side": "right",
                        "local_date": day.isoformat(),
                        "start_time": at(day, hour, 12),
                        "end_time": at(day, hour, 19),
                        "modality": "both" if position == 0 else "sensed",
                        "reps": done,
                        "rom_best_deg": 60 + offset * 1.9 if knee else None,
                        "rom_median_deg": 55 + offset * 1.8 if knee else None,
                        "sparc": -1.6 - random.random(),
                        "pain_nrs": 3 if position == 0 else None,
                        "rpe": 5 if position == 0 else None,
                        "flags": ["self_calibrated"] if position == 2 else [],
                    },
                )
                yield (
                    "reps",
                    {
                        **base,
                        "session_id": f"{name}-{offset}-{position}",
                        "rep": 1,
                        "exercise_id": exercise,
                        "joint": "knee",
                        "motion": None,
                        "side": None,
                        "start_time": at(day, hour, 12),
                        "duration_s": 2.4,
                        "min_deg": None,
                        "max_deg": None,
                        "rom_deg": None,
                        "peak_rate_deg_s": 90.0,
                        "hold_s": None,
                        "flags": [],
                    },
                )
        volume = sums[1] / sums[0] if sums[0] else None
        status = "rest" if rest else _status(sums[1], sums[0], pending, silent)
        daily.append((status, sums[1], sums[0], volume))
        heard.append(not silent)
        yield (
            "adherence_daily",
            {
                **base,
                "local_date": day.isoformat(),
                "exercise_id": "",
                "prescribed_sessions": len(exercises) * (not rest),
                "completed_sessions": round(len(exercises) * (volume or 0)),
                "prescribed_reps": sums[0],
                "completed_reps": sums[1],
                "frequency": volume,
                "volume": volume,
                "status": status,
            },
        )
        for window in (7, 30):
            yield (
                "adherence_window",
                {**base, "local_date": day.isoformat(), "window_days": window, **_window(daily[-window:], heard[-window:])},
            )
        if knee and not missed and not pending:
            attained = 62 + offset * 2.0 - (6 if 12 <= offset <= 18 else 0) + random.random() * 2
            goal = 60 + offset * 2.1
            yield (
                "rom_daily",
                {
                    **base,
                    "local_date": day.isoformat(),
                    "joint": "knee",
                    "motion": "flexion",
                    "side": "right",
                    "attained_deg": attained,
                    "rom_best_deg": attained - 4,
                    "rom_median_deg": attained - 9,
                    "max_deg": attained,
                    "min_deg": 4.0,
                    "reps": 60,
                    "goal_deg": goal,
                    "residual_deg": attained - goal,
                    "slope_deg_per_week": 13.2 if offset > 3 else None,
                },
            )
            extension = 11 - offset * 0.4
            yield (
                "rom_daily",
                {
                    **base,
                    "local_date": day.isoformat(),
                    "joint": "knee",
                    "motion": "extension",
                    "side": "right",
                    "attained_deg": extension,
                    "rom_best_deg": 40.0,
                    "rom_median_deg": 38.0,
                    "max_deg": 50.0,
                    "min_deg": extension,
                    "reps": 30,
                    "goal_deg": None,
                    "residual_deg": None,
                    "slope_deg_per_week": -2.8 if offset > 3 else None,
                },
            )
        if not silent and (knee or index in {0, 4, 7}) and random.random() < 0.85:
            flare = knee and offset in {14, 15}
            nrs = 7 if flare else max(1, 5 - offset // 5)
            yield (
                "pain_daily",
                {
                    **base,
                    "local_date": day.isoformat(),
                    "nrs_max": nrs,
                    "nrs_mean": nrs - 0.5,
                    "reports": 2,
                    "baseline_nrs": max(1.5, 5 - offset / 6) if offset > 3 else None,
                    "flare": flare,
                },
            )
    yield (
        "patients",
        {
            **base,
            "episode_id": f"{name}/1",
            "timezone": zone,
            "monitoring_start": start.isoformat(),
            "discharged_on": (TODAY - timedelta(days=5)).isoformat() if left else None,
            "therapeutic_area": "musculoskeletal",
            "condition": hostile or ("Total knee arthroplasty (simulated)" if knee else "Rotator cuff, home exercises (SPAR recordings)"),
            "procedure_date": (start - timedelta(days=3)).isoformat() if knee else None,
            "therapist_id": hostile or ("therapist-a" if index % 2 else "therapist-b"),
            "last_heard_at": last_heard,
        },
    )
    changed = start + timedelta(days=18)
    for version, effective in ((1, start), (2, changed))[: 2 if knee else 1]:
        plan = {
            "plan_id": "plan",
            "version": version,
            "effective_from": effective.isoformat(),
            "exercises": [
                {
                    "exercise_id": exercise,
                    "name": hostile or exercise.replace("_", " "),
                    "sets": 3 if knee else 1,
                    "reps": 10 if knee else 20,
                    "times_per_day": 1,
                }
                for exercise in exercises
            ],
        }
        yield (
            "events",
            {
                **base,
                "source": "/clinic",
                "event_id": f"{name}-plan-{version}",
                "type": "rtm.plan.prescribed.v1",
                "event_time": at(effective, 8),
                "recorded_time": at(effective, 8),
                "modality": None,
                "channel": None,
                "retracted": False,
                "data": json.dumps(plan),
                "attributes": "{}",
            },
        )
    yield from cohort_rest.rows(name, TODAY, hostile)
    if knee:
        opened = start + timedelta(days=17)
        yield "alerts", _alert(name, opened, hostile, resolved=not hostile)
    if index == 9:
        yield "alerts", _alert(name, TODAY, hostile, resolved=False)


def _alert(name: str, opened: date, hostile: str, *, resolved: bool) -> dict[str, Any]:
    return {
        "alert_id": f"{name}-{opened}",
        "patient_id": name,
        "episode_id": f"{name}/1",
        "rule_id": "missed_days",
        "rule_version": "2026.1",
        "severity": "warning",
        "status": "resolved" if resolved else "open",
        "opened_at": at(opened, 5),
        "due_at": at(opened, 5),
        "therapist_id": hostile or "therapist-a",
        "acknowledged_at": at(opened, 7) if resolved else None,
        "acknowledged_by": "staff-1" if resolved else None,
        "snoozed_until": None,
        "resolved_at": at(opened + timedelta(days=2), 10) if resolved else None,
        "escalation": 0,
        "reason": hostile or REASON,
        "evidence": "[]",
    }


def _status(done: int, due: int, pending: bool, silent: bool) -> str:
    if done >= 0.8 * due:
        return "met"
    if pending:
        return "pending"
    if silent:
        return "unknown"
    return "partial" if done else "missed"


def _window(days: list[tuple[str, int, int, float | None]], heard: list[bool]) -> dict[str, Any]:
    known = [day for day in days if day[0] in {"met", "partial", "missed"}]
    unknown = sum(day[0] == "unknown" for day in days)
    streak = 0
    for day in reversed(days):
        if day[0] in {"met", "partial"}:
            break
        streak += day[0] == "missed"
    silent = 0
    for told in reversed(heard):
        if told:
            break
        silent += 1
    volume = sum(day[1] for day in known) / sum(day[2] for day in known) if known else None
    return {
        "frequency": volume,
        "volume": volume,
        "coverage": len(known) / (len(known) + unknown) if known or unknown else None,
        "missed_streak": streak,
        "silent_days": silent,
    }


def lines(generation: int = 1, **options: Any) -> dict[str, bytes]:
    """The cohort as JSON Lines by table."""
    issued = AS_OF.isoformat().replace("+00:00", "Z")
    tenant = {"clinic_id": "clinic-1", "updated_at": issued, "revision": (generation << 48) + 1, "issued_at": issued}
    found: dict[str, list[str]] = {}
    for table, row in rows(**options):
        whole = row if table in {"chunk_samples", "reconciliation"} else {**tenant, **row}
        if table not in WITHOUT_GENERATION:
            whole |= {"generation": generation, "deleted": 0}
        found.setdefault(table, []).append(json.dumps(whole))
    return {table: ("\n".join(each) + "\n").encode() for table, each in found.items()}
