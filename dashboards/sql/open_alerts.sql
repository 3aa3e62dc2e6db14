SELECT
    severity,
    countIf(age_s < 3600) AS hour,
    countIf(age_s BETWEEN 3600 AND 14399) AS four_hours,
    countIf(age_s BETWEEN 14400 AND 86399) AS day,
    countIf(age_s BETWEEN 86400 AND 259199) AS three_days,
    countIf(age_s >= 259200) AS longer,
    countIf(status = 'open') AS unanswered,
    count() AS alerts
FROM (
    SELECT severity, status, dateDiff('second', opened_at, (SELECT max(now) FROM rtm.clock)) AS age_s
    FROM rtm.alerts
    WHERE clinic_id IN (${clinic:singlequote}) AND therapist_id IN (${therapist:singlequote})
      AND status IN ('open', 'acknowledged', 'snoozed')
)
GROUP BY severity
ORDER BY indexOf(['urgent', 'warning', 'info'], severity)
