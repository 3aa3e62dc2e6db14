"""A subject is forgotten: the row that has the warehouse erase it. In: the request as it was read. Out: a row of `erasures`.

Both stages issue it, after the last row that they make of the subject, so that nothing of it comes behind.
"""

from __future__ import annotations

from processors.processor import Row
from schemas.instants import format_instant


def erasure_row(subject: str, request_id: str, revision: int, issued: int) -> Row:
    """The row of one request; `issued` is the pipeline's time, ns."""
    values = {"patient_id": subject, "request_id": request_id, "revision": revision, "issued_at": format_instant(issued)}
    return Row("erasures", subject, values)
