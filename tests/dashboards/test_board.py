import json
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from html.parser import HTMLParser

import pytest

from dashboards.board import PanelError, read_panel
from dashboards.panels import PANELS
from streams.warehouse.connection import Result
from tests.dashboards.conftest import HOSTILE

VOID = {"meta", "link", "br", "img", "input", "path", "circle", "wbr", "hr"}
LOADS = {"src", "href", "srcset", "poster", "action", "formaction", "data", "background", "xlink:href"}


class Page(HTMLParser):
    """What a page is made of: balance, ids, headings, loads, script texts."""

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.ids, self.loads, self.handlers = [], [], [], [], []
        self.texts, self.scripts = {}, []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in LOADS:
                self.loads.append(value)
            if name.startswith("on"):
                self.handlers.append(name)
        if tag == "script":
            self.scripts.append((dict(attributes), []))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1][1].append(data)
        elif self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


def parts(page):
    return Page(page)


def embedded(page):
    return json.loads("".join(parts(page).scripts[0][1]))


@pytest.mark.parametrize("which", ["page", "page_of_three", "empty_page"])
def test_the_page_is_balanced_html_with_ids_used_once(asked, which):
    found = parts(getattr(asked, which))
    assert found.wrong == []
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))


def test_the_page_loads_nothing_and_forbids_loading(asked):
    found = parts(asked.page)
    assert all(value.startswith(("#", "data:")) for value in found.loads)
    assert not re.search(r"url\(|@import|\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|import\(", asked.page)
    assert "default-src 'none'" in asked.page


def test_the_page_runs_its_own_script_and_no_other(asked):
    data, script = parts(asked.page).scripts
    assert data[0]["type"] == "application/json"
    digest = b64encode(sha256("".join(script[1]).encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in asked.page
    assert parts(asked.page).handlers == []
    assert "innerHTML" not in re.sub(r"/\*! https.*?uPlot.*?\n.*?\n", "", "".join(script[1]), count=1)


@pytest.mark.parametrize("panel", PANELS.values(), ids=lambda panel: panel.id)
def test_every_panel_stands_in_the_page_under_its_title(asked, panel):
    found = parts(asked.page)
    assert panel.title in found.texts["h2"]
    assert f"panel-{panel.id}" in found.ids
    assert escape(panel.question) in asked.page


def test_hostile_text_stays_data(asked):
    assert "<script>document" not in asked.page
    assert "<img" not in asked.page
    assert len(parts(asked.page).scripts) == 2
    data = embedded(asked.page)
    assert HOSTILE in data["patients"]
    place = [field["name"] for field in data["boards"]["operations"]["panels"][1]["fields"]].index("condition")
    assert HOSTILE in {row[place] for row in data["rows"]["worklist"]}


def test_every_patient_has_a_course_in_the_page(asked):
    data = embedded(asked.page)
    assert len(data["patients"]) == 13
    assert set(data["courses"]) == set(data["patients"])
    assert data["zones"]["knee-01"] == "Europe/Berlin"
    assert "more are not" not in asked.page


def test_beyond_the_most_only_the_most_urgent_are_there_and_the_page_says_so(asked):
    data = embedded(asked.page_of_three)
    assert data["patients"] == embedded(asked.page)["patients"][:3]
    assert {"spar-10", HOSTILE} < set(data["patients"])
    assert set(data["courses"]) == set(data["patients"])
    assert "Only the 3 most urgent patients are in this page; 10 more are not." in asked.page_of_three


def test_the_page_says_as_of_when_and_of_which_generation_it_speaks(asked):
    assert embedded(asked.page)["as_of"] == 1_795_370_400_000
    assert "2026-11-22T18:00:00Z, generation 1" in asked.page
    assert "no complete generation" in asked.empty_page
    assert embedded(asked.empty_page)["as_of"] is None


def test_instants_are_numbers_and_unknown_stays_null(asked):
    data = embedded(asked.page)
    fields = [field["name"] for field in data["boards"]["patient"]["panels"][0]["fields"]]
    row = dict(zip(fields, data["courses"]["spar-01"]["patient_now"][0], strict=True))
    assert isinstance(row["last_heard_at"], int)
    assert row["monitoring_start"] == "2026-11-02"
    assert row["procedure_date"] is None


def test_a_panel_whose_sql_gives_other_columns_is_an_error():
    panel = PANELS["dead_letters"]
    with pytest.raises(PanelError, match="dead_letters"):
        read_panel(lambda _sql, _parameters: Result(["reason"], ["String"], [("invalid",)], 1), panel, {"clinic": [""]})
