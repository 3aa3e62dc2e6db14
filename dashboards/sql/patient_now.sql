WITH
    week AS (
        SELECT
            patient_id, toNullable(local_date) AS on_date, toNullable(volume) AS volume_7, toNullable(coverage) AS coverage_7,
            toNullable(missed_streak) AS missed_streak, toNullable(silent_days) AS silent_days
        FROM rtm.adherence_window
        WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote}) AND window_days = 7
          AND local_date BETWEEN toDate($__fromTime) AND toDate($__toTime) + 1
        ORDER BY local_date DESC
        LIMIT 1 BY patient_id
    ),
    month AS (
        SELECT patient_id, toNullable(volume) AS volume_30
        FROM rtm.adherence_window
        WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote}) AND window_days = 30
          AND local_date BETWEEN toDate($__fromTime) AND toDate($__toTime) + 1
        ORDER BY local_date DESC
        LIMIT 1 BY patient_id
    )
SELECT
    patient_id, volume_7, coverage_7, volume_30, missed_streak, silent_days,
    condition, last_heard_at, therapist_id, therapeutic_area, timezone, episode_id, monitoring_start, procedure_date, discharged_on,
    dateDiff('day', ifNull(procedure_date, monitoring_start), on_date) AS day
FROM rtm.patients
LEFT JOIN week USING (patient_id)
LEFT JOIN month USING (patient_id)
WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote})
  AND monitoring_start <= toDate($__toTime) + 1
ORDER BY monitoring_start DESC
LIMIT 1 BY patient_id
