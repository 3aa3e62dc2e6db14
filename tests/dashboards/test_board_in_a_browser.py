"""The page in a headless Chromium, where there is one."""

import re
import shutil
import subprocess
from html import unescape
from urllib.parse import quote

import pytest

from dashboards.panels import BOARDS
from tests.dashboards.conftest import HOSTILE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the page was not drawn")


def chromium(address, folder, *options):
    """The document as headless Chromium has drawn it after 15 s of its own time, which pass at once; nothing was said on its console."""
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-extensions", f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr", "--virtual-time-budget=15000", "--window-size=1440,1600", *options, "--dump-dom", address,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    return done.stdout.split('<script type="application/json"')[0]


@pytest.fixture(scope="module")
def drawn(asked, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    (folder / "board.html").write_text(asked.page, encoding="utf-8")
    return lambda fragment="": chromium((folder / "board.html").as_uri() + fragment, folder)


def section(dom, panel):
    return dom.split(f'id="panel-{panel}"')[1].split("</section>")[0]


def test_operations_is_drawn_with_hostile_text_as_text(drawn):
    dom = drawn()
    worklist = section(dom, "worklist")
    assert worklist.count("<tr") == 13  # the head, and all but who was discharged
    assert "▲" in worklist
    assert '<a href="#/patient/knee-01" class="patient">knee-01</a>' in worklist
    assert worklist.count('<span class="hide">not measured</span>') == 10
    assert HOSTILE in unescape(worklist)
    assert "<img" not in dom
    assert dom.count("<canvas") == 2
    assert section(dom, "adherence_by_patient").count("daycell") == 12 * 21 + 16
    assert "Skip to the board" in dom


@pytest.mark.parametrize("board", [board for board in BOARDS.values() if board.id != "patient"], ids=lambda board: board.id)
def test_every_panel_of_a_board_is_drawn_from_its_address(drawn, board):
    dom = drawn("#/" + board.id)
    assert [name for name in BOARDS if not re.search(rf'id="view-{name}"[^>]* hidden', dom)] == [board.id]
    assert re.search(rf'id="to-{board.id}"[^>]* aria-current="page"', dom)
    for panel in board.panels:
        drawn_panel = section(dom, panel.id)
        assert panel.no_data not in unescape(drawn_panel)
        assert ("<canvas" in drawn_panel) == (panel.kind in {"bars", "timeseries"})


def test_a_patients_course_is_drawn_from_its_link(drawn):
    dom = drawn("#/patient/knee-01")
    assert re.search(r'<h1 id="patient-name"[^>]*>knee-01</h1>', dom)
    assert "All times in Europe/Berlin" in dom
    assert "22 Nov, 09:12" in section(dom, "patient_now")  # 08:12 in UTC
    assert section(dom, "pain").count("<canvas") == 1
    assert all(panel.no_data not in unescape(section(dom, panel.id)) for panel in BOARDS["patient"].panels)
    assert "improved" in dom.split('id="panel-outcomes"')[1].split('id="panel-patient_alerts"')[0]
    assert dom.split('id="panel-range_of_motion"')[1].split('id="panel-pain"')[0].count("<canvas") == 2
    assert "plan begins" in section(dom, "pain")
    assert "alert open" in section(dom, "pain")
    assert re.search(r'id="view-operations"[^>]* hidden', dom)


def test_a_hostile_pseudonym_has_a_course_too_and_runs_nothing(drawn):
    dom = drawn("#/patient/" + quote(HOSTILE, safe=""))
    name = re.search(r'<h1 id="patient-name"[^>]*>(.*?)</h1>', dom, re.DOTALL)
    assert unescape(name[1]) == HOSTILE
    assert "<title>pwned" not in dom


def test_a_link_to_a_patient_who_is_not_there_says_so(drawn):
    dom = drawn("#/patient/nobody")
    assert not re.search(r'id="missing"[^>]* hidden', dom)
    assert not re.search(r'id="view-operations"[^>]* hidden', dom)


MEASURE = """<script>setTimeout(() => {
  const told = [document.documentElement.scrollWidth, innerWidth, getComputedStyle(document.body).backgroundColor];
  document.title = told.join(" ");
}, 1500)</script>"""


@pytest.mark.parametrize(
    ("fragment", "scheme"),
    [*(("#/" + name, "light") for name in BOARDS if name != "patient"), ("#/patient/knee-01", "light"), ("#/patient/knee-01", "dark")],
)
def test_nothing_is_wider_than_a_phone_and_dark_is_dark(asked, tmp_path, fragment, scheme):
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", asked.page).replace("</body>", MEASURE + "</body>")
    (tmp_path / "board.html").write_text(page, encoding="utf-8")
    preferred = "--blink-settings=preferredColorScheme=" + ("0" if scheme == "dark" else "1")
    dom = chromium((tmp_path / "board.html").as_uri() + fragment, tmp_path, "--window-size=390,1200", preferred)
    wide, window, ground = re.search(r"<title>(\d+) (\d+) rgb\((\d+)", dom).groups()
    assert int(wide) <= int(window)
    assert (int(ground) < 60) == (scheme == "dark")
