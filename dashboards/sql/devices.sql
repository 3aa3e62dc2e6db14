SELECT
    device_id,
    arrayStringConcat(arraySort(groupUniqArray(kind)), ', ') AS kinds,
    uniqExact(patient_id) AS patients,
    uniqExact(patient_id, session_id) AS sessions,
    uniqExact(patient_id, session_id) - uniqExactIf((patient_id, session_id), last) AS unfinished,
    count() AS chunks,
    sum(n / rate_hz) / 3600 AS hours,
    median(rate_hz) AS rate,
    quantile(0.95)(dateDiff('second', event_time, recorded_time)) AS delay_p95_s,
    max(recorded_time) AS newest
FROM rtm.sensor_chunks
WHERE clinic_id IN (${clinic:singlequote}) AND $__timeFilter(event_time)
GROUP BY device_id
ORDER BY unfinished DESC, newest, device_id
LIMIT 300
