SELECT what, held, newest, made
FROM (
    SELECT 1 AS position, 'facts' AS what, count() AS held, maxOrNull(recorded_time) AS newest, maxOrNull(issued_at) AS made
    FROM rtm.events WHERE clinic_id IN (${clinic:singlequote})
    UNION ALL
    SELECT 2, 'sessions', count(), maxOrNull(updated_at), maxOrNull(issued_at)
    FROM rtm.sessions WHERE clinic_id IN (${clinic:singlequote})
    UNION ALL
    SELECT 3, 'repetitions', count(), maxOrNull(updated_at), maxOrNull(issued_at)
    FROM rtm.reps WHERE clinic_id IN (${clinic:singlequote})
    UNION ALL
    SELECT 4, 'days of adherence', count(), maxOrNull(updated_at), maxOrNull(issued_at)
    FROM rtm.adherence_daily WHERE clinic_id IN (${clinic:singlequote}) AND exercise_id = ''
    UNION ALL
    SELECT 5, 'days of motion', count(), maxOrNull(updated_at), maxOrNull(issued_at)
    FROM rtm.rom_daily WHERE clinic_id IN (${clinic:singlequote})
    UNION ALL
    SELECT 6, 'days of pain', count(), maxOrNull(updated_at), maxOrNull(issued_at)
    FROM rtm.pain_daily WHERE clinic_id IN (${clinic:singlequote})
    UNION ALL
    SELECT 7, 'alerts', count(), maxOrNull(updated_at), maxOrNull(issued_at)
    FROM rtm.alerts WHERE clinic_id IN (${clinic:singlequote})
    UNION ALL
    SELECT 8, 'patients', count(), maxOrNull(updated_at), maxOrNull(issued_at)
    FROM rtm.patients WHERE clinic_id IN (${clinic:singlequote})
)
ORDER BY position
