"""How fast files are replayed, where the time goes, and whether memory grows with their length: 1,000 patients, 30 days of reports,
through to the tables; 90 days too. And how fast they are folded without a warehouse: the rows are made and encoded, and thrown away; so is
a simulated cohort of a tenth of the patients over the 90 days, which reports two to three times as much a day, repetitions among it, and
a twentieth of the patients with 30 facts a day (those of `ledger.py`) over the 30 days.

One JSON object a figure. Beside the replay runs, in the same process, a reference: `orjson.loads` over the same lines. Each run is a
process of its own; shares come from a run in which each stage is timed, the speed without a warehouse from one in which none is.
`--quick` takes a quarter of the patients, so that all ends within two minutes.

    python tests/bench/replay.py [--patients 1000] [--days 30] [--quick]
"""

import argparse
import contextlib
import functools
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

BEGIN = datetime(2026, 3, 2, 6, tzinfo=UTC)
EXERCISES = ("bend", "raise", "stretch")
TICK_S = 900
LONG = 3
"""How many times as long the file is whose memory is compared."""


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


def write_cohort(path: Path, patients: int, days: int) -> None:
    """Write the events of a simulated cohort."""
    from streams.cli.simulate import simulate

    simulate.main(["--patients", str(patients), "--days", str(days), "--output", str(path), "--quiet", "--json"], standalone_mode=False)


def write_dense(path: Path, patients: int, days: int) -> None:
    """Write 30 facts a day of each patient, in the order in which they come."""
    from schemas.codecs import decode_kafka, encode_line
    from tests.bench.ledger import Patient, enrolment, name_of

    people = [Patient(name_of(number), number) for number in range(patients)]
    records = [record for number in range(patients) for record in enrolment(name_of(number))]
    records += [record for day in range(days) for person in people for record in person.day(day)]
    facts = sorted((decode_kafka(*record) for record in records), key=lambda fact: fact.recorded)
    path.write_bytes(b"".join(encode_line(fact) + b"\n" for fact in facts))


class Stages:
    """CPU seconds of one thread spent in functions of the replay, taken by wrapping them for the run."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    def watch(self, owner: Any, name: str, stage: str) -> None:
        """Count what the function takes as a stage's."""
        self.put(owner, name, stage, getattr(owner, name))

    def put(self, owner: Any, name: str, stage: str, inner: Callable[..., Any]) -> None:
        @functools.wraps(inner)
        def timed(*arguments: Any, **options: Any) -> Any:
            began = time.thread_time()
            try:
                return inner(*arguments, **options)
            finally:
                self.seconds[stage] += time.thread_time() - began

        setattr(owner, name, timed)


def watch_stages() -> Stages:
    """The stages of a replay; `insert` is the sink's thread, the others are the main one."""
    import streams.replay.lane
    from processors.issue import Issue
    from processors.topology import Pipeline
    from streams.replay.folding import Folding
    from streams.replay.reading import Reading
    from streams.warehouse.connection import Warehouse
    from streams.warehouse.sink import Encoded

    stages = Stages()
    stages.watch(streams.replay.lane, "decode_line", "decode")
    stages.watch(Reading, "survey", "survey")
    stages.watch(Folding, "fold", "fold")
    stages.watch(Issue, "run", "rows")
    stages.watch(Pipeline, "save", "save")
    stages.watch(Encoded, "add", "encode")
    stages.watch(Warehouse, "insert", "insert")
    return stages


def shares(stages: Stages, main: float) -> dict[str, float]:
    """The share of each stage in the CPU time of the main thread and of the sink's, which runs beside it."""
    taken = stages.seconds
    of_main = ("survey", "decode", "fold", "rows", "save", "encode")
    parts = {
        "read_and_decode": taken["survey"] + taken["decode"] + max(0.0, main - sum(taken[x] for x in of_main)),
        "fold": taken["fold"],
        "rows": taken["rows"],
        "state": taken["save"],
        "encode": taken["encode"],
        "insert": taken["insert"],
    }
    whole = sum(parts.values())
    return {name: round(seconds / whole, 3) for name, seconds in parts.items()}


def measure(path: Path) -> dict[str, Any]:
    """Replay one file in this process into a new warehouse: facts/s, the reference's, the stages' shares, peak memory."""
    from processors.policy import Policy
    from streams.replay.files import replay
    from streams.warehouse.connection import open_warehouse

    stages = watch_stages()
    with tempfile.TemporaryDirectory(prefix="rtm-bench-") as folder, open_warehouse(f"chdb://{folder}/warehouse") as warehouse:
        opened_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        began = time.thread_time()
        summary = replay([path], warehouse, policy=Policy(tick_s=TICK_S))
        main_s = time.thread_time() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    with path.open("rb") as file:
        lines = sum(orjson.loads(line) is not None for line in file)
    reference = lines / (time.perf_counter() - began)
    assert summary.applied == summary.lines == lines
    return {
        "facts": lines,
        "facts_per_s": summary.facts_per_s,
        "facts_per_cpu_s": lines / main_s,
        "reference": reference,
        "shares": shares(stages, main_s),
        "opened_mb": opened_mb,
        "peak_mb": peak_mb,
        "rows": summary.rows.total(),
    }


class Nowhere:
    """A sink that forgets the encoded rows."""

    def add(self, _encoded: object) -> None:
        """Take rows."""

    def flush(self) -> None:
        """All is where it belongs."""


def fold(path: Path, folder: Path) -> Any:
    """Replay one file without a warehouse: read, check, fold, rows of all tables, encoded. The summary."""
    from processors.policy import Policy
    from streams.collecting import seldom_collecting
    from streams.progress import Silent
    from streams.replay.lanes import OneLane
    from streams.replay.reading import Reading
    from streams.replay.run import Run
    from streams.replay.sorting import Sorter
    from streams.replay.summary import Summary

    policy, names, most = Policy(tick_s=TICK_S), [str(path)], 8 << 20
    with Reading([path], folder) as reading, OneLane(policy, folder, names, most) as lanes, seldom_collecting():
        reading.survey()
        summary = Summary(files=names, generation=policy.generation, lines=reading.lines)
        run = Run(
            lanes=lanes,
            sink=Nowhere(),  # type: ignore[arg-type]
            summary=summary,
            names=names,
            policy=policy,
            as_of=None,
            machine_clock=time.time_ns(),
            max_record=most,
            waiting=Sorter(folder / "waiting"),
            progress=Silent(),
        )
        for entry in reading.entries():
            run.read(entry)
        run.end()
    return summary


def measure_fold(path: Path, *, stages: bool) -> dict[str, Any]:
    """Fold one file in this process: facts a second of CPU, the reference's, with `stages` the shares; peak memory."""
    import streams.replay.files  # noqa: F401 - what it loads is no part of the time

    watched = watch_stages() if stages else Stages()
    with tempfile.TemporaryDirectory(prefix="rtm-bench-") as folder:
        began = time.process_time()
        summary = fold(path, Path(folder))
        taken = time.process_time() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.process_time()
    with path.open("rb") as file:
        lines = sum(orjson.loads(line) is not None for line in file)
    reference = lines / (time.process_time() - began)
    assert summary.applied == lines
    return {
        "facts": lines,
        "facts_per_cpu_s": lines / taken,
        "reference": reference,
        "shares": shares(watched, taken) if stages else {},
        "peak_mb": peak_mb,
        "rows": summary.rows.total(),
    }


def figure(name: str, value: float, unit: str, **beside: object) -> None:
    print(orjson.dumps({"figure": name, "value": round(value, 2), "unit": unit, **beside}).decode(), flush=True)


def apart(path: Path, what: str) -> dict[str, Any]:
    """One measurement, in a process of its own."""
    command = [sys.executable, __file__, "--measure", path, "--what", what]
    return orjson.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=1000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="a quarter of the patients")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--what", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        what = options.what
        made = measure(options.measure) if what == "replay" else measure_fold(options.measure, stages=what == "stages")
        print(orjson.dumps(made).decode())
        return
    patients = options.patients // 4 if options.quick else options.patients
    found, folded, staged = {}, {}, {}
    with tempfile.TemporaryDirectory(prefix="rtm-bench-") as folder:
        for days in (options.days, LONG * options.days):
            path = Path(folder) / f"{days}.jsonl"
            write_reports(path, patients, days)
            found[days] = apart(path, "replay")
            folded[days] = apart(path, "fold")
            if days == options.days:
                staged = apart(path, "stages")
            path.unlink()
        path = Path(folder) / "cohort.jsonl"
        with contextlib.redirect_stdout(sys.stderr):
            write_cohort(path, patients // 10, LONG * options.days)
        cohort = apart(path, "fold")
        write_dense(path, patients // 20, options.days)
        dense = apart(path, "fold")
    for name, each, some, days in (
        ("cohort", cohort, patients // 10, LONG * options.days),
        ("dense", dense, patients // 20, options.days),
    ):
        loads = {"what": "orjson.loads over the same lines", "value": round(each["reference"]), "unit": "lines/s of CPU"}
        about = {"patients": some, "days": days, "facts": each["facts"], "rows": each["rows"]}
        figure(f"fold_{name}_facts_per_cpu_s", each["facts_per_cpu_s"], "facts/s of CPU, no warehouse", reference=loads, **about)
    for days, each in folded.items():
        loads = {"what": "orjson.loads over the same lines", "value": round(each["reference"]), "unit": "lines/s of CPU"}
        beside = {"patients": patients, "days": days, "facts": each["facts"], "rows": each["rows"], "peak_mb": round(each["peak_mb"])}
        figure("fold_facts_per_cpu_s", each["facts_per_cpu_s"], "facts/s of CPU, no warehouse", reference=loads, **beside)
    for stage, share in staged["shares"].items():
        figure(f"fold_share_{stage}", share, "of the CPU time without a warehouse")
    short, long = found.values()
    reference = {"what": "orjson.loads over the same lines", "value": round(short["reference"]), "unit": "lines/s"}
    about = {"patients": patients, "days": options.days, "facts": short["facts"], "rows": short["rows"]}
    figure("replay_facts_per_s", short["facts_per_s"], "facts/s", reference=reference, **about)
    figure("replay_facts_per_cpu_s", short["facts_per_cpu_s"], "facts/s of the main thread's CPU", reference=reference, **about)
    for stage, share in short["shares"].items():
        figure(f"replay_share_{stage}", share, "of the CPU time of the main thread and the sink's")
    opened = {"what": "when the empty warehouse was opened", "value": round(short["opened_mb"]), "unit": "MB"}
    figure("replay_peak_memory", short["peak_mb"], "MB", reference=opened, **about)
    shorter = {"what": f"{options.days} days", "facts": short["facts"], "value": round(short["peak_mb"]), "unit": "MB"}
    figure("replay_peak_memory_long", long["peak_mb"], "MB", reference=shorter, days=LONG * options.days, facts=long["facts"])


if __name__ == "__main__":
    main()
