"""`rtm demo --live`: the demo's events through a real Kafka, worker, sink and dispatcher, compared with the embedded run.

    events.jsonl.zst ─┬▶ replay ─────────────────────────────────────▶ tables ◀┐
                      └▶ send ─▶ Kafka ─▶ worker ─▶ sink ─▶ tables ◀──────────┤ row for row the same?
                                   │        └▶ dispatcher ─▶ receiver          │
                                   └▶ replay --log ─▶ alerts ◀─────────────────┘

Then once more by the clock on the wall: how long from the event that decides an alert to its verified webhook.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from processors.policy import Policy
from schemas.topics import ALERTS, DEAD_LETTERS, DELIVERIES, EVENTS, METRICS, SENSOR
from streams.demo.cohort import EVENTS_FILE, write_cohort
from streams.demo.deciding import time_the_delivery
from streams.demo.diary import AS_OF
from streams.demo.quiet import Quiet, Reading
from streams.demo.recordings import read_recordings
from streams.demo.run import TICK_S
from streams.demo.running import Running, write_routes
from streams.dispatch.receiver import Receiver, new_secret
from streams.kafka import server as kafka_server
from streams.replay.files import replay
from streams.replay.log import replay_log
from streams.send.sender import send
from streams.settings import Settings
from streams.up import held
from streams.warehouse.compare import ORDER_TABLES, Compared, compare_rows, compare_tables, read_dead_letters, read_table, read_tables
from streams.warehouse.connection import open_warehouse

if TYPE_CHECKING:
    from pathlib import Path

    from streams.progress import Progress

PARTITIONS = 4
GROUP = "rtm"
QUIET_TIMEOUT_S = 90.0
SETTINGS = {"RTM_PARTITIONS": str(PARTITIONS), "RTM_GROUP": GROUP}


class LiveDemoError(Exception):
    """The live demo could not be carried through."""


@dataclass(frozen=True, slots=True)
class LiveOutcome:
    """What the live run and the embedded one have in common. `webhooks` are counts of requests that came to the receiver."""

    tables: dict[str, Compared]
    alerts: Compared
    dead_letters: tuple[dict[str, int], dict[str, int]]
    webhooks: dict[str, Any]
    seconds_to_delivery: float | None
    folder: str
    seconds: float

    @property
    def equal(self) -> bool:
        """Whether everything is as it must be: equal tables, alerts and dead letters, every webhook verified and delivered in time."""
        tables = all(compared.equal for compared in self.tables.values())
        told = self.webhooks["verified"] == self.webhooks["received"] and self.webhooks["verified"] > 0
        return (
            tables and self.alerts.equal and self.dead_letters[0] == self.dead_letters[1] and told and self.seconds_to_delivery is not None
        )

    def to_json(self) -> dict[str, Any]:
        """All of it as one JSON object."""
        live, embedded = self.dead_letters
        return {
            "equal": self.equal,
            "tables": {name: {"live": found.left, "embedded": found.right, "equal": found.equal} for name, found in self.tables.items()},
            "alerts": {"live": self.alerts.left, "log": self.alerts.right},
            "alerts_equal": self.alerts.equal,
            "dead_letters": {"live": live, "embedded": embedded, "equal": live == embedded},
            "webhooks": self.webhooks,
            "seconds_to_delivery": None if self.seconds_to_delivery is None else round(self.seconds_to_delivery, 3),
            "folder": self.folder,
            "seconds": round(self.seconds, 1),
        }

    def to_text(self) -> str:
        """All of it for people."""
        lines = [f"The demo's events through Kafka, worker, sink and dispatcher, in {self.seconds:.0f} s; beside it the embedded run.", ""]
        lines.append(f"{'table':<18} {'live':>6} {'embedded':>9}")
        lines += [
            f"{name:<18} {found.left:>6} {found.right:>9}  {'equal' if found.equal else _difference(found)}"
            for name, found in self.tables.items()
        ]
        lines.append(f"{'alerts':<18} {self.alerts.left:>6} {self.alerts.right:>9}  {_word(self.alerts)} to the replay of the log")
        live, embedded = self.dead_letters
        lines.append(
            f"{'dead letters':<18} {sum(live.values()):>6} {sum(embedded.values()):>9}  {'equal' if live == embedded else 'DIFFER'}"
        )
        transitions = ", ".join(f"{count} {name}" for name, count in self.webhooks["transitions"].items()) or "none"
        lines.append("")
        lines.append(f"Webhooks     {self.webhooks['received']} received, {self.webhooks['verified']} verified: {transitions}")
        took = "no delivery" if self.seconds_to_delivery is None else f"{self.seconds_to_delivery:.2f} s"
        lines.append(f"Delivery     {took} from sending the event that decides an alert to its verified webhook")
        lines.append(f'Tables       rtm sql --warehouse chdb://{self.folder}/live/warehouse "SELECT * FROM alerts"')  # noqa: S608 - to be typed
        return "\n".join(lines)


def _word(found: Compared) -> str:
    return "equal" if found.equal else "NOT equal"


def _difference(found: Compared) -> str:
    return f"DIFFERS: {len(found.only_left)} rows only live, {len(found.only_right)} only embedded"


def run_live_demo(folder: Path, progress: Progress) -> LiveOutcome:
    """Make the live demo in `folder`, again if it is there.

    Raises NoRecordingsError, RunningError where `rtm up` doesn't run, LiveDemoError, and what its parts raise.
    """
    began = time.monotonic()
    for name in ("live", "wall", "embedded", "log"):
        _clear(folder / name)
    progress.phase("reading the recordings")
    events = folder / EVENTS_FILE
    write_cohort(events, read_recordings())
    with open_warehouse(f"chdb://{folder / 'embedded'}") as warehouse:
        replay([events], warehouse, policy=Policy(tick_s=TICK_S), as_of=AS_OF, progress=progress)
        embedded, embedded_dead = read_tables(warehouse), read_dead_letters(warehouse)
    live_folder = _private(folder / "live")
    secret = new_secret()
    with Receiver(secret) as receiver:
        write_routes(live_folder, receiver.url, secret)
        progress.phase("starting Kafka, worker, sink and dispatcher")
        settings = SETTINGS | {"RTM_CLOCK": "log", "RTM_TICK_S": str(TICK_S)}
        with Running(live_folder, settings) as running:
            sender = Settings(kafka=running.kafka, clock="log", tick_s=TICK_S)
            send([events], sender, journal=live_folder / "send.journal", as_of=AS_OF, progress=progress)
            progress.phase("waiting for the tables")
            _await_quiet(running)
            with open_warehouse(f"clickhouse://{running.http}/rtm", read_only=True) as warehouse:
                live, live_dead = read_tables(warehouse, (*ORDER_TABLES, "alerts")), read_dead_letters(warehouse)
                outcomes = warehouse.query("SELECT outcome, toInt64(count()) FROM rtm.alert_deliveries GROUP BY outcome ORDER BY 1").rows
            with open_warehouse(f"chdb://{folder / 'log'}") as warehouse:
                replay_log(running.kafka, warehouse, policy=Policy(tick_s=TICK_S), progress=progress)
                log_alerts = read_table(warehouse, "alerts")
        received = list(receiver.received)
    transitions = Counter(alert["transition"] for each in received for alert in orjson.loads(each.body)["alerts"])
    progress.phase("timing a delivery by the clock on the wall")
    seconds = time_the_delivery(_private(folder / "wall"), SETTINGS)
    return LiveOutcome(
        tables=compare_tables({name: live[name] for name in ORDER_TABLES}, embedded),
        alerts=compare_rows(live["alerts"], log_alerts),
        dead_letters=(live_dead, embedded_dead),
        webhooks={
            "received": len(received),
            "verified": sum(each.verified for each in received),
            "transitions": dict(sorted(transitions.items())),
            "deliveries": {str(outcome): int(count) for outcome, count in outcomes},
        },
        seconds_to_delivery=seconds,
        folder=str(folder),
        seconds=time.monotonic() - began,
    )


def _clear(folder: Path) -> None:
    """Remove what a former run left, and end its Kafka, should that still run. UpError when a run holds the folder."""
    if folder.is_dir():
        with held(folder):
            pass
    if (folder / "kafka").is_dir():
        kafka_server.stop(folder / "kafka")
    shutil.rmtree(folder, ignore_errors=True)


def _private(folder: Path) -> Path:
    folder.mkdir(parents=True, mode=0o700)
    return folder


def _await_quiet(running: Running) -> None:
    """Until all that was sent has come out: folded, told, written."""
    with Quiet(running.kafka) as quiet:
        readings = [
            Reading(f"{GROUP}-1", (SENSOR.name, EVENTS.name), ticks=True),
            Reading(f"{GROUP}-1-dispatch", (ALERTS.name,)),
            Reading(f"{GROUP}-1-sink", (METRICS.name, SENSOR.name, DEAD_LETTERS.name, DELIVERIES.name)),
        ]
        if not quiet.wait(readings, QUIET_TIMEOUT_S, running.check):
            raise LiveDemoError(f"not all came out within {QUIET_TIMEOUT_S:.0f} s: see the logs in {running.folder / 'logs'}")
