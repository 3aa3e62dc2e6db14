-- reps: repetitions of sensed sessions, of the derivation that stands.

CREATE TABLE IF NOT EXISTS rtm.reps_rows
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    session_id String COMMENT 'the exercise session',
    rep Int64 COMMENT 'the repetition\'s number in its session, from 1',
    exercise_id LowCardinality(Nullable(String)) COMMENT 'the exercise, as the plan names it; null where the sensor didn\'t know',
    joint LowCardinality(Nullable(String)) COMMENT 'the joint that moved',
    motion LowCardinality(Nullable(String)) COMMENT 'the movement, such as flexion',
    side LowCardinality(Nullable(String)) COMMENT 'left, right, or as the source names it',
    start_time DateTime64(9, 'UTC') COMMENT 'when it began, UTC',
    duration_s Float64 COMMENT 'from its beginning to its end, s',
    min_deg Nullable(Float64) COMMENT 'the least angle, deg',
    max_deg Nullable(Float64) COMMENT 'the greatest angle, deg',
    rom_deg Nullable(Float64) COMMENT 'the range of motion, deg',
    peak_rate_deg_s Nullable(Float64) COMMENT 'the greatest angular rate, deg/s',
    hold_s Nullable(Float64) COMMENT 'time held at the end of the range, s',
    flags Array(String) COMMENT 'what limits the trust in it',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY generation
ORDER BY (generation, patient_id, session_id, rep)
COMMENT 'Repetitions of sensed sessions, of the derivation that stands: the newest revision of every key, all generations. Read the view reps.';

CREATE TABLE IF NOT EXISTS rtm.reps_revisions
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    session_id String COMMENT 'the exercise session',
    rep Int64 COMMENT 'the repetition\'s number in its session, from 1',
    exercise_id LowCardinality(Nullable(String)) COMMENT 'the exercise, as the plan names it; null where the sensor didn\'t know',
    joint LowCardinality(Nullable(String)) COMMENT 'the joint that moved',
    motion LowCardinality(Nullable(String)) COMMENT 'the movement, such as flexion',
    side LowCardinality(Nullable(String)) COMMENT 'left, right, or as the source names it',
    start_time DateTime64(9, 'UTC') COMMENT 'when it began, UTC',
    duration_s Float64 COMMENT 'from its beginning to its end, s',
    min_deg Nullable(Float64) COMMENT 'the least angle, deg',
    max_deg Nullable(Float64) COMMENT 'the greatest angle, deg',
    rom_deg Nullable(Float64) COMMENT 'the range of motion, deg',
    peak_rate_deg_s Nullable(Float64) COMMENT 'the greatest angular rate, deg/s',
    hold_s Nullable(Float64) COMMENT 'time held at the end of the range, s',
    flags Array(String) COMMENT 'what limits the trust in it',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (generation, patient_id, session_id, rep, revision)
COMMENT 'Repetitions of sensed sessions, of the derivation that stands: every revision of every key, all generations. Read the view reps_history.';

CREATE MATERIALIZED VIEW IF NOT EXISTS rtm.reps_revisions_feed TO rtm.reps_revisions AS
SELECT
    generation, patient_id, session_id, rep, exercise_id, joint, motion, side, start_time, duration_s, min_deg,
    max_deg, rom_deg, peak_rate_deg_s, hold_s, flags, clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.reps_rows;

CREATE VIEW IF NOT EXISTS rtm.reps
(
    patient_id String COMMENT 'the patient\'s pseudonym',
    session_id String COMMENT 'the exercise session',
    rep Int64 COMMENT 'the repetition\'s number in its session, from 1',
    exercise_id LowCardinality(Nullable(String)) COMMENT 'the exercise, as the plan names it; null where the sensor didn\'t know',
    joint LowCardinality(Nullable(String)) COMMENT 'the joint that moved',
    motion LowCardinality(Nullable(String)) COMMENT 'the movement, such as flexion',
    side LowCardinality(Nullable(String)) COMMENT 'left, right, or as the source names it',
    start_time DateTime64(9, 'UTC') COMMENT 'when it began, UTC',
    duration_s Float64 COMMENT 'from its beginning to its end, s',
    min_deg Nullable(Float64) COMMENT 'the least angle, deg',
    max_deg Nullable(Float64) COMMENT 'the greatest angle, deg',
    rom_deg Nullable(Float64) COMMENT 'the range of motion, deg',
    peak_rate_deg_s Nullable(Float64) COMMENT 'the greatest angular rate, deg/s',
    hold_s Nullable(Float64) COMMENT 'time held at the end of the range, s',
    flags Array(String) COMMENT 'what limits the trust in it',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    patient_id, session_id, rep, exercise_id, joint, motion, side, start_time, duration_s, min_deg, max_deg, rom_deg,
    peak_rate_deg_s, hold_s, flags, clinic_id, updated_at, revision, issued_at
FROM rtm.reps_rows FINAL
WHERE generation = (SELECT generation FROM rtm.current_generation)
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Repetitions of sensed sessions, of the derivation that stands.';

CREATE VIEW IF NOT EXISTS rtm.reps_history
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    session_id String COMMENT 'the exercise session',
    rep Int64 COMMENT 'the repetition\'s number in its session, from 1',
    exercise_id LowCardinality(Nullable(String)) COMMENT 'the exercise, as the plan names it; null where the sensor didn\'t know',
    joint LowCardinality(Nullable(String)) COMMENT 'the joint that moved',
    motion LowCardinality(Nullable(String)) COMMENT 'the movement, such as flexion',
    side LowCardinality(Nullable(String)) COMMENT 'left, right, or as the source names it',
    start_time DateTime64(9, 'UTC') COMMENT 'when it began, UTC',
    duration_s Float64 COMMENT 'from its beginning to its end, s',
    min_deg Nullable(Float64) COMMENT 'the least angle, deg',
    max_deg Nullable(Float64) COMMENT 'the greatest angle, deg',
    rom_deg Nullable(Float64) COMMENT 'the range of motion, deg',
    peak_rate_deg_s Nullable(Float64) COMMENT 'the greatest angular rate, deg/s',
    hold_s Nullable(Float64) COMMENT 'time held at the end of the range, s',
    flags Array(String) COMMENT 'what limits the trust in it',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    generation, patient_id, session_id, rep, exercise_id, joint, motion, side, start_time, duration_s, min_deg,
    max_deg, rom_deg, peak_rate_deg_s, hold_s, flags, clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.reps_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Repetitions of sensed sessions, of the derivation that stands: every revision, deletions and former generations included.';

-- sessions: exercise sessions, sensed, self-reported, or both paired.

CREATE TABLE IF NOT EXISTS rtm.sessions_rows
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    session_id String COMMENT 'the session; of a report without one: source#id',
    exercise_id LowCardinality(Nullable(String)) COMMENT 'the exercise, as the plan names it; null where the sensor didn\'t know',
    joint LowCardinality(Nullable(String)) COMMENT 'the joint that moved',
    motion LowCardinality(Nullable(String)) COMMENT 'the movement, such as flexion',
    side LowCardinality(Nullable(String)) COMMENT 'left, right, or as the source names it',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    start_time DateTime64(9, 'UTC') COMMENT 'when it began, UTC',
    end_time Nullable(DateTime64(9, 'UTC')) COMMENT 'when it ended, UTC',
    modality LowCardinality(String) COMMENT 'sensed, self_reported or both',
    reps Int64 COMMENT 'repetitions sensed, or reported where none was sensed',
    rom_best_deg Nullable(Float64) COMMENT 'the greatest range of motion, deg',
    rom_median_deg Nullable(Float64) COMMENT 'the median range of motion, deg',
    sparc Nullable(Float64) COMMENT 'smoothness, spectral arc length',
    pain_nrs Nullable(Float64) COMMENT 'pain as reported with it, 0 to 10',
    rpe Nullable(Float64) COMMENT 'perceived exertion as reported with it, 0 to 10',
    flags Array(String) COMMENT 'what limits the trust in it',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY generation
ORDER BY (generation, patient_id, session_id)
COMMENT 'Exercise sessions, sensed, self-reported, or both paired: the newest revision of every key, all generations. Read the view sessions.';

CREATE TABLE IF NOT EXISTS rtm.sessions_revisions
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    session_id String COMMENT 'the session; of a report without one: source#id',
    exercise_id LowCardinality(Nullable(String)) COMMENT 'the exercise, as the plan names it; null where the sensor didn\'t know',
    joint LowCardinality(Nullable(String)) COMMENT 'the joint that moved',
    motion LowCardinality(Nullable(String)) COMMENT 'the movement, such as flexion',
    side LowCardinality(Nullable(String)) COMMENT 'left, right, or as the source names it',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    start_time DateTime64(9, 'UTC') COMMENT 'when it began, UTC',
    end_time Nullable(DateTime64(9, 'UTC')) COMMENT 'when it ended, UTC',
    modality LowCardinality(String) COMMENT 'sensed, self_reported or both',
    reps Int64 COMMENT 'repetitions sensed, or reported where none was sensed',
    rom_best_deg Nullable(Float64) COMMENT 'the greatest range of motion, deg',
    rom_median_deg Nullable(Float64) COMMENT 'the median range of motion, deg',
    sparc Nullable(Float64) COMMENT 'smoothness, spectral arc length',
    pain_nrs Nullable(Float64) COMMENT 'pain as reported with it, 0 to 10',
    rpe Nullable(Float64) COMMENT 'perceived exertion as reported with it, 0 to 10',
    flags Array(String) COMMENT 'what limits the trust in it',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (generation, patient_id, session_id, revision)
COMMENT 'Exercise sessions, sensed, self-reported, or both paired: every revision of every key, all generations. Read the view sessions_history.';

CREATE MATERIALIZED VIEW IF NOT EXISTS rtm.sessions_revisions_feed TO rtm.sessions_revisions AS
SELECT
    generation, patient_id, session_id, exercise_id, joint, motion, side, local_date, start_time, end_time, modality,
    reps, rom_best_deg, rom_median_deg, sparc, pain_nrs, rpe, flags, clinic_id, updated_at, revision, issued_at,
    deleted
FROM rtm.sessions_rows;

CREATE VIEW IF NOT EXISTS rtm.sessions
(
    patient_id String COMMENT 'the patient\'s pseudonym',
    session_id String COMMENT 'the session; of a report without one: source#id',
    exercise_id LowCardinality(Nullable(String)) COMMENT 'the exercise, as the plan names it; null where the sensor didn\'t know',
    joint LowCardinality(Nullable(String)) COMMENT 'the joint that moved',
    motion LowCardinality(Nullable(String)) COMMENT 'the movement, such as flexion',
    side LowCardinality(Nullable(String)) COMMENT 'left, right, or as the source names it',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    start_time DateTime64(9, 'UTC') COMMENT 'when it began, UTC',
    end_time Nullable(DateTime64(9, 'UTC')) COMMENT 'when it ended, UTC',
    modality LowCardinality(String) COMMENT 'sensed, self_reported or both',
    reps Int64 COMMENT 'repetitions sensed, or reported where none was sensed',
    rom_best_deg Nullable(Float64) COMMENT 'the greatest range of motion, deg',
    rom_median_deg Nullable(Float64) COMMENT 'the median range of motion, deg',
    sparc Nullable(Float64) COMMENT 'smoothness, spectral arc length',
    pain_nrs Nullable(Float64) COMMENT 'pain as reported with it, 0 to 10',
    rpe Nullable(Float64) COMMENT 'perceived exertion as reported with it, 0 to 10',
    flags Array(String) COMMENT 'what limits the trust in it',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    patient_id, session_id, exercise_id, joint, motion, side, local_date, start_time, end_time, modality, reps,
    rom_best_deg, rom_median_deg, sparc, pain_nrs, rpe, flags, clinic_id, updated_at, revision, issued_at
FROM rtm.sessions_rows FINAL
WHERE generation = (SELECT generation FROM rtm.current_generation)
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Exercise sessions, sensed, self-reported, or both paired.';

CREATE VIEW IF NOT EXISTS rtm.sessions_history
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
    patient_id String COMMENT 'the patient\'s pseudonym',
    session_id String COMMENT 'the session; of a report without one: source#id',
    exercise_id LowCardinality(Nullable(String)) COMMENT 'the exercise, as the plan names it; null where the sensor didn\'t know',
    joint LowCardinality(Nullable(String)) COMMENT 'the joint that moved',
    motion LowCardinality(Nullable(String)) COMMENT 'the movement, such as flexion',
    side LowCardinality(Nullable(String)) COMMENT 'left, right, or as the source names it',
    local_date Date32 COMMENT 'the patient\'s local date, YYYY-MM-DD',
    start_time DateTime64(9, 'UTC') COMMENT 'when it began, UTC',
    end_time Nullable(DateTime64(9, 'UTC')) COMMENT 'when it ended, UTC',
    modality LowCardinality(String) COMMENT 'sensed, self_reported or both',
    reps Int64 COMMENT 'repetitions sensed, or reported where none was sensed',
    rom_best_deg Nullable(Float64) COMMENT 'the greatest range of motion, deg',
    rom_median_deg Nullable(Float64) COMMENT 'the median range of motion, deg',
    sparc Nullable(Float64) COMMENT 'smoothness, spectral arc length',
    pain_nrs Nullable(Float64) COMMENT 'pain as reported with it, 0 to 10',
    rpe Nullable(Float64) COMMENT 'perceived exertion as reported with it, 0 to 10',
    flags Array(String) COMMENT 'what limits the trust in it',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    generation, patient_id, session_id, exercise_id, joint, motion, side, local_date, start_time, end_time, modality,
    reps, rom_best_deg, rom_median_deg, sparc, pain_nrs, rpe, flags, clinic_id, updated_at, revision, issued_at,
    deleted
FROM rtm.sessions_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Exercise sessions, sensed, self-reported, or both paired: every revision, deletions and former generations included.';
