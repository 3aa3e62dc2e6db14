SELECT patient_id, opened_at, severity, status, reason, therapist_id, acknowledged_at, resolved_at
FROM rtm.alerts
WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote})
  AND ($__timeFilter(opened_at) OR status IN ('open', 'acknowledged', 'snoozed'))
ORDER BY patient_id, opened_at DESC, alert_id
