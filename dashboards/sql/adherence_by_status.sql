SELECT
    local_date,
    countIf(status = 'met') AS met,
    countIf(status = 'partial') AS partial,
    countIf(status = 'missed') AS missed,
    countIf(status = 'unknown') AS unknown,
    countIf(status = 'pending') AS pending,
    countIf(status = 'rest') AS rest
FROM rtm.adherence_daily
WHERE clinic_id IN (${clinic:singlequote}) AND exercise_id = ''
  AND local_date BETWEEN toDate($__fromTime) AND toDate($__toTime) + 1
GROUP BY local_date
ORDER BY local_date
