-- events: every admitted fact, its patient enrolled or not; no ticks and no chunks.
-- A fact is written once, into event_facts; what changes later (retracted, clinic_id) is a small row in event_marks.

CREATE TABLE IF NOT EXISTS rtm.event_facts
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    source String COMMENT 'the CloudEvents source',
    event_id String COMMENT 'the CloudEvents id',
    type LowCardinality(String) COMMENT 'the event type, rtm.<family>.<name>.v1',
    event_time DateTime64(9, 'UTC') COMMENT 'when it happened, UTC',
    recorded_time DateTime64(9, 'UTC') COMMENT 'when the clinic\'s side took it in, UTC',
    modality LowCardinality(Nullable(String)) COMMENT 'sensed or self_reported; null for what isn\'t from the patient',
    channel LowCardinality(Nullable(String)) COMMENT 'app, sms, voice, web or staff, for reports that say so',
    retracted Bool COMMENT 'whether a retraction took it back',
    data String CODEC(ZSTD(3)) COMMENT 'the event\'s data, JSON text',
    attributes String CODEC(ZSTD(3)) COMMENT 'the other CloudEvents attributes, JSON text',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY generation
ORDER BY (generation, patient_id, source, event_id)
COMMENT 'Facts as they were first known, all generations. Read the view events.';

CREATE TABLE IF NOT EXISTS rtm.event_marks
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    source String COMMENT 'the CloudEvents source',
    event_id String COMMENT 'the CloudEvents id',
    retracted Bool COMMENT 'whether a retraction took it back',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY generation
ORDER BY (generation, patient_id, source, event_id)
COMMENT 'What changed about a fact after it was written, the newest revision, all generations. Read the view events.';

CREATE TABLE IF NOT EXISTS rtm.event_marks_revisions
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    source String COMMENT 'the CloudEvents source',
    event_id String COMMENT 'the CloudEvents id',
    retracted Bool COMMENT 'whether a retraction took it back',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (generation, patient_id, source, event_id, revision)
COMMENT 'What changed about a fact after it was written, every revision, all generations. Read the view events_history.';

CREATE MATERIALIZED VIEW IF NOT EXISTS rtm.event_marks_revisions_feed TO rtm.event_marks_revisions AS
SELECT
    generation, patient_id, source, event_id, retracted, clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.event_marks;

CREATE VIEW IF NOT EXISTS rtm.events
(
    patient_id String COMMENT 'the patient\'s pseudonym',
    source String COMMENT 'the CloudEvents source',
    event_id String COMMENT 'the CloudEvents id',
    type LowCardinality(String) COMMENT 'the event type, rtm.<family>.<name>.v1',
    event_time DateTime64(9, 'UTC') COMMENT 'when it happened, UTC',
    recorded_time DateTime64(9, 'UTC') COMMENT 'when the clinic\'s side took it in, UTC',
    modality LowCardinality(Nullable(String)) COMMENT 'sensed or self_reported; null for what isn\'t from the patient',
    channel LowCardinality(Nullable(String)) COMMENT 'app, sms, voice, web or staff, for reports that say so',
    retracted Bool COMMENT 'whether a retraction took it back',
    data String COMMENT 'the event\'s data, JSON text',
    attributes String COMMENT 'the other CloudEvents attributes, JSON text',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    f.patient_id AS patient_id, f.source AS source, f.event_id AS event_id, f.type AS type, f.event_time AS event_time,
    f.recorded_time AS recorded_time, f.modality AS modality, f.channel AS channel,
    if(m.revision >= f.revision, m.retracted, f.retracted) AS retracted, f.data AS data, f.attributes AS attributes,
    if(m.revision >= f.revision, m.clinic_id, f.clinic_id) AS clinic_id,
    if(m.revision >= f.revision, m.updated_at, f.updated_at) AS updated_at,
    if(m.revision >= f.revision, m.revision, f.revision) AS revision,
    if(m.revision >= f.revision, m.issued_at, f.issued_at) AS issued_at
FROM
(
    SELECT *
    FROM rtm.event_facts FINAL
    WHERE generation = (SELECT generation FROM rtm.current_generation)
) AS f
LEFT JOIN
(
    SELECT patient_id, source, event_id, retracted, clinic_id, updated_at, revision, issued_at
    FROM rtm.event_marks FINAL
    WHERE generation = (SELECT generation FROM rtm.current_generation)
) AS m ON f.patient_id = m.patient_id AND f.source = m.source AND f.event_id = m.event_id
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0
COMMENT 'Every admitted fact, its patient enrolled or not; no ticks and no chunks.';

CREATE VIEW IF NOT EXISTS rtm.events_history
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    source String COMMENT 'the CloudEvents source',
    event_id String COMMENT 'the CloudEvents id',
    type LowCardinality(String) COMMENT 'the event type, rtm.<family>.<name>.v1',
    event_time DateTime64(9, 'UTC') COMMENT 'when it happened, UTC',
    recorded_time DateTime64(9, 'UTC') COMMENT 'when the clinic\'s side took it in, UTC',
    modality LowCardinality(Nullable(String)) COMMENT 'sensed or self_reported; null for what isn\'t from the patient',
    channel LowCardinality(Nullable(String)) COMMENT 'app, sms, voice, web or staff, for reports that say so',
    retracted Bool COMMENT 'whether a retraction took it back',
    data String COMMENT 'the event\'s data, JSON text',
    attributes String COMMENT 'the other CloudEvents attributes, JSON text',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    generation, patient_id, source, event_id, type, event_time, recorded_time, modality, channel, retracted, data,
    attributes, clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.event_facts FINAL
UNION ALL
SELECT
    m.generation AS generation, m.patient_id AS patient_id, m.source AS source, m.event_id AS event_id, f.type AS type,
    f.event_time AS event_time, f.recorded_time AS recorded_time, f.modality AS modality, f.channel AS channel,
    m.retracted AS retracted, f.data AS data, f.attributes AS attributes, m.clinic_id AS clinic_id,
    m.updated_at AS updated_at, m.revision AS revision, m.issued_at AS issued_at, m.deleted AS deleted
FROM
(
    SELECT *
    FROM rtm.event_marks_revisions FINAL
) AS m
INNER JOIN
(
    SELECT *
    FROM rtm.event_facts FINAL
) AS f ON m.generation = f.generation AND m.patient_id = f.patient_id AND m.source = f.source AND m.event_id = f.event_id
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Every admitted fact, its patient enrolled or not; no ticks and no chunks: as first written, and every change since, former generations included.';
