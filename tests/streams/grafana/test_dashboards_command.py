"""`rtm dashboards` against a stand-in that keeps what a Grafana keeps and refuses what a Grafana refuses."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from streams.cli import run
from streams.grafana.difference import differences

TOKEN = "glsa_a-service-account-s-token"
UIDS = ["rtm-billing", "rtm-operations", "rtm-patient", "rtm-pipeline", "rtm-quality", "rtm-therapist"]


class StandIn(ThreadingHTTPServer):
    """Grafana's HTTP interface, as far as it is used here."""

    def __init__(self):
        self.folders, self.datasources, self.dashboards, self.writes = {}, {}, {}, []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server_answers()

    do_POST = do_PUT = do_GET  # noqa: N815

    def server_answers(self):
        held = self.server
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.reply(401, {"message": "Invalid API key"})
        if self.command != "GET":
            held.writes.append((self.command, self.path, body))
        match self.command, self.path.split("/")[1:]:
            case "GET", ["api", "folders", uid]:
                return self.reply(200, held.folders[uid]) if uid in held.folders else self.reply(404, {"message": "folder not found"})
            case "POST", ["api", "folders"]:
                held.folders[body["uid"]] = body
                return self.reply(200, body)
            case "GET", ["api", "datasources"]:
                return self.reply(200, [{"uid": uid, "name": each["name"]} for uid, each in held.datasources.items()])
            case "GET", ["api", "datasources", "uid", uid]:
                return self.reply(200, held.datasources[uid])
            case ("POST", ["api", "datasources"]) | ("PUT", ["api", "datasources", "uid", _]):
                secrets = body.pop("secureJsonData", {})
                held.datasources[body["uid"]] = {
                    **body,
                    "id": 1,
                    "version": 1,
                    "secureJsonFields": {name: True for name, value in secrets.items() if value},
                }
                return self.reply(200, {"message": "Datasource added"})
            case "GET", ["api", "dashboards", "uid", uid]:
                if uid not in held.dashboards:
                    return self.reply(404, {"message": "Dashboard not found"})
                return self.reply(200, {"meta": {"folderUid": "rtm"}, "dashboard": held.dashboards[uid]})
            case "POST", ["api", "dashboards", "db"]:
                model = body["dashboard"]
                before = held.dashboards.get(model["uid"])
                if body["folderUid"] not in held.folders:
                    return self.reply(400, {"message": "folder not found"})
                if before and not body["overwrite"] and model.get("version") != before["version"]:
                    return self.reply(412, {"message": "version-mismatch"})
                assert model["title"]
                assert len(model["uid"]) <= 40
                held.dashboards[model["uid"]] = {**model, "id": 7, "version": before["version"] + 1 if before else 1}
                return self.reply(200, {"status": "success", "uid": model["uid"]})
        return self.reply(404, {"message": "no such route"})

    def reply(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def grafana(monkeypatch):
    with StandIn() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("RTM_GRAFANA", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("RTM_GRAFANA_TOKEN", TOKEN)
        yield server
        server.shutdown()
        thread.join()


def test_a_push_makes_folder_datasource_and_dashboards(grafana, monkeypatch, capsys):
    monkeypatch.setenv("RTM_GRAFANA_WAREHOUSE", "clickhouse://rtm_grafana:pass%20word@db.example:8443/rtm")
    assert run(["dashboards", "push"]) == 0
    assert capsys.readouterr().out.splitlines() == ["folder: made", "datasource: made", *(f"dashboard {uid}: made" for uid in UIDS)]
    assert sorted(grafana.dashboards) == UIDS
    assert grafana.folders["rtm"]["title"] == "Remote therapeutic monitoring"
    source = grafana.datasources["rtm-clickhouse"]
    assert source["type"] == "grafana-clickhouse-datasource"
    assert source["jsonData"] == {
        "host": "db.example", "port": 8443, "protocol": "http", "secure": True, "username": "rtm_grafana", "defaultDatabase": "rtm",
    }  # fmt: skip
    assert source["secureJsonFields"] == {"password": True}
    assert "pass word" not in json.dumps(grafana.dashboards)


def test_a_second_push_writes_nothing(grafana, monkeypatch, capsys):
    monkeypatch.setenv("RTM_GRAFANA_WAREHOUSE", "clickhouse://rtm_grafana:secret@db.example/rtm")
    assert run(["dashboards", "push"]) == 0
    grafana.writes.clear()
    capsys.readouterr()
    assert run(["dashboards", "push"]) == 0
    assert grafana.writes == []
    assert all(line.endswith("as it was") for line in capsys.readouterr().out.splitlines())


def test_a_change_by_hand_is_told_and_pushed_away(grafana, capsys):
    run(["dashboards", "push"])
    capsys.readouterr()
    assert run(["dashboards", "diff"]) == 0
    assert capsys.readouterr().out == ""
    panel = grafana.dashboards["rtm-patient"]["panels"][3]
    panel["title"] = "Übungen"
    grafana.dashboards["rtm-billing"]["panels"].pop()
    assert run(["dashboards", "diff"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "rtm-billing: panels: 4 here, 3 on the server",
        'rtm-patient: panels[3].title: "Exercises" here, "Übungen" on the server',
    ]
    assert run(["dashboards", "push"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.endswith("changed")] == [
        "dashboard rtm-billing: changed",
        "dashboard rtm-patient: changed",
    ]
    assert run(["dashboards", "diff"]) == 0


def test_a_range_of_the_past_is_pushed_on_demand(grafana):
    assert run(["dashboards", "push", "--until", "2026-03-23"]) == 0
    assert grafana.dashboards["rtm-operations"]["time"]["to"] == "2026-03-23T23:59:59.000Z"
    assert run(["dashboards", "diff", "--until", "2026-03-23"]) == 0


def test_the_token_may_lie_in_a_file(grafana, monkeypatch, tmp_path):
    monkeypatch.delenv("RTM_GRAFANA_TOKEN")
    (tmp_path / "token").write_text(TOKEN + "\n")
    monkeypatch.setenv("RTM_GRAFANA_TOKEN_FILE", str(tmp_path / "token"))
    assert run(["dashboards", "push"]) == 0


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"RTM_GRAFANA_TOKEN": "another"}, 1, "refuses the token (401)"),
        ({"RTM_GRAFANA_TOKEN": ""}, 2, "no token"),
        ({"RTM_GRAFANA": "http://127.0.0.1:1"}, 1, "nothing that speaks"),
        ({"RTM_GRAFANA": "grafana"}, 2, "RTM_GRAFANA"),
        ({"RTM_GRAFANA_WAREHOUSE": "chdb:///tmp/x"}, 2, "RTM_GRAFANA_WAREHOUSE"),
    ],
)
def test_what_is_wrong_is_one_line_without_the_token(grafana, monkeypatch, capsys, changed, status, said):
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    assert run(["dashboards", "push"]) == status
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert said in told
    assert TOKEN not in told


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ({"a": 1}, {"a": 1, "id": 5, "version": 3, "schemaVersion": 41}, []),
        ({"a": None}, {}, []),
        ({}, {"a": [], "b": False}, []),
        (
            {"templating": {"list": [{"name": "clinic", "current": {}}]}},
            {"templating": {"list": [{"name": "clinic", "current": {"value": "x"}}]}},
            [],
        ),
        ({"a": 1.0}, {"a": 1}, []),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, ["a.b[1]: 2 here, 3 on the server"]),
        ({"a": True}, {}, ["a: true here, null on the server"]),
        ({}, {"a": 7}, ["a: null here, 7 on the server"]),
    ],
)
def test_what_counts_as_a_difference(ours, theirs, told):
    assert differences(ours, theirs) == told


def test_an_export_writes_what_is_shipped(tmp_path, capsys):
    pytest.importorskip("grafana_foundation_sdk")
    assert run(["dashboards", "export", str(tmp_path / "new")]) == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [f"{uid}.json" for uid in UIDS]
