SELECT
    toDate(event_time) AS happened_on,
    countIf(modality = 'sensed') AS sensed,
    countIf(modality = 'self_reported' AND ifNull(channel, '') IN ('app', '')) AS app,
    countIf(channel IN ('sms', 'voice', 'web')) AS other_channel,
    countIf(channel = 'staff') AS staff
FROM rtm.events
WHERE clinic_id IN (${clinic:singlequote}) AND modality IS NOT NULL AND type NOT LIKE 'rtm.motion.rep.%' AND $__timeFilter(event_time)
GROUP BY happened_on
ORDER BY happened_on
