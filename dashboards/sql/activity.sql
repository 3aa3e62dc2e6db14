SELECT patient_id, local_date, kind, name, value_mean, value_max, value_sum, minutes
FROM rtm.activity_daily
WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote})
  AND local_date BETWEEN toDate($__fromTime) AND toDate($__toTime) + 1
ORDER BY local_date, patient_id, kind, name
