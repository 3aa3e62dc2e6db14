SELECT patient_id, silent_days, last_heard_at, timezone, attention, condition, therapist_id
FROM rtm.worklist
WHERE clinic_id IN (${clinic:singlequote}) AND therapist_id IN (${therapist:singlequote}) AND silent_days >= 2
ORDER BY silent_days DESC, last_heard_at, patient_id
LIMIT 200
