WITH
    cases AS (
        SELECT therapist_id, toNullable(uniqExact(patient_id)) AS patients
        FROM rtm.worklist
        WHERE clinic_id IN (${clinic:singlequote})
        GROUP BY therapist_id
    )
SELECT
    therapist_id,
    count() AS opened,
    countIf(opened_at >= $__toTime - INTERVAL 7 DAY) AS opened_7_days,
    count() / any(patients) / greatest(1, dateDiff('day', $__fromTime, $__toTime)) * 7 AS per_patient_week,
    countIf(acknowledged_at IS NOT NULL) AS acknowledged,
    quantileExact(0.5)(acknowledged_after_s) AS median_s,
    countIf(escalation > 0) AS escalated,
    countIf(acknowledged_at IS NULL AND status IN ('resolved', 'expired')) AS over_unanswered
FROM rtm.time_to_acknowledge
LEFT JOIN cases USING (therapist_id)
WHERE clinic_id IN (${clinic:singlequote}) AND therapist_id IN (${therapist:singlequote}) AND $__timeFilter(opened_at)
GROUP BY therapist_id
ORDER BY opened DESC, therapist_id
