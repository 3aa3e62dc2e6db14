SELECT
    toDate(recorded_time) AS recorded_on,
    countIf(type LIKE 'rtm.report.%') AS reports,
    countIf(type LIKE 'rtm.motion.%') AS motion,
    countIf(type LIKE 'rtm.sensor.%') AS activity,
    countIf(type LIKE 'rtm.care.%') AS care,
    countIf(type LIKE 'rtm.plan.%' OR type LIKE 'rtm.patient.%') AS plans,
    countIf(type LIKE 'rtm.alert.%' OR type LIKE 'rtm.fact.%') AS other
FROM rtm.events
WHERE clinic_id IN (${clinic:singlequote}) AND $__timeFilter(recorded_time)
GROUP BY recorded_on
ORDER BY recorded_on
