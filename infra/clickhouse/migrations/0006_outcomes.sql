-- outcomes: patient-reported outcomes and tests of function, against the episode's first.

CREATE TABLE IF NOT EXISTS rtm.outcomes_rows
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    measure LowCardinality(String) COMMENT 'the instrument or the test',
    side LowCardinality(String) COMMENT 'the side; \'\' where there is none',
    event_time DateTime64(9, 'UTC') COMMENT 'when it was taken, UTC',
    value Float64 COMMENT 'the score or the result',
    baseline Nullable(Float64) COMMENT 'the episode\'s first',
    change Nullable(Float64) COMMENT 'value - baseline',
    mcid Nullable(Float64) COMMENT 'the minimal clinically important difference',
    meaning LowCardinality(Nullable(String)) COMMENT 'improved, unchanged or worse; null where no MCID is known',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY generation
ORDER BY (generation, patient_id, measure, side, event_time)
COMMENT 'Patient-reported outcomes and tests of function, against the episode\'s first: the newest revision of every key, all generations. Read the view outcomes.';

CREATE TABLE IF NOT EXISTS rtm.outcomes_revisions
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    measure LowCardinality(String) COMMENT 'the instrument or the test',
    side LowCardinality(String) COMMENT 'the side; \'\' where there is none',
    event_time DateTime64(9, 'UTC') COMMENT 'when it was taken, UTC',
    value Float64 COMMENT 'the score or the result',
    baseline Nullable(Float64) COMMENT 'the episode\'s first',
    change Nullable(Float64) COMMENT 'value - baseline',
    mcid Nullable(Float64) COMMENT 'the minimal clinically important difference',
    meaning LowCardinality(Nullable(String)) COMMENT 'improved, unchanged or worse; null where no MCID is known',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (generation, patient_id, measure, side, event_time, revision)
COMMENT 'Patient-reported outcomes and tests of function, against the episode\'s first: every revision of every key, all generations. Read the view outcomes_history.';

CREATE MATERIALIZED VIEW IF NOT EXISTS rtm.outcomes_revisions_feed TO rtm.outcomes_revisions AS
SELECT
    generation, patient_id, measure, side, event_time, value, baseline, change, mcid, meaning, clinic_id, updated_at,
    revision, issued_at, deleted
FROM rtm.outcomes_rows;

CREATE VIEW IF NOT EXISTS rtm.outcomes
(
    patient_id String COMMENT 'the patient\'s pseudonym',
    measure LowCardinality(String) COMMENT 'the instrument or the test',
    side LowCardinality(String) COMMENT 'the side; \'\' where there is none',
    event_time DateTime64(9, 'UTC') COMMENT 'when it was taken, UTC',
    value Float64 COMMENT 'the score or the result',
    baseline Nullable(Float64) COMMENT 'the episode\'s first',
    change Nullable(Float64) COMMENT 'value - baseline',
    mcid Nullable(Float64) COMMENT 'the minimal clinically important difference',
    meaning LowCardinality(Nullable(String)) COMMENT 'improved, unchanged or worse; null where no MCID is known',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    patient_id, measure, side, event_time, value, baseline, change, mcid, meaning, clinic_id, updated_at, revision,
    issued_at
FROM rtm.outcomes_rows FINAL
WHERE generation = (SELECT generation FROM rtm.current_generation)
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Patient-reported outcomes and tests of function, against the episode\'s first.';

CREATE VIEW IF NOT EXISTS rtm.outcomes_history
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    measure LowCardinality(String) COMMENT 'the instrument or the test',
    side LowCardinality(String) COMMENT 'the side; \'\' where there is none',
    event_time DateTime64(9, 'UTC') COMMENT 'when it was taken, UTC',
    value Float64 COMMENT 'the score or the result',
    baseline Nullable(Float64) COMMENT 'the episode\'s first',
    change Nullable(Float64) COMMENT 'value - baseline',
    mcid Nullable(Float64) COMMENT 'the minimal clinically important difference',
    meaning LowCardinality(Nullable(String)) COMMENT 'improved, unchanged or worse; null where no MCID is known',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    generation, patient_id, measure, side, event_time, value, baseline, change, mcid, meaning, clinic_id, updated_at,
    revision, issued_at, deleted
FROM rtm.outcomes_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Patient-reported outcomes and tests of function, against the episode\'s first: every revision, deletions and former generations included.';

-- activity_daily: summaries of gait, posture and steps by day.

CREATE TABLE IF NOT EXISTS rtm.activity_daily_rows
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    kind LowCardinality(String) COMMENT 'gait, posture or steps',
    name LowCardinality(String) COMMENT 'the value\'s name',
    value_mean Float64 COMMENT 'mean, weighted by duration',
    value_max Float64 COMMENT 'the greatest',
    value_sum Float64 COMMENT 'the sum',
    minutes Float64 COMMENT 'minutes summarised',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY generation
ORDER BY (generation, patient_id, local_date, kind, name)
COMMENT 'Summaries of gait, posture and steps by day: the newest revision of every key, all generations. Read the view activity_daily.';

CREATE TABLE IF NOT EXISTS rtm.activity_daily_revisions
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    kind LowCardinality(String) COMMENT 'gait, posture or steps',
    name LowCardinality(String) COMMENT 'the value\'s name',
    value_mean Float64 COMMENT 'mean, weighted by duration',
    value_max Float64 COMMENT 'the greatest',
    value_sum Float64 COMMENT 'the sum',
    minutes Float64 COMMENT 'minutes summarised',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (generation, patient_id, local_date, kind, name, revision)
COMMENT 'Summaries of gait, posture and steps by day: every revision of every key, all generations. Read the view activity_daily_history.';

CREATE MATERIALIZED VIEW IF NOT EXISTS rtm.activity_daily_revisions_feed TO rtm.activity_daily_revisions AS
SELECT
    generation, patient_id, local_date, kind, name, value_mean, value_max, value_sum, minutes, clinic_id, updated_at,
    revision, issued_at, deleted
FROM rtm.activity_daily_rows;

CREATE VIEW IF NOT EXISTS rtm.activity_daily
(
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    kind LowCardinality(String) COMMENT 'gait, posture or steps',
    name LowCardinality(String) COMMENT 'the value\'s name',
    value_mean Float64 COMMENT 'mean, weighted by duration',
    value_max Float64 COMMENT 'the greatest',
    value_sum Float64 COMMENT 'the sum',
    minutes Float64 COMMENT 'minutes summarised',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    patient_id, local_date, kind, name, value_mean, value_max, value_sum, minutes, clinic_id, updated_at, revision,
    issued_at
FROM rtm.activity_daily_rows FINAL
WHERE generation = (SELECT generation FROM rtm.current_generation)
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Summaries of gait, posture and steps by day.';

CREATE VIEW IF NOT EXISTS rtm.activity_daily_history
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    kind LowCardinality(String) COMMENT 'gait, posture or steps',
    name LowCardinality(String) COMMENT 'the value\'s name',
    value_mean Float64 COMMENT 'mean, weighted by duration',
    value_max Float64 COMMENT 'the greatest',
    value_sum Float64 COMMENT 'the sum',
    minutes Float64 COMMENT 'minutes summarised',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    generation, patient_id, local_date, kind, name, value_mean, value_max, value_sum, minutes, clinic_id, updated_at,
    revision, issued_at, deleted
FROM rtm.activity_daily_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Summaries of gait, posture and steps by day: every revision, deletions and former generations included.';
