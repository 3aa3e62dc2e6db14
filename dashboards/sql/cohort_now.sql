SELECT
    count() AS patients,
    countIf(alerts > 0) AS alert_patients,
    sum(worklist.unanswered) AS unanswered,
    countIf(missed_streak >= 2) AS missing,
    countIf(silent_days >= 3) AS silent,
    quantileExact(0.5)(volume) AS volume_median,
    countIf(volume IS NULL) AS volume_unknown
FROM rtm.worklist
WHERE clinic_id IN (${clinic:singlequote}) AND therapist_id IN (${therapist:singlequote})
HAVING patients > 0
