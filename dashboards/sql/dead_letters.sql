SELECT reason, count() AS records, max(received_at) AS newest, argMax(concat(topic, ':', toString(`offset`)), received_at) AS place,
    argMax(error, received_at) AS error
FROM rtm.dead_letters
WHERE clinic_id IN (${clinic:singlequote}) OR clinic_id = ''
GROUP BY reason
ORDER BY records DESC, reason
