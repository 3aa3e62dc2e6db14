"""One statement of a stranger, carried out in this process's chDB folder: a `Statement` in, an `Answer` in ClickHouse's words out.

Each statement gets a chDB connection of its own (0.1 ms), so that no setting, database or temporary table outlives it, and runs in its
turn with all else that this process does in the folder. What only reads is bounded by the engine (`readonly`) and by what is refused here:
chDB has no users, and would read and write this process's files for whoever asks.
"""

from __future__ import annotations

import re
import struct
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import chdb

from streams.warehouse.dsn import DATABASE
from streams.warehouse.migrations import split_statements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.warehouse.connection import Warehouse

LONGEST_S = 60
"""A statement that takes longer is ended: the sink waits for its turn."""

READS = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"})
_HARMLESS = frozenset({"dictionary", "format", "zeros", "zeros_mt", "viewExplain"})
_HARMFUL = frozenset({"cluster", "clusterAllReplicas", "eval", "merge"})
"""Table functions that go by what ClickHouse says of them, but not here: these two sets correct its own list."""
_INSERT = re.compile(
    rb"""\s*(?P<head>INSERT\s+INTO\s+(?:TABLE\s+)?(?:[\w.]|`[^`]*`|"[^"]*")+\s*(?:\([^)]*\))?)\s*(?P<settings>SETTINGS\s[^()]*?)?
        \s*FORMAT\s+(?P<format>\w+)[ \t\f]*;?[ \t\f]*(?:\r?\n|\Z)""",
    re.IGNORECASE | re.VERBOSE,
)
_GREETING = re.compile(r"SELECT\s+displayName\(\),\s*version\(\),\s*revision\(\),\s*timezone\(\)", re.IGNORECASE)
_TEXT = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_QUOTED_NAME = re.compile(r'`([^`]*)`|"([^"]*)"')
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*$", re.IGNORECASE)
_CODE = re.compile(r"Code: (\d+)")
_NAME = re.compile(r"[A-Za-z_]\w*")
NATIVE_WITH_SERIALIZATION = 54454
"""The protocol revision since which a Native block says of each column how it is serialized."""


class StatementError(Exception):
    """What ClickHouse says to a statement that it refuses; `code` is its number."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message if message.startswith("Code:") else f"Code: {code}. DB::Exception: {message}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as it came: `text` with an INSERT's data behind it, and what stood beside it in the request.

    `parameters` are escaped as ClickHouse has them in URLs; `protocol` is the revision of the Native blocks that the client reads at first.
    """

    text: bytes
    format: str = "TabSeparated"
    database: str = DATABASE
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    protocol: int = 0
    read_only: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it: the body in `format`, and ClickHouse's summary."""

    body: bytes
    format: str
    summary: dict[str, str]


class Engine:
    """Carries out statements in the chDB folder of an open warehouse; threads may share it. ValueError for a server's warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        if warehouse.folder is None:
            raise ValueError("only a chDB folder can be served")
        self._warehouse = warehouse
        self._path = str(warehouse.folder)
        about = "SELECT version() AS version, timezone() AS timezone, displayName() AS name"
        [self._about] = warehouse.query(about).records()
        self._settings = {row[0] for row in warehouse.query("SELECT name FROM system.settings").rows}
        unsafe = {row[0] for row in warehouse.query("SELECT name FROM system.table_functions WHERE NOT allow_readonly").rows}
        names = "|".join(map(re.escape, sorted(unsafe - _HARMLESS | _HARMFUL)))
        self._outside = re.compile(rf"\b(?:{names})\s*\(|\bdefault\s*\.|\bINTO\s+OUTFILE\b|\bINFILE\b", re.IGNORECASE)

    @property
    def version(self) -> str:
        """ClickHouse's version."""
        return str(self._about["version"])

    @property
    def timezone(self) -> str:
        """The engine's time zone."""
        return str(self._about["timezone"])

    @property
    def name(self) -> str:
        """The name that ClickHouse would show."""
        return str(self._about["name"])

    def execute(self, statement: Statement) -> Answer:
        """Carry out one statement. StatementError when it is refused or fails."""
        insert = _INSERT.match(statement.text[:65536])
        text = "" if insert else _decoded(statement.text)
        if statement.read_only:
            self._check_read(insert["head"].decode("utf-8", "replace") if insert else text)
        elif not insert:
            _only(text)
        if statement.protocol and _GREETING.fullmatch(text.strip().rstrip("; ")):
            return Answer(self._greeting(statement.protocol), "Native", {})
        settings = self._checked_settings(statement)
        found = _FORMAT.search(text.rstrip("; \n"))
        with self._warehouse.turn:
            if self._warehouse.closed:
                raise StatementError(236, "the warehouse is being closed (ABORTED)")
            connection = chdb.connect(self._path)
            try:
                self._run(connection, f"USE {_name(statement.database)}")
                if settings:
                    self._run(connection, "SET " + ", ".join(f"{name}={_literal(value)}" for name, value in settings.items()))
                if insert:
                    result = self._insert(connection, insert, statement)
                else:
                    result = self._run(connection, text, statement.format, statement.parameters)
                return Answer(result.bytes() or b"", found[1] if found else statement.format, _summary(result))
            finally:
                connection.close()

    def _check_read(self, text: str) -> None:
        only = _only(text)
        if only.lstrip("( \r\n\t").split(None, 1)[0].split("(", 1)[0].upper() not in READS:
            raise StatementError(164, "Cannot execute query in readonly mode: this interface only reads. (READONLY)")
        without_texts = _TEXT.sub("''", only)
        if any("\\" in (name[1] or name[2] or "") for name in _QUOTED_NAME.finditer(without_texts)):
            raise StatementError(164, "Escapes in names are not read here. (READONLY)")
        if self._outside.search(_QUOTED_NAME.sub(lambda name: f" {name[1] or name[2] or ''} ", without_texts)):
            raise StatementError(
                164, "Cannot execute query in readonly mode: nothing outside this warehouse is read or written. (READONLY)"
            )

    def _checked_settings(self, statement: Statement) -> dict[str, str]:
        settings = dict(statement.settings)
        for name in settings:
            if not _NAME.fullmatch(name) or name not in self._settings:
                raise StatementError(115, "Unknown setting. (UNKNOWN_SETTING)")
        if statement.read_only:
            if settings.get("readonly", "2") not in ("1", "2"):
                raise StatementError(164, "Cannot modify 'readonly' setting in readonly mode. (READONLY)")
            asked = settings.get("max_execution_time", "")
            seconds = float(asked) if re.fullmatch(r"\d+(\.\d+)?", asked) else 0.0
            settings["max_execution_time"] = f"{min(seconds or LONGEST_S, LONGEST_S):g}"
            settings["readonly"] = settings.pop("readonly", "2")  # last: with it no setting can be changed any more
        return settings

    def _run(self, connection: Any, text: str, output: str = "TabSeparated", parameters: Mapping[str, str] | None = None) -> Any:
        try:
            return connection.query(text, output, params=dict(parameters)) if parameters else connection.query(text, output)
        except Exception as error:
            message = str(error)
            code = _CODE.search(message)
            raise StatementError(int(code[1]) if code else 1002, message[code.start() :] if code else "the engine failed") from None

    def _insert(self, connection: Any, found: re.Match[bytes], statement: Statement) -> Any:
        """INSERT … FORMAT x with its data, which may be binary and so can't travel inside the statement."""
        with tempfile.NamedTemporaryFile(suffix=".data") as file:
            file.write(statement.text[found.end() :])
            file.flush()
            head, settings = found["head"].decode(), (found["settings"] or b"").decode()
            text = f"{head} FROM INFILE {_literal(file.name)} {settings} FORMAT {found['format'].decode()}"
            return self._run(connection, text, parameters=statement.parameters)

    def _greeting(self, protocol: int) -> bytes:
        """The block that answers clickhouse-go's first question, in the client's own revision; it says that from now on revision 0 comes.

        chDB writes Native blocks of revision 0 whatever the client asks for.
        """
        cells = {"displayName()": self.name, "version()": self.version, "revision()": 0, "timezone()": self.timezone}
        out = b"\x01\x00\x02\xff\xff\xff\xff\x00" + bytes([len(cells), 1])  # block info, columns, rows
        for name, value in cells.items():
            out += _short(name) + _short("String" if isinstance(value, str) else "UInt32")
            out += b"\0" if protocol >= NATIVE_WITH_SERIALIZATION else b""
            out += _short(value) if isinstance(value, str) else struct.pack("<I", value)
        return out


def _only(text: str) -> str:
    """The one statement of the text, without comments."""
    try:
        statements = split_statements(text)
    except ValueError as error:
        raise StatementError(62, f"Syntax error: {error} (SYNTAX_ERROR)") from None
    if len(statements) != 1:
        what = "Multi-statements are not allowed" if statements else "Empty query"
        raise StatementError(62, f"Syntax error ({what}) (SYNTAX_ERROR)")
    return statements[0]


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise StatementError(62, "Syntax error: the statement is not UTF-8 (SYNTAX_ERROR)") from None


def _summary(result: Any) -> dict[str, str]:
    counts = {
        "read_rows": result.storage_rows_read(),
        "read_bytes": result.storage_bytes_read(),
        "written_rows": result.rows_written(),
        "written_bytes": result.bytes_written(),
        "result_rows": result.rows_read(),
        "elapsed_ns": int(result.elapsed() * 1e9),
    }
    return {name: str(count) for name, count in counts.items()}


def _literal(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _name(value: str) -> str:
    return "`" + value.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _short(text: str) -> bytes:
    content = text.encode()
    return bytes([len(content)]) + content
