-- sensor_chunks: raw samples as they came, admitted chunks only. The sink stores samples by where the record lies; motion says which it admitted. No generation.

CREATE TABLE IF NOT EXISTS rtm.chunk_samples
(
    patient_id String COMMENT 'the patient\'s pseudonym, the record\'s key',
    origin LowCardinality(String) COMMENT 'where the chunk\'s record lies: a topic, or the name of a replay\'s input',
    partition UInt32 COMMENT 'its partition; of a replay the file\'s number',
    offset UInt64 COMMENT 'its offset; of a replay its reading position',
    samples String EPHEMERAL '' COMMENT 'how samples come in: base64 text',
    content String DEFAULT base64Decode(samples) CODEC(ZSTD(3)) COMMENT 'little-endian float32, row-major',
    sha256 String DEFAULT lower(hex(SHA256(base64Decode(samples)))) COMMENT 'SHA-256 of the samples, hexadecimal',
    stored_at DateTime64(9, 'UTC') DEFAULT now64(9, 'UTC') COMMENT 'when the sink stored it, UTC'
)
ENGINE = ReplacingMergeTree(stored_at)
ORDER BY (patient_id, origin, partition, offset)
COMMENT 'Raw samples by where their record lies, admitted or not. Read the view sensor_chunks.';

CREATE TABLE IF NOT EXISTS rtm.chunk_admissions
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
    calibration Nullable(String) CODEC(ZSTD(3)) COMMENT 'the calibration, JSON text',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    origin LowCardinality(String) COMMENT 'where the chunk\'s record lies: a topic, or the name of a replay\'s input',
    partition UInt32 COMMENT 'its partition; of a replay the file\'s number',
    offset UInt64 COMMENT 'its offset; of a replay its reading position'
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (patient_id, session_id, seq)
COMMENT 'Chunks that motion admitted, without their samples. Read the view sensor_chunks.';

CREATE VIEW IF NOT EXISTS rtm.sensor_chunks
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
    a.patient_id AS patient_id, a.session_id AS session_id, a.seq AS seq, a.source AS source, a.event_id AS event_id,
    a.event_time AS event_time, a.recorded_time AS recorded_time, a.device_id AS device_id,
    a.exercise_id AS exercise_id, a.joint AS joint, a.motion AS motion, a.side AS side, a.kind AS kind,
    a.start_time AS start_time, a.rate_hz AS rate_hz, a.n AS n, a.last AS last, a.calibration AS calibration,
    s.content AS samples, s.sha256 AS sha256, a.clinic_id AS clinic_id, a.updated_at AS updated_at,
    a.revision AS revision, a.issued_at AS issued_at
FROM
(
    SELECT *
    FROM rtm.chunk_admissions FINAL
) AS a
INNER JOIN
(
    SELECT patient_id, origin, partition, offset, content, sha256
    FROM rtm.chunk_samples FINAL
) AS s ON a.patient_id = s.patient_id AND a.origin = s.origin AND a.partition = s.partition AND a.offset = s.offset
COMMENT 'Raw samples as they came, admitted chunks only.';

CREATE VIEW IF NOT EXISTS rtm.sensor_chunks_history
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
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    patient_id, session_id, seq, source, event_id, event_time, recorded_time, device_id, exercise_id, joint, motion,
    side, kind, start_time, rate_hz, n, last, calibration, samples, sha256, clinic_id, updated_at, revision, issued_at,
    toUInt8(0) AS deleted
FROM rtm.sensor_chunks
COMMENT 'Raw samples as they came, admitted chunks only. Written once, so it holds what sensor_chunks holds.';
