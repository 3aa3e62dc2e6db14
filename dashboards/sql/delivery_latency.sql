SELECT
    toDate(sent_at) AS sent_on,
    quantile(0.5)(latency_ms) AS median_ms,
    quantile(0.95)(latency_ms) AS p95_ms,
    max(latency_ms) AS greatest_ms,
    count() AS attempts
FROM rtm.alert_deliveries
WHERE clinic_id IN (${clinic:singlequote}) AND attempt > 0 AND $__timeFilter(sent_at)
GROUP BY sent_on
ORDER BY sent_on
