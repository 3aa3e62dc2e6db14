SELECT patient_id, local_date, medication_id, pdc, days_covered, days_due, doses_taken, doses_due
FROM rtm.medication_window
WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote}) AND window_days = 30
  AND local_date BETWEEN toDate($__fromTime) AND toDate($__toTime) + 1
ORDER BY local_date, patient_id, medication_id
