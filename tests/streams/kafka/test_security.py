"""Kafka by TLS and with a user, on a broker of its own: all clients work, and what is wrong is refused in one clear line."""

import socket
import subprocess
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialUpsertion

from streams.cli import run
from streams.kafka import server as kafka_server
from streams.kafka.jars import KafkaError, find_java
from streams.kafka.security import client_arguments
from streams.settings import SettingsError
from tests.conftest import REQUIRED
from tests.streams.kafka_records import course, write_file
from tests.streams.live_log import Workers

PASSWORD = "of-the-broker"
PROPERTIES = """
listeners=PLAINTEXT://{{host}}:{{port}},SASL_SSL://{{host}}:{secure},SSL://{{host}}:{mutual},CONTROLLER://{{host}}:{{controller_port}}
advertised.listeners=PLAINTEXT://{{host}}:{{port}},SASL_SSL://{{host}}:{secure},SSL://{{host}}:{mutual}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_rtm="plain-secret";
ssl.keystore.type=PKCS12
ssl.keystore.location={keystore}
ssl.keystore.password=of-the-broker
ssl.key.password=of-the-broker
ssl.truststore.type=PKCS12
ssl.truststore.location={keystore}
ssl.truststore.password=of-the-broker
listener.name.ssl.ssl.client.auth=required
"""


def keytool(*arguments) -> str:
    command = [find_java().parent / "keytool", *arguments, "-storepass", PASSWORD, "-storetype", "PKCS12"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A key and its self-signed certificate for this machine: the keystore, and the certificate as PEM."""
    store, pem = folder / f"{name}.p12", folder / f"{name}.pem"
    extensions = ["-ext", "san=ip:127.0.0.1,dns:localhost", "-ext", "bc:c", "-ext", "ku:c=keyCertSign,digitalSignature,keyEncipherment"]
    keytool("-genkeypair", "-alias", "own", "-keyalg", "RSA", "-dname", "CN=localhost", *extensions, "-keystore", store)
    pem.write_text(keytool("-exportcert", "-rfc", "-alias", "own", "-keystore", store))
    return store, pem


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """A broker with a SASL_SSL and an SSL listener: their addresses, its certificate, and somebody else's."""
    folder: Path = tmp_path_factory.mktemp("secure")
    try:
        store, pem = certificate(folder, "broker")
        _, other = certificate(folder, "other")
        ports = free_ports(2)
        properties = PROPERTIES.format(secure=ports[0], mutual=ports[1], keystore=store)
        broker = kafka_server.start(folder / "kafka", port=0, properties=properties)
    except KafkaError as error:
        if REQUIRED:
            pytest.fail(f"RTM_REQUIRE_KAFKA=1, and no Kafka: {error}")
        pytest.skip(f"no Kafka: {error}")
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    admin.alter_user_scram_credentials([UserScramCredentialUpsertion("rtm", ScramMechanism.SCRAM_SHA_512, "scram-secret")])
    admin.close()
    yield f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}", pem, other
    kafka_server.stop(folder / "kafka")


@pytest.fixture
def settings(secure, tmp_path, monkeypatch):
    """The environment that reaches the SASL_SSL listener; it may be changed."""
    password = tmp_path / "password"
    password.write_text("scram-secret\n")
    found = {
        "RTM_KAFKA": secure[0],
        "RTM_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "RTM_KAFKA_CA_FILE": str(secure[2]),
        "RTM_KAFKA_USER": "rtm",
        "RTM_KAFKA_PASSWORD_FILE": str(password),
        "RTM_PARTITIONS": "2",
        "RTM_CLOCK": "log",
        "RTM_TICK_S": "900",
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


def test_topics_sender_worker_and_reader_speak_tls_with_a_user(secure, settings, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["topics"]) == 0
    workers = Workers(secure[0], tmp_path)
    try:
        workers.start()
        workers.wait_until_ready(seconds=120)
        facts = course(10)
        assert run(["send", str(write_file(tmp_path / "facts.jsonl", facts)), "--quiet"]) == 0, capsys.readouterr().err
        assert run(["redrive", "--dry-run"]) == 0
    finally:
        for process in workers.running:
            process.kill()
            process.wait()
    assert run(["doctor"]) == 0
    assert "scram-secret" not in capsys.readouterr().out


def test_plain_passwords_go_by_tls_too(settings, monkeypatch):
    monkeypatch.setenv("RTM_KAFKA_SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("RTM_KAFKA_PASSWORD", "plain-secret")
    assert run(["topics"]) == 0


@pytest.mark.parametrize("command", [["topics"], ["worker"]])
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RTM_KAFKA_PASSWORD", "wrong", "refuses the user or the password: compare RTM_KAFKA_USER and RTM_KAFKA_PASSWORD"),
        ("RTM_KAFKA_CA_FILE", "other", "can't be trusted"),
        ("RTM_KAFKA_SASL_MECHANISM", "SCRAM-SHA-256", "does not know SCRAM-SHA-256: set RTM_KAFKA_SASL_MECHANISM"),
        ("RTM_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT", "does not speak PLAINTEXT: set RTM_KAFKA_SECURITY_PROTOCOL"),
    ],
)
def test_what_is_wrong_is_refused_in_one_clear_line(secure, settings, monkeypatch, capsys, command, name, value, said):
    monkeypatch.setenv(name, str(secure[3]) if value == "other" else value)
    assert run(command) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1, told
    assert told.startswith("rtm: ")
    assert said in told
    assert "wrong" not in told


def test_a_broker_that_asks_for_a_certificate_refuses_us_without_one(secure, settings, monkeypatch, capsys):
    monkeypatch.setenv("RTM_KAFKA", secure[1])
    monkeypatch.setenv("RTM_KAFKA_SECURITY_PROTOCOL", "SSL")
    assert run(["topics"]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1


def test_a_missing_file_or_password_is_named(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("RTM_KAFKA_CA_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(SettingsError, match=r"RTM_KAFKA_CA_FILE: .*none.pem: No such file"):
        client_arguments()
    monkeypatch.delenv("RTM_KAFKA_CA_FILE")
    monkeypatch.delenv("RTM_KAFKA_PASSWORD_FILE")
    with pytest.raises(SettingsError, match="RTM_KAFKA_PASSWORD: must be set"):
        client_arguments()
    monkeypatch.setenv("RTM_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")
    assert client_arguments() == {}
