"""One request at a time: receivers that answer, redirect, hang, reset, drip, flood, show a bad certificate; and where names may lead."""

import base64
import socket
import ssl
import struct
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import urllib3
from standardwebhooks import Webhook

from streams.dispatch import sending
from streams.dispatch.deadlines import Deadlines
from streams.dispatch.messages import Message, Notice
from streams.dispatch.receiver import Answer, Receiver, new_secret
from streams.dispatch.routes import Endpoint
from streams.dispatch.sending import Sender, retry_after

SECRET = new_secret()
MESSAGE = Message("id", 1_772_345_600_000_000_000, (Notice("a1", "e1", "warning", "missed_days", "opened", "2026-03-01T06:00:00Z"),))
CERTIFICATE = Path(__file__).with_name("unknown_authority.pem")


def key(secret):
    return base64.b64decode(secret.removeprefix("whsec_"))


def sent(url, *secrets, timeout_s=1.0, times=1, **other):
    with Deadlines() as deadlines:
        sender = Sender(Endpoint("on-call", url, tuple(map(key, secrets or [SECRET])), **other), timeout_s, deadlines)
        try:
            return [sender.send(MESSAGE) for _ in range(times)][-1]
        finally:
            sender.close()


@contextmanager
def listening(serve, context=None):
    """A server on loopback that hands each connection to `serve`."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run():
            while True:
                try:
                    connection, _ = server.accept()
                    with context.wrap_socket(connection, server_side=True) if context else connection as client:
                        serve(client)
                except OSError:
                    if server.fileno() < 0:
                        return

        threading.Thread(target=run, daemon=True).start()
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.getsockname()[1]}/x"
        server.close()


def take(client):
    """A whole request, so that the connection isn't reset for what is left in it; empty when the client has closed."""
    read = b""
    while b"\r\n\r\n" not in read:
        if not (some := client.recv(65536)):
            return b""
        read += some
    head, _, body = read.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    while len(body) < length:
        body += client.recv(65536)
    return head + body


def test_the_reference_package_verifies_what_is_sent_and_refuses_it_signed_by_another_secret():
    with Receiver(SECRET) as receiver:
        assert sent(receiver.url).delivered
        assert sent(receiver.url, new_secret()).delivered
    first, second = receiver.received
    assert (first.verified, second.verified) == (True, False)
    assert first.webhook_id == "id"


def test_while_a_secret_is_replaced_a_receiver_with_either_of_them_accepts_the_message():
    old, new = new_secret(), new_secret()
    for secret in (old, new):
        with Receiver(secret) as receiver:
            sent(receiver.url, old, new)
        assert receiver.received[0].verified


def test_what_the_reference_package_signs_is_accepted_and_altered_or_old_messages_are_refused():
    def post(receiver, body, webhook_id, age_s=0):
        instant = datetime.now(UTC) - timedelta(seconds=age_s)
        headers = {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(instant.timestamp())),
            "webhook-signature": Webhook(SECRET).sign("id", instant, "{}"),
        }
        urllib3.request("POST", receiver.url, body=body, headers=headers)

    with Receiver(SECRET) as receiver:
        post(receiver, b"{}", "id")
        post(receiver, b"{ }", "id")
        post(receiver, b"{}", "another")
        post(receiver, b"{}", "id", age_s=3600)
    assert [each.verified for each in receiver.received] == [True, False, False, False]


def test_a_redirect_is_not_followed_a_hanging_endpoint_is_left_and_a_closed_port_is_no_answer():
    with Receiver(SECRET) as other, Receiver(SECRET, [Answer(301, (("location", other.url),)), Answer(200, delay_s=3)]) as receiver:
        assert sent(receiver.url).status == 301
        hung = sent(receiver.url, timeout_s=0.2)
    assert other.received == []
    assert (hung.status, hung.delivered, hung.dead, hung.problem) == (None, False, True, "no answer in time")
    assert hung.latency_ms >= 200
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        attempt = sent(f"http://127.0.0.1:{closed.getsockname()[1]}/")
    assert (attempt.status, attempt.problem) == (None, "no connection")


def test_a_connection_that_is_reset_is_no_answer():
    def reset(client):
        client.recv(1000)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with listening(reset) as url:
        attempt = sent(url)
    assert (attempt.status, attempt.problem) == (None, "no connection")


def test_an_answer_that_drips_has_no_more_time_than_one_that_hangs():
    def drip(client):
        client.recv(1000)
        for _ in range(300):
            client.sendall(b"H")
            time.sleep(0.1)

    began = time.monotonic()
    with listening(drip) as url:
        attempt = sent(url, timeout_s=0.3)
    assert attempt.status is None
    assert time.monotonic() - began < 20


def test_ten_megabytes_of_answer_are_not_read():
    taken = []

    def flood(client):
        take(client)
        client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10485760\r\n\r\n")
        for _ in range(160):
            client.sendall(b"x" * 65536)
            taken.append(65536)

    with listening(flood) as url:
        attempt = sent(url, timeout_s=10)
    assert attempt.delivered
    assert sum(taken) < 10_485_760


def test_a_connection_is_used_again_after_a_short_answer():
    connections = []

    def serve(client):
        connections.append(client)
        while take(client):
            client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    with listening(serve) as url:
        assert sent(url, times=5).delivered
    assert len(connections) == 1


def test_a_certificate_of_an_unknown_authority_is_not_accepted():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with listening(lambda client: client.recv(1000), context) as url:
        attempt = sent(url)
    assert (attempt.status, attempt.problem) == (None, "its certificate is not accepted")


def test_a_certificate_of_a_known_authority_is_accepted_for_its_own_name_alone(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    def serve(client):
        take(client)
        client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    with listening(serve, context) as url:
        assert sent(url).delivered
        resolve = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: resolve("127.0.0.1", *a, **k))
        other = sent(url.replace("127.0.0.1", "hooks.example.org"), allow_private=True)
    assert (other.status, other.problem) == (None, "its certificate is not accepted")


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.0.1", "169.254.169.254", "127.0.0.1", "::1", "fd00::1", "fe80::1", "100.64.0.1"])
def test_a_name_that_leads_into_a_private_network_is_not_connected_to(monkeypatch, address):
    made = []
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: [(family, socket.SOCK_STREAM, 6, "", (address, 443))])
    monkeypatch.setattr(sending.socket_maker, "create_connection", lambda *a, **k: made.append(a))
    attempt = sent("https://hooks.example.org/x")
    assert (attempt.status, made) == (None, [])
    assert attempt.problem == "its address is private: allow_private in the routes allows that"


def test_the_connection_is_made_to_the_address_that_was_checked_and_to_a_private_one_where_that_is_allowed(monkeypatch):
    made = []

    def connect(address, *_, **__):
        made.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: [(2, 1, 6, "", ("10.0.0.9", 443)), (2, 1, 6, "", ("93.184.216.34", 443))])
    monkeypatch.setattr(sending.socket_maker, "create_connection", connect)
    sent("https://hooks.example.org/x")
    assert made == [("93.184.216.34", 443)]
    made.clear()
    assert sent("https://hooks.example.org/x", allow_private=True).problem == "no connection"
    assert made == [("10.0.0.9", 443), ("93.184.216.34", 443)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("-1", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:00:30 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:05 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, expected):
    assert retry_after(text, 10_000_000_000) == expected
