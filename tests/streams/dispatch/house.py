"""What the dispatcher's Kafka tests share: an alert's changes, a dispatcher in a thread, receivers and the routes that name them."""

import base64
import threading
import time
from collections import defaultdict
from contextlib import contextmanager

import orjson

from processors.processor import Transition
from processors.routing import Routes
from schemas.codecs import decode_kafka
from schemas.instants import SECOND, format_instant
from schemas.rows import AlertDeliveryRow
from streams.dispatch.dispatcher import Dispatcher
from streams.dispatch.receiver import Receiver, new_secret
from streams.dispatch.routes import Directory, Endpoint
from streams.kafka.outgoing import alert_records
from streams.kafka.writing import Writer
from tests.streams.kafka_records import records

ALERTS, DELIVERIES, EVENTS, DEAD = "rtm.alerts.v1", "rtm.deliveries.v1", "rtm.events.v1", "rtm.dead-letters.v1"
QUICK = {"webhook_attempts": 3, "webhook_backoff_s": 0.05, "webhook_timeout_s": 0.5}
PATIENT = "patient-zero"


def change(transition, alert="a1", at=None, clinic="c1", issued_after_s=0):
    at = time.time_ns() if at is None else at
    row = {
        "alert_id": alert,
        "patient_id": PATIENT,
        "episode_id": "e1",
        "rule_id": "missed_days",
        "rule_version": "alert_rules_1/1",
        "severity": "warning",
        "status": transition if transition in {"resolved", "acknowledged", "snoozed", "expired"} else "open",
        "opened_at": format_instant(at),
        "due_at": format_instant(at),
        "therapist_id": "t1",
        "acknowledged_at": None,
        "reason": "2 days missed in a row",
        "evidence": "[]",
        "clinic_id": clinic,
        "updated_at": format_instant(at),
        "revision": 7,
        "issued_at": format_instant(at + issued_after_s * SECOND),
    }
    return Transition(alert, PATIENT, transition, at, row)


def write(bootstrap, *changes):
    with Writer(bootstrap) as writer:
        for record in alert_records(changes, 1, 4):
            writer.send(record)
        writer.flush()


@contextmanager
def dispatching(settings, directory, links=None, watch=None):
    """A dispatcher in a thread, ready; at the end it is stopped in good order, and what went wrong in it is raised here."""
    ready, stop, said, failed = threading.Event(), threading.Event(), [], []

    def say(line):
        said.append(line)
        if line.startswith("dispatch ready: "):
            ready.set()

    def run():
        try:
            dispatcher.run(stop)
        except BaseException as error:
            failed.append(error)
            ready.set()

    dispatcher = Dispatcher(settings, directory, say, watch, links)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(90)
        assert failed == []
        yield said
    finally:
        stop.set()
        thread.join()
        if failed:
            raise failed[0]


def rows(bootstrap):
    """The rows of alert_deliveries by endpoint, in order."""
    found = defaultdict(list)
    for batch in records(bootstrap, DELIVERIES).values():
        for record in filter(lambda record: record.value, batch):
            row = orjson.loads(record.value)
            assert record.key.decode() == row["alert_id"]
            assert set(row) == set(AlertDeliveryRow.__annotations__) | {"clinic_id", "updated_at", "revision", "issued_at"}
            found[row["endpoint"]].append(row)
    return found


def facts(bootstrap):
    return [decode_kafka(each.key, each.value, each.headers) for batch in records(bootstrap, EVENTS).values() for each in batch]


def until(true, timeout_s=120):
    give_up = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.05)


class House:
    """Receivers by name, each with a script, and the routes that name them."""

    def __init__(self, stack, **scripts):
        self.secret = new_secret()
        self.receivers = {name: stack.enter_context(Receiver(self.secret, answers)) for name, answers in scripts.items()}

    def endpoints(self, **clinics):
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        endpoints = {name: Endpoint(name, each.url, (key,)) for name, each in self.receivers.items()}
        return Directory(endpoints, Routes(everywhere=tuple((name, frozenset(clinics.get(name, ["*"]))) for name in endpoints)))
