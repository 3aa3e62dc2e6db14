WITH
    today AS (
        SELECT
            patient_id,
            anyIf(adherence_window.volume, window_days = 7) AS volume,
            anyIf(adherence_window.missed_streak, window_days = 30) AS missed_streak,
            anyIf(adherence_window.silent_days, window_days = 30) AS silent_days
        FROM rtm.adherence_window
        WHERE clinic_id IN (${clinic:singlequote}) AND local_date BETWEEN toDate($__toTime) - 2 AND toDate($__toTime) + 1
        GROUP BY patient_id, local_date
        ORDER BY local_date DESC
        LIMIT 1 BY patient_id
    ),
    alerting AS (
        SELECT count() AS alerts, countIf(status = 'open') AS unanswered, uniqExact(patient_id) AS alert_patients
        FROM rtm.alerts
        WHERE clinic_id IN (${clinic:singlequote}) AND status IN ('open', 'acknowledged', 'snoozed')
    )
SELECT
    count() AS patients,
    any(alert_patients) AS alert_patients,
    any(unanswered) AS unanswered,
    countIf(missed_streak >= 2) AS missing,
    countIf(silent_days >= 3) AS silent,
    if(countIf(volume IS NOT NULL) = 0, NULL, quantileExactIf(0.5)(assumeNotNull(volume), volume IS NOT NULL)) AS volume_median,
    countIf(volume IS NULL) AS volume_unknown
FROM today CROSS JOIN alerting
HAVING patients > 0
