"""Metrics, health and lines: what Prometheus reads, what an orchestrator asks, what a log collector gets; nothing of patients."""

import logging
import re
import socket
import urllib.error
import urllib.request
from typing import get_args

import orjson
import pytest

from schemas.events import CHUNK
from streams.settings import Settings, SettingsError
from streams.telemetry import health, metrics
from streams.telemetry.lines import speaker
from tests.streams.live_log import BEGIN, Workers, send, send_tick, small_log, wait_for_tick


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_every_name_is_in_the_catalogue_and_no_label_can_hold_a_subject():
    assert set(metrics.CATALOGUE) == set(get_args(metrics.Name))
    assert {label for kind in metrics.CATALOGUE.values() for label in kind.labels} <= {
        "stage",
        "topic",
        "partition",
        "reason",
        "outcome",
        "component",
    }


def test_health_says_ready_when_it_is_and_stuck_when_it_goes_on_no_more(monkeypatch):
    port = free_port()
    with health.watched(Settings(metrics_port=port)):
        assert ask(port, "/healthz") == (200, "ok\n")
        assert ask(port, "/readyz")[0] == 503
        health.ready()
        assert ask(port, "/readyz") == (200, "ready\n")
        monkeypatch.setattr(health, "STUCK_S", -1)
        assert ask(port, "/healthz")[0] == 503
        assert ask(port, "/")[0] == 404
        metrics.count("rtm_deliveries_total", outcome="delivered")
        assert 'rtm_deliveries_total{outcome="delivered"} 1.0' in ask(port, "/metrics")[1]
    with pytest.raises(urllib.error.URLError):
        ask(port, "/healthz")


def test_a_port_in_use_is_told_and_without_a_port_nothing_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(SettingsError, match=f"RTM_METRICS_PORT: {port} can't be listened on"),
            health.watched(Settings(metrics_port=port)),
        ):
            pass
    with health.watched(Settings()):
        pass


def test_a_worker_shows_what_it_does_and_its_lines_are_json(fresh_topics, tmp_path):
    port = free_port()
    facts = small_log(patients=2, days=2)
    workers = Workers(fresh_topics, tmp_path, environment={"RTM_METRICS_PORT": str(port), "RTM_LOG": "json"})
    try:
        workers.start()
        workers.wait_until_ready(seconds=120)
        send(fresh_topics, facts)
        send_tick(fresh_topics, BEGIN)
        wait_for_tick(fresh_topics, BEGIN, seconds=120)
        shown = ask(port, "/metrics")[1]
        assert ask(port, "/readyz")[0] == ask(port, "/healthz")[0] == 200
    finally:
        for process in workers.running:
            process.kill()
            process.wait()
    read = {
        stage: sum(map(float, re.findall(rf'rtm_records_total{{partition="\d",stage="{stage}"}} (\S+)', shown)))
        for stage in ("motion", "patient")
    }
    assert read["motion"] == sum(fact.type == CHUNK for fact in facts) + 4
    assert 'rtm_partitions{stage="patient"} 4.0' in shown
    assert "rtm_checkpoint_seconds_bucket" in shown
    assert "process_start_time_seconds" in shown
    assert 'rtm_lag_offsets{partition="0",topic="rtm.events.v1"}' in shown
    assert "p000" not in shown
    lines = [orjson.loads(line) for line in workers.log(0).read_text().splitlines()]
    assert {(line["component"], line["level"]) for line in lines} == {("worker", "info")}
    assert lines[0]["message"].startswith("worker ready: ")


def test_a_librarys_record_is_told_by_its_place_without_its_text(capsys):
    root = logging.getLogger()
    before = root.handlers
    try:
        speaker(Settings(log="json"), "sink")("sink ready")
        logging.getLogger("some.library").warning("p000 has pain")
    finally:
        root.handlers = before
    lines = [orjson.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["message"].split(",")[0] for line in lines] == ["sink ready", "some.library"]
    assert lines[1]["level"] == "warning"
