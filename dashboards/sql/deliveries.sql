SELECT
    endpoint,
    count() AS attempts,
    countIf(outcome = 'delivered') AS delivered,
    countIf(outcome = 'failed') AS failed,
    countIf(outcome = 'given_up') AS given_up,
    countIf(outcome = 'expired') AS never_sent,
    quantileIf(0.5)(latency_ms, attempt > 0) AS median_ms,
    quantileIf(0.95)(latency_ms, attempt > 0) AS p95_ms,
    max(sent_at) AS newest
FROM rtm.alert_deliveries
WHERE clinic_id IN (${clinic:singlequote}) AND $__timeFilter(sent_at)
GROUP BY endpoint
ORDER BY endpoint
