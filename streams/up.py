"""Everything on this machine: a folder in; Kafka, topics, tables, sink, worker and dispatcher running until one Ctrl-C.

    Kafka ◀─ worker (a process)          sink (a thread) ─▶ chDB folder ◀─ ClickHouse's HTTP interface, board (loopback)
          ◀─ dispatcher (a process)

They start in this order: Kafka, topics, tables, HTTP, board, sink, worker, dispatcher; and stop in the opposite one. The chDB folder
belongs to this process alone.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.board_http import BoardServer
from streams.kafka import server as kafka_server
from streams.kafka.jars import KafkaError
from streams.kafka.topics import admin, declare
from streams.live_sink.consumer import LiveSink
from streams.supervisor import Child, Component, Opened, StartError, Supervisor, Tell, Threaded, leashed, stopped_by_signals
from streams.telemetry.health import watched
from streams.warehouse import generations
from streams.warehouse.chdb_http import ChdbServer, serve
from streams.warehouse.connection import open_warehouse
from streams.warehouse.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from streams.settings import Settings
    from streams.warehouse.connection import Warehouse

HTTP_PORT, BOARD_PORT = 8123, 8124
ROUTES = "routes.toml"
KAFKA_WATCHED_S = 1.0
WORKERS_PORT, DISPATCHERS_PORT, SINKS_PORT = 0, 1, 2
"""Where each shows its metrics, counted from RTM_METRICS_PORT; the sink's are those of `rtm up` itself."""


class UpError(Exception):
    """`rtm up` can't run: one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are, and on which ports. `kafka_port` None is the folder's last one, else 9092; 0 is any that is free."""

    folder: Path
    http_port: int = HTTP_PORT
    board_port: int = BOARD_PORT
    kafka_port: int | None = None
    only_tables: bool = False
    """Neither worker nor dispatcher: the tables are filled and read while nothing is folded."""

    @property
    def warehouse(self) -> str:
        """The DSN of the chDB folder."""
        return f"chdb://{self.folder / 'warehouse'}"


def run_up(places: Places, settings: Settings, say: Callable[[str], None]) -> None:
    """Run all of it until SIGINT or SIGTERM. `say` takes the lines for people.

    Raises UpError, KafkaError, WarehouseError, StartError when it can't start or go on; whatever was started has then been stopped.
    """
    places.folder.mkdir(parents=True, exist_ok=True)
    (places.folder / "logs").mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(held(places.folder))
        if "kafka" in settings.model_fields_set:
            bootstrap = settings.kafka
            components: list[Component] = [Said("kafka", f"{bootstrap}, by RTM_KAFKA")]
        else:
            kafka = LocalKafka(places.folder / "kafka", places.kafka_port)
            stack.callback(kafka.stop)
            bootstrap = kafka.launch()
            components = [kafka]
        taken = state_generations(bootstrap, settings.group)
        warehouse = stack.enter_context(open_warehouse(places.warehouse))
        migrate(warehouse)
        generation = live_generation(warehouse, settings.group, taken)
        components.append(_declare(bootstrap, settings, generation, taken))
        live = settings.model_copy(update={"kafka": bootstrap, "generation": generation, "warehouse": places.warehouse})
        components += _components(places, live, warehouse, say)
        port = settings.metrics_port
        stack.enter_context(watched(settings.model_copy(update={"metrics_port": None if port is None else port + SINKS_PORT})))
        supervisor = Supervisor(components, say)
        stack.enter_context(stopped_by_signals(supervisor))
        supervisor.run(lambda: say(f'all is up, Ctrl-C ends it; beside it: rtm sql --warehouse {places.warehouse} "SHOW TABLES"'))
    say("stopped")


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; UpError when another `rtm up` does."""
    with (folder / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise UpError(f"rtm up runs already on {folder} (process {lock.read(20).strip()}): end it, or name another --folder") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def state_generations(bootstrap: str, group: str) -> list[int]:
    """The generations of a worker group that have state in Kafka. KafkaError."""
    with admin(bootstrap) as client:
        names = client.list_topics()
    found = re.compile(re.escape(group) + r"-(\d+)-(?:motion|patient)-state")
    return sorted({int(match[1]) for name in names if (match := found.fullmatch(name))})


def live_generation(warehouse: Warehouse, group: str, taken: Sequence[int] = ()) -> int:
    """The generation of a worker group's rows: the one it has here, or a new one, which the views show at once.

    A new one is none of those `taken`, whose state knows rows that went into another warehouse: the log is folded anew.
    """
    source = f"group {group}"
    rows = warehouse.query(
        "SELECT generation FROM rtm.generations FINAL WHERE kind = 'live' AND status = 'complete' AND source = {source:String}"
        " ORDER BY generation DESC LIMIT 1",
        {"source": source},
    ).rows
    if rows:
        return int(rows[0][0])
    generation = generations.begin(warehouse, "live", source, at_least=max(taken, default=0) + 1)
    generations.complete(warehouse, generation)
    return generation


def _declare(bootstrap: str, settings: Settings, generation: int, taken: Sequence[int]) -> Said:
    """Declare the topics; UpError where one isn't as it must be. `taken` are the generations that had state before."""
    declared = declare(bootstrap, settings.partitions, settings.group, generation)
    if declared.differences:
        first = declared.differences[0]
        more = f" (and {len(declared.differences) - 1} more: rtm topics)" if len(declared.differences) > 1 else ""
        raise UpError(f"topic {first.topic}: {first.setting} is {first.found}, must be {first.wanted}{more}. {first.remedy}")
    others = f", new; Kafka has state of generation {taken[-1]}, whose tables are not here" if taken and generation > taken[-1] else ""
    return Said("topics", f"{len(declared.partitions)}, {len(declared.made)} of them new; generation {generation}{others}")


def _components(places: Places, settings: Settings, warehouse: Warehouse, say: Callable[[str], None]) -> list[Component]:
    environment = os.environ | {
        "RTM_KAFKA": settings.kafka,
        "RTM_GENERATION": str(settings.generation),
        "RTM_GROUP": settings.group,
        "RTM_WAREHOUSE": settings.warehouse,
        "RTM_STATE_FOLDER": str(places.folder / "state"),
    }
    logs = places.folder / "logs"
    components: list[Component] = [
        Threaded("http", lambda: _http(places, warehouse)),
        Threaded("board", lambda: _board(places, warehouse)),
        Threaded("sink", lambda: _sink(settings, warehouse, say)),
    ]
    if places.only_tables:
        return components
    components.append(Child("worker", leashed("worker"), environment | _metrics_port(settings, WORKERS_PORT), logs / "worker.log"))
    routes = places.folder / ROUTES
    if routes.is_file():
        environment |= {"RTM_ROUTES": str(routes)}
        components.append(
            Child("dispatch", leashed("dispatch"), environment | _metrics_port(settings, DISPATCHERS_PORT), logs / "dispatch.log")
        )
    else:
        components.append(Said("dispatch", f"nobody is told of alerts, for there is no {routes}"))
    return components


def _metrics_port(settings: Settings, step: int) -> dict[str, str]:
    return {} if settings.metrics_port is None else {"RTM_METRICS_PORT": str(settings.metrics_port + step)}


class Said:
    """What is ready by itself, and needs no watching."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self._text = text

    def start(self, tell: Tell) -> None:
        """Say so."""
        tell("ready", f"{self.name} ready: {self._text}")

    def stop(self) -> None:
        """Nothing to end."""


class LocalKafka:
    """The folder's own Kafka, as a component."""

    name = "kafka"

    def __init__(self, folder: Path, port: int | None) -> None:
        self._folder = folder
        self._port = port
        self._stopped = threading.Event()

    def launch(self) -> str:
        """Start it, or find it running; where it answers. KafkaError."""
        try:
            bootstrap = kafka_server.start(self._folder, self._port).bootstrap
        except KafkaError as error:
            raise KafkaError(str(error).replace("another with --port", "another with --port-kafka, or use that one: RTM_KAFKA")) from None
        self._port = None  # from now on its last one: the others know it
        return bootstrap

    def start(self, tell: Tell) -> None:
        """Start it, and watch its process."""
        try:
            bootstrap = self.launch()
        except KafkaError as error:
            raise StartError(str(error)) from None
        self._stopped = stopped = threading.Event()
        tell("ready", f"kafka ready: {bootstrap}")

        def watch() -> None:
            while not stopped.wait(KAFKA_WATCHED_S):
                if kafka_server.status(self._folder).state == "stopped":
                    tell("died", f"kafka ended; see {self._folder / 'kafka.log'}")
                    return

        threading.Thread(target=watch, name="kafka-watch", daemon=True).start()

    def stop(self) -> None:
        """End it in good order."""
        self._stopped.set()
        kafka_server.stop(self._folder)


def _board(places: Places, warehouse: Warehouse) -> Opened:
    with _port_for("the board", places.board_port, "--port-board"):
        server = BoardServer(warehouse, places.board_port)
    return _served(f"board ready: {server.address}", server)


@contextlib.contextmanager
def _port_for(what: str, port: int, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = "is in use" if error.errno == errno.EADDRINUSE else "needs more rights than we have"
        raise StartError(f"port {port} for {what} {why}: choose another with {option}, 0 takes any that is free") from None


def _served(line: str, server: BoardServer | ChdbServer) -> Opened:
    def work(ready: Callable[[str], None]) -> None:
        ready(line)
        server.serve_forever()

    def end() -> None:
        server.shutdown()
        server.server_close()

    return Opened(work, end)


def _http(places: Places, warehouse: Warehouse) -> Opened:
    with _port_for("ClickHouse's HTTP interface", places.http_port, "--port-http"):
        server = serve(warehouse, places.http_port)
    return _served(f"http ready: {server.address}", server)


def _sink(settings: Settings, warehouse: Warehouse, say: Callable[[str], None]) -> Opened:
    stop = threading.Event()
    return Opened(lambda ready: LiveSink(settings, warehouse, say=say, ready=ready).run(stop), stop.set)
