-- patients: patients by episode of care.

CREATE TABLE IF NOT EXISTS rtm.patients_rows
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
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
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY generation
ORDER BY (generation, patient_id, episode_id)
COMMENT 'Patients by episode of care: the newest revision of every key, all generations. Read the view patients.';

CREATE TABLE IF NOT EXISTS rtm.patients_revisions
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
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
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (generation, patient_id, episode_id, revision)
COMMENT 'Patients by episode of care: every revision of every key, all generations. Read the view patients_history.';

CREATE MATERIALIZED VIEW IF NOT EXISTS rtm.patients_revisions_feed TO rtm.patients_revisions AS
SELECT
    generation, patient_id, episode_id, timezone, monitoring_start, discharged_on, therapeutic_area, condition,
    procedure_date, therapist_id, last_heard_at, clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.patients_rows;

CREATE VIEW IF NOT EXISTS rtm.patients
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
    patient_id, episode_id, timezone, monitoring_start, discharged_on, therapeutic_area, condition, procedure_date,
    therapist_id, last_heard_at, clinic_id, updated_at, revision, issued_at
FROM rtm.patients_rows FINAL
WHERE generation = (SELECT generation FROM rtm.current_generation)
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Patients by episode of care.';

CREATE VIEW IF NOT EXISTS rtm.patients_history
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
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
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    generation, patient_id, episode_id, timezone, monitoring_start, discharged_on, therapeutic_area, condition,
    procedure_date, therapist_id, last_heard_at, clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.patients_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Patients by episode of care: every revision, deletions and former generations included.';

-- alerts: alerts, each with its state now.

CREATE TABLE IF NOT EXISTS rtm.alerts_rows
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
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
    evidence String CODEC(ZSTD(3)) COMMENT 'the days or facts it rests on, JSON text',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY generation
ORDER BY (generation, alert_id)
COMMENT 'Alerts, each with its state now: the newest revision of every key, all generations. Read the view alerts.';

CREATE TABLE IF NOT EXISTS rtm.alerts_revisions
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
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
    evidence String CODEC(ZSTD(3)) COMMENT 'the days or facts it rests on, JSON text',
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    updated_at DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind the row, UTC',
    revision UInt64 COMMENT 'grows with what the pipeline knew; the current row has the highest',
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
ENGINE = ReplacingMergeTree
PARTITION BY generation
ORDER BY (generation, alert_id, revision)
COMMENT 'Alerts, each with its state now: every revision of every key, all generations. Read the view alerts_history.';

CREATE MATERIALIZED VIEW IF NOT EXISTS rtm.alerts_revisions_feed TO rtm.alerts_revisions AS
SELECT
    generation, alert_id, patient_id, episode_id, rule_id, rule_version, severity, status, opened_at, due_at,
    therapist_id, acknowledged_at, acknowledged_by, snoozed_until, resolved_at, escalation, reason, evidence,
    clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.alerts_rows;

CREATE VIEW IF NOT EXISTS rtm.alerts
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
    alert_id, patient_id, episode_id, rule_id, rule_version, severity, status, opened_at, due_at, therapist_id,
    acknowledged_at, acknowledged_by, snoozed_until, resolved_at, escalation, reason, evidence, clinic_id, updated_at,
    revision, issued_at
FROM rtm.alerts_rows FINAL
WHERE generation = (SELECT generation FROM rtm.current_generation)
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Alerts, each with its state now.';

CREATE VIEW IF NOT EXISTS rtm.alerts_history
(
    generation UInt32 COMMENT 'the run that made it: a replay, a rebuild, or the live group',
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
    issued_at DateTime64(9, 'UTC') COMMENT 'when the pipeline made it, by its own clock, UTC',
    deleted UInt8 COMMENT '1 where the key has no row any more'
)
AS SELECT
    generation, alert_id, patient_id, episode_id, rule_id, rule_version, severity, status, opened_at, due_at,
    therapist_id, acknowledged_at, acknowledged_by, snoozed_until, resolved_at, escalation, reason, evidence,
    clinic_id, updated_at, revision, issued_at, deleted
FROM rtm.alerts_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Alerts, each with its state now: every revision, deletions and former generations included.';
