"""ClickHouse's HTTP interface over a real chDB folder, by real clients: what is answered, what is refused, who may ask."""

import gzip
import http.client
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import clickhouse_connect
import lz4.frame
import orjson
import pytest
import zstandard
from clickhouse_connect.driver.exceptions import ClickHouseError

from streams.warehouse.chdb_http import serve
from streams.warehouse.chdb_http_body import LARGEST
from streams.warehouse.connection import WarehouseError, open_warehouse
from streams.warehouse.folder import HTTP_NAME
from streams.warehouse.migrations import migrate

ROOT = Path(__file__).parents[3]
ROW = b'{"generation":1,"patient_id":"p%d","local_date":"2026-03-01","revision":1}\n'


@contextmanager
def serving(warehouse, **options):
    server = serve(warehouse, 0, **options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    with open_warehouse(f"chdb://{tmp_path_factory.mktemp('http') / 'warehouse'}") as opened:
        migrate(opened)
        opened.insert("pain_daily", b"".join(ROW % number for number in range(5)))
        yield opened


@pytest.fixture(scope="module")
def server(warehouse):
    with serving(warehouse) as running:
        yield running


@pytest.fixture(scope="module")
def writable(warehouse):
    with serving(warehouse, read_only=False) as running:
        yield running


def client_of(server, **options):
    return clickhouse_connect.get_client(host="127.0.0.1", port=server.port, **options)


def post(server, body, query="", **headers):
    request = urllib.request.Request(f"{server.address}?{query}", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read(), answer.headers


def refused(server, body, query="", **headers):
    with pytest.raises(urllib.error.HTTPError) as failed:
        post(server, body, query, **headers)
    return failed.value.code, failed.value.read().decode()


def test_clickhouse_connect_reads_every_kind_of_value(server):
    client = client_of(server, database="rtm")
    found = client.query(
        "SELECT toInt64(-1) a, 'ä\\n' b, [1, NULL] c, toDateTime64('2026-03-01 10:00:00.123456789', 9, 'UTC') d,"
        " toLowCardinality('x') e, map('k', 1) f"
    )
    [row] = found.result_rows
    assert row[:3] == (-1, "ä\n", [1, None])
    assert row[4:] == ("x", {"k": 1})
    assert row[3].isoformat().startswith("2026-03-01T10:00:00.123456")
    assert client.query("SELECT patient_id FROM pain_daily_rows ORDER BY 1").result_columns == [["p0", "p1", "p2", "p3", "p4"]]
    assert client.command("SELECT count() FROM pain_daily_rows") == 5


@pytest.mark.parametrize("text", ["it's", "tab\tline\nback\\slash", "ünï©ode", "{x:String}", ""])
def test_parameters_arrive_as_they_were_sent(server, text):
    assert client_of(server).query("SELECT {value:String}, {many:Array(String)}", {"value": text, "many": [text]}).result_rows == [
        (text, [text])
    ]


@pytest.mark.parametrize("compression", [False, "gzip", "lz4", "zstd"])
def test_answers_and_inserts_may_be_compressed(server, writable, compression):
    rows = client_of(server, compress=compression).query("SELECT number, toString(number) FROM numbers(20000)").result_rows
    assert rows[-1] == (19999, "19999")
    writer = client_of(writable, compress=compression)
    writer.command("CREATE OR REPLACE TABLE rtm.scratch (number UInt64, text String) ENGINE = MergeTree ORDER BY number")
    writer.insert("rtm.scratch", rows)
    assert writer.query("SELECT count(), sum(number) FROM rtm.scratch").result_rows == [(20000, sum(range(20000)))]
    writer.command("DROP TABLE rtm.scratch")


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("lz4", lz4.frame.compress), ("zstd", zstandard.compress)])
def test_an_answer_comes_in_the_encoding_that_was_accepted(server, encoding, pack):
    body, headers = post(
        server, pack(b"SELECT number % 10 FROM numbers(1000)"), **{"Content-Encoding": encoding, "Accept-Encoding": encoding}
    )
    assert headers["Content-Encoding"] is None
    assert body.count(b"\n") == 1000
    packed, headers = post(server, b"SELECT number % 10 FROM numbers(1000)", "enable_http_compression=1", **{"Accept-Encoding": encoding})
    assert headers["Content-Encoding"] == encoding
    assert len(packed) < len(body)


def test_settings_last_as_long_as_their_query_and_databases_too(server):
    client = client_of(server)
    asked = "SELECT value FROM system.settings WHERE name = 'max_threads'"
    before = client.command(asked)
    assert client.query(asked, settings={"max_threads": 3}).result_rows == [("3",)]
    assert client.command(asked) == before
    assert client_of(server, database="system").command("SELECT currentDatabase()") == "system"
    assert client.command("SELECT currentDatabase()") == "rtm"
    assert "UNKNOWN_SETTING" in refused(server, b"SELECT 1", "nonsense=1")[1]


def test_the_answer_says_its_format_and_what_was_read(server):
    body, headers = post(server, b"SELECT patient_id FROM pain_daily_rows ORDER BY 1 FORMAT JSONEachRow")
    assert orjson.loads(body.splitlines()[0]) == {"patient_id": "p0"}
    assert headers["X-ClickHouse-Format"] == "JSONEachRow"
    assert orjson.loads(headers["X-ClickHouse-Summary"])["read_rows"] == "5"


def test_the_greeting_of_clickhouse_go_is_answered_in_its_own_revision(server):
    body, _ = post(
        server, b"SELECT displayName(), version(), revision(), timezone()", "default_format=Native&client_protocol_version=54460"
    )
    assert body.startswith(b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01\x0ddisplayName()\x06String\x00")
    assert b"\x0arevision()\x06UInt32\x00\x00\x00\x00\x00" in body


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO rtm.pain_daily_rows (patient_id) VALUES ('x')",
        "INSERT INTO rtm.pain_daily_rows FORMAT JSONEachRow\n{}",
        "DROP TABLE rtm.pain_daily_rows",
        "CREATE TEMPORARY TABLE x (a Int8)",
        "SET max_threads = 1",
        "KILL QUERY WHERE 1",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 INTO OUTFILE '{out}'",
        "SELECT 1 INTO/**/OUTFILE '{out}'",
        "INSERT INTO FUNCTION file('{out}') SELECT 1",
        "WITH 1 AS x INSERT INTO FUNCTION file('{out}') SELECT x",
        "SELECT * FROM file('{file}', 'LineAsString')",
        "SELECT * FROM file -- a comment\n ('{file}', 'LineAsString')",
        "SELECT * FROM `file`('{file}', 'LineAsString')",
        "SELECT * FROM `fi\\x6ce`('{file}', 'LineAsString')",
        "SELECT file('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT * FROM `{file}`",
        'SELECT * FROM default."{file}"',
        "SELECT * FROM `default` . `{file}`",
        "SELECT * FROM eval('SELECT * FROM file(''{file}'', ''LineAsString'')')",
        "SELECT * FROM url('http://127.0.0.1:1/')",
        "DESCRIBE TABLE url('http://127.0.0.1:1/')",
        "SELECT 1; DROP TABLE rtm.pain_daily_rows",
    ],
)
def test_read_only_refuses_whatever_is_no_reading_of_the_warehouse(server, warehouse, tmp_path, statement):
    (tmp_path / "secret.txt").write_text("secret\n")
    text = statement.replace("{file}", str(tmp_path / "secret.txt")).replace("{out}", str(tmp_path / "out.csv"))
    for query in ("", "database=default", "readonly=1"):
        status, said = refused(server, text.encode(), query)
        assert status in (400, 403, 404, 500)
        assert said.startswith("Code: ")
        assert "secret\n" not in said
    assert "READONLY" in refused(server, b"SELECT 1", "readonly=0")[1]
    assert not (tmp_path / "out.csv").exists()
    assert warehouse.query("SELECT count() FROM pain_daily_rows").rows == [(5,)]


def test_a_client_that_inserts_is_refused_in_clickhouses_words(server):
    with pytest.raises(ClickHouseError, match="READONLY"):
        client_of(server).insert("rtm.pain_daily_rows", [["x"]], column_names=["patient_id"])


def test_the_writable_one_is_a_warehouse_to_our_own_program(writable, warehouse):
    with open_warehouse(f"clickhouse://127.0.0.1:{writable.port}/rtm") as remote:
        assert migrate(remote) == []
        remote.insert(
            "activity_daily", b'{"generation":1,"patient_id":"p","local_date":"2026-03-01","kind":"gait","name":"cadence","revision":1}\n'
        )
        with pytest.raises(WarehouseError, match="at row 2") as wrong:
            remote.insert("activity_daily", b'{"generation":1}\n{"generation":"x"}\n')
        assert wrong.value.code is not None
    assert warehouse.query("SELECT name FROM activity_daily_rows").rows == [("cadence",)]
    assert "READONLY" in refused(writable, None, "query=DROP+TABLE+rtm.activity_daily_rows")[1]


@pytest.mark.parametrize(
    ("statement", "status", "said"),
    [
        (b"", 400, "Empty query"),
        (b"SELEKT 1", 403, "READONLY"),
        (b"SELECT FROM WHERE", 400, "SYNTAX_ERROR"),
        (b"SELECT 'open", 400, "SYNTAX_ERROR"),
        (b"SELECT * FROM rtm.nothing", 404, "UNKNOWN_TABLE"),
        (b"\xff", 400, "not UTF-8"),
    ],
)
def test_errors_are_clickhouses(server, statement, status, said):
    code, text = refused(server, statement)
    assert code == status
    assert said in text
    assert text.startswith("Code: ")


def test_what_is_too_large_is_refused_before_it_is_read_or_unpacked(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request("POST", "/", headers={"Content-Length": str(LARGEST + 1)})
    assert b"TOO_MANY_BYTES" in connection.getresponse().read()
    bomb = gzip.compress(b" " * (LARGEST + 1), 1)
    assert "TOO_MANY_BYTES" in refused(server, bomb, **{"Content-Encoding": "gzip"})[1]
    assert "CANNOT_DECOMPRESS" in refused(server, b"no gzip", **{"Content-Encoding": "gzip"})[1]


def test_no_web_page_reads_through_somebodys_browser(server):
    assert refused(server, b"SELECT 1", Host="clinic.example")[0] == 403
    assert refused(server, b"SELECT 1", Origin="https://clinic.example")[0] == 403
    assert refused(server, b"SELECT 1", Origin="null")[0] == 403
    assert post(server, b"SELECT 1", Host="localhost:8123")[0] == b"1\n"


def test_other_hosts_than_loopback_need_a_password(warehouse):
    with pytest.raises(ValueError, match="needs a password"):
        serve(warehouse, 0, host="0.0.0.0")
    with serving(warehouse, host="0.0.0.0", password="s3cret") as server:
        with pytest.raises(ClickHouseError, match="AUTHENTICATION_FAILED"):
            client_of(server)
        assert client_of(server, username="default", password="s3cret").command("SELECT 1") == 1


def test_many_clients_at_once_and_the_sinks_inserts_between_them(server, warehouse):
    def ask(number):
        client = client_of(server)
        return [client.query("SELECT {n:Int64}, count() FROM rtm.rom_daily_rows", {"n": number}).result_rows[0][0] for _ in range(5)]

    line = b'{"generation":1,"patient_id":"p%d","local_date":"2026-03-01","revision":1}\n'
    with ThreadPoolExecutor(9) as pool:
        inserts = pool.submit(lambda: [warehouse.insert("rom_daily", line % number) for number in range(20)])
        assert list(pool.map(ask, range(8))) == [[number] * 5 for number in range(8)]
        inserts.result()
    assert warehouse.query("SELECT count() FROM rom_daily_rows").rows == [(20,)]


HOLDER = """
import sys, threading
from streams.warehouse.chdb_http import serve
from streams.warehouse.migrations import migrate
from streams.warehouse.connection import open_warehouse
with open_warehouse(sys.argv[1]) as warehouse:
    migrate(warehouse)
    server = serve(warehouse, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("serving", flush=True)
    sys.stdin.readline()
    server.shutdown()
    server.server_close()
    print("held", flush=True)
    sys.stdin.readline()
"""


def rtm(dsn, *command):
    return subprocess.run(
        [sys.executable, "-c", "from streams.cli import main; main()", *command],
        cwd=ROOT,
        env=os.environ | {"RTM_WAREHOUSE": dsn},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_folder_that_another_process_serves_is_read_through_it_and_what_it_left_is_not_believed(tmp_path):
    folder = tmp_path / "served"
    dsn = f"chdb://{folder}"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, dsn], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    held = f"rtm: the warehouse {folder} is held by process {holder.pid}: wait until it is done or stop it\n"
    ask = ("sql", "--json", "SELECT count() AS alerts FROM alerts")
    try:
        assert holder.stdout.readline() == b"serving\n"
        assert rtm(dsn, *ask).stdout == '{"alerts":0}\n'
        assert rtm(dsn, "board", "--output", str(tmp_path / "board.html")).returncode == 0
        assert rtm(dsn, "migrate").stderr == held
        holder.stdin.write(b"\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == b"held\n"
        assert not (folder / HTTP_NAME).exists()
        (folder / HTTP_NAME).write_text(f"{holder.pid + 1} 1\n")
        assert rtm(dsn, *ask).stderr == held
    finally:
        holder.kill()
        holder.communicate()
