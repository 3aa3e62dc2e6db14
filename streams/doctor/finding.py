"""A finding: what was looked at, how it stands, and what to do where it stands badly. No secret, no row's value, no subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing stands. `warn`: some commands lack it; `fail`: what is set can't work. `remedy` says what to do, empty when ok."""

    name: str
    state: State
    said: str
    remedy: str = ""


def ok(name: str, said: str) -> Finding:
    """It stands well."""
    return Finding(name, "ok", said)
