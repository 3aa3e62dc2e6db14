SELECT
    severity,
    count() AS opened,
    countIf(acknowledged_at IS NOT NULL) AS acknowledged,
    countIf(acknowledged_at IS NULL AND status IN ('resolved', 'expired')) AS over_unanswered,
    countIf(status = 'open') AS waiting,
    max(waiting_s) AS longest_s,
    quantileExact(0.5)(acknowledged_after_s) AS median_s,
    quantileExact(0.9)(acknowledged_after_s) AS p90_s
FROM rtm.time_to_acknowledge
WHERE clinic_id IN (${clinic:singlequote}) AND therapist_id IN (${therapist:singlequote}) AND $__timeFilter(opened_at)
GROUP BY severity
ORDER BY indexOf(['urgent', 'warning', 'info'], severity)
