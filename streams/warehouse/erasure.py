"""Erasure on request: a pseudonym in; no row of it in any table any more, and a record with a salted hash that it was done.

    rtm.erasures (requests under way) ─▶ every table with a patient_id, dead letters, deliveries ─▶ rtm.forgotten ─▶ rtm.erasures is empty

Rows are deleted by mutations, which rewrite the parts that hold them; the statements take the pseudonyms from `rtm.erasures`, so that
neither they nor the engine's list of mutations name one. A run that dies is made good by the next: the request stands until all is done.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.warehouse.connection import Warehouse

_DELETE = "ALTER TABLE rtm.{table} DELETE WHERE {condition} SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1"
_OF_PATIENT = "patient_id IN (SELECT patient_id FROM rtm.erasures)"
_DELIVERIES = """
alert_id IN (SELECT alert_id FROM rtm.alerts_revisions WHERE patient_id IN (SELECT patient_id FROM rtm.erasures))
"""
_DEAD_LETTERS = """
subject IN (SELECT patient_id FROM rtm.erasures)
OR subject = '' AND arrayExists(name -> position(payload, name) > 0, (SELECT groupArray(toJSONString(patient_id)) FROM rtm.erasures))
"""
"""By its subject; where none could be read, by the pseudonym as a JSON text within the payload."""
_TABLES = """
SELECT c.table FROM system.columns AS c INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
WHERE c.database = 'rtm' AND c.name = 'patient_id' AND t.engine LIKE '%MergeTree' AND c.table != 'erasures'
ORDER BY c.table
"""
"""Asked of the warehouse, so that no table is left out; the names are those of our migrations."""
_NAME = re.compile(r"[a-z][a-z_0-9]*")
_AGAIN = """
INSERT INTO rtm.erasures
SELECT patient_id, '' AS request_id, 0 AS revision, fromUnixTimestamp64Nano(0, 'UTC') AS issued_at
FROM
(
    SELECT DISTINCT patient_id FROM rtm.event_facts
    UNION DISTINCT
    SELECT DISTINCT patient_id FROM rtm.chunk_samples
    UNION DISTINCT
    SELECT DISTINCT subject FROM rtm.dead_letters_rows
)
WHERE lower(hex(SHA256(concat({salt:String}, patient_id)))) IN (SELECT subject_hash FROM rtm.forgotten)
"""
_RECORD = """
INSERT INTO rtm.forgotten
SELECT lower(hex(SHA256(concat({salt:String}, patient_id)))), {salt:String}, request_id, issued_at, {moment:DateTime64(9, 'UTC')}
FROM rtm.erasures FINAL
WHERE issued_at > fromUnixTimestamp64Nano(0, 'UTC')
"""
_DONE = "lower(hex(SHA256(concat({salt:String}, patient_id)))) IN (SELECT subject_hash FROM rtm.forgotten)"


def request_erasure(warehouse: Warehouse, patient: str, request_id: str) -> None:
    """Put down a request, as the pipeline does when it reads `patient.forgotten`; `erase_requested` carries it out."""
    row = {"patient_id": patient, "request_id": request_id, "revision": 0, "issued_at": datetime.now(UTC).isoformat()}
    warehouse.insert("erasures", orjson.dumps(row))


def erase_requested(warehouse: Warehouse) -> int:
    """Erase every patient who is to be erased, record it, and return how many there were. On a server two may do it at once."""
    [(count,)] = warehouse.query("SELECT uniqExact(patient_id) FROM rtm.erasures").rows
    if not count:
        return 0
    salt = _salts(warehouse)[:1] or [secrets.token_hex(16)]
    _delete(warehouse, "alert_deliveries_rows", _DELIVERIES)
    _delete(warehouse, "dead_letters_rows", _DEAD_LETTERS)
    for table in patient_tables(warehouse):
        _delete(warehouse, table, _OF_PATIENT)
    moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    warehouse.command(_RECORD, {"salt": salt[0], "moment": moment})
    _delete(warehouse, "erasures", _DONE, salt=salt[0])
    return int(count)


def erase_again(warehouse: Warehouse) -> None:
    """Have those erased once more whom a run, that didn't know of it, has brought back."""
    for salt in _salts(warehouse):
        warehouse.command(_AGAIN, {"salt": salt})


def forgotten_among(warehouse: Warehouse, subjects: Iterable[str]) -> set[str]:
    """Those of the subjects who were erased here."""
    salts = _salts(warehouse)
    hashes = {subject_hash(salt, subject): subject for salt in salts for subject in set(subjects)}
    if not hashes:
        return set()
    known = {row[0] for row in warehouse.query("SELECT DISTINCT subject_hash FROM rtm.forgotten").rows}
    return {subject for found, subject in hashes.items() if found in known}


def forgotten_requests(warehouse: Warehouse, subject: str) -> set[str]:
    """The requests by which a subject was erased here."""
    sql = "SELECT salt, subject_hash, request_id FROM rtm.forgotten FINAL"
    return {request for salt, found, request in warehouse.query(sql).rows if found == subject_hash(salt, subject)}


def subject_hash(salt: str, subject: str) -> str:
    """What the record of an erasure holds of a pseudonym: SHA-256, hexadecimal."""
    return hashlib.sha256((salt + subject).encode()).hexdigest()


def patient_tables(warehouse: Warehouse) -> list[str]:
    """Every table whose rows name a patient."""
    return [name for (name,) in warehouse.query(_TABLES).rows if _NAME.fullmatch(name)]


def _salts(warehouse: Warehouse) -> list[str]:
    return sorted(row[0] for row in warehouse.query("SELECT DISTINCT salt FROM rtm.forgotten").rows)


def _delete(warehouse: Warehouse, table: str, condition: str, **parameters: str) -> None:
    warehouse.command(_DELETE.format(table=table, condition=condition), parameters)
