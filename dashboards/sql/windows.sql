SELECT
    patient_id, local_date,
    anyIf(volume, window_days = 7) AS volume_7,
    anyIf(volume, window_days = 30) AS volume_30,
    anyIf(coverage, window_days = 7) AS coverage_7
FROM rtm.adherence_window
WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote})
  AND local_date BETWEEN toDate($__fromTime) AND toDate($__toTime) + 1
GROUP BY patient_id, local_date
ORDER BY local_date, patient_id
