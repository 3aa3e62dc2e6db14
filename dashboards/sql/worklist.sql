SELECT
    patient_id, condition, attention, arrayStringConcat(reasons, ' · ') AS why, since, missed_streak, silent_days, volume, coverage,
    residual_deg, movement, nrs_max, baseline_nrs, flare, last_heard_at, timezone, therapist_id, alerts AS open_alerts, unanswered, day,
    count() OVER () AS listed
FROM rtm.worklist
WHERE clinic_id IN (${clinic:singlequote}) AND therapist_id IN (${therapist:singlequote})
ORDER BY urgency DESC, ifNull(volume, -1), patient_id
LIMIT 1000
