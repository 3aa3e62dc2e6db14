"""A lane against a sender with a script: order, patience, what a dead endpoint costs, and changes of the routes. No HTTP, no Kafka."""

import threading
from collections import defaultdict

from streams.dispatch.lane import DEAD_AFTER, Delivery, Lane, Patience
from streams.dispatch.messages import Message, Notice
from streams.dispatch.sending import Attempt


class Script:
    """Answers each message by a function of its id and how often it came; keeps what came."""

    def __init__(self, answer):
        self.answer, self.came = answer, []
        self._times = defaultdict(int)

    def send(self, message):
        self._times[message.webhook_id] += 1
        self.came.append(message.webhook_id)
        return Attempt(0, self.answer(message.webhook_id, self._times[message.webhook_id]), 0.0)

    def close(self):
        pass


class Ends:
    """What became of deliveries, to be waited for."""

    def __init__(self):
        self.tried = defaultdict(list)
        self.order = []
        self._changed = threading.Condition()

    def record(self, delivery, tried):
        with self._changed:
            self.tried[delivery.message.webhook_id].append((tried.attempt, tried.outcome))
            if tried.outcome != "failed":
                self.order.append(delivery.message.webhook_id)
            self._changed.notify_all()

    def wait(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.order) >= count, 60)


def delivery(name, ends, *alerts, attempts=0):
    notices = tuple(Notice(alert, "e", "info", "r", "opened", "") for alert in alerts or [name])
    return Delivery(Message(name, 0, notices), ends.record, attempts)


class Running:
    def __init__(self, answer, attempts=3, backoff_s=0.01):
        self.failures, self.said = [], []
        self.script = Script(answer)
        self.lane = Lane("desk", self.script, Patience(attempts, backoff_s), self.failures.append, self.said.append)
        self.ends = Ends()

    def __enter__(self):
        self.lane.start()
        return self

    def __exit__(self, *error):
        self.lane.stop()
        self.lane.join(5)
        assert self.failures == []


def test_messages_about_one_alert_keep_their_order_also_in_bundles():
    fails_twice = lambda name, times: 200 if times > 2 or name != "a-opened" else 503  # noqa: E731
    with Running(fails_twice) as run:
        run.lane.submit(delivery("a-opened", run.ends, "a"))
        run.lane.submit(delivery("ab", run.ends, "a", "b"))
        run.lane.submit(delivery("b", run.ends, "b"))
        run.lane.submit(delivery("c", run.ends, "c"))
        run.ends.wait(4)
    order = run.ends.order
    assert order.index("a-opened") < order.index("ab") < order.index("b")
    assert order.index("c") < order.index("a-opened")
    assert run.ends.tried["a-opened"] == [(1, "failed"), (2, "failed"), (3, "delivered")]


def test_attempts_go_on_counting_where_an_earlier_dispatcher_stopped():
    with Running(lambda *_: 400) as run:
        run.lane.submit(delivery("a", run.ends, attempts=2))
        run.ends.wait(1)
    assert run.ends.tried["a"] == [(3, "given_up")]


def test_410_turns_the_endpoint_off_until_the_routes_change():
    with Running(lambda *_: 410) as run:
        run.lane.submit(delivery("a", run.ends))
        run.ends.wait(1)
        run.lane.submit(delivery("b", run.ends))
        run.ends.wait(2)
        assert run.script.came == ["a"]
        assert run.ends.tried == {"a": [(1, "given_up")], "b": [(0, "given_up")]}
        other = Script(lambda *_: 204)
        run.lane.change(other)
        run.lane.submit(delivery("c", run.ends))
        run.ends.wait(3)
        assert other.came == ["c"]
        run.lane.change(None)
        run.lane.submit(delivery("d", run.ends))
        run.ends.wait(4)
    assert run.ends.tried["d"] == [(0, "given_up")]
    assert [line.split(":")[0] for line in run.said] == ["endpoint desk answers 410, it wants no more"]


def test_a_dead_endpoint_is_only_probed_and_what_waits_for_it_is_given_up_in_time():
    with Running(lambda *_: None, attempts=4, backoff_s=0.05) as run:
        for number in range(200):
            run.lane.submit(delivery(f"a{number}", run.ends))
        run.ends.wait(200)
    assert len(run.script.came) < 60
    assert {tried[-1][1] for tried in run.ends.tried.values()} == {"given_up"}
    assert len(run.lane) == 0
    assert len(run.said) == 1


def test_an_endpoint_that_comes_back_gets_what_waits():
    back = threading.Event()
    with Running(lambda *_: 200 if back.is_set() else 500, attempts=30, backoff_s=0.01) as run:
        for number in range(50):
            run.lane.submit(delivery(f"a{number}", run.ends))
        while not run.lane.dead:
            threading.Event().wait(0.01)
        back.set()
        run.ends.wait(50)
    assert {tried[-1][1] for tried in run.ends.tried.values()} == {"delivered"}
    assert run.said[-1] == "endpoint desk is back"
    assert len(run.script.came) >= 50 + DEAD_AFTER


def test_what_another_dispatcher_has_now_is_let_go_of_but_for_what_is_under_way():
    hold = threading.Event()
    with Running(lambda *_: hold.wait(30) and 200) as run:
        for name, partitions in (("a", {1}), ("a2", {1}), ("b", {1, 2}), ("c", {2})):
            each = delivery(name, run.ends, name[0])
            each.partitions = frozenset(partitions)
            run.lane.submit(each)
        while len(run.script.came) < 3:
            threading.Event().wait(0.01)
        run.lane.drop(frozenset({1}))
        hold.set()
        run.ends.wait(3)
        assert len(run.lane) == 0
    assert sorted(run.ends.order) == ["a", "b", "c"]


def test_what_is_on_its_way_is_not_sent_twice():
    hold = threading.Event()
    with Running(lambda *_: hold.wait(30) and 200) as run:
        run.lane.submit(delivery("a", run.ends))
        run.lane.submit(delivery("a", run.ends))
        hold.set()
        run.ends.wait(1)
        assert len(run.lane) == 0
    assert run.script.came == ["a"]
