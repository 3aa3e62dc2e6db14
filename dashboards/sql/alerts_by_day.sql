SELECT
    toDate(opened_at) AS opened_on,
    countIf(severity = 'urgent') AS urgent,
    countIf(severity = 'warning') AS warning,
    countIf(severity = 'info') AS info
FROM rtm.alerts
WHERE clinic_id IN (${clinic:singlequote}) AND therapist_id IN (${therapist:singlequote}) AND $__timeFilter(opened_at)
GROUP BY opened_on
ORDER BY opened_on
