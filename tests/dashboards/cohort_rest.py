"""The rest of the small cohort's tables: medication, outcomes, activity, billing, care, raw chunks, webhooks."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

DAYS = 21


def rows(name: str, today: date, hostile: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """(table, row) of one patient."""
    base = {"patient_id": name}
    start = today - timedelta(days=DAYS - 1)
    for offset in range(DAYS):
        day = (start + timedelta(days=offset)).isoformat()
        yield (
            "medication_window",
            {
                **base,
                "local_date": day,
                "medication_id": hostile or "paracetamol",
                "window_days": 30,
                "days_due": offset,
                "days_covered": offset // 2,
                "doses_due": 3 * offset,
                "doses_taken": 2 * offset,
                "pdc": offset // 2 / offset if offset else None,
            },
        )
        yield (
            "activity_daily",
            {
                **base,
                "local_date": day,
                "kind": "steps",
                "name": hostile or "steps",
                "value_mean": 4000.0 + 90 * offset,
                "value_max": 9000.0,
            }
            | {"value_sum": 8000.0, "minutes": 600.0},
        )
    for offset, value in ((0, 40.0), (14, 58.0)):
        yield (
            "outcomes",
            {
                **base,
                "measure": hostile or "KOOS_JR",
                "side": "",
                "event_time": f"{start + timedelta(days=offset)}T10:00:00Z",
                "value": value,
            }
            | {"baseline": 40.0, "change": value - 40, "mcid": 14.0, "meaning": "improved" if value > 54 else "unchanged"},
        )
    evidence = json.dumps([{"source": "/app", "id": hostile or f"{name}-{number}"} for number in range(7)])
    yield (
        "billing_periods",
        {**base, "episode_id": f"{name}/1", "period_start": start.isoformat(), "period_end": (start + timedelta(days=29)).isoformat()}
        | {"data_days": 12, "data_days_lenient": 13, "days_left": 9, "candidate_codes": ["98975", "98985"], "rules": "2026"}
        | {"evidence": evidence},
    )
    yield (
        "billing_months",
        {**base, "month": today.isoformat()[:7], "minutes": 23.0, "live_interactions": 1, "candidate_codes": ["98980"], "rules": "2026"}
        | {"evidence": evidence},
    )
    at = f"{today - timedelta(days=4)}T10:00:00Z"
    yield (
        "events",
        {**base, "source": "/clinic", "event_id": f"{name}-talk", "type": "rtm.care.interaction.v1", "event_time": at, "recorded_time": at}
        | {"modality": None, "channel": None, "retracted": False, "attributes": "{}"}
        | {"data": json.dumps({"staff_id": "staff-1", "minutes": 12, "mode": "phone", "live": True})},
    )
    yield (
        "events",
        {
            **base,
            "source": "/app",
            "event_id": f"{name}-pain",
            "type": "rtm.report.pain.v1",
            "event_time": f"{today - timedelta(days=6)}T10:00:00Z",
        }
        | {"recorded_time": at, "modality": "self_reported", "channel": "sms", "retracted": False, "attributes": "{}", "data": '{"nrs":3}'},
    )
    for seq in range(3):
        place = {"origin": "demo.jsonl", "partition": 0, "offset": seq}
        yield "chunk_samples", {**base, **place, "samples": "AAAAAA==", "sha256": "", "stored_at": at}
        yield (
            "sensor_chunks",
            {
                **base,
                **place,
                "session_id": f"{name}-raw",
                "seq": seq,
                "source": "/sensor",
                "event_id": f"{name}-raw-{seq}",
                "event_time": at,
            }
            | {"recorded_time": at, "device_id": hostile or f"device of {name}", "exercise_id": None, "joint": "knee", "motion": "flexion"}
            | {"side": "right", "kind": "angle", "start_time": at, "rate_hz": 50.0, "n": 500, "last": seq == 2 and name != "spar-03"}
            | {"calibration": None},
        )
    for attempt, outcome in ((1, "failed"), (2, "delivered")):
        yield (
            "alert_deliveries",
            {"alert_id": f"{name}-alert", "transition": "opened", "endpoint": hostile or "on-call", "attempt": attempt, "webhook_id": "msg"}
            | {"sent_at": at, "status_code": 200 if attempt == 2 else 503, "outcome": outcome, "latency_ms": 80.0 * attempt},
        )
