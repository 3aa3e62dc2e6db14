"""How fast alerts become answered webhooks: 10,000 alerts to 20 endpoints, one of which takes connections and never answers. JSON lines.

Desk, lanes, signatures and HTTP are the product's; the receivers are another process. First all alerts at once (throughput), then some a
second (how long each takes). Beside both the same bodies by urllib3 alone, without signatures, to the endpoints that answer. With --kafka
the whole dispatcher on a real Kafka as well, with its plans, rows and facts.

    python tests/bench/deliveries.py [--alerts 10000] [--kafka]
"""

import argparse
import asyncio
import multiprocessing
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import urllib3

from processors.processor import Transition
from processors.routing import Routes
from schemas.instants import format_instant
from streams.dispatch.deadlines import Deadlines
from streams.dispatch.desk import Desk
from streams.dispatch.lane import THREADS, Delivery
from streams.dispatch.lanes import Lanes
from streams.dispatch.messages import AlertChange
from streams.dispatch.routes import Directory, Endpoint
from streams.settings import Settings

ENDPOINTS = 20
DEAD = ENDPOINTS - 1
"""The endpoint that never answers."""
PACED, PER_S = 2000, 200
KEY = b"k" * 32
ANSWER = b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"


# -- receivers -------------------------------------------------------------------------------------------------------------------------


def serve(ports: Any) -> None:
    """The receivers, in a process of their own; the last one takes requests and says nothing."""
    asyncio.run(_serve(ports))


async def _serve(ports: Any) -> None:
    servers = [await asyncio.start_server(_silent if number == DEAD else _answering, "127.0.0.1", 0) for number in range(ENDPOINTS)]
    ports.put([server.sockets[0].getsockname()[1] for server in servers])
    await asyncio.Event().wait()


async def _answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r")[0]))
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


@contextmanager
def receivers() -> Iterator[list[int]]:
    """The ports of the receivers."""
    ports: Any = multiprocessing.get_context("spawn").Queue()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(ports,), daemon=True)
    process.start()
    yield ports.get(timeout=60)
    process.kill()
    process.join()


# -- what is measured ------------------------------------------------------------------------------------------------------------------


def change(number: int) -> AlertChange:
    """Alert `number`, of the clinic whose endpoint has that number."""
    at = time.time_ns()
    row = {
        "alert_id": f"alert-{number}", "episode_id": "episode-1", "severity": "warning", "status": "open", "rule_id": "missed_days",
        "opened_at": format_instant(at), "therapist_id": "t1", "clinic_id": f"c{number % ENDPOINTS}", "updated_at": format_instant(at),
        "issued_at": format_instant(at),
    }  # fmt: skip
    return AlertChange("opened", at, row, f"patient-{number}")


def directory(ports: list[int]) -> Directory:
    """An endpoint a clinic."""
    endpoints = {f"e{number}": Endpoint(f"e{number}", f"http://127.0.0.1:{port}/x", (KEY,)) for number, port in enumerate(ports)}
    return Directory(endpoints, Routes(everywhere=tuple((f"e{number}", frozenset({f"c{number}"})) for number in range(ENDPOINTS))))


class Took:
    """When each alert came, and how long it took until its endpoint had answered (ms)."""

    def __init__(self, wanted: int) -> None:
        self.began: dict[str, int] = {}
        self.ms: list[float] = []
        self._wanted, self._done, self._lock = wanted, threading.Event(), threading.Lock()

    def end(self, alert: str) -> None:
        with self._lock:
            self.ms.append((time.perf_counter_ns() - self.began[alert]) / 1e6)
            if len(self.ms) == self._wanted:
                self._done.set()

    def wait(self) -> None:
        if not self._done.wait(300):
            raise SystemExit("not everything was delivered within 300 s")

    @property
    def p99(self) -> float:
        return sorted(self.ms)[int(0.99 * len(self.ms))]


def living(count: int) -> int:
    """How many of so many alerts go to endpoints that answer."""
    return sum(number % ENDPOINTS != DEAD for number in range(count))


def run(count: int, submit: Callable[[int, Took], None], per_s: float | None) -> dict[str, float]:
    """Hand in so many alerts, at once or so many a second, and wait for those that can be answered."""
    took = Took(living(count))
    began, cpu = time.perf_counter(), time.process_time()
    for number in range(count):
        if per_s is not None:
            time.sleep(max(0.0, began + number / per_s - time.perf_counter()))
        took.began[f"alert-{number}"] = time.perf_counter_ns()
        submit(number, took)
    took.wait()
    seconds = time.perf_counter() - began
    return {"per_s": len(took.ms) / seconds, "cpu_us": (time.process_time() - cpu) / len(took.ms) * 1e6, "p99_ms": took.p99}


def by_the_product(ports: list[int], count: int, per_s: float | None) -> dict[str, float]:
    """Through desk and lanes."""
    routes = directory(ports)
    desk = Desk(routes.routes, 86_400)
    failures: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
    with Deadlines() as deadlines:
        lanes = Lanes(Settings(webhook_timeout_s=5), deadlines, failures.put, lambda _: None)
        lanes.change(routes)

        def submit(number: int, took: Took) -> None:
            def record(_: Delivery, tried: Any) -> None:
                if tried.outcome == "delivered":
                    took.end(plan.parts[0].alert_id)

            (plan,) = desk.take(change(number), time.time_ns())
            lanes.submit(plan.endpoint, Delivery(plan.message(lambda *_: None), record))

        found = run(count, submit, per_s)
        for lane in lanes._lanes.values():
            lane.stop()
    if not failures.empty():
        raise failures.get()
    return found


def by_urllib3(ports: list[int], count: int, per_s: float | None) -> dict[str, float]:
    """The same bodies by urllib3 alone, with as many threads an endpoint."""
    pools = [urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=THREADS, retries=False) for port in ports]
    threads = [ThreadPoolExecutor(THREADS) for _ in ports]
    body = orjson.dumps({"type": "rtm.alert.v1", "timestamp": format_instant(0), "alerts": [dict(change(0).row)]})

    def post(number: int, took: Took) -> None:
        pools[number % ENDPOINTS].urlopen("POST", "/x", body=body, headers={"content-type": "application/json"})
        took.end(f"alert-{number}")

    def submit(number: int, took: Took) -> None:
        if number % ENDPOINTS != DEAD:
            threads[number % ENDPOINTS].submit(post, number, took)

    found = run(count, submit, per_s)
    for pool in threads:
        pool.shutdown()
    return found


def by_the_dispatcher(ports: list[int], count: int) -> dict[str, float]:
    """Through `rtm dispatch` on a Kafka: from its first record read to the last delivery put down."""
    from streams.dispatch.dispatcher import Dispatcher
    from streams.dispatch.recovery import read_past
    from streams.kafka import server as kafka_server
    from streams.kafka.outgoing import alert_records
    from streams.kafka.topics import declare
    from streams.kafka.writing import Writer

    with tempfile.TemporaryDirectory(prefix="rtm-bench-") as folder:
        kafka = kafka_server.start(Path(folder), port=0)
        try:
            declare(kafka.bootstrap, 4, "rtm", 1)
            with Writer(kafka.bootstrap) as writer:
                for number in range(count):
                    told = change(number)
                    row = dict(told.row) | {"revision": 1}
                    for record in alert_records([Transition(told.alert_id, told.patient, "opened", told.at, row)], 1, 4):
                        writer.send(record)
                        if writer.full:
                            writer.flush()
                writer.flush()
            stop = threading.Event()
            dispatcher = Dispatcher(Settings(kafka=kafka.bootstrap, webhook_timeout_s=5), directory(ports), lambda _: None)
            thread = threading.Thread(target=dispatcher.run, args=(stop,))
            thread.start()
            while not dispatcher.counts["delivered"]:
                time.sleep(0.01)
            began, cpu = time.perf_counter(), time.process_time()
            while dispatcher.counts["delivered"] < living(count):
                time.sleep(0.01)
            seconds = time.perf_counter() - began
            used = time.process_time() - cpu
            stop.set()
            thread.join()
            began, cpu = time.perf_counter(), time.thread_time()
            past = read_past(kafka.bootstrap, dict.fromkeys(range(4), count))
            recovered = {"recover_s": time.perf_counter() - began, "recover_cpu_s": time.thread_time() - cpu}
            assert len(past.changes) == count
            return {"per_s": living(count) / seconds, "cpu_us": used / living(count) * 1e6, **recovered}
        finally:
            kafka_server.stop(Path(folder))


def figure(name: str, value: float, unit: str, **beside: object) -> None:
    print(orjson.dumps({"figure": name, "value": round(value, 2), "unit": unit, **beside}).decode(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--kafka", action="store_true", help="the whole dispatcher on a real Kafka too")
    options = parser.parse_args()
    about = {"alerts": options.alerts, "endpoints": ENDPOINTS, "dead": 1}
    with receivers() as ports:
        reference, found = by_urllib3(ports, options.alerts, None), by_the_product(ports, options.alerts, None)
        beside = {name: {"what": "the same POSTs by urllib3", "value": round(value, 2)} for name, value in reference.items()}
        figure("deliveries_per_s", found["per_s"], "deliveries/s", reference=beside["per_s"], **about)
        figure("deliveries_cpu", found["cpu_us"], "µs of CPU a delivery", reference=beside["cpu_us"], **about)
        reference, found = by_urllib3(ports, PACED, PER_S), by_the_product(ports, PACED, PER_S)
        beside = {"what": "the same POSTs by urllib3", "value": round(reference["p99_ms"], 2)}
        figure("deliveries_p99", found["p99_ms"], f"ms, {PER_S} alerts/s", reference=beside, endpoints=ENDPOINTS, dead=1)
        if options.kafka:
            found = by_the_dispatcher(ports, options.alerts)
            figure("dispatched_per_s", found["per_s"], "deliveries/s, planned, put down and told", **about)
            figure("dispatched_cpu", found["cpu_us"], "µs of CPU a delivery", **about)
            figure("recovery", found["recover_s"], "s to read what was done", cpu_s=round(found["recover_cpu_s"], 2), **about)


if __name__ == "__main__":
    main()
