SELECT patient_id, toDate(event_time) AS measured_on, measure, side, value, baseline, change, mcid, meaning
FROM rtm.outcomes
WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote}) AND $__timeFilter(event_time)
ORDER BY measured_on, patient_id, measure, side, event_time
