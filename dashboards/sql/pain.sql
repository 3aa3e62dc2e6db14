SELECT patient_id, local_date, nrs_max, nrs_mean, baseline_nrs, flare, reports
FROM rtm.pain_daily
WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote})
  AND local_date BETWEEN toDate($__fromTime) AND toDate($__toTime) + 1
ORDER BY local_date, patient_id
