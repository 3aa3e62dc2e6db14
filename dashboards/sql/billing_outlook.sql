SELECT
    patient_id,
    multiIf(outlook_16 = 'reached', '16 days reached', outlook_16 = 'possible', '16 days possible', outlook_16 = 'today_too', '16 only with today',
        outlook_2 = 'reached', '2 days reached', outlook_2 = 'out_of_reach', 'out of reach', '2 days possible') AS outlook,
    data_days, needed_for_16, days_left, spare_days, period_start, period_end,
    arrayStringConcat(billing_outlook.candidate_codes, ', ') AS candidate_codes, therapist_id
FROM rtm.billing_outlook
WHERE clinic_id IN (${clinic:singlequote}) AND therapist_id IN (${therapist:singlequote})
ORDER BY indexOf(['today_too', 'possible', 'out_of_reach', 'reached'], outlook_16), spare_days, patient_id
LIMIT 500
