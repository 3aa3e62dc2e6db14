WITH
    active AS (
        SELECT
            patient_id, timezone, therapist_id, condition, monitoring_start, procedure_date, last_heard_at,
            ifNull(discharged_on < toDate($__toTime), 0) AS discharged
        FROM rtm.patients
        WHERE clinic_id IN (${clinic:singlequote})
          AND monitoring_start <= toDate($__toTime) + 1
          AND (discharged_on IS NULL OR discharged_on >= toDate($__fromTime))
        ORDER BY monitoring_start DESC
        LIMIT 1 BY patient_id
    ),
    alerting AS (
        SELECT
            patient_id,
            toNullable(max(multiIf(severity = 'urgent', 3, severity = 'warning', 2, 1))) AS rank,
            toNullable(count()) AS open_alerts,
            toNullable(countIf(status = 'open')) AS unanswered,
            toNullable(arrayStringConcat(arraySort(groupUniqArray(reason)), '; ')) AS reasons,
            toNullable(min(opened_at)) AS since
        FROM rtm.alerts
        WHERE clinic_id IN (${clinic:singlequote}) AND status IN ('open', 'acknowledged', 'snoozed')
        GROUP BY patient_id
    ),
    today AS (
        SELECT
            patient_id,
            toNullable(local_date) AS on_date,
            anyIf(adherence_window.volume, window_days = 7) AS volume,
            anyIf(adherence_window.coverage, window_days = 7) AS coverage,
            toNullable(anyIf(adherence_window.missed_streak, window_days = 30)) AS missed_streak,
            toNullable(anyIf(adherence_window.silent_days, window_days = 30)) AS silent_days
        FROM rtm.adherence_window
        WHERE clinic_id IN (${clinic:singlequote}) AND local_date BETWEEN toDate($__fromTime) AND toDate($__toTime) + 1
        GROUP BY patient_id, local_date
        ORDER BY local_date DESC
        LIMIT 1 BY patient_id
    ),
    moved AS (
        SELECT
            patient_id,
            toNullable(min(beyond)) AS residual_deg,
            toNullable(argMin(moved_part, beyond)) AS movement
        FROM (
            SELECT patient_id, assumeNotNull(rom_daily.residual_deg) AS beyond, concat(joint, ' ', motion, ' ', side) AS moved_part
            FROM rtm.rom_daily
            WHERE clinic_id IN (${clinic:singlequote}) AND rom_daily.residual_deg IS NOT NULL
              AND local_date BETWEEN toDate($__toTime) - 14 AND toDate($__toTime) + 1
            ORDER BY local_date DESC
            LIMIT 1 BY patient_id, joint, motion, side
        )
        GROUP BY patient_id
    ),
    hurting AS (
        SELECT patient_id, toNullable(nrs_max) AS nrs_max, toNullable(baseline_nrs) AS baseline_nrs, toNullable(flare) AS flare
        FROM rtm.pain_daily
        WHERE clinic_id IN (${clinic:singlequote}) AND local_date BETWEEN toDate($__toTime) - 7 AND toDate($__toTime) + 1
        ORDER BY local_date DESC
        LIMIT 1 BY patient_id
    )
SELECT
    patient_id,
    condition,
    multiIf(
        discharged, 'discharged',
        rank = 3, 'urgent', rank = 2, 'warning', rank = 1, 'notice',
        missed_streak >= 2 OR silent_days >= 3 OR flare OR residual_deg < -10 OR volume < 0.5, 'watch',
        volume IS NULL, 'unknown',
        'on track'
    ) AS attention,
    if(discharged, '', arrayStringConcat(arrayFilter(sign -> sign != '', [
        ifNull(reasons, ''),
        if(ifNull(rank IS NULL AND missed_streak >= 2, 0), concat(toString(ifNull(missed_streak, 0)), ' missed days in a row'), ''),
        if(ifNull(silent_days >= 3, 0), concat('silent for ', toString(ifNull(silent_days, 0)), ' days'), ''),
        if(ifNull(residual_deg < -10, 0), concat(ifNull(movement, ''), ' ', toString(round(-ifNull(residual_deg, 0))), '° behind its goal'), ''),
        if(ifNull(flare, 0), 'pain flare', ''),
        if(ifNull(rank IS NULL AND volume < 0.5, 0), 'less than half of the plan done', '')
    ]), ' · ')) AS why,
    since,
    missed_streak,
    silent_days,
    volume,
    coverage,
    residual_deg,
    movement,
    nrs_max,
    baseline_nrs,
    ifNull(flare, 0) AS flare,
    last_heard_at,
    timezone,
    therapist_id,
    open_alerts,
    unanswered,
    dateDiff('day', ifNull(procedure_date, monitoring_start), on_date) AS day,
    count() OVER () AS listed
FROM active
LEFT JOIN alerting USING (patient_id)
LEFT JOIN today USING (patient_id)
LEFT JOIN moved USING (patient_id)
LEFT JOIN hurting USING (patient_id)
ORDER BY
    indexOf(['urgent', 'warning', 'notice', 'watch', 'unknown', 'on track', 'discharged'], attention),
    ifNull(unanswered, 0) DESC, ifNull(missed_streak, 0) DESC, ifNull(silent_days, 0) DESC, ifNull(volume, -1), patient_id
LIMIT 1000
