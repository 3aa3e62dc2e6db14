"""Bodies of HTTP requests and answers: what came over the wire in, plain bytes out, and the other way; bounded on both sides.

Encodings are ClickHouse's: gzip, lz4 (frames) and zstd, in a body with a length or in chunks; a form's fields are its parameters.
"""

from __future__ import annotations

import email.parser
import email.policy
import gzip
import io
from typing import TYPE_CHECKING, Any

import lz4.frame  # type: ignore[import-untyped]
import zstandard

from streams.warehouse.chdb_engine import StatementError

if TYPE_CHECKING:
    from collections.abc import Mapping

MEBIBYTE = 1 << 20
LARGEST = 64 * MEBIBYTE
"""The largest body, on the wire and unpacked."""
WORTH_COMPRESSING = 1024
_LONGEST_LINE = 1024


def read_body(stream: Any, headers: Mapping[str, str]) -> bytes:
    """The body of a request, unpacked. StatementError when it is too large, ends too soon, or its encoding isn't known."""
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        data = _chunks(stream)
    else:
        length = headers.get("Content-Length") or "0"
        if not length.isdigit():
            raise StatementError(381, "Content-Length is no number (RECEIVED_EMPTY_DATA)")
        data = _exactly(stream, int(length))
    kind = headers.get("Content-Encoding", "identity").lower()
    if kind == "identity":
        return data
    try:
        with _unpacker(kind, data) as unpacked:
            plain: bytes = unpacked.read(LARGEST + 1)
    except (OSError, EOFError, RuntimeError, zstandard.ZstdError):
        raise StatementError(271, f"The body is not {kind} (CANNOT_DECOMPRESS)") from None
    if len(plain) > LARGEST:
        raise _too_large()
    return plain


def read_form(kind: str, data: bytes) -> dict[str, str]:
    """The fields of a multipart form; files in it would be external tables, which there are none of here."""
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + data)
    fields = {}
    for part in message.iter_parts():
        if part.get_filename():
            raise StatementError(48, "External tables are not implemented (NOT_IMPLEMENTED)")
        content = part.get_payload(decode=True)
        fields[str(part.get_param("name", header="content-disposition"))] = content.decode() if isinstance(content, bytes) else ""
    return fields


def packed(body: bytes, accepted: str) -> tuple[bytes, str | None]:
    """An answer's body in the first encoding that the client accepts and we know, and its name; as it is where that isn't worth it."""
    if len(body) < WORTH_COMPRESSING:
        return body, None
    for wish in accepted.lower().split(","):
        name = wish.split(";")[0].strip()
        if name == "zstd":
            return zstandard.compress(body, 1), name
        if name == "lz4":
            return lz4.frame.compress(body), name
        if name == "gzip":
            return gzip.compress(body, 1), name
    return body, None


def _unpacker(kind: str, data: bytes) -> Any:
    if kind == "gzip":
        return gzip.open(io.BytesIO(data))
    if kind == "lz4":  # clickhouse-connect writes a frame a block: all of them are read
        return lz4.frame.open(io.BytesIO(data))
    if kind == "zstd":
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
    raise StatementError(48, "This Content-Encoding is not implemented (NOT_IMPLEMENTED)")


def _exactly(stream: Any, size: int) -> bytes:
    if size > LARGEST:
        raise _too_large()
    data: bytes = stream.read(size)
    if len(data) != size:
        raise StatementError(32, f"The body ended after {len(data)} of {size} bytes (ATTEMPT_TO_READ_AFTER_EOF)")
    return data


def _chunks(stream: Any) -> bytes:
    data = bytearray()
    while True:
        line = stream.readline(_LONGEST_LINE).split(b";")[0].strip()
        try:
            size = int(line, 16)
        except ValueError:
            raise StatementError(32, "The body's chunks are broken (ATTEMPT_TO_READ_AFTER_EOF)") from None
        if size < 0 or len(data) + size > LARGEST:
            raise _too_large()
        if size == 0:
            break
        data += _exactly(stream, size)
        stream.readline(_LONGEST_LINE)
    while stream.readline(_LONGEST_LINE).strip():
        pass
    return bytes(data)


def _too_large() -> StatementError:
    return StatementError(307, f"The body is larger than {LARGEST // MEBIBYTE} MiB: send less at once (TOO_MANY_BYTES)")
