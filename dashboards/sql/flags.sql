SELECT flag, sum(in_session) AS sessions, sum(in_rep) AS reps, uniqExact(patient_id) AS patients, max(at) AS newest
FROM (
    SELECT patient_id, arrayJoin(flags) AS flag, 1 AS in_session, 0 AS in_rep, start_time AS at
    FROM rtm.sessions
    WHERE clinic_id IN (${clinic:singlequote}) AND $__timeFilter(start_time)
    UNION ALL
    SELECT patient_id, arrayJoin(flags), 0, 1, start_time
    FROM rtm.reps
    WHERE clinic_id IN (${clinic:singlequote}) AND $__timeFilter(start_time)
)
GROUP BY flag
ORDER BY sessions DESC, reps DESC, flag
