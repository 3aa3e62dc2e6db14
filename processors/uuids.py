"""UUIDs as their 16 bytes, and back: names that all are UUIDs, and UUIDs within text."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEX = "[0-9a-f]"
_UUID = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_UUIDS = re.compile(rf"{_UUID}(?:\n{_UUID})*+").fullmatch
_MARK = b"\xff"
_WITHIN = re.compile(_UUID.encode())
_SHORT = re.compile(_MARK + b"(.{16})", re.DOTALL)
_LINE = 37
"""How long a UUID and the end of its line are."""


def short(names: list[str]) -> bytes | list[str]:
    """Names that are all UUIDs as their bytes, others as they are."""
    text = "\n".join(names)
    alike = len(text) == _LINE * len(names) - 1 and _UUIDS(text)
    return bytes.fromhex(text.replace("-", "")) if alike else names


def long(names: bytes | Sequence[str]) -> list[str]:
    """What `short` made short."""
    if not isinstance(names, bytes):
        return list(names)
    digits = names.hex()
    uuids = [digits[at : at + 32] for at in range(0, len(digits), 32)]
    return [f"{x[:8]}-{x[8:12]}-{x[12:16]}-{x[16:20]}-{x[20:]}" for x in uuids]


def short_within(text: str) -> bytes:
    """Text as UTF-8, in which a UUID stands as a byte that no UTF-8 has and its 16 bytes."""
    return _WITHIN.sub(_told_short, text.encode())


def long_within(text: bytes) -> str:
    """What `short_within` made short."""
    return _SHORT.sub(_told_long, text).decode()


def _told_short(found: re.Match[bytes]) -> bytes:
    return _MARK + bytes.fromhex(found[0].replace(b"-", b"").decode())


def _told_long(found: re.Match[bytes]) -> bytes:
    return long(found[1])[0].encode()
