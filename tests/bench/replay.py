"""How fast files are replayed, and whether memory grows with their length: 1,000 patients, 30 days of reports, through to the tables.

One JSON object a figure. Beside the replay runs, in the same process, a reference: `orjson.loads` over the same lines. Peak memory is
taken in processes of their own, at a quarter of the days and at all of them.

    python tests/bench/replay.py [--patients 1000] [--days 30]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

BEGIN = datetime(2026, 3, 2, 6, tzinfo=UTC)
EXERCISES = ("bend", "raise", "stretch")
TICK_S = 900


def envelope(kind: str, name: str, subject: str, at: datetime, data: dict) -> bytes:
    event = {"specversion": "1.0", "type": f"rtm.{kind}.v1", "source": "/bench", "id": name, "subject": subject, "clinicid": "north"}
    return orjson.dumps({**event, "time": at.isoformat(), "recordedtime": (at + timedelta(seconds=30)).isoformat(), "data": data})


def enrolment(patient: int) -> Iterator[bytes]:
    subject, at = f"p{patient:05d}", BEGIN + timedelta(milliseconds=patient)
    yield envelope(
        "patient.enrolled", f"enrol-{patient}", subject, at,
        {"episode_id": f"e{patient}", "timezone": "Europe/Zurich", "monitoring_start": BEGIN.date().isoformat(),
         "therapeutic_area": "musculoskeletal", "clinic_id": "north", "therapist_id": f"t{patient % 20}"},
    )  # fmt: skip
    exercises = [{"exercise_id": name, "name": name, "sets": 2, "reps": 10} for name in EXERCISES]
    plan = {"plan_id": f"plan-{patient}", "version": 1, "effective_from": BEGIN.date().isoformat(), "exercises": exercises}
    yield envelope("plan.prescribed", f"plan-{patient}", subject, at, plan)


def reports(patients: int, day: int) -> Iterator[bytes]:
    """A day's reports in the order in which they come: an hour or so for each kind, the patients one after the other."""
    step = timedelta(hours=2) / patients
    for number, name in enumerate(EXERCISES):
        for patient in range(patients):
            if (patient * 7 + day * 3 + number) % 5:
                at = BEGIN + timedelta(days=day, hours=2 + 3 * number) + step * patient
                done = {
                    "exercise_id": name,
                    "started_at": at.isoformat(),
                    "reps_completed": 12 + (patient + day) % 9,
                    "pain_nrs": (patient + day) % 7,
                }
                yield envelope("report.exercise", f"x{number}-{patient}-{day}", f"p{patient:05d}", at + timedelta(minutes=10), done)
    for patient in range(patients):
        at = BEGIN + timedelta(days=day, hours=12) + step * patient
        yield envelope("report.pain", f"pain-{patient}-{day}", f"p{patient:05d}", at, {"nrs": (patient + day) % 7})


def write_reports(path: Path, patients: int, days: int) -> int:
    """Write the file; how many lines it has."""
    lines = 0
    with path.open("wb") as out:
        for patient in range(patients):
            for line in enrolment(patient):
                lines += out.write(line + b"\n") > 0
        for day in range(days):
            for line in reports(patients, day):
                lines += out.write(line + b"\n") > 0
    return lines


def measure(path: Path) -> dict[str, float]:
    """Replay one file in this process into a new warehouse: facts/s, the reference's, and this process's peak memory."""
    from processors.policy import Policy
    from streams.replay import replay
    from streams.warehouse import open_warehouse

    with tempfile.TemporaryDirectory(prefix="rtm-bench-") as folder, open_warehouse(f"chdb://{folder}/warehouse") as warehouse:
        summary = replay([path], warehouse, policy=Policy(tick_s=TICK_S))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    with path.open("rb") as file:
        lines = sum(orjson.loads(line) is not None for line in file)
    reference = lines / (time.perf_counter() - began)
    assert summary.applied == summary.lines == lines
    return {"facts": lines, "facts_per_s": summary.facts_per_s, "reference": reference, "peak_mb": peak_mb, "rows": summary.rows.total()}


def figure(name: str, value: float, unit: str, **beside: object) -> None:
    print(orjson.dumps({"figure": name, "value": round(value, 2), "unit": unit, **beside}).decode(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=1000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(orjson.dumps(measure(options.measure)).decode())
        return
    found = {}
    with tempfile.TemporaryDirectory(prefix="rtm-bench-") as folder:
        for days in (max(options.days // 4, 1), options.days):
            path = Path(folder) / f"{days}.jsonl"
            write_reports(path, options.patients, days)
            made = subprocess.run([sys.executable, __file__, "--measure", path], check=True, stdout=subprocess.PIPE)
            found[days] = orjson.loads(made.stdout)
            path.unlink()
    short, full = found.values()
    reference = {"what": "orjson.loads over the same lines", "value": round(full["reference"]), "unit": "lines/s"}
    about = {"patients": options.patients, "days": options.days, "facts": full["facts"], "rows": full["rows"]}
    figure("replay_facts_per_s", full["facts_per_s"], "facts/s", reference=reference, **about)
    quarter = {"what": f"{min(found)} of the days", "facts": short["facts"], "value": round(short["peak_mb"]), "unit": "MB"}
    figure("replay_peak_memory", full["peak_mb"], "MB", reference=quarter)


if __name__ == "__main__":
    main()
