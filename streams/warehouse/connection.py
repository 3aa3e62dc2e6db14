"""The warehouse: one small class over ClickHouse, embedded (chDB, in a folder) or a server, chosen by DSN.

In: SQL with bound parameters, and JSON Lines for the base tables. Out: rows as JSON values, instants as RFC 3339 text in UTC, dates as
YYYY-MM-DD. Everything that goes wrong is a `WarehouseError` of one line that says what to do and holds no row's values.
"""

from __future__ import annotations

import logging
import re
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import clickhouse_connect
import orjson
from clickhouse_connect.driver.exceptions import ClickHouseError

from streams.settings import Settings, load_settings, secret_of
from streams.warehouse.dsn import DATABASE, ChdbAddress, ServerAddress, WarehouseAwayError, WarehouseError, parse_dsn
from streams.warehouse.folder import FolderHeldError, Hold, hold_folder
from streams.warehouse.tables import base_table

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType

logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())  # its errors are told here, in words

__all__ = ["Result", "Warehouse", "WarehouseAwayError", "WarehouseError", "open_warehouse"]

LOOPBACK = "127.0.0.1"
_OUTPUT = {
    "date_time_output_format": "iso",
    "output_format_json_quote_64bit_integers": "0",
    "output_format_json_quote_denormals": "0",
    "output_format_json_named_tuples_as_objects": "1",
}
_INPUT = {
    "date_time_input_format": "best_effort",
    "input_format_skip_unknown_fields": "0",
    "input_format_null_as_default": "0",
    "input_format_parallel_parsing": "0",  # threads that hand over pieces cost a tenth more than one that parses all
    "optimize_on_insert": "0",  # what replaces what is left to merges and to FINAL, without which no view reads
}
_ROW_NUMBER = re.compile(r"\(at row (\d+)\)")
_ERROR_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a query: columns with their ClickHouse types, rows of JSON values, and how many rows were read for it."""

    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]
    rows_read: int

    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries, values by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Warehouse:
    """A connection to one warehouse. Threads may share it."""

    def __init__(self, client: Any, hold: Hold | None) -> None:
        self._client = client
        self._hold = hold
        self.closed = False
        self.turn: AbstractContextManager[Any] = hold.turn if hold else nullcontext()
        """To be held while a statement runs: a chDB folder takes one at a time in its process."""

    @property
    def embedded(self) -> bool:
        """Whether it is a chDB folder, which belongs to this process alone."""
        return self._hold is not None

    @property
    def folder(self) -> Path | None:
        """The chDB folder; None of a server."""
        return None if self._hold is None else self._hold.path

    def query(self, sql: str, parameters: dict[str, Any] | None = None, *, max_rows: int | None = None) -> Result:
        """The rows of one SELECT, SHOW, DESCRIBE or EXPLAIN; `parameters` are bound to `{name:Type}` in it.

        With `max_rows` ClickHouse stops soon after so many; the answer may hold a block's rows more.
        """
        self._check_open()
        settings = {"max_result_rows": str(max_rows), "result_overflow_mode": "break"} if max_rows else None
        try:
            with self.turn:
                answer = self._client.raw_query(sql, parameters=parameters, settings=settings, fmt="JSONCompact")
        except ClickHouseError as error:
            raise _told(error) from None
        return _read(answer)

    def command(self, sql: str, parameters: dict[str, Any] | None = None) -> None:
        """Carry out one statement that gives no rows."""
        self._check_open()
        try:
            with self.turn:
                self._client.command(sql, parameters=parameters)
        except ClickHouseError as error:
            raise _told(error) from None

    def insert(self, table: str, lines: bytes) -> None:
        """Insert JSON Lines, as they are, into the base table of `table` (a row's table name or a base table's own).

        Instants are RFC 3339 text, columns left out take their defaults, an unknown column is an error. What was inserted before may
        be inserted again: a row of the same key and revision replaces itself.
        """
        self._check_open()
        base = base_table(table)
        try:
            with self.turn:
                self._client.raw_insert(
                    f"{DATABASE}.{base.name}", column_names=base.insert_columns, insert_block=lines, settings=_INPUT, fmt="JSONEachRow"
                )
        except ClickHouseError as error:
            text = str(error)
            if _code(error) is None:
                raise _told(error) from None
            name, row = _ERROR_NAME.search(text), _ROW_NUMBER.search(text)
            where = f", at row {row[1]} of the batch" if row else ""
            raise WarehouseError(f"cannot insert into {base.name}{where}: {name[1] if name else 'refused'}", _code(error)) from None

    def close(self) -> None:
        """Let the warehouse go; a chDB folder is free for another process afterwards."""
        if self.closed:
            return
        self.closed = True
        self._client.close()
        if self._hold is not None:
            self._hold.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _check_open(self) -> None:
        if self.closed:
            raise WarehouseError("the warehouse is closed: open it again")


def open_warehouse(dsn: str, *, create: bool = True, read_only: bool = False) -> Warehouse:
    """Open the warehouse at `dsn`: `chdb:///absolute/folder` or `clickhouse://user:pass@host:8123/rtm`.

    With `create` a missing folder and the database are made; the tables are `streams.warehouse.migrations.migrate`'s. Without it, or when
    `read_only`, both must be there. `read_only` has chDB refuse every change; what may be done on a server, its users and roles say.
    A folder that another process holds can be read where that process answers ClickHouse's HTTP interface for it, as `rtm up` does.
    WarehouseError when it can't be opened: a wrong DSN, a folder that another process holds or that isn't there, a server that
    doesn't answer.
    """
    address = parse_dsn(dsn)
    create = create and not read_only
    hold: Hold | None = None
    if isinstance(address, ChdbAddress):
        try:
            hold = hold_folder(address.path, create=create)
        except FolderHeldError as held:
            if not read_only or held.http is None:
                raise
            address = ServerAddress(LOOPBACK, held.http, "default", "", secure=False)
    try:
        client = _connect(address)
        try:
            _enter_database(client, create=create)
            for name, value in _OUTPUT.items():
                client.set_client_setting(name, value)
            if read_only and hold is not None:
                client.set_client_setting("readonly", "2")
        except BaseException:
            client.close()
            raise
    except BaseException:
        if hold is not None:
            hold.release()
        raise
    return Warehouse(client, hold)


def _password(settings: Settings) -> str:
    given = settings.warehouse_password is not None or settings.warehouse_password_file is not None
    return secret_of(settings, "warehouse_password") if given else ""


def _connect(address: ChdbAddress | ServerAddress) -> Any:
    try:
        if isinstance(address, ChdbAddress):
            return clickhouse_connect.get_client(interface="chdb", path=str(address.path))
        settings = load_settings()
        return clickhouse_connect.get_client(
            host=address.host,
            port=address.port,
            username=address.user,
            password=address.password or _password(settings),
            interface="https" if address.secure else "http",
            autogenerate_session_id=False,
            connect_timeout=10,
            ca_cert=str(settings.warehouse_ca_file) if settings.warehouse_ca_file and address.secure else None,
        )
    except ClickHouseError as error:
        if isinstance(address, ChdbAddress):
            raise WarehouseError(f"chDB cannot open {address.path}: {_first_line(error)}", _code(error)) from None
        reason = _first_line(error) if _code(error) else "nothing answers there; is the server up, and this its HTTP port?"
        untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
        if untrusted:
            reason = "its certificate can't be trusted; RTM_WAREHOUSE_CA_FILE must name the authority that signed it"
        kind = WarehouseError if _code(error) or untrusted else WarehouseAwayError
        raise kind(f"cannot open ClickHouse at {address.host}:{address.port}: {reason}", _code(error)) from None


def _enter_database(client: Any, *, create: bool) -> None:
    try:
        if create:
            client.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        elif not client.command("SELECT count() FROM system.databases WHERE name = {name:String}", parameters={"name": DATABASE}):
            raise WarehouseError(f"this warehouse has no database {DATABASE} yet: `rtm migrate` or a replay makes it")
    except ClickHouseError as error:
        raise _told(error) from None
    client.database = DATABASE


def _read(answer: bytes) -> Result:
    if not answer:
        return Result([], [], [], 0)
    document = orjson.loads(answer)
    columns = [column["name"] for column in document["meta"]]
    types = [column["type"] for column in document["meta"]]
    instants = [place for place, kind in enumerate(types) if "DateTime64(9" in kind]
    rows = document["data"]
    for row in rows:
        for place in instants:
            value = row[place]
            if isinstance(value, str) and value.endswith(".000000000Z"):
                row[place] = value[:-11] + "Z"
    return Result(columns, types, [tuple(row) for row in rows], document.get("statistics", {}).get("rows_read", 0))


def _first_line(error: Exception) -> str:
    """ClickHouse's own words, without its code, version and stack."""
    line = str(error).strip().split("\n", 1)[0]
    line = re.sub(r"^.*?DB::Exception: (Code: \d+\. DB::Exception: )*", "", line)
    return re.sub(r"\s*\((version|for url) [^)]*\)", "", line).rstrip(" .") or type(error).__name__


def _code(error: ClickHouseError) -> int | None:
    return getattr(error, "code", None)


def _told(error: ClickHouseError) -> WarehouseError:
    if _code(error) is None:
        return WarehouseAwayError(f"the warehouse does not answer any more: {_first_line(error)}")
    return WarehouseError(_first_line(error), _code(error))
