-- rom_daily: range of motion by day, joint, motion and side, against the goal.

CREATE TABLE IF NOT EXISTS rtm.rom_daily_rows
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    joint LowCardinality(String) COMMENT 'the joint',
    motion LowCardinality(String) COMMENT 'the movement; \'\' where unknown',
    side LowCardinality(String) COMMENT 'the side; \'\' where unknown',
    attained_deg Nullable(Float64) COMMENT 'the greatest angle reached (of extension the least), deg',
    rom_best_deg Nullable(Float64) COMMENT 'the greatest range of a repetition, deg',
    rom_median_deg Nullable(Float64) COMMENT 'the median range of the repetitions, deg',
    max_deg Nullable(Float64) COMMENT 'the greatest angle, deg',
    min_deg Nullable(Float64) COMMENT 'the least angle, deg',
    reps Int64 COMMENT 'repetitions measured',
    goal_deg Nullable(Float64) COMMENT 'the plan\'s goal for that day, deg',
    residual_deg Nullable(Float64) COMMENT 'how far attained lies beyond the goal, positive is better, deg',
    slope_deg_per_week Nullable(Float64) COMMENT 'Theil-Sen slope of attained over 14 days, deg per week',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY generation
ORDER BY (generation, patient_id, local_date, joint, motion, side)
COMMENT 'Range of motion by day, joint, motion and side, against the goal: the newest revision of every key, all generations. Read the view rom_daily.';

CREATE TABLE IF NOT EXISTS rtm.rom_daily_revisions
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    joint LowCardinality(String) COMMENT 'the joint',
    motion LowCardinality(String) COMMENT 'the movement; \'\' where unknown',
    side LowCardinality(String) COMMENT 'the side; \'\' where unknown',
    attained_deg Nullable(Float64) COMMENT 'the greatest angle reached (of extension the least), deg',
    rom_best_deg Nullable(Float64) COMMENT 'the greatest range of a repetition, deg',
    rom_median_deg Nullable(Float64) COMMENT 'the median range of the repetitions, deg',
    max_deg Nullable(Float64) COMMENT 'the greatest angle, deg',
    min_deg Nullable(Float64) COMMENT 'the least angle, deg',
    reps Int64 COMMENT 'repetitions measured',
    goal_deg Nullable(Float64) COMMENT 'the plan\'s goal for that day, deg',
    residual_deg Nullable(Float64) COMMENT 'how far attained lies beyond the goal, positive is better, deg',
    slope_deg_per_week Nullable(Float64) COMMENT 'Theil-Sen slope of attained over 14 days, deg per week',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (generation, patient_id, local_date, joint, motion, side, revision)
COMMENT 'Range of motion by day, joint, motion and side, against the goal: every revision of every key, all generations. Read the view rom_daily_history.';

CREATE MATERIALIZED VIEW IF NOT EXISTS rtm.rom_daily_revisions_feed TO rtm.rom_daily_revisions AS
SELECT
    generation, patient_id, local_date, joint, motion, side, attained_deg, rom_best_deg, rom_median_deg, max_deg,
    min_deg, reps, goal_deg, residual_deg, slope_deg_per_week, clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.rom_daily_rows;

CREATE VIEW IF NOT EXISTS rtm.rom_daily
(
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    joint LowCardinality(String) COMMENT 'the joint',
    motion LowCardinality(String) COMMENT 'the movement; \'\' where unknown',
    side LowCardinality(String) COMMENT 'the side; \'\' where unknown',
    attained_deg Nullable(Float64) COMMENT 'the greatest angle reached (of extension the least), deg',
    rom_best_deg Nullable(Float64) COMMENT 'the greatest range of a repetition, deg',
    rom_median_deg Nullable(Float64) COMMENT 'the median range of the repetitions, deg',
    max_deg Nullable(Float64) COMMENT 'the greatest angle, deg',
    min_deg Nullable(Float64) COMMENT 'the least angle, deg',
    reps Int64 COMMENT 'repetitions measured',
    goal_deg Nullable(Float64) COMMENT 'the plan\'s goal for that day, deg',
    residual_deg Nullable(Float64) COMMENT 'how far attained lies beyond the goal, positive is better, deg',
    slope_deg_per_week Nullable(Float64) COMMENT 'Theil-Sen slope of attained over 14 days, deg per week',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    patient_id, local_date, joint, motion, side, attained_deg, rom_best_deg, rom_median_deg, max_deg, min_deg, reps,
    goal_deg, residual_deg, slope_deg_per_week, clinic_id, updated_at, revision, issued_at
FROM rtm.rom_daily_rows FINAL
WHERE generation = (SELECT generation FROM rtm.current_generation)
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Range of motion by day, joint, motion and side, against the goal.';

CREATE VIEW IF NOT EXISTS rtm.rom_daily_history
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    joint LowCardinality(String) COMMENT 'the joint',
    motion LowCardinality(String) COMMENT 'the movement; \'\' where unknown',
    side LowCardinality(String) COMMENT 'the side; \'\' where unknown',
    attained_deg Nullable(Float64) COMMENT 'the greatest angle reached (of extension the least), deg',
    rom_best_deg Nullable(Float64) COMMENT 'the greatest range of a repetition, deg',
    rom_median_deg Nullable(Float64) COMMENT 'the median range of the repetitions, deg',
    max_deg Nullable(Float64) COMMENT 'the greatest angle, deg',
    min_deg Nullable(Float64) COMMENT 'the least angle, deg',
    reps Int64 COMMENT 'repetitions measured',
    goal_deg Nullable(Float64) COMMENT 'the plan\'s goal for that day, deg',
    residual_deg Nullable(Float64) COMMENT 'how far attained lies beyond the goal, positive is better, deg',
    slope_deg_per_week Nullable(Float64) COMMENT 'Theil-Sen slope of attained over 14 days, deg per week',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    generation, patient_id, local_date, joint, motion, side, attained_deg, rom_best_deg, rom_median_deg, max_deg,
    min_deg, reps, goal_deg, residual_deg, slope_deg_per_week, clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.rom_daily_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Range of motion by day, joint, motion and side, against the goal: every revision, deletions and former generations included.';

-- pain_daily: pain by day, against the patient's own baseline.

CREATE TABLE IF NOT EXISTS rtm.pain_daily_rows
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    nrs_max Float64 COMMENT 'the greatest pain reported, 0 to 10',
    nrs_mean Float64 COMMENT 'the mean of the reports',
    reports Int64 COMMENT 'reports of pain',
    baseline_nrs Nullable(Float64) COMMENT 'median of the daily maxima of the 14 days before',
    flare Bool COMMENT 'at least 2 above the baseline for 24 hours or more',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY generation
ORDER BY (generation, patient_id, local_date)
COMMENT 'Pain by day, against the patient\'s own baseline: the newest revision of every key, all generations. Read the view pain_daily.';

CREATE TABLE IF NOT EXISTS rtm.pain_daily_revisions
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    nrs_max Float64 COMMENT 'the greatest pain reported, 0 to 10',
    nrs_mean Float64 COMMENT 'the mean of the reports',
    reports Int64 COMMENT 'reports of pain',
    baseline_nrs Nullable(Float64) COMMENT 'median of the daily maxima of the 14 days before',
    flare Bool COMMENT 'at least 2 above the baseline for 24 hours or more',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (generation, patient_id, local_date, revision)
COMMENT 'Pain by day, against the patient\'s own baseline: every revision of every key, all generations. Read the view pain_daily_history.';

CREATE MATERIALIZED VIEW IF NOT EXISTS rtm.pain_daily_revisions_feed TO rtm.pain_daily_revisions AS
SELECT
    generation, patient_id, local_date, nrs_max, nrs_mean, reports, baseline_nrs, flare, clinic_id, updated_at,
    revision, issued_at, deleted
FROM rtm.pain_daily_rows;

CREATE VIEW IF NOT EXISTS rtm.pain_daily
(
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    nrs_max Float64 COMMENT 'the greatest pain reported, 0 to 10',
    nrs_mean Float64 COMMENT 'the mean of the reports',
    reports Int64 COMMENT 'reports of pain',
    baseline_nrs Nullable(Float64) COMMENT 'median of the daily maxima of the 14 days before',
    flare Bool COMMENT 'at least 2 above the baseline for 24 hours or more',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    patient_id, local_date, nrs_max, nrs_mean, reports, baseline_nrs, flare, clinic_id, updated_at, revision, issued_at
FROM rtm.pain_daily_rows FINAL
WHERE generation = (SELECT generation FROM rtm.current_generation)
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Pain by day, against the patient\'s own baseline.';

CREATE VIEW IF NOT EXISTS rtm.pain_daily_history
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    nrs_max Float64 COMMENT 'the greatest pain reported, 0 to 10',
    nrs_mean Float64 COMMENT 'the mean of the reports',
    reports Int64 COMMENT 'reports of pain',
    baseline_nrs Nullable(Float64) COMMENT 'median of the daily maxima of the 14 days before',
    flare Bool COMMENT 'at least 2 above the baseline for 24 hours or more',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    generation, patient_id, local_date, nrs_max, nrs_mean, reports, baseline_nrs, flare, clinic_id, updated_at,
    revision, issued_at, deleted
FROM rtm.pain_daily_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Pain by day, against the patient\'s own baseline: every revision, deletions and former generations included.';
