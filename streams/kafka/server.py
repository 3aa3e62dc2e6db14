"""A real Kafka on this machine without Docker: a folder comes in, a broker that answers on loopback goes out.

Apache Kafka in KRaft combined mode, detached from whoever starts it. The folder holds everything of it: `data/`, `kafka.log`,
`server.properties` and `kafka.json` (pid and port). One folder is one broker; starting it twice is no error.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streams.kafka.jars import KafkaError, find_jars, find_java, jars_version
from streams.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Broker", "KafkaError", "Status", "start", "status", "stop", "train"]

HOST = "127.0.0.1"
PORT = 9092
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
ANSWER_TIMEOUT_S = 2.0
TRAIN_TIMEOUT_S = 120.0
AOT_CACHE = "kafka.aot"
AOT = ("-XX:+IgnoreUnrecognizedVMOptions", "-XX:+UnlockDiagnosticVMOptions", "-XX:-AOTAdapterCaching")
JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
LOGGING = ("-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX")

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
log.dirs=data
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
message.max.bytes=16777216
log.cleaner.dedupe.buffer.size=33554432
log.segment.delete.delay.ms=1000
num.network.threads=2
num.io.threads=4
"""
"""One broker that replicates to nobody, groups that form at once, and no topic that nobody declared."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A running Kafka: the address to connect to, its process, and whether it ran before it was asked for."""

    bootstrap: str
    pid: int
    version: str = ""
    ran_already: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """How a folder's Kafka stands: `running`, `silent` (the process is there, but doesn't answer) or `stopped`."""

    state: str
    folder: str
    bootstrap: str | None = None
    pid: int | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class _Record:
    pid: int
    port: int
    version: str


def start(folder: Path, port: int | None = None, jars: Path | None = None, properties: str = "") -> Broker:
    """Start the folder's Kafka and wait until it answers; where it runs already, say where.

    port: where to listen; None the folder's last one, else 9092; 0 any that is free. jars: RTM_KAFKA_JARS where not given. properties:
    lines behind our own, with places for {host}, {port} and {controller_port}; what they say again counts.
    Raises KafkaError: no Java, no jars, the port in use, or Kafka itself gave up (its log says why).
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        record = _read(folder)
        if record and _is_ours(record.pid, folder):
            _wait_until_it_answers(folder, record, None)
            return Broker(f"{HOST}:{record.port}", record.pid, record.version, ran_already=True)
        java = find_java()
        jars = find_jars((jars or load_settings().kafka_jars).resolve(), java, train)
        chosen = _free_port(port if port is not None else record.port if record else PORT)
        _write_properties(folder, chosen, properties)
        _format_once(folder, java, jars)
        process = _spawn(folder, java, jars)
        made = _Record(process.pid, chosen, jars_version(jars))
        _record_path(folder).write_text(json.dumps(asdict(made)) + "\n")
        try:
            _wait_until_it_answers(folder, made, process)
        except BaseException:
            process.kill()
            process.wait()
            raise
        process.returncode = 0  # it outlives this process: no warning when the handle goes
        return Broker(f"{HOST}:{chosen}", made.pid, made.version)


def stop(folder: Path) -> int | None:
    """End the folder's Kafka in good order (SIGTERM); the pid that it had, None when it didn't run. KafkaError when it won't end."""
    folder = folder.resolve()
    record = _read(folder)
    if not record or not _is_ours(record.pid, folder):
        return None
    with contextlib.suppress(ProcessLookupError):
        os.kill(record.pid, signal.SIGTERM)
    give_up = time.monotonic() + STOP_TIMEOUT_S
    while _is_ours(record.pid, folder):
        if time.monotonic() > give_up:
            log = folder / "kafka.log"
            raise KafkaError(f"Kafka (pid {record.pid}) hasn't ended after {STOP_TIMEOUT_S:.0f} s: see {log}, or kill -9 {record.pid}")
        time.sleep(0.05)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(record.pid, os.WNOHANG)
    return record.pid


def status(folder: Path) -> Status:
    """How the folder's Kafka stands. Never raises for a folder that holds none."""
    folder = folder.resolve()
    record = _read(folder)
    if not record or not _is_ours(record.pid, folder):
        return Status("stopped", str(folder))
    state = "running" if _answers(record.port) else "silent"
    return Status(state, str(folder), f"{HOST}:{record.port}", record.pid, record.version)


def train(java: Path, jars: Path) -> None:
    """Run a Kafka once in a folder that passes away, and keep beside the jars what Java 25 learns of its classes (65 MB).

    Every later start takes half the time with it. Another Java than the one that wrote it leaves it aside; without it all works too.
    """
    with tempfile.TemporaryDirectory() as made, contextlib.suppress(KafkaError, OSError, subprocess.SubprocessError):
        folder = Path(made)
        port = _free_port(0)
        _write_properties(folder, port)
        _format_once(folder, java, jars)
        process = _spawn(folder, java, jars, *AOT, f"-XX:AOTCacheOutput={folder / AOT_CACHE}")
        try:
            _wait_until_it_answers(folder, _Record(process.pid, port, ""), process)
            process.terminate()
            process.wait(TRAIN_TIMEOUT_S)
        finally:
            process.kill()
            process.wait()
        written = shutil.copyfile(folder / AOT_CACHE, jars / f".{AOT_CACHE}.new")
        written.replace(jars / AOT_CACHE)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _record_path(folder: Path) -> Path:
    return folder / "kafka.json"


def _read(folder: Path) -> _Record | None:
    try:
        return _Record(**json.loads(_record_path(folder).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _mark(folder: Path) -> str:
    """The word of its command line by which a folder's Kafka is known: pids are used again, and there may be other Kafkas."""
    return f"-Drtm.kafka.folder={folder}"


def _is_ours(pid: int, folder: Path) -> bool:
    """Whether the process lives and is the Kafka of this folder."""
    try:
        if Path("/proc/self").exists():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            return b"kafka.Kafka" in words and os.fsencode(_mark(folder)) in words
        line = subprocess.run(["ps", "-ww", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False).stdout
        return f"{_mark(folder)} kafka.Kafka" in line
    except OSError:
        return False


def _free_port(port: int) -> int:
    """The port, or any free one for 0; KafkaError when somebody has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise KafkaError(f"port {port} needs more rights than we have: choose one above 1023 with --port") from None
        except (OSError, OverflowError):
            raise KafkaError(f"port {port} is in use: end what listens on {HOST}:{port}, or choose another with --port") from None
        return int(probe.getsockname()[1])


def _write_properties(folder: Path, port: int, more: str = "") -> None:
    controller_port = _free_port(0)
    text = (PROPERTIES + more).format(host=HOST, port=port, controller_port=controller_port)
    (folder / "server.properties").write_text(text)


def _java(folder: Path, java: Path, jars: Path, *words: str) -> tuple[list[str], dict[str, str]]:
    """A command line of Java with Kafka's jars, and its environment."""
    trained = (*AOT, f"-XX:AOTCache={jars / AOT_CACHE}") if (jars / AOT_CACHE).exists() else ()
    command = [str(java), *JVM, *LOGGING, *trained, _mark(folder), *words]
    return command, os.environ | {"CLASSPATH": f"{jars}/*", "JAVA_HOME": str(java.parent.parent)}


def _format_once(folder: Path, java: Path, jars: Path) -> None:
    if (folder / "data" / "meta.properties").exists():
        return
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    command, environment = _java(
        folder, java, jars, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "--config=server.properties"
    )
    with (folder / "kafka.log").open("ab") as log:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, check=False)
    if done.returncode:
        raise KafkaError(f"Kafka's storage can't be formatted: see {folder / 'kafka.log'}")


def _spawn(folder: Path, java: Path, jars: Path, *options: str) -> subprocess.Popen[bytes]:
    command, environment = _java(folder, java, jars, *options, "kafka.Kafka", "server.properties")
    with (folder / "kafka.log").open("ab") as log:
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, start_new_session=True
        )


def _wait_until_it_answers(folder: Path, record: _Record, process: subprocess.Popen[bytes] | None) -> None:
    give_up = time.monotonic() + START_TIMEOUT_S
    while not _answers(record.port):
        if process and process.poll() is not None:
            raise KafkaError(f"Kafka ended while it started: see {folder / 'kafka.log'}")
        if time.monotonic() > give_up:
            raise KafkaError(f"Kafka doesn't answer after {START_TIMEOUT_S:.0f} s: see {folder / 'kafka.log'}")
        time.sleep(0.05)


_API_VERSIONS = struct.pack(">hhih", 18, 0, 1, -1)
"""Kafka's request ApiVersions, version 0: API key, version, correlation id, no client id."""


def _answers(port: int) -> bool:
    """Whether a Kafka answers there: it is asked which requests it knows, and must say so without an error."""
    try:
        with socket.create_connection((HOST, port), timeout=ANSWER_TIMEOUT_S) as connection:
            connection.settimeout(ANSWER_TIMEOUT_S)
            connection.sendall(struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS)
            answer = b""
            while len(answer) < 10:
                read = connection.recv(4096)
                if not read:
                    return False
                answer += read
            _length, correlation, error = struct.unpack_from(">iih", answer)
            return bool(correlation == 1 and error == 0)
    except OSError:
        return False
