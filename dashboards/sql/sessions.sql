SELECT patient_id, start_time, exercise_id, side, reps, rom_best_deg, rom_median_deg, sparc, pain_nrs, rpe, modality,
    arrayStringConcat(sessions.flags, ', ') AS flags
FROM rtm.sessions
WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote})
  AND local_date BETWEEN toDate($__fromTime) AND toDate($__toTime) + 1
ORDER BY patient_id, start_time DESC, session_id
LIMIT 300 BY patient_id
