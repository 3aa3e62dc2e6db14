SELECT patient_id, since, until, kind, data_days, days_left, minutes, live_interactions,
    arrayStringConcat(codes, ', ') AS candidate_codes, facts, rules
FROM (
    SELECT patient_id, period_start AS since, period_end AS until, 'period of 30 days' AS kind, toNullable(data_days) AS data_days,
        toNullable(days_left) AS days_left, NULL AS minutes, NULL AS live_interactions, candidate_codes AS codes,
        length(JSONExtractArrayRaw(evidence)) AS facts, rules
    FROM rtm.billing_periods
    WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote})
    UNION ALL
    SELECT patient_id, toDate(concat(month, '-01')) AS since, toLastDayOfMonth(since) AS until, 'month' AS kind, NULL, NULL,
        toNullable(minutes), toNullable(live_interactions), candidate_codes, length(JSONExtractArrayRaw(evidence)), rules
    FROM rtm.billing_months
    WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote})
)
WHERE until >= toDate($__fromTime) AND since <= toDate($__toTime) + 1
ORDER BY patient_id, since DESC, kind
