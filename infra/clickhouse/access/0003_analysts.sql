-- rtm_analyst sees pseudonyms and numbers, no free text: views of their own database, run with the rights of whoever applied this file
-- (SQL SECURITY DEFINER), without the columns in which people write sentences. Nothing of the database rtm is granted.
-- Left out: the data and attributes of events, the reasons of alerts, what is treated, calibrations, dead letters as a whole.

CREATE DATABASE IF NOT EXISTS rtm_analyst;

CREATE OR REPLACE VIEW rtm_analyst.events DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    patient_id, source, event_id, type, event_time, recorded_time, modality, channel, retracted, clinic_id, updated_at,
    revision, issued_at
FROM rtm.events;

CREATE OR REPLACE VIEW rtm_analyst.reps DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    patient_id, session_id, rep, exercise_id, joint, motion, side, start_time, duration_s, min_deg, max_deg, rom_deg,
    peak_rate_deg_s, hold_s, flags, clinic_id, updated_at, revision, issued_at
FROM rtm.reps;

CREATE OR REPLACE VIEW rtm_analyst.sessions DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    patient_id, session_id, exercise_id, joint, motion, side, local_date, start_time, end_time, modality, reps,
    rom_best_deg, rom_median_deg, sparc, pain_nrs, rpe, flags, clinic_id, updated_at, revision, issued_at
FROM rtm.sessions;

CREATE OR REPLACE VIEW rtm_analyst.adherence_daily DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    patient_id, local_date, exercise_id, prescribed_sessions, completed_sessions, prescribed_reps, completed_reps,
    frequency, volume, status, clinic_id, updated_at, revision, issued_at
FROM rtm.adherence_daily;

CREATE OR REPLACE VIEW rtm_analyst.adherence_window DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    patient_id, local_date, window_days, frequency, volume, coverage, missed_streak, silent_days, clinic_id, updated_at,
    revision, issued_at
FROM rtm.adherence_window;

CREATE OR REPLACE VIEW rtm_analyst.rom_daily DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    patient_id, local_date, joint, motion, side, attained_deg, rom_best_deg, rom_median_deg, max_deg, min_deg, reps,
    goal_deg, residual_deg, slope_deg_per_week, clinic_id, updated_at, revision, issued_at
FROM rtm.rom_daily;

CREATE OR REPLACE VIEW rtm_analyst.pain_daily DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    patient_id, local_date, nrs_max, nrs_mean, reports, baseline_nrs, flare, clinic_id, updated_at, revision, issued_at
FROM rtm.pain_daily;

CREATE OR REPLACE VIEW rtm_analyst.medication_window DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    patient_id, local_date, medication_id, window_days, days_due, days_covered, doses_due, doses_taken, pdc, clinic_id,
    updated_at, revision, issued_at
FROM rtm.medication_window;

CREATE OR REPLACE VIEW rtm_analyst.outcomes DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    patient_id, measure, side, event_time, value, baseline, change, mcid, meaning, clinic_id, updated_at, revision,
    issued_at
FROM rtm.outcomes;

CREATE OR REPLACE VIEW rtm_analyst.activity_daily DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    patient_id, local_date, kind, name, value_mean, value_max, value_sum, minutes, clinic_id, updated_at, revision,
    issued_at
FROM rtm.activity_daily;

CREATE OR REPLACE VIEW rtm_analyst.sensor_chunks DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    patient_id, session_id, seq, source, event_id, event_time, recorded_time, device_id, exercise_id, joint, motion,
    side, kind, start_time, rate_hz, n, last, samples, sha256, clinic_id, updated_at, revision, issued_at
FROM rtm.sensor_chunks;

CREATE OR REPLACE VIEW rtm_analyst.billing_periods DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    patient_id, episode_id, period_start, period_end, data_days, data_days_lenient, days_left, candidate_codes, rules,
    evidence, clinic_id, updated_at, revision, issued_at
FROM rtm.billing_periods;

CREATE OR REPLACE VIEW rtm_analyst.billing_months DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    patient_id, month, minutes, live_interactions, candidate_codes, rules, evidence, clinic_id, updated_at, revision,
    issued_at
FROM rtm.billing_months;

CREATE OR REPLACE VIEW rtm_analyst.alerts DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    alert_id, patient_id, episode_id, rule_id, rule_version, severity, status, opened_at, due_at, therapist_id,
    acknowledged_at, acknowledged_by, snoozed_until, resolved_at, escalation, clinic_id, updated_at, revision, issued_at
FROM rtm.alerts;

CREATE OR REPLACE VIEW rtm_analyst.alert_deliveries DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    alert_id, transition, endpoint, attempt, webhook_id, sent_at, status_code, outcome, latency_ms, clinic_id,
    updated_at, revision, issued_at
FROM rtm.alert_deliveries;

CREATE OR REPLACE VIEW rtm_analyst.patients DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    patient_id, episode_id, timezone, monitoring_start, discharged_on, therapeutic_area, procedure_date, therapist_id,
    last_heard_at, clinic_id, updated_at, revision, issued_at
FROM rtm.patients;

CREATE OR REPLACE VIEW rtm_analyst.worklist DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    clinic_id, therapist_id, patient_id, episode_id, attention, urgency, alerts, unanswered, since, local_date, day,
    volume, coverage, missed_streak, silent_days, residual_deg, movement, nrs_max, baseline_nrs, flare, last_heard_at,
    days_since_heard, timezone
FROM rtm.worklist;

CREATE OR REPLACE VIEW rtm_analyst.cohort_week DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    clinic_id, week, patients, patients_met, days_met, days_partial, days_missed, days_unknown, days_rest,
    prescribed_reps, completed_reps, frequency, volume, coverage, pain_days, nrs_mean, flare_days, rom_days,
    residual_deg
FROM rtm.cohort_week;

CREATE OR REPLACE VIEW rtm_analyst.time_to_acknowledge DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    clinic_id, therapist_id, patient_id, alert_id, rule_id, severity, status, opened_at, notified_at, acknowledged_at,
    acknowledged_by, acknowledged_after_s, waiting_s, escalation
FROM rtm.time_to_acknowledge;

CREATE OR REPLACE VIEW rtm_analyst.billing_outlook DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    clinic_id, therapist_id, patient_id, episode_id, therapeutic_area, period_start, period_end, local_date, data_days,
    days_left, needed_for_2, needed_for_16, outlook_2, outlook_16, spare_days, candidate_codes, rules
FROM rtm.billing_outlook;

CREATE OR REPLACE VIEW rtm_analyst.freshness DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    clinic_id, table_name, held, newest, issued, behind_s
FROM rtm.freshness;

CREATE OR REPLACE VIEW rtm_analyst.clock DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    now
FROM rtm.clock;

GRANT SELECT ON rtm_analyst.* TO rtm_analyst;
