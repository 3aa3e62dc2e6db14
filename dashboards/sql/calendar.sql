SELECT patient_id, local_date, status, volume, frequency, completed_sessions, prescribed_sessions, completed_reps, prescribed_reps
FROM rtm.adherence_daily
WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote}) AND exercise_id = ''
  AND local_date BETWEEN toDate($__fromTime) AND toDate($__toTime) + 1
ORDER BY patient_id, local_date
