-- alert_deliveries: what became of each webhook. No generation: each is written once, a copy has the same key.

CREATE TABLE IF NOT EXISTS rtm.alert_deliveries_rows
(
    alert_id String COMMENT 'the alert',
    transition LowCardinality(String) COMMENT 'what was told: opened, escalated, resolved and so on',
    endpoint LowCardinality(String) COMMENT 'the endpoint\'s name',
    attempt UInt32 COMMENT 'the attempt\'s number, from 1; 0 was never sent',
    webhook_id String COMMENT 'the webhook\'s id, the same over all attempts',
    sent_at DateTime64(9, 'UTC') COMMENT 'when it was sent, UTC',
    status_code Nullable(UInt16) COMMENT 'the HTTP status; null where none came',
    outcome LowCardinality(String) COMMENT 'delivered, failed, given_up or expired',
    latency_ms Float64 COMMENT 'from sending to the answer, ms',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (alert_id, transition, endpoint, attempt)
COMMENT 'What became of each webhook. Read the view alert_deliveries.';

CREATE VIEW IF NOT EXISTS rtm.alert_deliveries
(
    alert_id String COMMENT 'the alert',
    transition LowCardinality(String) COMMENT 'what was told: opened, escalated, resolved and so on',
    endpoint LowCardinality(String) COMMENT 'the endpoint\'s name',
    attempt UInt32 COMMENT 'the attempt\'s number, from 1; 0 was never sent',
    webhook_id String COMMENT 'the webhook\'s id, the same over all attempts',
    sent_at DateTime64(9, 'UTC') COMMENT 'when it was sent, UTC',
    status_code Nullable(UInt16) COMMENT 'the HTTP status; null where none came',
    outcome LowCardinality(String) COMMENT 'delivered, failed, given_up or expired',
    latency_ms Float64 COMMENT 'from sending to the answer, ms',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    alert_id, transition, endpoint, attempt, webhook_id, sent_at, status_code, outcome, latency_ms, clinic_id,
    updated_at, revision, issued_at
FROM rtm.alert_deliveries_rows FINAL
COMMENT 'What became of each webhook.';

CREATE VIEW IF NOT EXISTS rtm.alert_deliveries_history
(
    alert_id String COMMENT 'the alert',
    transition LowCardinality(String) COMMENT 'what was told: opened, escalated, resolved and so on',
    endpoint LowCardinality(String) COMMENT 'the endpoint\'s name',
    attempt UInt32 COMMENT 'the attempt\'s number, from 1; 0 was never sent',
    webhook_id String COMMENT 'the webhook\'s id, the same over all attempts',
    sent_at DateTime64(9, 'UTC') COMMENT 'when it was sent, UTC',
    status_code Nullable(UInt16) COMMENT 'the HTTP status; null where none came',
    outcome LowCardinality(String) COMMENT 'delivered, failed, given_up or expired',
    latency_ms Float64 COMMENT 'from sending to the answer, ms',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    alert_id, transition, endpoint, attempt, webhook_id, sent_at, status_code, outcome, latency_ms, clinic_id,
    updated_at, revision, issued_at, toUInt8(0) AS deleted
FROM rtm.alert_deliveries_rows FINAL
COMMENT 'What became of each webhook. Written once, so it holds what alert_deliveries holds.';

-- dead_letters: what could not be used, with the reason. No generation: each is written once, a copy has the same key.

CREATE TABLE IF NOT EXISTS rtm.dead_letters_rows
(
    topic LowCardinality(String) COMMENT 'the topic; of a replay the file',
    partition UInt32 COMMENT 'the partition; of a replay the file\'s number',
    offset UInt64 COMMENT 'the offset; of a replay the line',
    reason LowCardinality(String) COMMENT 'misplaced, unparsable, unknown_type, invalid, conflict, future, too_late, session_closed, forgotten or crash',
    error String COMMENT 'what was wrong, without values',
    event_id String COMMENT 'the CloudEvents id, where it could be read',
    received_at DateTime64(9, 'UTC') COMMENT 'when it was read: the clock of the stream, UTC',
    payload String CODEC(ZSTD(3)) COMMENT 'the original, as it came',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (topic, partition, offset)
COMMENT 'What could not be used, with the reason. Read the view dead_letters.';

CREATE VIEW IF NOT EXISTS rtm.dead_letters
(
    topic LowCardinality(String) COMMENT 'the topic; of a replay the file',
    partition UInt32 COMMENT 'the partition; of a replay the file\'s number',
    offset UInt64 COMMENT 'the offset; of a replay the line',
    reason LowCardinality(String) COMMENT 'misplaced, unparsable, unknown_type, invalid, conflict, future, too_late, session_closed, forgotten or crash',
    error String COMMENT 'what was wrong, without values',
    event_id String COMMENT 'the CloudEvents id, where it could be read',
    received_at DateTime64(9, 'UTC') COMMENT 'when it was read: the clock of the stream, UTC',
    payload String COMMENT 'the original, as it came',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    topic, partition, offset, reason, error, event_id, received_at, payload, clinic_id, updated_at, revision, issued_at
FROM rtm.dead_letters_rows FINAL
COMMENT 'What could not be used, with the reason.';

CREATE VIEW IF NOT EXISTS rtm.dead_letters_history
(
    topic LowCardinality(String) COMMENT 'the topic; of a replay the file',
    partition UInt32 COMMENT 'the partition; of a replay the file\'s number',
    offset UInt64 COMMENT 'the offset; of a replay the line',
    reason LowCardinality(String) COMMENT 'misplaced, unparsable, unknown_type, invalid, conflict, future, too_late, session_closed, forgotten or crash',
    error String COMMENT 'what was wrong, without values',
    event_id String COMMENT 'the CloudEvents id, where it could be read',
    received_at DateTime64(9, 'UTC') COMMENT 'when it was read: the clock of the stream, UTC',
    payload String COMMENT 'the original, as it came',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    topic, partition, offset, reason, error, event_id, received_at, payload, clinic_id, updated_at, revision,
    issued_at, toUInt8(0) AS deleted
FROM rtm.dead_letters_rows FINAL
COMMENT 'What could not be used, with the reason. Written once, so it holds what dead_letters holds.';
