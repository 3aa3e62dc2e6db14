WITH
    contact AS (
        SELECT patient_id, maxOrNullIf(event_time, type = 'rtm.care.interaction.v1' AND JSONExtractBool(data, 'live')) AS last_talk,
            toNullable(max(event_time)) AS last_care
        FROM rtm.events
        WHERE clinic_id IN (${clinic:singlequote}) AND type IN ('rtm.care.interaction.v1', 'rtm.care.review.v1') AND NOT retracted
        GROUP BY patient_id
    ),
    this_month AS (
        SELECT patient_id, toNullable(minutes) AS minutes
        FROM rtm.billing_months
        WHERE clinic_id IN (${clinic:singlequote}) AND month = (SELECT formatDateTime(max(now), '%Y-%m') FROM rtm.clock)
    )
SELECT therapist_id, patient_id, condition, attention, day, alerts AS open_alerts, last_talk, last_care, minutes, last_heard_at, timezone
FROM rtm.worklist
LEFT JOIN contact USING (patient_id)
LEFT JOIN this_month USING (patient_id)
WHERE clinic_id IN (${clinic:singlequote}) AND therapist_id IN (${therapist:singlequote})
ORDER BY therapist_id, last_talk ASC NULLS FIRST, patient_id
LIMIT 500
