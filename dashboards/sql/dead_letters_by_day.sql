SELECT
    toDate(received_at) AS received_on,
    countIf(reason IN ('unparsable', 'unknown_type', 'invalid')) AS malformed,
    countIf(reason = 'misplaced') AS misplaced,
    countIf(reason = 'conflict') AS conflict,
    countIf(reason IN ('future', 'too_late', 'session_closed')) AS untimely,
    countIf(reason = 'forgotten') AS forgotten,
    countIf(reason = 'crash') AS crash
FROM rtm.dead_letters
WHERE (clinic_id IN (${clinic:singlequote}) OR clinic_id = '') AND $__timeFilter(received_at)
GROUP BY received_on
ORDER BY received_on
