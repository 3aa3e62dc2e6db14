WITH
    facts AS (
        SELECT
            countIf(modality = 'sensed') / greatest(1, countIf(modality IS NOT NULL)) AS sensed,
            countIf(modality IS NOT NULL AND recorded_time > event_time + INTERVAL 1 DAY) / greatest(1, countIf(modality IS NOT NULL)) AS late,
            countIf(retracted) AS retracted
        FROM rtm.events
        WHERE clinic_id IN (${clinic:singlequote}) AND $__timeFilter(event_time)
    ),
    done AS (
        SELECT count() AS sessions, countIf(notEmpty(flags)) AS flagged, uniqExactIf(patient_id, notEmpty(flags)) AS flagged_patients
        FROM rtm.sessions
        WHERE clinic_id IN (${clinic:singlequote}) AND $__timeFilter(start_time)
    ),
    known AS (
        SELECT avg(coverage) AS coverage_mean
        FROM rtm.adherence_window
        WHERE clinic_id IN (${clinic:singlequote}) AND window_days = 7 AND local_date BETWEEN toDate($__toTime) - 1 AND toDate($__toTime)
    )
SELECT coverage_mean, sensed, late, sessions, if(sessions = 0, NULL, flagged / sessions) AS flagged_share, flagged_patients, retracted
FROM facts CROSS JOIN done CROSS JOIN known
