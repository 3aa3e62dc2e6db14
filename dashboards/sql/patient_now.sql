WITH
    today AS (
        SELECT
            patient_id,
            toNullable(local_date) AS on_date,
            anyIf(volume, window_days = 7) AS volume_7,
            anyIf(volume, window_days = 30) AS volume_30,
            anyIf(coverage, window_days = 7) AS coverage_7,
            toNullable(anyIf(adherence_window.missed_streak, window_days = 30)) AS missed_streak,
            toNullable(anyIf(adherence_window.silent_days, window_days = 30)) AS silent_days
        FROM rtm.adherence_window
        WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote})
          AND local_date BETWEEN toDate($__fromTime) AND toDate($__toTime) + 1
        GROUP BY patient_id, local_date
        ORDER BY local_date DESC
        LIMIT 1 BY patient_id
    )
SELECT
    patient_id, volume_7, coverage_7, volume_30, missed_streak, silent_days,
    condition, last_heard_at, therapist_id, therapeutic_area, timezone, episode_id, monitoring_start, procedure_date, discharged_on,
    dateDiff('day', ifNull(procedure_date, monitoring_start), on_date) AS day
FROM rtm.patients
LEFT JOIN today USING (patient_id)
WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote})
  AND monitoring_start <= toDate($__toTime) + 1
ORDER BY monitoring_start DESC
LIMIT 1 BY patient_id
