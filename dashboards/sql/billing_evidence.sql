SELECT patient_id, kind, since, until, arrayStringConcat(codes, ', ') AS candidate_codes, counted, length(found) AS facts,
    concat(arrayStringConcat(arrayMap(fact -> concat(JSONExtractString(fact, 'source'), ' ', JSONExtractString(fact, 'id')), arraySlice(found, 1, 5)), '; '),
        if(length(found) > 5, '; …', '')) AS evidence_facts,
    rules
FROM (
    SELECT patient_id, 'period of 30 days' AS kind, period_start AS since, period_end AS until, candidate_codes AS codes,
        concat(toString(data_days), ' data days') AS counted, JSONExtractArrayRaw(evidence) AS found, rules
    FROM rtm.billing_periods
    WHERE clinic_id IN (${clinic:singlequote}) AND period_end >= toDate($__fromTime) AND period_start <= toDate($__toTime) + 1
      AND notEmpty(candidate_codes)
    UNION ALL
    SELECT patient_id, 'month' AS kind, toDate(concat(month, '-01')) AS since, toLastDayOfMonth(since) AS until, candidate_codes,
        concat(toString(minutes), ' min, ', toString(live_interactions), ' live') AS counted, JSONExtractArrayRaw(evidence) AS found, rules
    FROM rtm.billing_months
    WHERE clinic_id IN (${clinic:singlequote}) AND until >= toDate($__fromTime) AND month <= formatDateTime($__toTime, '%Y-%m')
      AND notEmpty(candidate_codes)
)
ORDER BY since DESC, patient_id, kind
LIMIT 500
