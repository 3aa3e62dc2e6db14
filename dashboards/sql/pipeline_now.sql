WITH
    facts AS (
        SELECT
            countIf(recorded_time >= $__toTime - INTERVAL 1 DAY) AS facts_day,
            quantileIf(0.95)(dateDiff('second', recorded_time, issued_at), recorded_time >= $__toTime - INTERVAL 1 DAY) AS lag_p95_s,
            dateDiff('second', max(recorded_time), $__toTime) AS silence_s
        FROM rtm.events
        WHERE clinic_id IN (${clinic:singlequote}) AND $__timeFilter(recorded_time)
    ),
    aside AS (
        SELECT count() AS records_aside
        FROM rtm.dead_letters
        WHERE (clinic_id IN (${clinic:singlequote}) OR clinic_id = '') AND received_at >= $__toTime - INTERVAL 1 DAY
    ),
    sent AS (
        SELECT countIf(outcome = 'given_up') AS given_up, countIf(outcome = 'failed') AS failed
        FROM rtm.alert_deliveries
        WHERE clinic_id IN (${clinic:singlequote}) AND sent_at >= $__toTime - INTERVAL 1 DAY
    )
SELECT facts_day, if(facts_day = 0, NULL, lag_p95_s) AS lag_p95_s, silence_s, records_aside, failed, given_up
FROM facts CROSS JOIN aside CROSS JOIN sent
