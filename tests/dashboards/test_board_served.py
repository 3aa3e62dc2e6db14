"""The served board over a real warehouse: what it answers, to whom, and that an open page asks by itself."""

import json
import re
import threading
import urllib.error
import urllib.request
from urllib.parse import quote

import pytest

from dashboards.panels import BOARDS
from streams.board_http import BoardServer
from streams.warehouse.connection import open_warehouse
from tests.dashboards.conftest import HOSTILE
from tests.dashboards.test_board_in_a_browser import CHROMIUM, chromium


class Counting(BoardServer):
    """A board's server that knows what it was asked for."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.asked = []

    def data(self):
        self.asked.append("data")
        return super().data()

    def course(self, patient):
        self.asked.append(patient)
        return super().course(patient)


@pytest.fixture(scope="module")
def server(asked):
    with open_warehouse(asked.dsn, create=False, read_only=True) as warehouse, Counting(warehouse, 0, refresh_s=1) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def get(server, path, **headers):
    with urllib.request.urlopen(urllib.request.Request(server.address + path, headers=headers), timeout=60) as answer:
        return answer.read().decode(), answer.headers


def test_the_page_may_ask_where_it_came_from_and_nobody_else(server):
    page, headers = get(server, "")
    assert "default-src 'none'" in page
    assert "connect-src 'self'" in page
    assert headers["Cache-Control"] == "no-store"


def test_the_data_has_the_rows_of_every_overview_and_no_course(server):
    data = json.loads(get(server, "data")[0])
    assert set(data["rows"]) == {panel.id for board in BOARDS.values() if board.id != "patient" for panel in board.panels}
    assert "courses" not in data
    assert {"knee-01", "spar-left", HOSTILE} < set(data["patients"])


def test_a_course_is_one_patients(server):
    course = json.loads(get(server, "course?patient=" + quote(HOSTILE, safe=""))[0])
    assert set(course) == {panel.id for panel in BOARDS["patient"].panels}
    assert len(course["patient_now"]) == 1
    assert json.loads(get(server, "course?patient=nobody")[0])["calendar"] == []


@pytest.mark.parametrize(
    ("path", "host", "status"), [("data", "clinic.example", 403), ("course", "localhost", 404), ("x", "localhost", 404)]
)
def test_what_is_not_there_or_not_for_them_is_refused(server, path, host, status):
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(server, path, Host=host)
    assert refused.value.code == status


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the page was not drawn")
def test_an_open_page_asks_for_a_course_and_refreshes_by_itself(server, tmp_path):
    server.asked.clear()
    dom = chromium(server.address + "#/patient/knee-01", tmp_path)
    assert re.search(r'<h1 id="patient-name"[^>]*>knee-01</h1>', dom)
    assert 'id="stale" role="status" hidden' in dom
    assert {"knee-01", "data"} <= set(server.asked)
