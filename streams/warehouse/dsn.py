"""Where a warehouse is: a DSN in, a folder or a server's address out. The error of the warehouse lives here too."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

DATABASE = "rtm"
FORMS = "use chdb:///absolute/folder or clickhouse://user:password@host:8123/rtm"


class WarehouseError(Exception):
    """The warehouse can't do what was asked: one line that says what to do. `code` is ClickHouse's own number, where it gave one."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class WarehouseAwayError(WarehouseError):
    """Nothing answers there, at the moment: the same may go well later."""


@dataclass(frozen=True, slots=True)
class ChdbAddress:
    """A folder of chDB."""

    path: Path


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A ClickHouse server's HTTP interface."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    secure: bool


def parse_dsn(dsn: str) -> ChdbAddress | ServerAddress:
    """The address that a DSN names; WarehouseError for anything but the contract's two forms. The password is never told.

    >>> parse_dsn("clickhouse://reader:s3cret@db.example/rtm")
    ServerAddress(host='db.example', port=8123, user='reader', secure=False)
    """
    scheme, separator, rest = dsn.partition("://")
    if separator and scheme == "chdb":
        return _folder(rest)
    if separator and scheme == "clickhouse":
        return _server(dsn)
    raise WarehouseError(f"not a warehouse: {FORMS}")


def _folder(path: str) -> ChdbAddress:
    if not path.startswith("/") or path == "/" or "?" in path:
        raise WarehouseError("chdb:// needs the absolute path of a folder, without '?': chdb:///absolute/folder")
    return ChdbAddress(Path(path).resolve())


def _server(dsn: str) -> ServerAddress:
    try:
        parts = urlsplit(dsn)
        port = parts.port
    except ValueError:
        raise WarehouseError(f"not a ClickHouse address: {FORMS}") from None
    if not parts.hostname:
        raise WarehouseError(f"clickhouse:// needs a host: {FORMS}")
    if parts.path.strip("/") not in ("", DATABASE):
        raise WarehouseError(f"the database is always {DATABASE}: end the DSN in /{DATABASE}")
    secure = parse_qs(parts.query).get("secure", ["false"])[0].lower() in ("true", "1") or port in (443, 8443)
    return ServerAddress(
        parts.hostname,
        port or (8443 if secure else 8123),
        unquote(parts.username or "default"),
        unquote(parts.password or ""),
        secure,
    )
