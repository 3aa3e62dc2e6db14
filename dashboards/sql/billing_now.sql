WITH
    months AS (
        SELECT countIf(minutes >= 20) AS full_months, countIf(minutes >= 10 AND live_interactions = 0) AS no_live
        FROM rtm.billing_months
        WHERE clinic_id IN (${clinic:singlequote}) AND month = (SELECT formatDateTime(max(now), '%Y-%m') FROM rtm.clock)
    )
SELECT
    count() AS open_periods,
    countIf(outlook_16 = 'reached') AS reached,
    countIf(outlook_16 IN ('possible', 'today_too')) AS reachable,
    countIf(outlook_16 = 'out_of_reach') AS lost,
    any(months.full_months) AS full_months,
    any(months.no_live) AS no_live
FROM rtm.billing_outlook CROSS JOIN months
WHERE clinic_id IN (${clinic:singlequote}) AND therapist_id IN (${therapist:singlequote})
HAVING open_periods > 0
