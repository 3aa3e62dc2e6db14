SELECT
    toDate(event_time) AS happened_on,
    quantile(0.5)(delay_s) AS median_s,
    quantile(0.95)(delay_s) AS p95_s,
    count() AS facts
FROM (
    SELECT event_time, dateDiff('second', event_time, recorded_time) AS delay_s
    FROM rtm.events
    WHERE clinic_id IN (${clinic:singlequote}) AND modality IS NOT NULL AND $__timeFilter(event_time)
)
GROUP BY happened_on
ORDER BY happened_on
