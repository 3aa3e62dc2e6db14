"""A campaign from its seed to its verdict.

simulated events ─┬▶ rtm send ─▶ Kafka ─▶ two workers ─▶ sink ─▶ a ClickHouse that can be killed ─▶ tables ◀─ compared
                  │                └──▶ dispatcher ─▶ receiver                                         ▲
                  └▶ embedded replay, and after it all the replay of the log ───────────────────────────┘
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from processors.policy import Policy
from schemas.topics import ALERTS, DEAD_LETTERS, DELIVERIES, EVENTS, METRICS, SENSOR
from streams.cli import run as rtm
from streams.demo.quiet import Quiet, Reading
from streams.demo.running import write_routes
from streams.dispatch.receiver import Receiver, new_secret
from streams.kafka import server as kafka_server
from streams.kafka.jars import KafkaError
from streams.kafka.topics import declare
from streams.reconcile.run import Asked, reconcile
from streams.replay.files import replay
from streams.replay.log import replay_log
from streams.send.sender import send
from streams.send.tick_gate import TickError
from streams.settings import Settings
from streams.warehouse.compare import ORDER_TABLES, Compared, compare_rows, compare_tables, read_dead_letters, read_table, read_tables
from streams.warehouse.connection import open_warehouse
from tests.campaign.disks import filled, mounted
from tests.campaign.parts import Parts
from tests.campaign.schedule import Fault, schedule
from tests.streams.live_log import read_all

if TYPE_CHECKING:
    from collections.abc import Callable

PARTITIONS, GROUP = 4, "rtm"
QUIET_S = 300.0
WAREHOUSE_DISK = "2g"


@dataclass(slots=True)
class Verdict:
    """What differs after it all; nothing must."""

    seconds: float = 0.0
    facts: int = 0
    faults: int = 0
    faults_in_flow: int = 0
    tables: dict[str, Compared] = field(default_factory=dict)
    statuses: dict[str, dict[int, int]] = field(default_factory=dict)
    reconciled: int = 0
    opened: int = 0
    webhooks: int = 0
    wrong: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """For people and programs."""
        rows = {name: found.left for name, found in self.tables.items()}
        return {
            "exact": not self.wrong, "wrong": self.wrong, "seconds": round(self.seconds, 1), "faults": self.faults,
            "faults_while_events_flowed": self.faults_in_flow, "facts": self.facts, "rows": rows, "alerts_opened": self.opened,
            "webhooks": self.webhooks, "counts_reconciled": self.reconciled, "ended_by_themselves": self.statuses,
        }  # fmt: skip


def campaign(
    folder: Path,
    seed: int,
    kills: int,
    *,
    patients: int,
    days: int,
    tick_s: int = 3600,
    short: bool = False,
    full_disk: bool = False,
    say: Callable[[str], None] = print,
) -> Verdict:
    """Run one in `folder`, which must be empty.

    `full_disk`, which needs root: the second worker's state lies on a tmpfs of 256 KiB, the warehouse on one that is filled for 20 s.
    """
    began = time.monotonic()
    verdict = Verdict()
    faults = schedule(seed, kills, short=short, full_disk=full_disk)
    events = folder / "events.jsonl.zst"
    simulated = ["--patients", str(patients), "--days", str(days), "--seed", str(seed), "--samples", "--quiet", "--json"]
    assert rtm(["simulate", *simulated, "--faults", "duplicates=0.02,late=0.05,offline=0.02", "--output", str(events)]) == 0
    with open_warehouse(f"chdb://{folder / 'embedded'}") as warehouse:
        summary = replay([events], warehouse, policy=Policy(tick_s=tick_s))
        embedded, embedded_dead, as_of = read_tables(warehouse), read_dead_letters(warehouse), summary.as_of
        verdict.facts = summary.applied
    with ExitStack() as stack:
        bootstrap = kafka_server.start(folder / "kafka", port=0).bootstrap
        stack.callback(kafka_server.stop, folder / "kafka")
        declare(bootstrap, PARTITIONS, GROUP, 1)
        secret = new_secret()
        receiver = stack.enter_context(Receiver(secret))
        write_routes(folder, receiver.url, secret)
        small, disk = folder / "small", folder / "disk"
        for mount in (small, disk):
            mount.mkdir()
        if full_disk:
            stack.enter_context(mounted(small, "256k"))
            stack.enter_context(mounted(disk, WAREHOUSE_DISK))
        settings = {"RTM_TICK_S": str(tick_s), "RTM_GROUP": GROUP}
        parts = Parts(folder, bootstrap, folder / "routes.toml", settings, disk / "warehouse")
        if full_disk:
            parts.set_environment("worker-1", RTM_STATE_FOLDER=str(small))
        stack.enter_context(parts)
        sending = _Sending(
            events, Settings(kafka=bootstrap, clock="log", tick_s=tick_s, tick_timeout_s=300), folder / "journal.json", as_of
        )
        sending.start()
        for number, fault in enumerate(faults, 1):
            say(f"{time.monotonic() - began:6.1f} s  {number:2d}/{len(faults)}  {fault}")
            time.sleep(fault.pause_s)
            verdict.faults_in_flow += sending.is_alive()
            _do(fault, parts, folder, bootstrap)
            verdict.faults += 1
        sending.join()
        if sending.error is not None:
            raise sending.error
        _await_quiet(bootstrap, parts)
        _judge(verdict, parts, bootstrap, folder, receiver, embedded, embedded_dead, tick_s)
        verdict.statuses = parts.statuses()
        verdict.wrong += [
            f"{name}: {line}" for name, part in parts.parts.items() for line in part.log.read_text().splitlines() if _is_a_bug(line)
        ]
    verdict.seconds = time.monotonic() - began
    return verdict


class _Sending(threading.Thread):
    """`rtm send` of the events, again where the broker went away, as whoever runs it would."""

    def __init__(self, events: Path, settings: Settings, journal: Path, as_of: int | None) -> None:
        super().__init__(daemon=True)
        self._arguments = events, settings, journal, as_of
        self.error: Exception | None = None

    def run(self) -> None:
        events, settings, journal, as_of = self._arguments
        for _ in range(20):
            try:
                send([events], settings, journal=journal, as_of=as_of)
            except (KafkaError, TickError) as error:
                self.error = error
                time.sleep(1)
            except Exception as error:
                self.error = error
                return
            else:
                self.error = None
                return


def _do(fault: Fault, parts: Parts, folder: Path, bootstrap: str) -> None:
    if fault.what == "kill":
        parts.kill(fault.part)
    elif fault.what == "freeze":
        parts.freeze(fault.part, fault.length_s)
    elif fault.what == "take away":
        parts.take_away(fault.part, fault.length_s)
    elif fault.what == "fill the disk of":
        with filled(folder / "disk"):
            time.sleep(fault.length_s)
    elif fault.what == "add and remove a worker":
        parts.add_for_a_while(fault.part, fault.length_s)
    elif fault.what == "restart each worker in turn":
        for name in ("worker-0", "worker-1"):
            parts.restart(name)
    elif fault.what == "restart the broker":
        kafka_server.stop(folder / "kafka")
        kafka_server.start(folder / "kafka", port=int(bootstrap.rpartition(":")[2]))
    else:
        raise ValueError(fault.what)


def _is_a_bug(line: str) -> bool:
    """Whether a part tells of something that no fault of the campaign explains."""
    return "should not happen" in line or "stage failed with" in line or "are gone from the topic" in line or "Traceback" in line


def _await_quiet(bootstrap: str, parts: Parts) -> None:
    with Quiet(bootstrap) as quiet:
        readings = [
            Reading(f"{GROUP}-1", (SENSOR.name, EVENTS.name), ticks=True),
            Reading(f"{GROUP}-1-dispatch", (ALERTS.name,)),
            Reading(f"{GROUP}-1-sink", (METRICS.name, SENSOR.name, DEAD_LETTERS.name, DELIVERIES.name)),
        ]
        assert quiet.wait(readings, QUIET_S), f"not all came out: see the logs in {parts.folder}"


def _judge(
    verdict: Verdict,
    parts: Parts,
    bootstrap: str,
    folder: Path,
    receiver: Receiver,
    embedded: dict[str, Any],
    embedded_dead: dict[str, int],
    tick_s: int,
) -> None:
    with open_warehouse(parts.dsn, read_only=True) as warehouse:
        lines = reconcile(Settings(kafka=bootstrap, group=GROUP), warehouse, Asked(1, QUIET_S, whole=True))
        live, live_dead = read_tables(warehouse, (*ORDER_TABLES, "alerts")), read_dead_letters(warehouse)
    verdict.reconciled = len(lines)
    verdict.wrong += [f"not reconciled: {line}" for line in lines if line.state != "equal"]
    with open_warehouse(f"chdb://{folder / 'log'}") as warehouse:
        replay_log(bootstrap, warehouse, policy=Policy(tick_s=tick_s))
        of_the_log = read_table(warehouse, "alerts")
    verdict.tables = compare_tables({name: live[name] for name in ORDER_TABLES}, embedded)
    verdict.tables["alerts"] = compare_rows(live["alerts"], of_the_log)
    verdict.wrong += [
        f"{name}: {len(found.only_left)} rows only live, {len(found.only_right)} only embedded: {(found.only_left + found.only_right)[:2]}"
        for name, found in verdict.tables.items()
        if not found.equal
    ]
    if live_dead != embedded_dead:
        verdict.wrong.append(f"dead letters: {live_dead} live, {embedded_dead} embedded")
    opened = {
        change["row"]["alert_id"]
        for record in read_all(bootstrap, ALERTS.name)
        if (change := orjson.loads(record.value))["transition"] == "opened"
    }
    told = {alert["alert_id"] for each in receiver.received if each.verified for alert in orjson.loads(each.body)["alerts"]}
    verdict.opened, verdict.webhooks = len(opened), len(receiver.received)
    if missing := opened - told:
        verdict.wrong.append(f"{len(missing)} of {len(opened)} alerts were opened and never delivered")
    if not all(each.verified for each in receiver.received):
        verdict.wrong.append("a webhook's signature did not hold")
