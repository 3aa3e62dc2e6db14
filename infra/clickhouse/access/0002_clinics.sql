-- rtm_clinic sees the rows of the clinics that rtm.clinic_users gives its user: row policies on the tables below the views, which run with
-- the rights of whoever asks (SQL SECURITY INVOKER, ClickHouse's default). Everybody else sees every row that he may read at all.
-- No grant on samples, which carry no clinic, nor on dead letters, whose clinic may be unknown.

CREATE TABLE IF NOT EXISTS rtm.clinic_users
(
    user String COMMENT 'a user of this server who has the role rtm_clinic',
    clinic_id String COMMENT 'a clinic whose rows he sees'
)
ENGINE = ReplacingMergeTree
ORDER BY (user, clinic_id)
COMMENT 'Which clinics a user with the role rtm_clinic sees. INSERT INTO rtm.clinic_users VALUES (\'ann\', \'north\').';

GRANT SELECT ON rtm.clinic_users TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.activity_daily_revisions FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.activity_daily_revisions FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.activity_daily_revisions TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.activity_daily_rows FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.activity_daily_rows FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.activity_daily_rows TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.adherence_daily_revisions FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.adherence_daily_revisions FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.adherence_daily_revisions TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.adherence_daily_rows FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.adherence_daily_rows FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.adherence_daily_rows TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.adherence_window_revisions FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.adherence_window_revisions FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.adherence_window_revisions TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.adherence_window_rows FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.adherence_window_rows FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.adherence_window_rows TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.alert_deliveries_rows FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.alert_deliveries_rows FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.alert_deliveries_rows TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.alerts_revisions FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.alerts_revisions FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.alerts_revisions TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.alerts_rows FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.alerts_rows FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.alerts_rows TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.billing_months_revisions FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.billing_months_revisions FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.billing_months_revisions TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.billing_months_rows FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.billing_months_rows FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.billing_months_rows TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.billing_periods_revisions FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.billing_periods_revisions FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.billing_periods_revisions TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.billing_periods_rows FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.billing_periods_rows FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.billing_periods_rows TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.chunk_admissions FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.chunk_admissions FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.chunk_admissions TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.event_facts FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.event_facts FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.event_facts TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.event_marks FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.event_marks FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.event_marks TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.event_marks_revisions FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.event_marks_revisions FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.event_marks_revisions TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.medication_window_revisions FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.medication_window_revisions FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.medication_window_revisions TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.medication_window_rows FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.medication_window_rows FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.medication_window_rows TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.outcomes_revisions FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.outcomes_revisions FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.outcomes_revisions TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.outcomes_rows FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.outcomes_rows FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.outcomes_rows TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.pain_daily_revisions FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.pain_daily_revisions FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.pain_daily_revisions TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.pain_daily_rows FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.pain_daily_rows FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.pain_daily_rows TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.patients_revisions FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.patients_revisions FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.patients_revisions TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.patients_rows FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.patients_rows FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.patients_rows TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.reps_revisions FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.reps_revisions FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.reps_revisions TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.reps_rows FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.reps_rows FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.reps_rows TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.rom_daily_revisions FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.rom_daily_revisions FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.rom_daily_revisions TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.rom_daily_rows FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.rom_daily_rows FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.rom_daily_rows TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.sessions_revisions FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.sessions_revisions FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.sessions_revisions TO rtm_clinic;

CREATE ROW POLICY IF NOT EXISTS rtm_clinic ON rtm.sessions_rows FOR SELECT
    USING clinic_id IN (SELECT clinic_id FROM rtm.clinic_users WHERE user = currentUser()) TO rtm_clinic;
CREATE ROW POLICY IF NOT EXISTS rtm_others ON rtm.sessions_rows FOR SELECT USING true TO ALL EXCEPT rtm_clinic;
GRANT SELECT ON rtm.sessions_rows TO rtm_clinic;

GRANT SELECT ON rtm.activity_daily TO rtm_clinic;
GRANT SELECT ON rtm.activity_daily_as_of TO rtm_clinic;
GRANT SELECT ON rtm.activity_daily_history TO rtm_clinic;
GRANT SELECT ON rtm.adherence_daily TO rtm_clinic;
GRANT SELECT ON rtm.adherence_daily_as_of TO rtm_clinic;
GRANT SELECT ON rtm.adherence_daily_history TO rtm_clinic;
GRANT SELECT ON rtm.adherence_window TO rtm_clinic;
GRANT SELECT ON rtm.adherence_window_as_of TO rtm_clinic;
GRANT SELECT ON rtm.adherence_window_history TO rtm_clinic;
GRANT SELECT ON rtm.alert_deliveries TO rtm_clinic;
GRANT SELECT ON rtm.alert_deliveries_as_of TO rtm_clinic;
GRANT SELECT ON rtm.alert_deliveries_history TO rtm_clinic;
GRANT SELECT ON rtm.alerts TO rtm_clinic;
GRANT SELECT ON rtm.alerts_as_of TO rtm_clinic;
GRANT SELECT ON rtm.alerts_history TO rtm_clinic;
GRANT SELECT ON rtm.billing_months TO rtm_clinic;
GRANT SELECT ON rtm.billing_months_as_of TO rtm_clinic;
GRANT SELECT ON rtm.billing_months_history TO rtm_clinic;
GRANT SELECT ON rtm.billing_outlook TO rtm_clinic;
GRANT SELECT ON rtm.billing_periods TO rtm_clinic;
GRANT SELECT ON rtm.billing_periods_as_of TO rtm_clinic;
GRANT SELECT ON rtm.billing_periods_history TO rtm_clinic;
GRANT SELECT ON rtm.clock TO rtm_clinic;
GRANT SELECT ON rtm.cohort_week TO rtm_clinic;
GRANT SELECT ON rtm.current_generation TO rtm_clinic;
GRANT SELECT ON rtm.events TO rtm_clinic;
GRANT SELECT ON rtm.events_as_of TO rtm_clinic;
GRANT SELECT ON rtm.events_history TO rtm_clinic;
GRANT SELECT ON rtm.freshness TO rtm_clinic;
GRANT SELECT ON rtm.medication_window TO rtm_clinic;
GRANT SELECT ON rtm.medication_window_as_of TO rtm_clinic;
GRANT SELECT ON rtm.medication_window_history TO rtm_clinic;
GRANT SELECT ON rtm.outcomes TO rtm_clinic;
GRANT SELECT ON rtm.outcomes_as_of TO rtm_clinic;
GRANT SELECT ON rtm.outcomes_history TO rtm_clinic;
GRANT SELECT ON rtm.pain_daily TO rtm_clinic;
GRANT SELECT ON rtm.pain_daily_as_of TO rtm_clinic;
GRANT SELECT ON rtm.pain_daily_history TO rtm_clinic;
GRANT SELECT ON rtm.patients TO rtm_clinic;
GRANT SELECT ON rtm.patients_as_of TO rtm_clinic;
GRANT SELECT ON rtm.patients_history TO rtm_clinic;
GRANT SELECT ON rtm.reconciliation TO rtm_clinic;
GRANT SELECT ON rtm.reps TO rtm_clinic;
GRANT SELECT ON rtm.reps_as_of TO rtm_clinic;
GRANT SELECT ON rtm.reps_history TO rtm_clinic;
GRANT SELECT ON rtm.rom_daily TO rtm_clinic;
GRANT SELECT ON rtm.rom_daily_as_of TO rtm_clinic;
GRANT SELECT ON rtm.rom_daily_history TO rtm_clinic;
GRANT SELECT ON rtm.sessions TO rtm_clinic;
GRANT SELECT ON rtm.sessions_as_of TO rtm_clinic;
GRANT SELECT ON rtm.sessions_history TO rtm_clinic;
GRANT SELECT ON rtm.time_to_acknowledge TO rtm_clinic;
GRANT SELECT ON rtm.worklist TO rtm_clinic;
GRANT SELECT ON rtm.generations TO rtm_clinic;
