SELECT patient_id, local_date, joint, motion, side, attained_deg, goal_deg, residual_deg, rom_best_deg, slope_deg_per_week, reps
FROM rtm.rom_daily
WHERE clinic_id IN (${clinic:singlequote}) AND patient_id IN (${patient:singlequote})
  AND local_date BETWEEN toDate($__fromTime) AND toDate($__toTime) + 1
ORDER BY local_date, patient_id, joint, motion, side
