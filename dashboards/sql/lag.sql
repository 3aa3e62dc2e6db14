SELECT
    toDate(recorded_time) AS recorded_on,
    quantile(0.5)(lag_s) AS median_s,
    quantile(0.95)(lag_s) AS p95_s,
    max(lag_s) AS greatest_s,
    count() AS facts
FROM (
    SELECT recorded_time, dateDiff('millisecond', recorded_time, issued_at) / 1000 AS lag_s
    FROM rtm.events
    WHERE clinic_id IN (${clinic:singlequote}) AND $__timeFilter(recorded_time)
)
GROUP BY recorded_on
ORDER BY recorded_on
