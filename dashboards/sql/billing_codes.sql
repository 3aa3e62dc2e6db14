SELECT
    code,
    transform(code, ['98975', '98976', '98977', '98978', '98984', '98985', '98986', '98979', '98980', '98981'], [
        'set-up and education', '16 days or more, respiratory', '16 days or more, musculoskeletal', '16 days or more, cognitive behavioural',
        '2 to 15 days, respiratory', '2 to 15 days, musculoskeletal', '2 to 15 days, cognitive behavioural',
        'management, 10 to 19 minutes', 'management, the first 20 minutes', 'management, each further 20 minutes'], '') AS what,
    countIf(until >= toDate($__toTime)) AS candidates_open,
    countIf(until < toDate($__toTime)) AS candidates_over,
    uniqExact(patient_id) AS patients,
    arrayStringConcat(arraySort(groupUniqArray(rules)), ', ') AS packs
FROM (
    SELECT patient_id, arrayJoin(candidate_codes) AS code, period_end AS until, rules
    FROM rtm.billing_periods
    WHERE clinic_id IN (${clinic:singlequote}) AND period_end >= toDate($__fromTime) AND period_start <= toDate($__toTime) + 1
    UNION ALL
    SELECT patient_id, arrayJoin(candidate_codes), toLastDayOfMonth(toDate(concat(month, '-01'))) AS until, rules
    FROM rtm.billing_months
    WHERE clinic_id IN (${clinic:singlequote}) AND until >= toDate($__fromTime) AND month <= formatDateTime($__toTime, '%Y-%m')
)
GROUP BY code
ORDER BY code
