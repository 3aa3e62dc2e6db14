SELECT
    toDate(cohort_week.week) AS week,
    sum(cohort_week.patients) AS patients,
    sum(cohort_week.patients_met) AS patients_met,
    sum(completed_reps) / nullIf(sum(prescribed_reps), 0) AS volume,
    sum(days_met + days_partial + days_missed) / nullIf(sum(days_met + days_partial + days_missed + days_unknown), 0) AS coverage,
    sum(days_missed) AS missed,
    sum(flare_days) AS flares,
    sum(cohort_week.nrs_mean * pain_days) / nullIf(sum(pain_days), 0) AS nrs_mean
FROM rtm.cohort_week
WHERE clinic_id IN (${clinic:singlequote}) AND week BETWEEN toMonday(toDate($__fromTime)) AND toDate($__toTime) + 1
GROUP BY week
ORDER BY week DESC
