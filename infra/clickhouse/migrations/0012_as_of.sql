-- What each table showed at a time: parameterised views over every revision, of the generation that shows now.
--   SELECT * FROM rtm.adherence_daily_as_of(time = '2026-03-01T12:00:00Z')
-- `time` is the pipeline's own clock (issued_at); a history is as fine as what the run issued: live a revision a slice, in a replay one in 16,384 records.
-- Grouped by the key, in the order of the key: a filter on the patient reaches the primary key, and columns that nobody asks for aren't read.
-- argMax passes over nulls, so that what may be null goes through a tuple.

CREATE VIEW IF NOT EXISTS rtm.events_as_of
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
    if(m.known >= f.revision, m.newest.1, f.retracted) AS retracted, f.data AS data, f.attributes AS attributes,
    if(m.known >= f.revision, m.newest.2, f.clinic_id) AS clinic_id,
    if(m.known >= f.revision, m.newest.3, f.updated_at) AS updated_at,
    if(m.known >= f.revision, m.known, f.revision) AS revision,
    if(m.known >= f.revision, m.newest.4, f.issued_at) AS issued_at
FROM
(
    SELECT *
    FROM rtm.event_facts FINAL
    WHERE generation = (SELECT generation FROM rtm.current_generation) AND issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
) AS f
LEFT JOIN
(
    SELECT
        patient_id, source, event_id, argMax(tuple(retracted, clinic_id, updated_at, issued_at), revision) AS newest, max(revision) AS known
    FROM rtm.event_marks_revisions
    WHERE generation = (SELECT generation FROM rtm.current_generation) AND issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
    GROUP BY patient_id, source, event_id
) AS m ON f.patient_id = m.patient_id AND f.source = m.source AND f.event_id = m.event_id
SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0
COMMENT 'Every admitted fact, its patient enrolled or not; no ticks and no chunks: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.reps_as_of
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
    patient_id, session_id, rep, argMax(tuple(r.exercise_id), r.revision).1 AS exercise_id,
    argMax(tuple(r.joint), r.revision).1 AS joint, argMax(tuple(r.motion), r.revision).1 AS motion,
    argMax(tuple(r.side), r.revision).1 AS side, argMax(r.start_time, r.revision) AS start_time,
    argMax(r.duration_s, r.revision) AS duration_s, argMax(tuple(r.min_deg), r.revision).1 AS min_deg,
    argMax(tuple(r.max_deg), r.revision).1 AS max_deg, argMax(tuple(r.rom_deg), r.revision).1 AS rom_deg,
    argMax(tuple(r.peak_rate_deg_s), r.revision).1 AS peak_rate_deg_s, argMax(tuple(r.hold_s), r.revision).1 AS hold_s,
    argMax(r.flags, r.revision) AS flags, argMax(r.clinic_id, r.revision) AS clinic_id,
    argMax(r.updated_at, r.revision) AS updated_at, max(r.revision) AS revision,
    argMax(r.issued_at, r.revision) AS issued_at
FROM rtm.reps_revisions AS r
WHERE generation = (SELECT generation FROM rtm.current_generation) AND r.issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
GROUP BY patient_id, session_id, rep
HAVING argMax(r.deleted, r.revision) = 0
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'Repetitions of sensed sessions, of the derivation that stands: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.sessions_as_of
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
    patient_id, session_id, argMax(tuple(r.exercise_id), r.revision).1 AS exercise_id,
    argMax(tuple(r.joint), r.revision).1 AS joint, argMax(tuple(r.motion), r.revision).1 AS motion,
    argMax(tuple(r.side), r.revision).1 AS side, argMax(r.local_date, r.revision) AS local_date,
    argMax(r.start_time, r.revision) AS start_time, argMax(tuple(r.end_time), r.revision).1 AS end_time,
    argMax(r.modality, r.revision) AS modality, argMax(r.reps, r.revision) AS reps,
    argMax(tuple(r.rom_best_deg), r.revision).1 AS rom_best_deg,
    argMax(tuple(r.rom_median_deg), r.revision).1 AS rom_median_deg, argMax(tuple(r.sparc), r.revision).1 AS sparc,
    argMax(tuple(r.pain_nrs), r.revision).1 AS pain_nrs, argMax(tuple(r.rpe), r.revision).1 AS rpe,
    argMax(r.flags, r.revision) AS flags, argMax(r.clinic_id, r.revision) AS clinic_id,
    argMax(r.updated_at, r.revision) AS updated_at, max(r.revision) AS revision,
    argMax(r.issued_at, r.revision) AS issued_at
FROM rtm.sessions_revisions AS r
WHERE generation = (SELECT generation FROM rtm.current_generation) AND r.issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
GROUP BY patient_id, session_id
HAVING argMax(r.deleted, r.revision) = 0
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'Exercise sessions, sensed, self-reported, or both paired: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.adherence_daily_as_of
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
    patient_id, local_date, exercise_id, argMax(r.prescribed_sessions, r.revision) AS prescribed_sessions,
    argMax(r.completed_sessions, r.revision) AS completed_sessions,
    argMax(r.prescribed_reps, r.revision) AS prescribed_reps, argMax(r.completed_reps, r.revision) AS completed_reps,
    argMax(tuple(r.frequency), r.revision).1 AS frequency, argMax(tuple(r.volume), r.revision).1 AS volume,
    argMax(r.status, r.revision) AS status, argMax(r.clinic_id, r.revision) AS clinic_id,
    argMax(r.updated_at, r.revision) AS updated_at, max(r.revision) AS revision,
    argMax(r.issued_at, r.revision) AS issued_at
FROM rtm.adherence_daily_revisions AS r
WHERE generation = (SELECT generation FROM rtm.current_generation) AND r.issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
GROUP BY patient_id, local_date, exercise_id
HAVING argMax(r.deleted, r.revision) = 0
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'What was due and what was done, by day and exercise: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.adherence_window_as_of
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
    patient_id, local_date, window_days, argMax(tuple(r.frequency), r.revision).1 AS frequency,
    argMax(tuple(r.volume), r.revision).1 AS volume, argMax(tuple(r.coverage), r.revision).1 AS coverage,
    argMax(r.missed_streak, r.revision) AS missed_streak, argMax(r.silent_days, r.revision) AS silent_days,
    argMax(r.clinic_id, r.revision) AS clinic_id, argMax(r.updated_at, r.revision) AS updated_at,
    max(r.revision) AS revision, argMax(r.issued_at, r.revision) AS issued_at
FROM rtm.adherence_window_revisions AS r
WHERE generation = (SELECT generation FROM rtm.current_generation) AND r.issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
GROUP BY patient_id, local_date, window_days
HAVING argMax(r.deleted, r.revision) = 0
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'Adherence over the 7 and 30 days that end on a day: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.rom_daily_as_of
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
    patient_id, local_date, joint, motion, side, argMax(tuple(r.attained_deg), r.revision).1 AS attained_deg,
    argMax(tuple(r.rom_best_deg), r.revision).1 AS rom_best_deg,
    argMax(tuple(r.rom_median_deg), r.revision).1 AS rom_median_deg, argMax(tuple(r.max_deg), r.revision).1 AS max_deg,
    argMax(tuple(r.min_deg), r.revision).1 AS min_deg, argMax(r.reps, r.revision) AS reps,
    argMax(tuple(r.goal_deg), r.revision).1 AS goal_deg, argMax(tuple(r.residual_deg), r.revision).1 AS residual_deg,
    argMax(tuple(r.slope_deg_per_week), r.revision).1 AS slope_deg_per_week,
    argMax(r.clinic_id, r.revision) AS clinic_id, argMax(r.updated_at, r.revision) AS updated_at,
    max(r.revision) AS revision, argMax(r.issued_at, r.revision) AS issued_at
FROM rtm.rom_daily_revisions AS r
WHERE generation = (SELECT generation FROM rtm.current_generation) AND r.issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
GROUP BY patient_id, local_date, joint, motion, side
HAVING argMax(r.deleted, r.revision) = 0
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'Range of motion by day, joint, motion and side, against the goal: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.pain_daily_as_of
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
    patient_id, local_date, argMax(r.nrs_max, r.revision) AS nrs_max, argMax(r.nrs_mean, r.revision) AS nrs_mean,
    argMax(r.reports, r.revision) AS reports, argMax(tuple(r.baseline_nrs), r.revision).1 AS baseline_nrs,
    argMax(r.flare, r.revision) AS flare, argMax(r.clinic_id, r.revision) AS clinic_id,
    argMax(r.updated_at, r.revision) AS updated_at, max(r.revision) AS revision,
    argMax(r.issued_at, r.revision) AS issued_at
FROM rtm.pain_daily_revisions AS r
WHERE generation = (SELECT generation FROM rtm.current_generation) AND r.issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
GROUP BY patient_id, local_date
HAVING argMax(r.deleted, r.revision) = 0
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'Pain by day, against the patient\'s own baseline: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.medication_window_as_of
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
    patient_id, local_date, medication_id, window_days, argMax(r.days_due, r.revision) AS days_due,
    argMax(r.days_covered, r.revision) AS days_covered, argMax(r.doses_due, r.revision) AS doses_due,
    argMax(r.doses_taken, r.revision) AS doses_taken, argMax(tuple(r.pdc), r.revision).1 AS pdc,
    argMax(r.clinic_id, r.revision) AS clinic_id, argMax(r.updated_at, r.revision) AS updated_at,
    max(r.revision) AS revision, argMax(r.issued_at, r.revision) AS issued_at
FROM rtm.medication_window_revisions AS r
WHERE generation = (SELECT generation FROM rtm.current_generation) AND r.issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
GROUP BY patient_id, local_date, medication_id, window_days
HAVING argMax(r.deleted, r.revision) = 0
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'Doses due and taken over the 30 days that end on a day: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.outcomes_as_of
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
    patient_id, measure, side, event_time, argMax(r.value, r.revision) AS value,
    argMax(tuple(r.baseline), r.revision).1 AS baseline, argMax(tuple(r.change), r.revision).1 AS change,
    argMax(tuple(r.mcid), r.revision).1 AS mcid, argMax(tuple(r.meaning), r.revision).1 AS meaning,
    argMax(r.clinic_id, r.revision) AS clinic_id, argMax(r.updated_at, r.revision) AS updated_at,
    max(r.revision) AS revision, argMax(r.issued_at, r.revision) AS issued_at
FROM rtm.outcomes_revisions AS r
WHERE generation = (SELECT generation FROM rtm.current_generation) AND r.issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
GROUP BY patient_id, measure, side, event_time
HAVING argMax(r.deleted, r.revision) = 0
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'Patient-reported outcomes and tests of function, against the episode\'s first: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.activity_daily_as_of
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
    patient_id, local_date, kind, name, argMax(r.value_mean, r.revision) AS value_mean,
    argMax(r.value_max, r.revision) AS value_max, argMax(r.value_sum, r.revision) AS value_sum,
    argMax(r.minutes, r.revision) AS minutes, argMax(r.clinic_id, r.revision) AS clinic_id,
    argMax(r.updated_at, r.revision) AS updated_at, max(r.revision) AS revision,
    argMax(r.issued_at, r.revision) AS issued_at
FROM rtm.activity_daily_revisions AS r
WHERE generation = (SELECT generation FROM rtm.current_generation) AND r.issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
GROUP BY patient_id, local_date, kind, name
HAVING argMax(r.deleted, r.revision) = 0
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'Summaries of gait, posture and steps by day: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.sensor_chunks_as_of
(
    patient_id String COMMENT 'the patient\'s pseudonym',
    session_id String COMMENT 'the exercise session',
    seq Int64 COMMENT 'the chunk\'s number in its session, from 0',
    source String COMMENT 'the CloudEvents source',
    event_id String COMMENT 'the CloudEvents id',
    event_time DateTime64(9, 'UTC') COMMENT 'the CloudEvents time, UTC',
    recorded_time DateTime64(9, 'UTC') COMMENT 'when the clinic\'s side took it in, UTC',
    device_id String COMMENT 'the device',
    exercise_id LowCardinality(Nullable(String)) COMMENT 'the exercise, where the device knew',
    joint LowCardinality(String) COMMENT 'the joint',
    motion LowCardinality(Nullable(String)) COMMENT 'the movement',
    side LowCardinality(String) COMMENT 'the side',
    kind LowCardinality(String) COMMENT 'angle, quat2, imu6x2 or gyr3',
    start_time DateTime64(9, 'UTC') COMMENT 'the first sample\'s time, UTC',
    rate_hz Float64 COMMENT 'samples a second, as the device says',
    n Int64 COMMENT 'rows of samples',
    last Bool COMMENT 'whether it is the session\'s last',
    calibration Nullable(String) COMMENT 'the calibration, JSON text',
    samples String COMMENT 'little-endian float32, row-major',
    sha256 String COMMENT 'SHA-256 of the samples, hexadecimal',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    patient_id, session_id, seq, source, event_id, event_time, recorded_time, device_id, exercise_id, joint, motion,
    side, kind, start_time, rate_hz, n, last, calibration, samples, sha256, clinic_id, updated_at, revision, issued_at
FROM rtm.sensor_chunks
WHERE issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
COMMENT 'Raw samples as they came, admitted chunks only: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.billing_periods_as_of
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
    patient_id, episode_id, period_start, argMax(r.period_end, r.revision) AS period_end,
    argMax(r.data_days, r.revision) AS data_days, argMax(r.data_days_lenient, r.revision) AS data_days_lenient,
    argMax(r.days_left, r.revision) AS days_left, argMax(r.candidate_codes, r.revision) AS candidate_codes,
    argMax(r.rules, r.revision) AS rules, argMax(r.evidence, r.revision) AS evidence,
    argMax(r.clinic_id, r.revision) AS clinic_id, argMax(r.updated_at, r.revision) AS updated_at,
    max(r.revision) AS revision, argMax(r.issued_at, r.revision) AS issued_at
FROM rtm.billing_periods_revisions AS r
WHERE generation = (SELECT generation FROM rtm.current_generation) AND r.issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
GROUP BY patient_id, episode_id, period_start
HAVING argMax(r.deleted, r.revision) = 0
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'Candidate codes by 30-day period; never claims: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.billing_months_as_of
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
    patient_id, month, argMax(r.minutes, r.revision) AS minutes,
    argMax(r.live_interactions, r.revision) AS live_interactions,
    argMax(r.candidate_codes, r.revision) AS candidate_codes, argMax(r.rules, r.revision) AS rules,
    argMax(r.evidence, r.revision) AS evidence, argMax(r.clinic_id, r.revision) AS clinic_id,
    argMax(r.updated_at, r.revision) AS updated_at, max(r.revision) AS revision,
    argMax(r.issued_at, r.revision) AS issued_at
FROM rtm.billing_months_revisions AS r
WHERE generation = (SELECT generation FROM rtm.current_generation) AND r.issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
GROUP BY patient_id, month
HAVING argMax(r.deleted, r.revision) = 0
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'Candidate codes by calendar month; never claims: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.alerts_as_of
(
    alert_id String COMMENT 'the alert',
    patient_id String COMMENT 'the patient\'s pseudonym',
    episode_id String COMMENT 'the episode of care',
    rule_id LowCardinality(String) COMMENT 'the rule that opened it',
    rule_version LowCardinality(String) COMMENT 'the rule pack and version',
    severity LowCardinality(String) COMMENT 'info, warning or urgent',
    status LowCardinality(String) COMMENT 'open, acknowledged, snoozed, resolved or expired',
    opened_at DateTime64(9, 'UTC') COMMENT 'when it opened, UTC',
    due_at DateTime64(9, 'UTC') COMMENT 'when what it rests on came due, UTC',
    therapist_id LowCardinality(String) COMMENT 'the episode\'s therapist',
    acknowledged_at Nullable(DateTime64(9, 'UTC')) COMMENT 'when it was acknowledged, UTC',
    acknowledged_by LowCardinality(Nullable(String)) COMMENT 'by whom',
    snoozed_until Nullable(DateTime64(9, 'UTC')) COMMENT 'until when it is quiet, UTC',
    resolved_at Nullable(DateTime64(9, 'UTC')) COMMENT 'when it was over, UTC',
    escalation Int64 COMMENT 'the escalation step reached',
    reason String COMMENT 'why, in words',
    evidence String COMMENT 'the days or facts it rests on, JSON text',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    alert_id, argMax(r.patient_id, r.revision) AS patient_id, argMax(r.episode_id, r.revision) AS episode_id,
    argMax(r.rule_id, r.revision) AS rule_id, argMax(r.rule_version, r.revision) AS rule_version,
    argMax(r.severity, r.revision) AS severity, argMax(r.status, r.revision) AS status,
    argMax(r.opened_at, r.revision) AS opened_at, argMax(r.due_at, r.revision) AS due_at,
    argMax(r.therapist_id, r.revision) AS therapist_id,
    argMax(tuple(r.acknowledged_at), r.revision).1 AS acknowledged_at,
    argMax(tuple(r.acknowledged_by), r.revision).1 AS acknowledged_by,
    argMax(tuple(r.snoozed_until), r.revision).1 AS snoozed_until,
    argMax(tuple(r.resolved_at), r.revision).1 AS resolved_at, argMax(r.escalation, r.revision) AS escalation,
    argMax(r.reason, r.revision) AS reason, argMax(r.evidence, r.revision) AS evidence,
    argMax(r.clinic_id, r.revision) AS clinic_id, argMax(r.updated_at, r.revision) AS updated_at,
    max(r.revision) AS revision, argMax(r.issued_at, r.revision) AS issued_at
FROM rtm.alerts_revisions AS r
WHERE generation = (SELECT generation FROM rtm.current_generation) AND r.issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
GROUP BY alert_id
HAVING argMax(r.deleted, r.revision) = 0
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'Alerts, each with its state: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.alert_deliveries_as_of
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
FROM rtm.alert_deliveries
WHERE issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
COMMENT 'What became of each webhook: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.dead_letters_as_of
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
FROM rtm.dead_letters
WHERE issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
COMMENT 'What could not be used, with the reason: as the table showed at a time (time, RFC 3339).';

CREATE VIEW IF NOT EXISTS rtm.patients_as_of
(
    patient_id String COMMENT 'the patient\'s pseudonym',
    episode_id String COMMENT 'the episode of care',
    timezone LowCardinality(String) COMMENT 'the IANA time zone',
    monitoring_start Date32 COMMENT 'its first local date',
    discharged_on Nullable(Date32) COMMENT 'its last local date, once discharged',
    therapeutic_area LowCardinality(String) COMMENT 'musculoskeletal, respiratory or cognitive_behavioral',
    condition LowCardinality(Nullable(String)) COMMENT 'what is treated',
    procedure_date Nullable(Date32) COMMENT 'the local date of the procedure',
    therapist_id LowCardinality(String) COMMENT 'the therapist in charge',
    last_heard_at Nullable(DateTime64(9, 'UTC')) COMMENT 'the newest event time of what was heard on the episode\'s days, UTC',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC'
)
AS SELECT
    patient_id, episode_id, argMax(r.timezone, r.revision) AS timezone,
    argMax(r.monitoring_start, r.revision) AS monitoring_start,
    argMax(tuple(r.discharged_on), r.revision).1 AS discharged_on,
    argMax(r.therapeutic_area, r.revision) AS therapeutic_area, argMax(tuple(r.condition), r.revision).1 AS condition,
    argMax(tuple(r.procedure_date), r.revision).1 AS procedure_date, argMax(r.therapist_id, r.revision) AS therapist_id,
    argMax(tuple(r.last_heard_at), r.revision).1 AS last_heard_at, argMax(r.clinic_id, r.revision) AS clinic_id,
    argMax(r.updated_at, r.revision) AS updated_at, max(r.revision) AS revision,
    argMax(r.issued_at, r.revision) AS issued_at
FROM rtm.patients_revisions AS r
WHERE generation = (SELECT generation FROM rtm.current_generation) AND r.issued_at <= parseDateTime64BestEffort({time:String}, 9, 'UTC')
GROUP BY patient_id, episode_id
HAVING argMax(r.deleted, r.revision) = 0
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'Patients by episode of care: as the table showed at a time (time, RFC 3339).';
