SELECT
    local_date,
    quantileExact(0.25)(assumeNotNull(volume)) AS lower,
    quantileExact(0.5)(assumeNotNull(volume)) AS median,
    quantileExact(0.75)(assumeNotNull(volume)) AS upper
FROM rtm.adherence_window
WHERE clinic_id IN (${clinic:singlequote}) AND window_days = 7 AND volume IS NOT NULL
  AND local_date BETWEEN toDate($__fromTime) AND toDate($__toTime) + 1
GROUP BY local_date
ORDER BY local_date
