"""Text of others for a terminal: free text in, one line without control characters out, so that it neither breaks nor colours a screen."""

from __future__ import annotations

_CONTROL = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)]} | {9: "\\t", 10: "\\n", 13: "\\r"}


def one_line(text: str) -> str:
    """The text with its control characters escaped."""
    return text.translate(_CONTROL)
