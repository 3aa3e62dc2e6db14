"""`routes.toml`: what it says, what is wrong in it told by a table, and changes that are taken without a restart."""

import base64
import os
from datetime import date
from pathlib import Path

import pytest

from processors.rota import Window
from processors.routing import Step
from streams.dispatch import watching
from streams.dispatch.receiver import new_secret
from streams.dispatch.routes import RoutesError, load_routes
from streams.dispatch.watching import RoutesWatch

SECRET = new_secret()
GOOD = 'name = "a"\nurl = "https://hooks.example.org/x"\nsecret_env = "RTM_TEST_SECRET"\n'


def routes(tmp_path, text):
    file = tmp_path / "routes.toml"
    file.write_text(text)
    return load_routes(file)


def test_endpoints_are_read_with_their_secrets_from_a_variable_or_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("RTM_TEST_SECRET", SECRET)
    (tmp_path / "key").write_text(SECRET.rstrip("=") + "\n")
    text = f"[[endpoints]]\n{GOOD}[[endpoints]]\nname='b'\nurl='http://127.0.0.1:9/x'\nsecret_file='key'\nclinics=['c1']\n"
    directory = routes(tmp_path, text)
    a, b = directory.endpoints.values()
    assert a.keys == b.keys == (base64.b64decode(SECRET.removeprefix("whsec_")),)
    assert (directory.routes.endpoints_of_all("c1"), directory.routes.endpoints_of_all("c2")) == (["a", "b"], ["a"])
    assert SECRET not in repr((a, b))
    assert repr(a.keys) not in repr((a, b))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[endpoints", "not TOML"),
        ("", "endpoints: Field required"),
        ("endpoints = []", "endpoints: List should have at least 1 item"),
        ("[[endpoints]]\n" + GOOD.replace('"a"', '"a b"'), "endpoints.0.name: String should match"),
        ("[[endpoints]]\n" + GOOD.replace("https://", "http://"), "endpoints.0.url: must be https://"),
        ("[[endpoints]]\n" + GOOD.replace("https://", "https://me:topsecret@"), "endpoints.0.url: must hold no user and password"),
        ("[[endpoints]]\n" + GOOD.replace("https://", "ftp://"), "endpoints.0.url: not an https:// URL"),
        ("[[endpoints]]\n" + GOOD.replace("secret_env", "secret"), "endpoints.0.secret: Extra inputs are not permitted"),
        ("[[endpoints]]\n" + GOOD + "secret_file = 'x'", "endpoints.0: give secret_env or secret_file, one of them"),
        ("[[endpoints]]\n" + GOOD + "clinics = []", "endpoints.0.clinics: List should have at least 1 item"),
        ("[[endpoints]]\n" + GOOD + "[[endpoints]]\n" + GOOD, "endpoints: the name a stands twice"),
        (
            "[[endpoints]]\n" + GOOD.replace("RTM_TEST_SECRET", "RTM_TEST_NONE"),
            "endpoint a: the environment variable RTM_TEST_NONE holds no secret",
        ),
        ("[[endpoints]]\n" + GOOD.replace("RTM_TEST_SECRET", "RTM_TEST_SHORT"), "must hold whsec_ and base64 of 24 to 64 bytes"),
        ("[[endpoints]]\n" + GOOD.replace("secret_env", "secret_file"), "endpoint a: the file RTM_TEST_SECRET can't be read"),
    ],
)
def test_what_is_wrong_in_the_routes_is_told_with_its_place_and_never_a_secret(tmp_path, monkeypatch, text, said):
    monkeypatch.setenv("RTM_TEST_SECRET", SECRET)
    monkeypatch.setenv("RTM_TEST_SHORT", "whsec_c2hvcnQ=")
    with pytest.raises(RoutesError) as caught:
        routes(tmp_path, text)
    assert said in str(caught.value)
    assert str(tmp_path / "routes.toml") in str(caught.value)
    for secret in (SECRET.removeprefix("whsec_"), "topsecret", "c2hvcnQ"):
        assert secret not in str(caught.value)


def test_no_routes_is_wrong_use_in_one_line(tmp_path, monkeypatch, capsys):
    from streams.cli import run

    monkeypatch.setenv("RTM_ROUTES", str(tmp_path / "none.toml"))
    assert run(["dispatch"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"rtm: {tmp_path / 'none.toml'}: no such file")
    assert os.linesep not in line


FULL = """
[[endpoints]]
name = "anna-app"
url = "https://hooks.example.org/x"
secret_env = ["RTM_TEST_SECRET", "RTM_TEST_OTHER"]
heartbeat_s = 300

[[endpoints]]
name = "pager"
kind = "pagerduty"
secret_env = "RTM_TEST_ROUTING_KEY"

[[endpoints]]
name = "chat"
kind = "chat"
url_env = "RTM_TEST_CHAT"

[[endpoints]]
name = "watch"
kind = "alertmanager"
url = "https://10.0.0.5/api"
allow_private = true
clinics = ["*"]

[operations]
endpoint = "chat"
lag_s = 60

[[clinics]]
clinic = "c1"
timezone = "Europe/Berlin"
bundle_s = 5
most_messages_per_hour = 6
feedback = "anna-app"

[clinics.people]
anna = ["anna-app", "chat"]
ben = "pager"

[[clinics.rota]]
days = ["mon", "tue"]
from = "08:00"
to = "18:00"
on_call = "anna"

[[clinics.rota]]
from = 18:00:00
to = 08:00:00
on_call = ["ben"]

[[clinics.exceptions]]
date = 2026-12-25
on_call = []

[[clinics.quiet_hours]]
from = "21:00"
to = "07:00"

[[clinics.steps]]
to = "therapist"

[[clinics.steps]]
to = ["on_call", "ben"]
after_min = 30
severities = ["warning", "urgent"]
"""


@pytest.fixture
def secrets(monkeypatch):
    monkeypatch.setenv("RTM_TEST_SECRET", SECRET)
    monkeypatch.setenv("RTM_TEST_OTHER", new_secret())
    monkeypatch.setenv("RTM_TEST_ROUTING_KEY", "routing-key")
    monkeypatch.setenv("RTM_TEST_CHAT", "https://chat.example.org/hooks/topsecret")


def test_a_full_file_becomes_routes(tmp_path, secrets):
    directory = routes(tmp_path, FULL)
    anna, pager, chat, watch = directory.endpoints.values()
    assert (len(anna.keys), anna.heartbeat_s, anna.kind) == (2, 300, "webhook")
    assert (pager.kind, pager.url, pager.token) == ("pagerduty", "https://events.pagerduty.com/v2/enqueue", "routing-key")
    assert (chat.url, watch.allow_private) == ("https://chat.example.org/hooks/topsecret", True)
    assert (directory.operations, directory.lag_s, directory.feedback) == ("chat", 60, {"c1": "anna-app"})
    assert directory.routes.endpoints_of_all("c1") == ["watch"]
    assert directory.routes.keep_incidents == {"pager"}
    clinic = directory.routes.of("c1")
    assert (clinic.bundle_s, clinic.most_messages, clinic.people) == (5, 6, {"anna": ("anna-app", "chat"), "ben": ("pager",)})
    assert clinic.rota.weekly == (
        Window(480, 1080, frozenset({1, 2}), ("anna",)),
        Window(1080, 480, frozenset(range(1, 8)), ("ben",)),
    )
    assert clinic.rota.instead == {date(2026, 12, 25): (Window(0, 1440),)}
    assert clinic.quiet.weekly == (Window(1260, 420),)
    assert clinic.steps == (
        Step(0, ("therapist",), frozenset({"info", "warning", "urgent"})),
        Step(1800, ("on_call", "ben"), frozenset({"warning", "urgent"})),
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('timezone = "Europe/Berlin"', 'timezone = "Berlin"', "clinics.0.timezone: not an IANA time zone"),
        ('from = "08:00"', 'from = "8 o\'clock"', "clinics.0.rota.0.from: must be a time as HH:MM"),
        ('from = "08:00"', 'from = "25:00"', "clinics.0.rota.0.from: must be a time as HH:MM, from 00:00 to 24:00"),
        ('days = ["mon", "tue"]', 'days = ["monday"]', "clinics.0.rota.0.days.0: Input should be"),
        ('on_call = "anna"', 'on_call = "nina"', "clinics.0.rota.0.on_call: nina is not in people"),
        ('ben = "pager"', 'ben = "page"', "clinics.0.people.ben: page is no endpoint"),
        ('to = ["on_call", "ben"]', 'to = ["on_call", "nina"]', "clinics.0.steps.1.to: nina is not in people"),
        ("after_min = 30", "after_min = -1", "clinics.0.steps.1.after_min: Input should be greater than or equal to 0"),
        ('endpoint = "chat"', 'endpoint = "chats"', "operations.endpoint: no endpoint has this name"),
        ('feedback = "anna-app"', 'feedback = "pager"', "clinics.0.feedback: must name an endpoint of kind webhook"),
        (
            'url_env = "RTM_TEST_CHAT"',
            'url_env = "RTM_TEST_NONE"',
            "endpoint chat: the environment variable RTM_TEST_NONE: not an https:// URL",
        ),
        ('secret_env = "RTM_TEST_ROUTING_KEY"', "", "endpoints.1: give secret_env or secret_file, one of them"),
        ('kind = "chat"', 'kind = "chatter"', "endpoints.2.kind: Input should be"),
        ("date = 2026-12-25", 'date = "Christmas"', "clinics.0.exceptions.0.date"),
        ("bundle_s = 5", "bundle = 5", "clinics.0.bundle: Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_in_a_full_file_is_told_with_table_and_field(tmp_path, secrets, old, new, said):
    assert FULL.count(old) == 1
    with pytest.raises(RoutesError) as caught:
        routes(tmp_path, FULL.replace(old, new))
    assert said in str(caught.value)
    assert "topsecret" not in str(caught.value)


def test_a_change_of_the_file_or_of_a_secret_is_taken_and_a_broken_one_is_told_once(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "LOOK_EVERY_S", 0.0)
    (tmp_path / "key").write_text(SECRET)
    text = "[[endpoints]]\nname='b'\nurl='http://127.0.0.1:9/x'\nsecret_file='key'\n"
    watch = RoutesWatch(tmp_path / "routes.toml", routes(tmp_path, text))
    assert watch.changed() is None
    (tmp_path / "key").write_text(new_secret() + "\n")
    assert watch.changed() is not None
    assert watch.changed() is None
    (tmp_path / "routes.toml").write_text(text + "clinic = 1\n")
    with pytest.raises(RoutesError, match=r"endpoints\.0\.clinic: Extra inputs"):
        watch.changed()
    assert watch.changed() is None
    (tmp_path / "routes.toml").write_text(text.replace("'b'", "'other'"))
    assert list(watch.changed().endpoints) == ["other"]
    (tmp_path / "routes.toml").unlink()
    with pytest.raises(RoutesError, match="no such file"):
        watch.changed()
    assert watch.changed() is None


def test_the_check_shows_who_would_be_told_when(tmp_path, monkeypatch, capsys, secrets):
    from streams.cli import run

    (tmp_path / "routes.toml").write_text(FULL)
    monkeypatch.setenv("RTM_ROUTES", str(tmp_path / "routes.toml"))
    assert run(["dispatch", "--check", "--at", "2026-03-02T20:45:00+01:00", "--therapist", "anna"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "c1  info     2026-03-02 20:45+01:00  step 1: anna at anna-app",
        "c1  info     2026-03-02 20:45+01:00  step 1: all alerts at watch",
        "c1  warning  2026-03-02 20:45+01:00  step 1: anna at anna-app",
        "c1  warning  2026-03-02 20:45+01:00  step 1: all alerts at watch",
        "c1  warning  2026-03-03 07:00+01:00  step 2: ben at pager",
        "c1  urgent   2026-03-02 20:45+01:00  step 1: anna at anna-app",
        "c1  urgent   2026-03-02 20:45+01:00  step 1: all alerts at watch",
        "c1  urgent   2026-03-02 21:15+01:00  step 2: ben at pager",
    ]
    assert run(["dispatch", "--check", "--at", "2026-12-25T12:00:00+01:00", "--json"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        '{"clinic":"c1","severity":"info","at":"2026-12-25T11:00:00Z","step":1,"person":null,"endpoint":"watch"}'
    )
    assert run(["dispatch", "--check", "--at", "tomorrow"]) == 2


def test_the_examples_of_the_documentation_are_taken(tmp_path, monkeypatch):
    page = Path(__file__).parents[3] / "docs" / "delivery.md"
    routing = page.read_text(encoding="utf-8").partition("## Delivery")[0]
    lines = [line[4:] for line in routing.splitlines() if line.startswith("    ") or not line]
    for name in ("operations", "app", "anna-app", "pager"):
        lines += ["[[endpoints]]", f"name = '{name}'", "url = 'https://hooks.example.org/x'", "secret_env = 'ON_CALL_SECRET'"]
    monkeypatch.setenv("ON_CALL_SECRET", SECRET)
    directory = routes(tmp_path, "\n".join(lines))
    assert directory.operations == "operations"
    assert [step.after_s for step in directory.routes.of("c1").steps] == [0, 1800]
