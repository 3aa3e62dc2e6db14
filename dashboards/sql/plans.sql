SELECT
    patient_id,
    if(type = 'rtm.plan.ended.v1',
        addDays(toDateOrNull(JSONExtractString(data, 'effective_to')), 1),
        toDateOrNull(JSONExtractString(data, 'effective_from'))) AS effective_from,
    JSONExtractString(data, 'plan_id') AS plan_id,
    if(type = 'rtm.plan.ended.v1', 'ended', concat('version ', toString(JSONExtractInt(data, 'version')))) AS version,
    arrayStringConcat(arrayMap(
        exercise -> concat(
            JSONExtractString(exercise, 'name'), ' ', toString(JSONExtractInt(exercise, 'sets')), ' × ',
            toString(JSONExtractInt(exercise, 'reps')),
            if(JSONExtractInt(exercise, 'times_per_day') > 1, concat(', ', toString(JSONExtractInt(exercise, 'times_per_day')), ' a day'), '')
        ),
        JSONExtractArrayRaw(data, 'exercises')
    ), '; ') AS exercises,
    toDateOrNull(JSONExtractString(data, 'effective_to')) AS effective_to,
    recorded_time
FROM rtm.events
WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote})
  AND type IN ('rtm.plan.prescribed.v1', 'rtm.plan.ended.v1') AND NOT retracted
ORDER BY patient_id, effective_from DESC, event_time DESC, event_id DESC
LIMIT 50 BY patient_id
