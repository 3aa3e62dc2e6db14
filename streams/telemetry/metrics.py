"""The metrics: one catalogue of names, and the calls by which components count. Prometheus' text comes out.

Until `switch_on` was called, and where prometheus-client isn't installed, every call does nothing. Labels are stages, topics, partitions,
reasons, outcomes and components.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

Name = Literal[
    "rtm_records_total",
    "rtm_dead_letters_total",
    "rtm_checkpoint_seconds",
    "rtm_checkpoint_age_seconds",
    "rtm_lag_offsets",
    "rtm_waiting_chunks",
    "rtm_partitions",
    "rtm_sink_rows_total",
    "rtm_sink_insert_seconds",
    "rtm_sink_rows_in_hand",
    "rtm_deliveries_total",
    "rtm_delivery_seconds",
    "rtm_restarts_total",
    "rtm_ready",
]
"""Every metric's name. Those of the process itself (`process_start_time_seconds`: a restart sets it anew) stand beside them."""

FINE = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
"""The histograms' bounds, s."""


class _Kind(NamedTuple):
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


CATALOGUE: dict[Name, _Kind] = {
    "rtm_records_total": _Kind("counter", "records read since this process took the partition over", ("stage", "partition")),
    "rtm_dead_letters_total": _Kind("counter", "records that could not be used", ("stage", "reason")),
    "rtm_checkpoint_seconds": _Kind("histogram", "from a slice to its committed transaction, s", ("stage",)),
    "rtm_checkpoint_age_seconds": _Kind("gauge", "since the last committed transaction, s", ("stage", "partition")),
    "rtm_lag_offsets": _Kind("gauge", "offsets in the topic that are not read yet, markers included", ("topic", "partition")),
    "rtm_waiting_chunks": _Kind("gauge", "chunks held until one that is missing comes", ("partition",)),
    "rtm_partitions": _Kind("gauge", "partitions that this process has", ("stage",)),
    "rtm_sink_rows_total": _Kind("counter", "rows inserted"),
    "rtm_sink_insert_seconds": _Kind("histogram", "from a full batch to the tables, waiting included, s"),
    "rtm_sink_rows_in_hand": _Kind("gauge", "rows read and not on their way to the tables"),
    "rtm_deliveries_total": _Kind("counter", "attempts to tell somebody of an alert, by what became of them", ("outcome",)),
    "rtm_delivery_seconds": _Kind("histogram", "from sending a message to its answer, s"),
    "rtm_restarts_total": _Kind("counter", "components that died and were started again, in rtm up", ("component",)),
    "rtm_ready": _Kind("gauge", "1 when the component does its work"),
}


class _Switch:
    """What is on: the registry and its metrics, and what is asked before each scrape."""

    registry: Any = None
    metrics: dict[str, Any] = {}  # noqa: RUF012 - replaced as a whole
    ask: list[Callable[[], None]] = []  # noqa: RUF012 - replaced as a whole


def switch_on() -> None:
    """Begin to count, from nought. ImportError where prometheus-client isn't installed."""
    import prometheus_client as prometheus  # noqa: PLC0415 - an extra: only where metrics are wanted

    registry = prometheus.CollectorRegistry()
    prometheus.ProcessCollector(registry=registry)
    kinds: dict[str, Any] = {"counter": prometheus.Counter, "gauge": prometheus.Gauge, "histogram": prometheus.Histogram}
    _Switch.metrics = {
        name: kinds[each.kind](name, each.help, each.labels, registry=registry, **({"buckets": FINE} if each.kind == "histogram" else {}))
        for name, each in CATALOGUE.items()
    }
    _Switch.ask, _Switch.registry = [], registry


def text() -> bytes:
    """All metrics as Prometheus reads them."""
    from prometheus_client import generate_latest  # noqa: PLC0415

    for ask in _Switch.ask:
        ask()
    made: bytes = generate_latest(_Switch.registry)
    return made


def on_scrape(ask: Callable[[], None]) -> None:
    """Have `ask` called before metrics are read, to set gauges."""
    if _Switch.registry is not None:
        _Switch.ask.append(ask)


def count(name: Name, amount: float = 1, **labels: str) -> None:
    """Add to a counter."""
    if _Switch.registry is not None and amount:
        _labelled(name, labels).inc(amount)


def gauge(name: Name, value: float, **labels: str) -> None:
    """Set a gauge."""
    if _Switch.registry is not None:
        _labelled(name, labels).set(value)


def observe(name: Name, seconds: float, **labels: str) -> None:
    """Add to a histogram."""
    if _Switch.registry is not None:
        _labelled(name, labels).observe(seconds)


def clear(name: Name) -> None:
    """Forget a metric's labels: partitions that have moved away."""
    if _Switch.registry is not None:
        _Switch.metrics[name].clear()


def _labelled(name: Name, labels: dict[str, str]) -> Any:
    metric = _Switch.metrics[name]
    return metric.labels(**labels) if labels else metric
