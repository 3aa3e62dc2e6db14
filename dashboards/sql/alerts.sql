SELECT opened_at, patient_id, severity, status, reason, therapist_id, acknowledged_at, resolved_at
FROM rtm.alerts
WHERE clinic_id IN (${clinic:singlequote}) AND therapist_id IN (${therapist:singlequote})
  AND ($__timeFilter(opened_at) OR status IN ('open', 'acknowledged', 'snoozed'))
ORDER BY opened_at DESC, alert_id
LIMIT 200
