-- What operations ask every day, as views on the contract's views: clock, worklist, cohort_week, time_to_acknowledge, billing_outlook, freshness.
-- None of them looks at the machine's clock: "now" is the pipeline's own, as its newest row tells it.
-- optimize_move_to_prewhere_if_final: conditions on key columns, and on no others, are looked at before the other columns are read.

CREATE VIEW IF NOT EXISTS rtm.clock
(
    now DateTime64(9, 'UTC') COMMENT 'the newest issued_at of the current generation: the pipeline\'s own time, UTC'
)
AS SELECT max(issued_at) AS now
FROM
(
    SELECT issued_at FROM rtm.adherence_window_rows WHERE generation = (SELECT generation FROM rtm.current_generation)
    UNION ALL
    SELECT issued_at FROM rtm.patients_rows WHERE generation = (SELECT generation FROM rtm.current_generation)
)
HAVING count() > 0
COMMENT 'What time it is in the rows that show. No row where there are no patients.';

CREATE VIEW IF NOT EXISTS rtm.worklist
(
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    therapist_id LowCardinality(String) COMMENT 'the therapist in charge',
    patient_id String COMMENT 'the patient\'s pseudonym',
    episode_id String COMMENT 'the episode of care, the newest that has begun and not ended',
    condition LowCardinality(Nullable(String)) COMMENT 'what is treated',
    attention LowCardinality(String) COMMENT 'urgent, warning or info: the severest alert that is not over; watch: no alert, but a sign; unknown: no known day in 7; on track',
    urgency UInt16 COMMENT 'sorts the list, highest first: 1000 an attention step (on track 0, unknown, watch, info, warning, urgent 5), 500 for an unanswered alert, 1 for each missed or silent day',
    reasons Array(String) COMMENT 'why, in words: of the alerts that are not over, else of the signs',
    alerts UInt32 COMMENT 'alerts that are not over: open, acknowledged or snoozed',
    unanswered UInt32 COMMENT 'of these, open: nobody has acknowledged them',
    since Nullable(DateTime64(9, 'UTC')) COMMENT 'when the oldest of them opened, UTC; null without',
    local_date Date32 COMMENT 'today by the patient\'s zone',
    day Int32 COMMENT 'days since the procedure, else since monitoring began',
    volume Nullable(Float64) COMMENT 'completed / prescribed repetitions over the known days of the last 7; null where none is known',
    coverage Nullable(Float64) COMMENT 'known / (known + unknown) days of the last 7',
    missed_streak Nullable(Int64) COMMENT 'missed days in a row to today, at most 30; null before the first row',
    silent_days Nullable(Int64) COMMENT 'days in a row to today on which nothing was heard, at most 30',
    residual_deg Nullable(Float64) COMMENT 'how far the movement furthest behind its goal lies beyond it, negative is behind, of the newest days of 14, deg',
    movement Nullable(String) COMMENT 'which movement that is: joint, motion, side',
    nrs_max Nullable(Float64) COMMENT 'the greatest pain of the newest day of 7 that has any, 0 to 10',
    baseline_nrs Nullable(Float64) COMMENT 'the patient\'s own baseline on that day',
    flare Bool COMMENT 'whether that day is a flare',
    last_heard_at Nullable(DateTime64(9, 'UTC')) COMMENT 'the newest event time of what was heard, UTC; null: nothing yet',
    days_since_heard Nullable(Int64) COMMENT 'whole times 24 h from then to now; null: nothing yet',
    timezone LowCardinality(String) COMMENT 'the IANA time zone'
)
AS WITH
    toDate32((SELECT max(now) FROM rtm.clock)) AS today_utc,
    active AS (
        SELECT
            clinic_id, therapist_id, patient_id, episode_id, condition, timezone, last_heard_at,
            toDate32(formatDateTime(assumeNotNull((SELECT max(now) FROM rtm.clock)), '%F', if(timezone = '', 'UTC', toString(timezone)))) AS today,
            dateDiff('day', ifNull(procedure_date, monitoring_start), today) AS day_number
        FROM rtm.patients
        WHERE monitoring_start <= today AND ifNull(discharged_on, today) >= today
        ORDER BY monitoring_start DESC, episode_id
        LIMIT 1 BY patient_id
    ),
    alerting AS (
        SELECT
            patient_id, max(indexOf(['info', 'warning', 'urgent'], severity)) AS rank, count() AS held, countIf(status = 'open') AS unheeded,
            arraySort(groupUniqArray(reason)) AS told, toNullable(min(opened_at)) AS oldest
        FROM rtm.alerts
        WHERE status IN ('open', 'acknowledged', 'snoozed')
        GROUP BY patient_id
    ),
    lately AS (
        SELECT
            patient_id, argMaxIf(tuple(w.volume), local_date, window_days = 7).1 AS done, argMaxIf(tuple(w.coverage), local_date, window_days = 7).1 AS covered,
            toNullable(argMaxIf(w.missed_streak, local_date, window_days = 30)) AS missed, toNullable(argMaxIf(w.silent_days, local_date, window_days = 30)) AS silent
        FROM rtm.adherence_window AS w
        WHERE local_date BETWEEN today_utc - 2 AND today_utc + 1
        GROUP BY patient_id
    ),
    moving AS (
        SELECT patient_id, toNullable(min(beyond)) AS behind, toNullable(argMin(moved, beyond)) AS part
        FROM (
            SELECT patient_id, argMax(assumeNotNull(r.residual_deg), local_date) AS beyond, trimRight(concat(joint, ' ', motion, ' ', side)) AS moved
            FROM rtm.rom_daily AS r
            WHERE r.residual_deg IS NOT NULL AND local_date BETWEEN today_utc - 14 AND today_utc + 1
            GROUP BY patient_id, joint, motion, side
        )
        GROUP BY patient_id
    ),
    hurting AS (
        SELECT
            patient_id, toNullable(argMax(p.nrs_max, local_date)) AS pain, argMax(tuple(p.baseline_nrs), local_date).1 AS usual,
            argMax(p.flare, local_date) AS flaring
        FROM rtm.pain_daily AS p
        WHERE local_date BETWEEN today_utc - 7 AND today_utc + 1
        GROUP BY patient_id
    )
SELECT
    clinic_id, therapist_id, patient_id, episode_id, condition,
    multiIf(
        rank > 0, ['info', 'warning', 'urgent'][rank],
        missed >= 2 OR silent >= 3 OR flaring OR behind < -10 OR done < 0.5, 'watch',
        done IS NULL, 'unknown',
        'on track'
    ) AS attention,
    toUInt16(
        1000 * (indexOf(['on track', 'unknown', 'watch', 'info', 'warning', 'urgent'], attention) - 1)
        + 500 * (unheeded > 0) + ifNull(missed, 0) + ifNull(silent, 0)
    ) AS urgency,
    if(rank > 0, told, arrayFilter(sign -> sign != '', [
        if(ifNull(missed >= 2, 0), concat(toString(ifNull(missed, 0)), ' missed days in a row'), ''),
        if(ifNull(silent >= 3, 0), concat('silent for ', toString(ifNull(silent, 0)), ' days'), ''),
        if(ifNull(behind < -10, 0), concat(ifNull(part, ''), ' ', toString(round(-ifNull(behind, 0))), '° behind its goal'), ''),
        if(flaring, 'pain flare', ''),
        if(ifNull(done < 0.5, 0), 'less than half of the plan done', '')
    ])) AS reasons,
    toUInt32(held) AS alerts, toUInt32(unheeded) AS unanswered, oldest AS since, today AS local_date, toInt32(day_number) AS day,
    done AS volume, covered AS coverage, missed AS missed_streak, silent AS silent_days, behind AS residual_deg, part AS movement,
    pain AS nrs_max, usual AS baseline_nrs, flaring AS flare, last_heard_at,
    intDiv(dateDiff('second', last_heard_at, (SELECT max(now) FROM rtm.clock)), 86400) AS days_since_heard, timezone
FROM active
LEFT JOIN alerting USING (patient_id)
LEFT JOIN lately USING (patient_id)
LEFT JOIN moving USING (patient_id)
LEFT JOIN hurting USING (patient_id)
ORDER BY urgency DESC, ifNull(volume, -1), patient_id
SETTINGS join_use_nulls = 0, optimize_move_to_prewhere_if_final = 1
COMMENT 'Patients in care, by urgency, with the reasons.';

CREATE VIEW IF NOT EXISTS rtm.cohort_week
(
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    week Date32 COMMENT 'the week\'s Monday, of the patients\' local dates',
    patients UInt64 COMMENT 'patients in care on a day of it',
    patients_met UInt64 COMMENT 'patients who did at least 0.8 of what was prescribed on the week\'s known days',
    days_met UInt64 COMMENT 'patient days on which at least 0.8 of the plan was done',
    days_partial UInt64 COMMENT 'patient days on which less was done, but something',
    days_missed UInt64 COMMENT 'patient days on which nothing was done, and the patient was heard',
    days_unknown UInt64 COMMENT 'patient days of which nothing is known',
    days_rest UInt64 COMMENT 'patient days on which nothing was due',
    prescribed_reps Int64 COMMENT 'repetitions due on known days',
    completed_reps Int64 COMMENT 'repetitions done on known days, at most those due',
    frequency Nullable(Float64) COMMENT 'completed / prescribed sessions over known days: the ratio of the sums',
    volume Nullable(Float64) COMMENT 'completed / prescribed repetitions over known days: the ratio of the sums',
    coverage Nullable(Float64) COMMENT 'known / (known + unknown) patient days',
    pain_days UInt64 COMMENT 'patient days with a report of pain',
    nrs_mean Nullable(Float64) COMMENT 'the mean of the daily maxima of pain, 0 to 10',
    flare_days UInt64 COMMENT 'patient days on which pain flared',
    rom_days UInt64 COMMENT 'patient days and movements with a range of motion and a goal',
    residual_deg Nullable(Float64) COMMENT 'the median of how far the range lies beyond its goal, positive is better, deg'
)
AS WITH
    doing AS (
        SELECT
            clinic_id, patient_id, toMonday(local_date) AS monday, countIf(status = 'met') AS met, countIf(status = 'partial') AS partial,
            countIf(status = 'missed') AS missed, countIf(status = 'unknown') AS unknown, countIf(status = 'rest') AS rest,
            sumIf(a.prescribed_reps, status IN ('met', 'partial', 'missed')) AS reps_due, sumIf(a.completed_reps, status IN ('met', 'partial', 'missed')) AS reps_done,
            sumIf(prescribed_sessions, status IN ('met', 'partial', 'missed')) AS due, sumIf(completed_sessions, status IN ('met', 'partial', 'missed')) AS done
        FROM rtm.adherence_daily AS a
        WHERE exercise_id = ''
        GROUP BY clinic_id, patient_id, monday
    ),
    adhering AS (
        SELECT
            clinic_id, monday, count() AS patients, countIf(d.reps_done >= 0.8 * d.reps_due AND d.reps_due > 0) AS patients_met, sum(met) AS met,
            sum(partial) AS partial, sum(missed) AS missed, sum(unknown) AS unknown, sum(rest) AS rest, sum(reps_due) AS reps_due,
            sum(reps_done) AS reps_done, sum(due) AS due, sum(done) AS done
        FROM doing AS d
        GROUP BY clinic_id, monday
    ),
    hurting AS (
        SELECT clinic_id, toMonday(local_date) AS monday, count() AS days, avg(nrs_max) AS nrs, countIf(flare) AS flares
        FROM rtm.pain_daily
        GROUP BY clinic_id, monday
    ),
    moving AS (
        SELECT clinic_id, toMonday(local_date) AS monday, count() AS days, quantileExact(0.5)(assumeNotNull(r.residual_deg)) AS beyond
        FROM rtm.rom_daily AS r
        WHERE r.residual_deg IS NOT NULL
        GROUP BY clinic_id, monday
    )
SELECT
    adhering.clinic_id AS clinic_id, toDate32(adhering.monday) AS week, patients, patients_met, met AS days_met, partial AS days_partial, missed AS days_missed,
    unknown AS days_unknown, rest AS days_rest, reps_due AS prescribed_reps, reps_done AS completed_reps,
    if(due = 0, NULL, done / due) AS frequency, if(reps_due = 0, NULL, reps_done / reps_due) AS volume,
    if(met + partial + missed + unknown = 0, NULL, (met + partial + missed) / (met + partial + missed + unknown)) AS coverage,
    hurting.days AS pain_days, if(hurting.days = 0, NULL, hurting.nrs) AS nrs_mean, hurting.flares AS flare_days,
    moving.days AS rom_days, if(moving.days = 0, NULL, moving.beyond) AS residual_deg
FROM adhering
LEFT JOIN hurting ON hurting.clinic_id = adhering.clinic_id AND hurting.monday = adhering.monday
LEFT JOIN moving ON moving.clinic_id = adhering.clinic_id AND moving.monday = adhering.monday
ORDER BY clinic_id, week
SETTINGS join_use_nulls = 0, optimize_move_to_prewhere_if_final = 1
COMMENT 'A clinic\'s patients by week: adherence, pain, range of motion.';

CREATE VIEW IF NOT EXISTS rtm.time_to_acknowledge
(
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    therapist_id LowCardinality(String) COMMENT 'the episode\'s therapist',
    patient_id String COMMENT 'the patient\'s pseudonym',
    alert_id String COMMENT 'the alert',
    rule_id LowCardinality(String) COMMENT 'the rule that opened it',
    severity LowCardinality(String) COMMENT 'info, warning or urgent',
    status LowCardinality(String) COMMENT 'open, acknowledged, snoozed, resolved or expired',
    opened_at DateTime64(9, 'UTC') COMMENT 'when it opened, UTC',
    notified_at Nullable(DateTime64(9, 'UTC')) COMMENT 'when the first webhook of its opening was delivered, UTC; null: none was',
    acknowledged_at Nullable(DateTime64(9, 'UTC')) COMMENT 'when it was acknowledged, UTC',
    acknowledged_by LowCardinality(Nullable(String)) COMMENT 'by whom',
    acknowledged_after_s Nullable(Float64) COMMENT 'from opening to acknowledgement, s; null: never acknowledged',
    waiting_s Nullable(Float64) COMMENT 'of an open alert: from opening to now, s',
    escalation Int64 COMMENT 'the escalation step reached'
)
AS SELECT
    a.clinic_id AS clinic_id, a.therapist_id AS therapist_id, a.patient_id AS patient_id, a.alert_id AS alert_id, a.rule_id AS rule_id,
    a.severity AS severity, a.status AS status, a.opened_at AS opened_at, d.first_sent AS notified_at, a.acknowledged_at AS acknowledged_at,
    a.acknowledged_by AS acknowledged_by, dateDiff('millisecond', a.opened_at, a.acknowledged_at) / 1000 AS acknowledged_after_s,
    if(a.status = 'open', dateDiff('millisecond', a.opened_at, (SELECT max(now) FROM rtm.clock)) / 1000, NULL) AS waiting_s, a.escalation AS escalation
FROM rtm.alerts AS a
LEFT JOIN
(
    SELECT alert_id, toNullable(min(sent_at)) AS first_sent
    FROM rtm.alert_deliveries
    WHERE transition = 'opened' AND outcome = 'delivered'
    GROUP BY alert_id
) AS d ON d.alert_id = a.alert_id
SETTINGS join_use_nulls = 0
COMMENT 'Every alert, and how long it took until someone acknowledged it.';

CREATE VIEW IF NOT EXISTS rtm.billing_outlook
(
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    therapist_id LowCardinality(String) COMMENT 'the therapist in charge',
    patient_id String COMMENT 'the patient\'s pseudonym',
    episode_id String COMMENT 'the episode of care',
    therapeutic_area LowCardinality(String) COMMENT 'musculoskeletal, respiratory or cognitive_behavioral',
    period_start Date32 COMMENT 'the running period\'s first local date',
    period_end Date32 COMMENT 'its last local date',
    local_date Date32 COMMENT 'today by the patient\'s zone',
    data_days UInt16 COMMENT 'local dates with a therapy datum so far, today among them if it has one',
    days_left UInt16 COMMENT 'days after today in the period and episode',
    needed_for_2 UInt16 COMMENT 'data days still needed for 2',
    needed_for_16 UInt16 COMMENT 'data days still needed for 16',
    outlook_2 LowCardinality(String) COMMENT 'of 2 data days: reached; possible in the days left; today_too: only if today, not yet counted, becomes one; out_of_reach',
    outlook_16 LowCardinality(String) COMMENT 'of 16 data days: reached, possible, today_too or out_of_reach',
    spare_days Int32 COMMENT 'days after today that may go without data and 16 be reached still; negative: short of it',
    candidate_codes Array(String) COMMENT 'candidate codes so far; never claims',
    rules LowCardinality(String) COMMENT 'the rule pack; \'\' where none is in force'
)
AS SELECT
    b.clinic_id AS clinic_id, p.therapist_id AS therapist_id, b.patient_id AS patient_id, b.episode_id AS episode_id, p.therapeutic_area AS therapeutic_area,
    b.period_start AS period_start, b.period_end AS period_end, p.today AS local_date, b.data_days AS data_days, b.days_left AS days_left,
    toUInt16(greatest(0, 2 - b.data_days)) AS needed_for_2, toUInt16(greatest(0, 16 - b.data_days)) AS needed_for_16,
    multiIf(needed_for_2 = 0, 'reached', needed_for_2 <= b.days_left, 'possible', needed_for_2 = b.days_left + 1, 'today_too', 'out_of_reach') AS outlook_2,
    multiIf(needed_for_16 = 0, 'reached', needed_for_16 <= b.days_left, 'possible', needed_for_16 = b.days_left + 1, 'today_too', 'out_of_reach') AS outlook_16,
    toInt32(b.days_left) - toInt32(needed_for_16) AS spare_days, b.candidate_codes AS candidate_codes, b.rules AS rules
FROM rtm.billing_periods AS b
INNER JOIN
(
    SELECT
        patient_id, episode_id, therapist_id, therapeutic_area, discharged_on,
        toDate32(formatDateTime(assumeNotNull((SELECT max(now) FROM rtm.clock)), '%F', if(timezone = '', 'UTC', toString(timezone)))) AS today
    FROM rtm.patients
) AS p ON p.patient_id = b.patient_id AND p.episode_id = b.episode_id
WHERE b.period_start <= p.today AND b.period_end >= p.today AND ifNull(p.discharged_on, p.today) >= p.today
COMMENT 'The running 30-day period of every patient in care: how many data days it has, and which thresholds it can still reach. Never claims.';

CREATE VIEW IF NOT EXISTS rtm.freshness
(
    clinic_id LowCardinality(String) COMMENT 'the clinic',
    table_name LowCardinality(String) COMMENT 'the table',
    held UInt64 COMMENT 'current rows',
    newest DateTime64(9, 'UTC') COMMENT 'recorded time of the newest fact behind any of them, UTC',
    issued DateTime64(9, 'UTC') COMMENT 'when the newest of them was made, by the pipeline\'s clock, UTC',
    behind_s Float64 COMMENT 'from its newest fact to the pipeline\'s time, s'
)
AS WITH (SELECT max(now) FROM rtm.clock) AS moment
SELECT clinic_id, table_name, held, newest, issued, greatest(0, dateDiff('millisecond', newest, ifNull(moment, newest)) / 1000) AS behind_s
FROM
(
    SELECT clinic_id, 'events' AS table_name, count() AS held, max(updated_at) AS newest, max(issued_at) AS issued
    FROM rtm.event_facts FINAL WHERE generation = (SELECT generation FROM rtm.current_generation) GROUP BY clinic_id
    UNION ALL SELECT clinic_id, 'sessions', count(), max(updated_at), max(issued_at) FROM rtm.sessions GROUP BY clinic_id
    UNION ALL SELECT clinic_id, 'reps', count(), max(updated_at), max(issued_at) FROM rtm.reps GROUP BY clinic_id
    UNION ALL SELECT clinic_id, 'adherence_daily', count(), max(updated_at), max(issued_at) FROM rtm.adherence_daily GROUP BY clinic_id
    UNION ALL SELECT clinic_id, 'adherence_window', count(), max(updated_at), max(issued_at) FROM rtm.adherence_window GROUP BY clinic_id
    UNION ALL SELECT clinic_id, 'rom_daily', count(), max(updated_at), max(issued_at) FROM rtm.rom_daily GROUP BY clinic_id
    UNION ALL SELECT clinic_id, 'pain_daily', count(), max(updated_at), max(issued_at) FROM rtm.pain_daily GROUP BY clinic_id
    UNION ALL SELECT clinic_id, 'medication_window', count(), max(updated_at), max(issued_at) FROM rtm.medication_window GROUP BY clinic_id
    UNION ALL SELECT clinic_id, 'outcomes', count(), max(updated_at), max(issued_at) FROM rtm.outcomes GROUP BY clinic_id
    UNION ALL SELECT clinic_id, 'activity_daily', count(), max(updated_at), max(issued_at) FROM rtm.activity_daily GROUP BY clinic_id
    UNION ALL SELECT clinic_id, 'sensor_chunks', count(), max(updated_at), max(issued_at) FROM rtm.chunk_admissions FINAL GROUP BY clinic_id
    UNION ALL SELECT clinic_id, 'billing_periods', count(), max(updated_at), max(issued_at) FROM rtm.billing_periods GROUP BY clinic_id
    UNION ALL SELECT clinic_id, 'billing_months', count(), max(updated_at), max(issued_at) FROM rtm.billing_months GROUP BY clinic_id
    UNION ALL SELECT clinic_id, 'alerts', count(), max(updated_at), max(issued_at) FROM rtm.alerts GROUP BY clinic_id
    UNION ALL SELECT clinic_id, 'patients', count(), max(updated_at), max(issued_at) FROM rtm.patients GROUP BY clinic_id
)
ORDER BY clinic_id, table_name
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'What each table holds of a clinic, and how far its newest fact lies behind the pipeline\'s time.';
