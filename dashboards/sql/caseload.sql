WITH
    waiting AS (
        SELECT therapist_id, max(waiting_s) AS longest_s
        FROM rtm.time_to_acknowledge
        WHERE clinic_id IN (${clinic:singlequote}) AND status = 'open'
        GROUP BY therapist_id
    )
SELECT
    therapist_id,
    count() AS patients,
    countIf(alerts > 0) AS alert_patients,
    sum(unanswered) AS unanswered_alerts,
    any(longest_s) AS waiting_longest_s,
    countIf(missed_streak >= 2) AS missing,
    countIf(silent_days >= 3) AS silent,
    quantileExact(0.5)(volume) AS volume_median
FROM rtm.worklist
LEFT JOIN waiting USING (therapist_id)
WHERE clinic_id IN (${clinic:singlequote}) AND therapist_id IN (${therapist:singlequote})
GROUP BY therapist_id
ORDER BY unanswered_alerts DESC, patients DESC, therapist_id
