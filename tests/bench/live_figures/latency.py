"""From producing the fact that decides an alert to the verified webhook's arrival, while so many facts/s of other patients flow.

Worker and dispatcher are processes of their own. A patient missed a day and wasn't heard of on the next; a check-in for that day makes
two missed days in a row, and opens the alert at once. Where the time goes is told by the times that each step left behind: the brokers' of
the fact and of the alert's change, the plan's, the attempt's, the receiver's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from kafka import KafkaProducer

from schemas.codecs import decode_line
from schemas.instants import parse_instant
from streams.demo.running import write_routes
from streams.dispatch.receiver import Receiver, new_secret
from streams.dispatch.records import read_plan
from streams.supervisor import leashed
from tests.bench.live_figures.common import EVENTS, GROUP, PARTITIONS, figure, record, ticks, worker, write
from tests.bench.replay import envelope
from tests.streams.live_log import header, read_all, wait_for_tick

LOAD_PATIENTS = 5000
ALERTS, DELIVERIES = "rtm.alerts.v1", "rtm.deliveries.v1"
MS = 10**6


def latency(bootstrap: str, folder: Path, rates: list[int], seconds: int, number: int) -> None:
    """`number` is the generation; each rate is held for so many seconds, with some five deciding facts a second."""
    deciding = seconds * 5
    today = datetime.fromtimestamp((time.time() - 3600) // 900 * 900, UTC)
    names = [f"decide-{rate}-{count}" for rate in rates for count in range(deciding)]
    prepared = [record(decode_line(line)) for name in names for line in _course(name, today)]
    prepared += [record(decode_line(line)) for count in range(LOAD_PATIENTS) for line in _course(f"load-{count}", today, plan=False)]
    at = int(today.timestamp()) * 10**9
    write(bootstrap, [*prepared, *ticks(at)])
    secret = new_secret()
    folder.mkdir(parents=True, exist_ok=True)
    with Receiver(secret) as receiver:
        write_routes(folder, receiver.url, secret)
        environment = os.environ | {
            "RTM_KAFKA": bootstrap, "RTM_GROUP": GROUP, "RTM_GENERATION": str(number), "RTM_ROUTES": str(folder / "routes.toml"),
        }  # fmt: skip
        dispatch = subprocess.Popen(leashed("dispatch"), env=environment, stdout=subprocess.DEVNULL)
        try:
            with worker(bootstrap, folder, number):
                wait_for_tick(bootstrap, at, PARTITIONS, 300, number, GROUP)
                for rate in rates:
                    _measure(bootstrap, receiver, rate, seconds, deciding, today)
        finally:
            dispatch.send_signal(signal.SIGTERM)
            dispatch.wait(30)


def _measure(bootstrap: str, receiver: Receiver, rate: int, seconds: int, deciding: int, today: datetime) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=1)
    producer.partitions_for(EVENTS)  # else the first fact waits for it
    stop = threading.Event()
    produced = [0]

    def load() -> None:
        began = time.perf_counter()
        while not stop.is_set():
            due = int((time.perf_counter() - began) * rate)
            while produced[0] < due:
                count = produced[0]
                at = today + timedelta(microseconds=count)
                line = envelope("report.pain", f"{rate}-{count}", f"load-{count % LOAD_PATIENTS}", at, {"nrs": count % 7})
                _send(producer, line)
                produced[0] += 1
            time.sleep(0.005)

    loading = threading.Thread(target=load)
    loading.start()
    seen = len(receiver.received)
    sent: dict[str, int] = {}
    for count in range(deciding):
        name = f"decide-{rate}-{count}"
        at = today - timedelta(days=2)
        line = envelope("report.checkin", f"{name}-late", name, at, {})
        sent[name] = time.time_ns()
        _send(producer, line, flush=True)
        time.sleep(seconds / deciding)
    stop.set()
    loading.join()
    give_up = time.monotonic() + 60
    while len(receiver.received) - seen < deciding and time.monotonic() < give_up:
        time.sleep(0.1)
    producer.close()
    changes = read_all(bootstrap, ALERTS)
    subjects = {orjson.loads(each.value)["row"]["alert_id"]: each.key.decode() for each in changes}
    arrived: dict[str, int] = {}
    messages: dict[str, str] = {}
    for each in receiver.received[seen:]:
        for alert in orjson.loads(each.body)["alerts"]:
            if each.verified and alert["transition"] == "opened":
                arrived.setdefault(subjects[alert["alert_id"]], each.received_at)
                messages.setdefault(each.webhook_id, subjects[alert["alert_id"]])
    took = sorted((arrived[name] - begun) / 1e6 for name, begun in sent.items() if name in arrived)
    if not took:
        figure(f"latency_p99_ms_at_{rate}", float("nan"), "ms", arrived=0, sent=deciding)
        return
    p50, p99 = took[len(took) // 2], took[min(len(took) - 1, int(len(took) * 0.99))]
    figure(
        f"latency_p99_ms_at_{rate}", p99, "ms", p50_ms=round(p50, 1), sent=deciding, arrived=len(arrived),
        facts_per_s=round(produced[0] / seconds), stages_p50_p99_ms=_stages(bootstrap, sent, changes, messages, arrived),
    )  # fmt: skip


def _stages(
    bootstrap: str, sent: dict[str, int], changes: list, messages: dict[str, str], arrived: dict[str, int]
) -> dict[str, list[float]]:
    """Milliseconds from each step to the next, median and 99th of a hundred; a change is written before its transaction ends."""
    late = {f"{name}-late": name for name in sent}
    logged = {late[told]: each.timestamp * MS for each in read_all(bootstrap, EVENTS) if (told := header(each, "ce_id")) in late}
    changed = {each.key.decode(): each.timestamp * MS for each in reversed(changes) if orjson.loads(each.value)["transition"] == "opened"}
    planned, tried = {}, {}
    for each in read_all(bootstrap, DELIVERIES):
        if (plan := read_plan(each.headers)) is not None and plan.webhook_id in messages:
            planned[messages[plan.webhook_id]] = plan.planned_at
        elif each.value and (row := orjson.loads(each.value))["attempt"] == 1 and row["webhook_id"] in messages:
            tried[messages[row["webhook_id"]]] = parse_instant(row["sent_at"])
    steps = {"in the log": logged, "alert written": changed, "alert read": planned, "sent": tried, "arrived": arrived}
    found, before = {}, sent
    for step, at in steps.items():
        took = sorted((at[name] - before[name]) / MS for name in sent if name in at and name in before)
        found[step] = [round(took[int(len(took) * part)], 1) for part in (0.5, 0.99)] if took else []
        before = at
    return found


def _send(producer: KafkaProducer, line: bytes, *, flush: bool = False) -> None:
    each = record(decode_line(line))
    producer.send(each.topic, key=each.key, value=each.value, headers=each.headers, partition=each.partition)
    if flush:
        producer.flush()


def _course(name: str, today: datetime, *, plan: bool = True):
    """Enrolled six days ago; done on two days, heard and missed on the third, not heard on the fourth."""
    first = today - timedelta(days=5)
    yield envelope(
        "patient.enrolled", f"enrol-{name}", name, first,
        {"episode_id": name, "timezone": "UTC", "monitoring_start": first.date().isoformat(), "therapeutic_area": "musculoskeletal",
         "clinic_id": "north", "therapist_id": "t1"},
    )  # fmt: skip
    if not plan:
        return
    exercises = [{"exercise_id": "bend", "name": "bend", "sets": 1, "reps": 5}]
    yield envelope(
        "plan.prescribed", f"plan-{name}", name, first,
        {"plan_id": "q", "version": 1, "effective_from": first.date().isoformat(), "exercises": exercises},
    )  # fmt: skip
    for day in (0, 1):
        at = first + timedelta(days=day)
        done = {"exercise_id": "bend", "started_at": at.isoformat(), "reps_completed": 5}
        yield envelope("report.exercise", f"done-{name}-{day}", name, at, done)
    yield envelope("report.checkin", f"heard-{name}", name, first + timedelta(days=2), {})
