-- billing_periods: candidate codes by 30-day period; never claims.

CREATE TABLE IF NOT EXISTS rtm.billing_periods_rows
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    episode_id String COMMENT 'the episode of care',
    period_start Date32 COMMENT 'the period\'s first local date',
    period_end Date32 COMMENT 'its last local date',
    data_days UInt16 COMMENT 'local dates with a therapy datum',
    data_days_lenient UInt16 COMMENT 'local dates with a therapy datum or a check-in',
    days_left UInt16 COMMENT 'days after today in the period and episode',
    candidate_codes Array(String) COMMENT 'candidate codes',
    rules LowCardinality(String) COMMENT 'the rule pack; \'\' where none is in force',
    evidence String CODEC(ZSTD(3)) COMMENT 'the facts counted, JSON text',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY generation
ORDER BY (generation, patient_id, episode_id, period_start)
COMMENT 'Candidate codes by 30-day period; never claims: the newest revision of every key, all generations. Read the view billing_periods.';

CREATE TABLE IF NOT EXISTS rtm.billing_periods_revisions
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    episode_id String COMMENT 'the episode of care',
    period_start Date32 COMMENT 'the period\'s first local date',
    period_end Date32 COMMENT 'its last local date',
    data_days UInt16 COMMENT 'local dates with a therapy datum',
    data_days_lenient UInt16 COMMENT 'local dates with a therapy datum or a check-in',
    days_left UInt16 COMMENT 'days after today in the period and episode',
    candidate_codes Array(String) COMMENT 'candidate codes',
    rules LowCardinality(String) COMMENT 'the rule pack; \'\' where none is in force',
    evidence String CODEC(ZSTD(3)) COMMENT 'the facts counted, JSON text',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (generation, patient_id, episode_id, period_start, revision)
COMMENT 'Candidate codes by 30-day period; never claims: every revision of every key, all generations. Read the view billing_periods_history.';

CREATE MATERIALIZED VIEW IF NOT EXISTS rtm.billing_periods_revisions_feed TO rtm.billing_periods_revisions AS
SELECT
    generation, patient_id, episode_id, period_start, period_end, data_days, data_days_lenient, days_left,
    candidate_codes, rules, evidence, clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.billing_periods_rows;

CREATE VIEW IF NOT EXISTS rtm.billing_periods
(
    patient_id String COMMENT 'the patient\'s pseudonym',
    episode_id String COMMENT 'the episode of care',
    period_start Date32 COMMENT 'the period\'s first local date',
    period_end Date32 COMMENT 'its last local date',
    data_days UInt16 COMMENT 'local dates with a therapy datum',
    data_days_lenient UInt16 COMMENT 'local dates with a therapy datum or a check-in',
    days_left UInt16 COMMENT 'days after today in the period and episode',
    candidate_codes Array(String) COMMENT 'candidate codes',
    rules LowCardinality(String) COMMENT 'the rule pack; \'\' where none is in force',
    evidence String COMMENT 'the facts counted, JSON text',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    patient_id, episode_id, period_start, period_end, data_days, data_days_lenient, days_left, candidate_codes, rules,
    evidence, clinic_id, updated_at, revision, issued_at
FROM rtm.billing_periods_rows FINAL
WHERE generation = (SELECT generation FROM rtm.current_generation)
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Candidate codes by 30-day period; never claims.';

CREATE VIEW IF NOT EXISTS rtm.billing_periods_history
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    episode_id String COMMENT 'the episode of care',
    period_start Date32 COMMENT 'the period\'s first local date',
    period_end Date32 COMMENT 'its last local date',
    data_days UInt16 COMMENT 'local dates with a therapy datum',
    data_days_lenient UInt16 COMMENT 'local dates with a therapy datum or a check-in',
    days_left UInt16 COMMENT 'days after today in the period and episode',
    candidate_codes Array(String) COMMENT 'candidate codes',
    rules LowCardinality(String) COMMENT 'the rule pack; \'\' where none is in force',
    evidence String COMMENT 'the facts counted, JSON text',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    generation, patient_id, episode_id, period_start, period_end, data_days, data_days_lenient, days_left,
    candidate_codes, rules, evidence, clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.billing_periods_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Candidate codes by 30-day period; never claims: every revision, deletions and former generations included.';

-- billing_months: candidate codes by calendar month; never claims.

CREATE TABLE IF NOT EXISTS rtm.billing_months_rows
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    month String COMMENT 'the patient\'s local calendar month, YYYY-MM',
    minutes Float64 COMMENT 'minutes of reviews and interactions',
    live_interactions Int64 COMMENT 'live interactions by phone or video',
    candidate_codes Array(String) COMMENT 'candidate codes, one as often as it counts',
    rules LowCardinality(String) COMMENT 'the rule pack; \'\' where none is in force',
    evidence String CODEC(ZSTD(3)) COMMENT 'the facts counted, JSON text',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY generation
ORDER BY (generation, patient_id, month)
COMMENT 'Candidate codes by calendar month; never claims: the newest revision of every key, all generations. Read the view billing_months.';

CREATE TABLE IF NOT EXISTS rtm.billing_months_revisions
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    month String COMMENT 'the patient\'s local calendar month, YYYY-MM',
    minutes Float64 COMMENT 'minutes of reviews and interactions',
    live_interactions Int64 COMMENT 'live interactions by phone or video',
    candidate_codes Array(String) COMMENT 'candidate codes, one as often as it counts',
    rules LowCardinality(String) COMMENT 'the rule pack; \'\' where none is in force',
    evidence String CODEC(ZSTD(3)) COMMENT 'the facts counted, JSON text',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (generation, patient_id, month, revision)
COMMENT 'Candidate codes by calendar month; never claims: every revision of every key, all generations. Read the view billing_months_history.';

CREATE MATERIALIZED VIEW IF NOT EXISTS rtm.billing_months_revisions_feed TO rtm.billing_months_revisions AS
SELECT
    generation, patient_id, month, minutes, live_interactions, candidate_codes, rules, evidence, clinic_id, updated_at,
    revision, issued_at, deleted
FROM rtm.billing_months_rows;

CREATE VIEW IF NOT EXISTS rtm.billing_months
(
    patient_id String COMMENT 'the patient\'s pseudonym',
    month String COMMENT 'the patient\'s local calendar month, YYYY-MM',
    minutes Float64 COMMENT 'minutes of reviews and interactions',
    live_interactions Int64 COMMENT 'live interactions by phone or video',
    candidate_codes Array(String) COMMENT 'candidate codes, one as often as it counts',
    rules LowCardinality(String) COMMENT 'the rule pack; \'\' where none is in force',
    evidence String COMMENT 'the facts counted, JSON text',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    patient_id, month, minutes, live_interactions, candidate_codes, rules, evidence, clinic_id, updated_at, revision,
    issued_at
FROM rtm.billing_months_rows FINAL
WHERE generation = (SELECT generation FROM rtm.current_generation)
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Candidate codes by calendar month; never claims.';

CREATE VIEW IF NOT EXISTS rtm.billing_months_history
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    month String COMMENT 'the patient\'s local calendar month, YYYY-MM',
    minutes Float64 COMMENT 'minutes of reviews and interactions',
    live_interactions Int64 COMMENT 'live interactions by phone or video',
    candidate_codes Array(String) COMMENT 'candidate codes, one as often as it counts',
    rules LowCardinality(String) COMMENT 'the rule pack; \'\' where none is in force',
    evidence String COMMENT 'the facts counted, JSON text',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    generation, patient_id, month, minutes, live_interactions, candidate_codes, rules, evidence, clinic_id, updated_at,
    revision, issued_at, deleted
FROM rtm.billing_months_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Candidate codes by calendar month; never claims: every revision, deletions and former generations included.';
