-- adherence_daily: what was due and what was done, by day and exercise.

CREATE TABLE IF NOT EXISTS rtm.adherence_daily_rows
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    exercise_id LowCardinality(String) COMMENT 'the exercise; \'\' is the whole plan',
    prescribed_sessions Int64 COMMENT 'sessions due',
    completed_sessions Int64 COMMENT 'sessions done, at most those due',
    prescribed_reps Int64 COMMENT 'repetitions due',
    completed_reps Int64 COMMENT 'repetitions done, at most those due',
    frequency Nullable(Float64) COMMENT 'completed / prescribed sessions',
    volume Nullable(Float64) COMMENT 'completed / prescribed repetitions',
    status LowCardinality(String) COMMENT 'met, partial, missed, unknown, rest or pending',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY generation
ORDER BY (generation, patient_id, local_date, exercise_id)
COMMENT 'What was due and what was done, by day and exercise: the newest revision of every key, all generations. Read the view adherence_daily.';

CREATE TABLE IF NOT EXISTS rtm.adherence_daily_revisions
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    exercise_id LowCardinality(String) COMMENT 'the exercise; \'\' is the whole plan',
    prescribed_sessions Int64 COMMENT 'sessions due',
    completed_sessions Int64 COMMENT 'sessions done, at most those due',
    prescribed_reps Int64 COMMENT 'repetitions due',
    completed_reps Int64 COMMENT 'repetitions done, at most those due',
    frequency Nullable(Float64) COMMENT 'completed / prescribed sessions',
    volume Nullable(Float64) COMMENT 'completed / prescribed repetitions',
    status LowCardinality(String) COMMENT 'met, partial, missed, unknown, rest or pending',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (generation, patient_id, local_date, exercise_id, revision)
COMMENT 'What was due and what was done, by day and exercise: every revision of every key, all generations. Read the view adherence_daily_history.';

CREATE MATERIALIZED VIEW IF NOT EXISTS rtm.adherence_daily_revisions_feed TO rtm.adherence_daily_revisions AS
SELECT
    generation, patient_id, local_date, exercise_id, prescribed_sessions, completed_sessions, prescribed_reps,
    completed_reps, frequency, volume, status, clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.adherence_daily_rows;

CREATE VIEW IF NOT EXISTS rtm.adherence_daily
(
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    exercise_id LowCardinality(String) COMMENT 'the exercise; \'\' is the whole plan',
    prescribed_sessions Int64 COMMENT 'sessions due',
    completed_sessions Int64 COMMENT 'sessions done, at most those due',
    prescribed_reps Int64 COMMENT 'repetitions due',
    completed_reps Int64 COMMENT 'repetitions done, at most those due',
    frequency Nullable(Float64) COMMENT 'completed / prescribed sessions',
    volume Nullable(Float64) COMMENT 'completed / prescribed repetitions',
    status LowCardinality(String) COMMENT 'met, partial, missed, unknown, rest or pending',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    patient_id, local_date, exercise_id, prescribed_sessions, completed_sessions, prescribed_reps, completed_reps,
    frequency, volume, status, clinic_id, updated_at, revision, issued_at
FROM rtm.adherence_daily_rows FINAL
WHERE generation = (SELECT generation FROM rtm.current_generation)
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'What was due and what was done, by day and exercise.';

CREATE VIEW IF NOT EXISTS rtm.adherence_daily_history
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    exercise_id LowCardinality(String) COMMENT 'the exercise; \'\' is the whole plan',
    prescribed_sessions Int64 COMMENT 'sessions due',
    completed_sessions Int64 COMMENT 'sessions done, at most those due',
    prescribed_reps Int64 COMMENT 'repetitions due',
    completed_reps Int64 COMMENT 'repetitions done, at most those due',
    frequency Nullable(Float64) COMMENT 'completed / prescribed sessions',
    volume Nullable(Float64) COMMENT 'completed / prescribed repetitions',
    status LowCardinality(String) COMMENT 'met, partial, missed, unknown, rest or pending',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    generation, patient_id, local_date, exercise_id, prescribed_sessions, completed_sessions, prescribed_reps,
    completed_reps, frequency, volume, status, clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.adherence_daily_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'What was due and what was done, by day and exercise: every revision, deletions and former generations included.';

-- adherence_window: adherence over the 7 and 30 days that end on a day.

CREATE TABLE IF NOT EXISTS rtm.adherence_window_rows
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    window_days UInt16 COMMENT 'days in the window, 7 or 30',
    frequency Nullable(Float64) COMMENT 'completed / prescribed sessions over known days',
    volume Nullable(Float64) COMMENT 'completed / prescribed repetitions over known days',
    coverage Nullable(Float64) COMMENT 'known / (known + unknown) days',
    missed_streak UInt16 COMMENT 'missed days in a row, going back from the date',
    silent_days UInt16 COMMENT 'days in a row on which nothing was heard, going back from the date',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY generation
ORDER BY (generation, patient_id, local_date, window_days)
COMMENT 'Adherence over the 7 and 30 days that end on a day: the newest revision of every key, all generations. Read the view adherence_window.';

CREATE TABLE IF NOT EXISTS rtm.adherence_window_revisions
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    window_days UInt16 COMMENT 'days in the window, 7 or 30',
    frequency Nullable(Float64) COMMENT 'completed / prescribed sessions over known days',
    volume Nullable(Float64) COMMENT 'completed / prescribed repetitions over known days',
    coverage Nullable(Float64) COMMENT 'known / (known + unknown) days',
    missed_streak UInt16 COMMENT 'missed days in a row, going back from the date',
    silent_days UInt16 COMMENT 'days in a row on which nothing was heard, going back from the date',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (generation, patient_id, local_date, window_days, revision)
COMMENT 'Adherence over the 7 and 30 days that end on a day: every revision of every key, all generations. Read the view adherence_window_history.';

CREATE MATERIALIZED VIEW IF NOT EXISTS rtm.adherence_window_revisions_feed TO rtm.adherence_window_revisions AS
SELECT
    generation, patient_id, local_date, window_days, frequency, volume, coverage, missed_streak, silent_days,
    clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.adherence_window_rows;

CREATE VIEW IF NOT EXISTS rtm.adherence_window
(
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    window_days UInt16 COMMENT 'days in the window, 7 or 30',
    frequency Nullable(Float64) COMMENT 'completed / prescribed sessions over known days',
    volume Nullable(Float64) COMMENT 'completed / prescribed repetitions over known days',
    coverage Nullable(Float64) COMMENT 'known / (known + unknown) days',
    missed_streak UInt16 COMMENT 'missed days in a row, going back from the date',
    silent_days UInt16 COMMENT 'days in a row on which nothing was heard, going back from the date',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    patient_id, local_date, window_days, frequency, volume, coverage, missed_streak, silent_days, clinic_id,
    updated_at, revision, issued_at
FROM rtm.adherence_window_rows FINAL
WHERE generation = (SELECT generation FROM rtm.current_generation)
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Adherence over the 7 and 30 days that end on a day.';

CREATE VIEW IF NOT EXISTS rtm.adherence_window_history
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    window_days UInt16 COMMENT 'days in the window, 7 or 30',
    frequency Nullable(Float64) COMMENT 'completed / prescribed sessions over known days',
    volume Nullable(Float64) COMMENT 'completed / prescribed repetitions over known days',
    coverage Nullable(Float64) COMMENT 'known / (known + unknown) days',
    missed_streak UInt16 COMMENT 'missed days in a row, going back from the date',
    silent_days UInt16 COMMENT 'days in a row on which nothing was heard, going back from the date',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    generation, patient_id, local_date, window_days, frequency, volume, coverage, missed_streak, silent_days,
    clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.adherence_window_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Adherence over the 7 and 30 days that end on a day: every revision, deletions and former generations included.';

-- medication_window: doses due and taken over the 30 days that end on a day.

CREATE TABLE IF NOT EXISTS rtm.medication_window_rows
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    medication_id LowCardinality(String) COMMENT 'the medication, as the plan names it',
    window_days UInt16 COMMENT 'days in the window, 30',
    days_due UInt16 COMMENT 'days on which a dose was due, and which are over',
    days_covered UInt16 COMMENT 'of those, days with all doses taken',
    doses_due Int64 COMMENT 'doses due on those days',
    doses_taken Int64 COMMENT 'doses taken on those days, not capped',
    pdc Nullable(Float64) COMMENT 'proportion of days covered',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY generation
ORDER BY (generation, patient_id, local_date, medication_id, window_days)
COMMENT 'Doses due and taken over the 30 days that end on a day: the newest revision of every key, all generations. Read the view medication_window.';

CREATE TABLE IF NOT EXISTS rtm.medication_window_revisions
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    medication_id LowCardinality(String) COMMENT 'the medication, as the plan names it',
    window_days UInt16 COMMENT 'days in the window, 30',
    days_due UInt16 COMMENT 'days on which a dose was due, and which are over',
    days_covered UInt16 COMMENT 'of those, days with all doses taken',
    doses_due Int64 COMMENT 'doses due on those days',
    doses_taken Int64 COMMENT 'doses taken on those days, not capped',
    pdc Nullable(Float64) COMMENT 'proportion of days covered',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (generation, patient_id, local_date, medication_id, window_days, revision)
COMMENT 'Doses due and taken over the 30 days that end on a day: every revision of every key, all generations. Read the view medication_window_history.';

CREATE MATERIALIZED VIEW IF NOT EXISTS rtm.medication_window_revisions_feed TO rtm.medication_window_revisions AS
SELECT
    generation, patient_id, local_date, medication_id, window_days, days_due, days_covered, doses_due, doses_taken,
    pdc, clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.medication_window_rows;

CREATE VIEW IF NOT EXISTS rtm.medication_window
(
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    medication_id LowCardinality(String) COMMENT 'the medication, as the plan names it',
    window_days UInt16 COMMENT 'days in the window, 30',
    days_due UInt16 COMMENT 'days on which a dose was due, and which are over',
    days_covered UInt16 COMMENT 'of those, days with all doses taken',
    doses_due Int64 COMMENT 'doses due on those days',
    doses_taken Int64 COMMENT 'doses taken on those days, not capped',
    pdc Nullable(Float64) COMMENT 'proportion of days covered',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    patient_id, local_date, medication_id, window_days, days_due, days_covered, doses_due, doses_taken, pdc, clinic_id,
    updated_at, revision, issued_at
FROM rtm.medication_window_rows FINAL
WHERE generation = (SELECT generation FROM rtm.current_generation)
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Doses due and taken over the 30 days that end on a day.';

CREATE VIEW IF NOT EXISTS rtm.medication_window_history
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    medication_id LowCardinality(String) COMMENT 'the medication, as the plan names it',
    window_days UInt16 COMMENT 'days in the window, 30',
    days_due UInt16 COMMENT 'days on which a dose was due, and which are over',
    days_covered UInt16 COMMENT 'of those, days with all doses taken',
    doses_due Int64 COMMENT 'doses due on those days',
    doses_taken Int64 COMMENT 'doses taken on those days, not capped',
    pdc Nullable(Float64) COMMENT 'proportion of days covered',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    generation, patient_id, local_date, medication_id, window_days, days_due, days_covered, doses_due, doses_taken,
    pdc, clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.medication_window_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Doses due and taken over the 30 days that end on a day: every revision, deletions and former generations included.';
