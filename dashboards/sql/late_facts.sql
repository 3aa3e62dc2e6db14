SELECT
    replaceRegexpOne(type, '^rtm\\.(.*)\\.v[0-9]+$', '\\1') AS kind,
    count() AS facts,
    countIf(delay_s > 3600) / count() AS after_hour,
    countIf(delay_s > 86400) / count() AS after_day,
    countIf(delay_s > 604800) AS after_week,
    quantile(0.5)(delay_s) AS median_s,
    quantile(0.95)(delay_s) AS p95_s,
    max(delay_s) AS greatest_s
FROM (
    SELECT type, dateDiff('second', event_time, recorded_time) AS delay_s
    FROM rtm.events
    WHERE clinic_id IN (${clinic:singlequote}) AND modality IS NOT NULL AND $__timeFilter(event_time)
)
GROUP BY type
ORDER BY p95_s DESC, type
