"""ClickHouse by TLS and with a password, against our own server of its interface: who is not trusted is refused in one line."""

import ssl
import threading
from pathlib import Path

import pytest

from streams.warehouse.chdb_http import serve
from streams.warehouse.connection import WarehouseError, open_warehouse
from streams.warehouse.migrations import migrate

CERTIFICATE = Path(__file__).parents[1] / "dispatch" / "unknown_authority.pem"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """Where a warehouse answers by TLS, with a password."""
    with open_warehouse(f"chdb://{tmp_path_factory.mktemp('tls')}/warehouse") as warehouse:
        migrate(warehouse)
        server = serve(warehouse, 0, password="of-the-warehouse")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.port
        server.shutdown()
        server.server_close()


def test_the_authority_and_the_password_come_from_settings(port, monkeypatch, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("of-the-warehouse\n")
    monkeypatch.setenv("RTM_WAREHOUSE_CA_FILE", str(CERTIFICATE))
    monkeypatch.setenv("RTM_WAREHOUSE_PASSWORD_FILE", str(secret))
    with open_warehouse(f"clickhouse://default@127.0.0.1:{port}/rtm?secure=true", read_only=True) as warehouse:
        assert warehouse.query("SELECT 1 AS one").rows == [(1,)]


def test_a_certificate_that_nobody_signed_whom_we_trust_is_refused(port):
    with pytest.raises(WarehouseError, match="its certificate can't be trusted; RTM_WAREHOUSE_CA_FILE must name") as refused:
        open_warehouse(f"clickhouse://default:of-the-warehouse@127.0.0.1:{port}/rtm?secure=true", read_only=True)
    assert "\n" not in str(refused.value)


def test_a_wrong_password_is_refused(port, monkeypatch):
    monkeypatch.setenv("RTM_WAREHOUSE_CA_FILE", str(CERTIFICATE))
    with pytest.raises(WarehouseError, match=r"(?i)password") as refused:
        open_warehouse(f"clickhouse://default:guessed@127.0.0.1:{port}/rtm?secure=true", read_only=True)
    assert "guessed" not in str(refused.value)
