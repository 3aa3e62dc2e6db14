"""Facts out of a warehouse again: the current generation's `events` and `sensor_chunks` in, lines of CloudEvents out, nothing lost.

A replay of the lines gives the same tables. What motion derives from a session's chunks is left out where all of the session's chunks are
written; a session whose samples are gone, or that isn't wholly chosen, keeps its derived facts instead. Memory is bounded: patients are
read a page at a time, a patient with very many facts in parts, samples in batches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import orjson

from schemas.events import CHUNK, MOTION_SOURCE
from schemas.instants import format_instant, parse_instant
from schemas.samples import CHANNELS
from streams.progress import Progress, Silent
from streams.warehouse.dsn import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streams.warehouse.connection import Warehouse

PAGE_PATIENTS = 200
"""Patients a page: their pseudonyms travel as one bound parameter."""
PAGE_FACTS = 20_000
"""Facts a page, and facts a part of a patient who has more."""
BATCH_BYTES = 16 << 20
BATCH_CHUNKS = 500
SAMPLE_BYTES = 4

_OF_CLINIC = (
    "clinic_id = {clinic:String}"
    " OR clinic_id = '' AND patient_id IN (SELECT patient_id FROM rtm.patients WHERE clinic_id = {clinic:String})"
)
"""A clinic's facts, and those of its patients on days in no episode."""
_SINCE = "recorded_time >= parseDateTime64BestEffort({since:String}, 9, 'UTC')"
_UNTIL = "recorded_time < parseDateTime64BestEffort({until:String}, 9, 'UTC')"
_PATIENTS = """
SELECT patient_id, toInt64(sum(held)) AS held FROM
(
    SELECT patient_id, count() AS held FROM rtm.event_facts
    WHERE generation = (SELECT generation FROM rtm.current_generation)
        AND patient_id > {after:String} AND %s GROUP BY patient_id ORDER BY patient_id LIMIT {most:UInt32}
    UNION ALL
    SELECT patient_id, count() AS held FROM rtm.chunk_admissions
    WHERE patient_id > {after:String} AND %s GROUP BY patient_id ORDER BY patient_id LIMIT {most:UInt32}
)
GROUP BY patient_id ORDER BY patient_id LIMIT {most:UInt32}
SETTINGS optimize_aggregation_in_order = 1
"""
_FACTS = """
SELECT patient_id, source, event_id, type, event_time, recorded_time, data, attributes
FROM rtm.events
WHERE patient_id IN {page:Array(String)} AND cityHash64(source, event_id) % {parts:UInt32} = {part:UInt32} AND %s
ORDER BY patient_id, recorded_time, event_time, source, event_id
"""
_CHUNKS = """
SELECT a.* EXCEPT (updated_at, revision, issued_at), s.stored AS stored, %s AS chosen
FROM (SELECT * FROM rtm.chunk_admissions FINAL WHERE patient_id IN {page:Array(String)}) AS a
LEFT JOIN
(
    SELECT patient_id, origin, partition, offset, true AS stored
    FROM rtm.chunk_samples FINAL
    WHERE patient_id IN {page:Array(String)}
) AS s
    ON a.patient_id = s.patient_id AND a.origin = s.origin AND a.partition = s.partition AND a.offset = s.offset
ORDER BY patient_id, recorded_time, event_time, session_id, seq
SETTINGS join_use_nulls = 0
"""
_KNOWN = """
SELECT uniqExact(patient_id) FROM
(
    SELECT patient_id FROM rtm.event_facts FINAL
    WHERE generation = (SELECT generation FROM rtm.current_generation) AND patient_id IN {named:Array(String)}
    UNION ALL
    SELECT patient_id FROM rtm.chunk_admissions WHERE patient_id IN {named:Array(String)}
)
"""
_TOTAL = """
SELECT count() FROM rtm.event_facts WHERE generation = (SELECT generation FROM rtm.current_generation)
UNION ALL
SELECT count() FROM rtm.chunk_admissions
"""
_TIME = """
SELECT max(instant) FROM
(
    SELECT now AS instant FROM rtm.clock
    UNION ALL
    SELECT max(recorded_time) FROM rtm.event_facts WHERE generation = (SELECT generation FROM rtm.current_generation) HAVING count() > 0
    UNION ALL
    SELECT max(recorded_time) FROM rtm.chunk_admissions HAVING count() > 0
)
HAVING count() > 0
"""
_SAMPLES = """
SELECT offset, base64Encode(content) FROM rtm.chunk_samples FINAL
WHERE patient_id = {patient:String} AND origin = {origin:String} AND partition = {partition:UInt32} AND offset IN {offsets:Array(UInt64)}
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """What to export: facts of these patients (none named: all), of this clinic, recorded from `since` until before `until` (ns)."""

    patients: tuple[str, ...] = ()
    clinic: str | None = None
    since: int | None = None
    until: int | None = None
    chunks: bool = True

    def condition(self) -> str:
        """The condition on a fact's columns, its values as parameters."""
        said = ((self.clinic, _OF_CLINIC), (self.since, _SINCE), (self.until, _UNTIL))
        return " AND ".join(f"({text})" for value, text in said if value is not None) or "true"

    def parameters(self) -> dict[str, Any]:
        """The values of `condition`."""
        instants = {name: format_instant(at) for name, at in (("since", self.since), ("until", self.until)) if at is not None}
        return instants if self.clinic is None else instants | {"clinic": self.clinic}


@dataclass(slots=True)
class Exported:
    """What an export wrote and what it left out."""

    patients: int = 0
    facts: int = 0
    chunks: int = 0
    derived_left_out: int = 0
    sessions_without_samples: int = 0
    as_of: str | None = None


@dataclass(slots=True)
class _Export:
    warehouse: Warehouse
    selection: Selection
    write: Callable[[bytes], None]
    progress: Progress
    done: Exported = field(default_factory=Exported)

    def run(self) -> None:
        after = ""
        while listed := self._patients(after):
            after = listed[-1][0]
            for page, parts in _pages(listed):
                before, written = self.done.facts + self.done.chunks, set[str]()
                chunks = self._chunks(page) if self.selection.chunks else []
                whole = self._whole_sessions(chunks)
                for part in range(parts):
                    written |= self._write_facts(page, parts, part, whole)
                for patient, own in groupby(chunks, key=lambda chunk: chunk["patient_id"]):
                    if self._write_chunks(patient, [chunk for chunk in own if (patient, chunk["session_id"]) in whole]):
                        written.add(patient)
                self.done.patients += len(written)
                self.progress.advance(self.done.facts + self.done.chunks - before)

    def _ask(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        return self.warehouse.query(sql, parameters).records()

    def _patients(self, after: str) -> list[tuple[str, int]]:
        """The next patients after one, in order, with how much there is of each."""
        named = sorted(set(self.selection.patients))
        named = [name for name in named if name > after][:PAGE_PATIENTS]
        if self.selection.patients and not named:
            return []
        chosen = "patient_id IN {named:Array(String)}" if named else "true"
        if self.selection.clinic is not None:
            chosen += f" AND ({_OF_CLINIC})"
        parameters = {"after": after, "most": PAGE_PATIENTS, "named": named, "clinic": self.selection.clinic or ""}
        sql = _PATIENTS.replace("%s", chosen)
        used = {name: value for name, value in parameters.items() if f"{{{name}:" in sql}
        return [(row["patient_id"], row["held"]) for row in self._ask(sql, **used)]

    def _write_facts(self, page: list[str], parts: int, part: int, whole: set[tuple[str, str]]) -> set[str]:
        """Write the facts of a page's patients; of whom there were any."""
        sql, written = _FACTS.replace("%s", self.selection.condition()), set[str]()
        for row in self._ask(sql, page=page, parts=parts, part=part, **self.selection.parameters()):
            if _derived_from(row, whole):
                self.done.derived_left_out += 1
                continue
            written.add(row["patient_id"])
            self.write(_line(row, orjson.loads(row["attributes"]), orjson.Fragment(row["data"])))
            self.done.facts += 1
        return written

    def _chunks(self, page: list[str]) -> list[dict[str, Any]]:
        """The admitted chunks of a page's patients without their samples, in the order of recorded times."""
        return self._ask(_CHUNKS.replace("%s", self.selection.condition()), page=page, **self.selection.parameters())

    def _whole_sessions(self, chunks: list[dict[str, Any]]) -> set[tuple[str, str]]:
        """The sessions of which every chunk is chosen and has its samples."""
        sessions = {(chunk["patient_id"], chunk["session_id"]) for chunk in chunks}
        cut = {(chunk["patient_id"], chunk["session_id"]) for chunk in chunks if not chunk["chosen"]}
        bare = {(chunk["patient_id"], chunk["session_id"]) for chunk in chunks if not chunk["stored"]} - cut
        self.done.sessions_without_samples += len(bare)
        return sessions - cut - bare

    def _write_chunks(self, patient: str, chunks: list[dict[str, Any]]) -> bool:
        """Write chunks of one patient with their samples; whether there were any."""
        for batch in _batches(chunks):
            where = {name: batch[0][name] for name in ("origin", "partition")}
            offsets = [chunk["offset"] for chunk in batch]
            samples = dict(self.warehouse.query(_SAMPLES, {"patient": patient, "offsets": offsets, **where}).rows)
            for chunk in batch:
                self.write(_chunk_line(chunk, samples[chunk["offset"]]))
                self.done.chunks += 1
        return bool(chunks)


def export_facts(warehouse: Warehouse, selection: Selection, write: Callable[[bytes], None], progress: Progress | None = None) -> Exported:
    """Write the chosen facts as lines of CloudEvents, a line a call of `write`, without its newline; what was written.

    Patients come in the order of their pseudonyms, a patient's facts by recorded time, then chunks. `as_of` of the answer is the
    pipeline's time: a replay of the lines to it gives the same tables. WarehouseError where a named patient has nothing here.
    """
    if selection.patients:
        _check_known(warehouse, selection.patients)
    export = _Export(warehouse, selection, write, progress or Silent())
    export.progress.phase("exporting", _total(warehouse) if selection == Selection() else None)
    export.run()
    times = warehouse.query(_TIME).rows
    export.done.as_of = times[0][0] if times else None
    return export.done


def _check_known(warehouse: Warehouse, patients: tuple[str, ...]) -> None:
    names = sorted(set(patients))
    known = sum(warehouse.query(_KNOWN, {"named": names[i : i + PAGE_PATIENTS]}).rows[0][0] for i in range(0, len(names), PAGE_PATIENTS))
    if known < len(names):
        raise WarehouseError(f"{len(names) - known} of the {len(names)} named patients have no facts in this warehouse: nothing is written")


def _total(warehouse: Warehouse) -> int:
    return sum(int(row[0]) for row in warehouse.query(_TOTAL).rows)


def _pages(listed: list[tuple[str, int]]) -> Iterator[tuple[list[str], int]]:
    """Patients put together up to PAGE_FACTS; with each page the parts to read it in, one unless a patient has more than that."""
    page: list[str] = []
    held = 0
    for patient, count in listed:
        if page and held + count > PAGE_FACTS:
            yield page, -(-held // PAGE_FACTS)
            page, held = [], 0
        page.append(patient)
        held += count
    yield page, max(1, -(-held // PAGE_FACTS))


def _batches(chunks: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Chunks whose records lie in one place, up to BATCH_BYTES of samples."""
    for _, together in groupby(chunks, key=lambda chunk: (chunk["origin"], chunk["partition"])):
        batch: list[dict[str, Any]] = []
        size = 0
        for chunk in together:
            length = chunk["n"] * CHANNELS[chunk["kind"]] * SAMPLE_BYTES
            if batch and (size + length > BATCH_BYTES or len(batch) == BATCH_CHUNKS):
                yield batch
                batch, size = [], 0
            batch.append(chunk)
            size += length
        yield batch


def _derived_from(row: dict[str, Any], sessions: set[tuple[str, str]]) -> bool:
    """Whether motion derived the fact from one of these sessions: its id begins with the subject and the session."""
    if row["source"] != MOTION_SOURCE or not sessions:
        return False
    patient, name = row["patient_id"], row["event_id"].removeprefix(f"{row['patient_id']}/")
    return any((patient, name.rsplit("/", depth)[0]) in sessions for depth in (1, 2, 3))


def _line(row: dict[str, Any], attributes: dict[str, str], data: object) -> bytes:
    envelope = {"specversion": "1.0", "id": row["event_id"], "source": row["source"], "type": row["type"], "subject": row["patient_id"]}
    times = {"time": row["event_time"], "recordedtime": row["recorded_time"], "datacontenttype": "application/json"}
    return orjson.dumps({**envelope, **times, **attributes, "data": data})


def _chunk_line(chunk: dict[str, Any], samples: str) -> bytes:
    extra = orjson.loads(chunk["extra"]) if chunk["extra"] else {"attributes": {}, "data": {}}
    said = {
        name: chunk[name]
        for name in ("device_id", "session_id", "exercise_id", "joint", "motion", "side", "seq", "rate_hz", "kind", "last", "n")
    }
    data = {name: value for name, value in said.items() if value is not None} | {
        "t0_ns": parse_instant(chunk["start_time"]),
        "samples_b64": samples,
    }
    if chunk["calibration"] is not None:
        data["calibration"] = orjson.Fragment(chunk["calibration"])
    clinic = {"clinicid": chunk["clinic_id"]} if chunk["clinic_id"] else {}
    return _line({**chunk, "type": CHUNK}, clinic | extra["attributes"], data | extra["data"])
