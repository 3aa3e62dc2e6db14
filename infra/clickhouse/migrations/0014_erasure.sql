-- Erasure on request: who is to be erased, for as long as it takes, and the record that it was done. Also whose a dead letter is.

CREATE TABLE IF NOT EXISTS rtm.erasures
(
    patient_id String COMMENT 'the pseudonym to be erased',
    request_id String COMMENT 'the request, as patient.forgotten names it',
    revision UInt64 COMMENT 'what the pipeline knew when it read the request',
    issued_at DateTime64(9, 'UTC') COMMENT 'when it was read, by the pipeline\'s clock, UTC'
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY patient_id
COMMENT 'Requests under way. The sink erases these patients from every table, then from this one.';

CREATE TABLE IF NOT EXISTS rtm.forgotten
(
    subject_hash String COMMENT 'SHA-256 of the salt and the pseudonym, hexadecimal',
    salt String COMMENT 'the salt, the same for all of this warehouse',
    request_id String COMMENT 'the request, as patient.forgotten names it',
    requested_at DateTime64(9, 'UTC') COMMENT 'when the pipeline read the request, by its own clock, UTC',
    erased_at DateTime64(9, 'UTC') COMMENT 'when the rows were gone, by the machine\'s clock, UTC'
)
ENGINE = ReplacingMergeTree(erased_at)
ORDER BY (subject_hash, request_id)
COMMENT 'Who was erased: it tells whether a pseudonym that one knows was, and tells no pseudonym.';

ALTER TABLE rtm.dead_letters_rows ADD COLUMN IF NOT EXISTS subject String DEFAULT ''
    COMMENT 'the record\'s subject where it could be read, so that it can be erased; the view leaves it out';
