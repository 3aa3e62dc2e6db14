"""All lanes against receivers on loopback: routes that change, heartbeats, what operations hear, and no lane waits for another."""

import base64
import queue
import time
from contextlib import ExitStack, contextmanager

import orjson

from processors.routing import Routes
from streams.dispatch import lanes as lanes_module
from streams.dispatch.deadlines import Deadlines
from streams.dispatch.lane import Delivery
from streams.dispatch.lanes import Lanes
from streams.dispatch.messages import Message, Notice
from streams.dispatch.receiver import Answer, Receiver, new_secret
from streams.dispatch.routes import Directory, Endpoint
from streams.settings import Settings

SECRET = new_secret()
KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
QUICK = Settings(webhook_attempts=3, webhook_backoff_s=0.05, webhook_timeout_s=2)


@contextmanager
def running(directory):
    failures, said = queue.SimpleQueue(), []
    with Deadlines() as deadlines:
        lanes = Lanes(QUICK, deadlines, failures.put, said.append)
        lanes.change(directory)
        try:
            yield lanes, said
        finally:
            lanes.close()
    assert failures.empty()


def directory(operations=None, **receivers):
    endpoints = {
        name: each if isinstance(each, Endpoint) else Endpoint(name, each if isinstance(each, str) else each.url, (KEY,))
        for name, each in receivers.items()
    }
    return Directory(endpoints, Routes(), operations)


class Deliveries:
    """Deliveries of alerts, and how they ended."""

    def __init__(self, lanes):
        self.lanes, self.ends = lanes, queue.Queue()

    def send(self, endpoint, *names):
        for name in names:
            message = Message(name, 0, (Notice(name, "e", "info", "r", "opened", ""),))
            assert self.lanes.submit(endpoint, Delivery(message, lambda each, tried: self._record(each, tried, endpoint)))

    def _record(self, delivery, tried, endpoint):
        if tried.outcome != "failed":
            self.ends.put((endpoint, delivery.message.webhook_id, tried.outcome))

    def wait(self, count):
        return [self.ends.get(timeout=60) for _ in range(count)]


def test_an_endpoint_that_moved_is_sent_to_where_it_is_now_and_one_that_is_gone_gives_up():
    with Receiver(SECRET, [Answer(503, (("retry-after", "3000"),))]) as old, Receiver(SECRET) as new:
        with running(directory(desk=old, other=old)) as (lanes, _):
            deliveries = Deliveries(lanes)
            deliveries.send("desk", "a")
            deliveries.send("other", "b")
            assert old.wait_for(2, 60)
            lanes.change(directory(desk=new))
            assert sorted(deliveries.wait(2)) == [("desk", "a", "delivered"), ("other", "b", "given_up")]
            deliveries.send("other", "c")
            assert deliveries.wait(1) == [("other", "c", "given_up")]
            assert not lanes.submit("never", Delivery(Message("d", 0), lambda *_: None))
            assert lanes.pending() == 0
        assert [each.webhook_id for each in new.received] == ["a"]


def test_a_secret_that_is_replaced_signs_what_comes_after():
    other = new_secret()
    with Receiver(other) as receiver, running(directory(desk=receiver)) as (lanes, _):
        deliveries = Deliveries(lanes)
        deliveries.send("desk", "a")
        deliveries.wait(1)
        keys = (KEY, base64.b64decode(other.removeprefix("whsec_")))
        lanes.change(directory(desk=Endpoint("desk", receiver.url, keys)))
        deliveries.send("desk", "b")
        deliveries.wait(1)
        assert [each.verified for each in receiver.received] == [False, True]


def test_no_endpoint_waits_for_one_that_hangs():
    with ExitStack() as stack:
        hangs = stack.enter_context(Receiver(SECRET, [Answer(200, delay_s=60)]))
        lives = stack.enter_context(Receiver(SECRET))
        lanes, _ = stack.enter_context(running(directory(hangs=hangs, lives=lives)))
        deliveries = Deliveries(lanes)
        deliveries.send("hangs", *(f"h{number}" for number in range(40)))
        deliveries.send("lives", *(f"l{number}" for number in range(40)))
        assert {endpoint for endpoint, *_ in deliveries.wait(40)} == {"lives"}
        assert len(hangs.received) <= 8


def test_operations_hear_of_one_kind_of_trouble_once_in_a_while_and_the_terminal_of_each(monkeypatch):
    with Receiver(SECRET) as receiver, running(directory("ops", ops=receiver)) as (lanes, said):
        for text in ("first", "first", "second"):
            lanes.tell_operations("nobody", text)
        lanes.tell_operations("lag", "third")
        assert receiver.wait_for(2, 60)
        monkeypatch.setattr(lanes_module, "SAY_AGAIN_S", 0.0)
        lanes.tell_operations("lag", "third")
        assert receiver.wait_for(3, 60)
    bodies = sorted((orjson.loads(each.body)["reason"], orjson.loads(each.body)["text"]) for each in receiver.received)
    assert bodies == [("lag", "third"), ("lag", "third"), ("nobody", "first")]
    assert said == ["first", "second", "third", "third"]
    assert all(each.verified for each in receiver.received)


def test_a_heartbeat_comes_at_its_interval_and_is_not_tried_again():
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver(SECRET, [Answer(500)]))
        lanes, _ = stack.enter_context(running(directory(desk=Endpoint("desk", receiver.url, (KEY,), heartbeat_s=3600))))
        for _ in range(20):
            lanes.beat()
            time.sleep(0.01)
        assert receiver.wait_for(1, 60)
        while lanes.pending():
            time.sleep(0.01)
    (beat,) = receiver.received
    assert orjson.loads(beat.body)["type"] == "rtm.heartbeat.v1"
