"""Facts and samples through the whole worker into rtm.metrics.v1, and rows through the sink into chDB.

The facts that are measured lie behind the enrolments, which a worker has folded before; then it is started again, so that it has nobody's
ledger at hand, and all of them show at once.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
from kafka import KafkaConsumer, TopicPartition

from processors.policy import Policy
from schemas.codecs import decode_line, make_fact
from schemas.events import CHUNK
from schemas.instants import SECOND, parse_instant
from streams.kafka.outgoing import row_records
from streams.replay.folding import fold_records
from streams.supervisor import leashed
from streams.warehouse.connection import open_warehouse
from streams.warehouse.migrations import migrate
from tests.bench.live_figures.common import (
    GROUP,
    PARTITIONS,
    SENSOR,
    cpu_s,
    enrolled,
    figure,
    folded,
    main_thread_cpu_s,
    pain,
    record,
    ticks,
    worker,
    write,
    write_unseen,
)
from tests.bench.replay import BEGIN, TICK_S, enrolment, reports
from tests.streams.live_log import read_all

NOW = int((BEGIN + timedelta(days=1, hours=12)).timestamp()) * SECOND
IMU_ROWS, IMU_HZ = 500, 100


def facts(bootstrap: str, folder: Path, patients: int, facts_each: int, processes: int, reference: dict) -> None:
    """Facts/s; `facts_each` of a patient one after the other in the log, so that they lie in one slice."""
    write(bootstrap, [*map(record, enrolled(patients)), *ticks(NOW)])
    with worker(bootstrap, folder) as process:
        folded(bootstrap, process)
        while _waiting(bootstrap):
            time.sleep(0.2)
    at = BEGIN + timedelta(days=1, hours=13)
    found = (
        pain(patient, f"pain-{patients}-{patient}-{number}", at + timedelta(milliseconds=patient, minutes=number))
        for patient in range(patients)
        for number in range(facts_each)
    )
    count, show = write_unseen(bootstrap, map(record, found))
    with worker(bootstrap, folder, processes=processes) as process:
        wall, cpu = folded(bootstrap, process, show=show)
    name = "worker_facts_per_s" if facts_each == 1 else f"worker_facts_per_s_{facts_each}_a_patient"
    about = {"facts": count, "patients": patients, "processes": processes}
    figure(name, count / wall, "facts/s", per_cpu_s=round(count / cpu), **about, reference=reference)


def _waiting(bootstrap: str) -> bool:
    from streams.worker.progress import newest_progress

    return any(progress.tick < NOW for progress in newest_progress(bootstrap, f"{GROUP}-1-patient-state").values())  # type: ignore[union-attr]


def samples(bootstrap: str, folder: Path, rows: int, processes: int = 1) -> None:
    """Rows of imu6x2 (48 bytes each) per second through motion, each session closed and gone over once more; calibrated, sessions of a
    minute, chunks of 5 s, those of all sessions in turn. The worker runs, and has folded others, when they show, all at once.
    """
    calibration = {"axis_proximal": [0, 1, 0], "axis_distal": [0, 1, 0], "lever_proximal_m": [-0.1, 0, 0], "lever_distal_m": [0.15, 0, 0]}
    t = np.arange(IMU_ROWS * 12) / IMU_HZ
    angle = np.radians(35) * (1 - np.cos(2 * np.pi * t / 3))
    imus = np.zeros((len(t), 12))
    imus[:, 2], imus[:, 6], imus[:, 8] = 9.81, -9.81 * np.sin(angle), 9.81 * np.cos(angle)
    imus[:, 10] = np.gradient(angle) * IMU_HZ
    imus = np.ascontiguousarray(imus + 0.01 * np.random.default_rng(1).normal(size=imus.shape), "<f4")
    start = parse_instant("2026-03-04T09:00:00Z")

    def chunks(sessions: int, name: str):
        for seq in range(12):
            for session in range(sessions):
                data = {
                    "device_id": "d", "session_id": f"{name}{session}", "exercise_id": "bend", "joint": "knee", "motion": "flexion",
                    "side": "left", "seq": seq, "t0_ns": start + seq * 5 * SECOND, "rate_hz": float(IMU_HZ), "kind": "imu6x2",
                    "samples": imus[seq * IMU_ROWS : (seq + 1) * IMU_ROWS].tobytes(), "last": seq == 11, "calibration": calibration,
                }  # fmt: skip
                at = start + (seq + 1) * 5 * SECOND
                yield record(make_fact(CHUNK, f"p{session:05d}", "/bench", f"{name}{session}-{seq}", at, data, clinic="north"))

    sessions = max(10, rows // len(t))
    write(bootstrap, chunks(max(4, sessions // 10), "w"))
    # Compiles, where the cache is empty, and has seen each kernel when the rest shows.
    with worker(bootstrap, folder, processes=processes) as process:
        folded(bootstrap, process, topics=[SENSOR])
        records, show = write_unseen(bootstrap, chunks(sessions, "s"))
        wall, cpu = folded(bootstrap, process, topics=[SENSOR], show=show)
    count = records * IMU_ROWS
    reference = {"what": "numpy: the same bytes copied and summed once", "value": round(_touch(imus, sessions)), "unit": "rows/s of CPU"}
    about = {"rows": count, "processes": processes}
    figure("worker_imu6x2_rows_per_s", count / wall, "rows/s", per_cpu_s=round(count / cpu), **about, reference=reference)


def records_in(bootstrap: str, topic: str) -> dict[TopicPartition, int]:
    """The offset behind the last record of each partition that has one: the markers of transactions behind it are none."""
    return {
        TopicPartition(topic, partition): max(offsets) + 1
        for partition in range(PARTITIONS)
        if (offsets := [each.offset for each in read_all(bootstrap, topic) if each.partition == partition])
    }


def _touch(imus: np.ndarray, times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        imus.copy().sum()
    return len(imus) * times / max(time.process_time() - began, 1e-6)


def sink(bootstrap: str, folder: Path, patients: int, days: int) -> None:
    """Rows/s from Kafka into chDB's tables: what the fold makes of so many patients' reports, as the worker writes it, slice by slice."""
    lines = [line for patient in range(patients) for line in enrolment(patient)]
    lines += [line for day in range(days) for line in reports(patients, day)]
    facts = sorted(map(decode_line, lines), key=lambda fact: fact.recorded)
    outputs = fold_records(facts, Policy(tick_s=TICK_S), slice_records=2048)
    records = write(bootstrap, (each for output in outputs for each in row_records(output.rows, 1, PARTITIONS)))
    environment = os.environ | {"RTM_KAFKA": bootstrap, "RTM_GROUP": GROUP, "RTM_WAREHOUSE": f"chdb://{folder / 'warehouse'}"}
    wanted = records_in(bootstrap, "rtm.metrics.v1")
    with open_warehouse(f"chdb://{folder / 'warehouse'}") as warehouse:
        migrate(warehouse)  # a hundred statements that a sink finds done
    process = subprocess.Popen(leashed("sink"), env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "sink ready" in process.stdout.readline()
    began, used, reading = time.perf_counter(), cpu_s(process), main_thread_cpu_s(process)
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=f"{GROUP}-1-sink", enable_auto_commit=False)
    while any((consumer.committed(place) or 0) < end for place, end in wanted.items()):
        assert process.poll() is None
        time.sleep(0.02)
    wall, cpu, reading = time.perf_counter() - began, cpu_s(process) - used, main_thread_cpu_s(process) - reading
    process.send_signal(signal.SIGTERM)
    told = process.communicate(timeout=60)[0]
    consumer.close()
    rows = int(re.search(r"(\d+) rows", told)[1])  # type: ignore[index]
    figure(
        "sink_rows_per_s", rows / wall, "rows/s", per_cpu_s=round(rows / cpu), per_cpu_s_of_reading=round(rows / reading),
        per_cpu_s_of_inserting=round(rows / (cpu - reading)), rows=rows, records=records,
    )  # fmt: skip
